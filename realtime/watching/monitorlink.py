"""The monitor as the host sees it: a socket that listens, a process that answers there, a line a second. [control]

The host opens the socket, so that an address that is taken is said at once, and who asks while the process is replaced
only waits. What does not fit into the pipe is left out: the next reading is as good.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import time

from legando.realtime.child import Child
from legando.realtime.closing import Closing
from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.osc.oscaddress import read_osc_address
from legando.realtime.watching.reading import Reading, reading_to_line

EVERY_NS = 1_000_000_000
AGAIN_NS = 5_000_000_000
BACKLOG = 1024
HINT = "metrics need prometheus-client: pip install 'legando[monitor]'"


class MonitorLink(Closing):
    """Owned by the host's thread. Raises LegandoError, one sentence, when it cannot listen."""

    def __init__(self, address: str, ring_name: str) -> None:
        if importlib.util.find_spec("prometheus_client") is None:
            raise LegandoError(HINT)
        host, port = read_osc_address("metrics", address)
        try:
            self._listening = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise DeviceError(f"metrics cannot be told at {address}: {reason}; choose another port") from error
        name, port = self._listening.getsockname()[:2]
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{port}/metrics"
        self._ring_name = ring_name
        self._told_ns = self._began_ns = 0
        self._rest = b""
        self.restarts = 0
        self._child = self._launch()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    def is_time(self) -> bool:
        """Say whether the next reading is due."""
        return time.perf_counter_ns() - self._told_ns >= EVERY_NS

    def tell(self, reading: Reading) -> None:
        """Hand over a reading without waiting; start another process where the last has ended."""
        self._told_ns = time.perf_counter_ns()
        if not self._child.alive and self._told_ns - self._began_ns > AGAIN_NS:
            self._end(patience_s=0.0)
            self.restarts += 1
            self._child = self._launch()
        assert self._child.stdin is not None
        line = self._rest or reading_to_line(reading)
        try:
            self._rest = line[os.write(self._child.stdin.fileno(), line) :]
        except OSError:  # full, or gone
            return

    def close(self) -> None:
        """End the process; harmless twice."""
        self._end(patience_s=1.0)
        self._listening.close()

    def _launch(self) -> Child:
        self._began_ns = time.perf_counter_ns()
        self._rest = b""
        descriptor = self._listening.fileno()
        words = ["--listening-fd", str(descriptor), "--ring", self._ring_name]
        child = Child("legando.realtime.watching.monitorprocess", words, pass_fd=descriptor, piped=True)
        assert child.stdin is not None
        os.set_blocking(child.stdin.fileno(), False)
        return child

    def _end(self, *, patience_s: float) -> None:
        self._child.end(patience_s=patience_s)
        self._child.close()
