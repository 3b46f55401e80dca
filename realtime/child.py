"""Child: a process of the host's own that runs one legando module. [control]

It finds the same packages as its parent wherever that runs, starts no thread pools, lives in a session of its own
(Ctrl-C is for the host, which then lets the sound fade out), and what it prints is kept for its last words.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from legando.realtime.priority import urgently

GONE_S = 1.0
HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""Asks Linux for pages of 2 MiB where it gives them to those who ask (glibc 2.35 or newer; ignored elsewhere)."""
_UNDEAD: list[subprocess.Popen[bytes]] = []
"""Processes that were killed and have not gone; kept, so that nobody takes their numbers for another's."""

_ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
}


def with_huge_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a program's memory lies in huge pages. [any]

    The networks read all of their weights in every chunk: more pages of 4 KiB than a processor keeps the places of.
    """
    tunables = [given for given in (environment.get("GLIBC_TUNABLES", ""), HUGE_PAGES) if given]
    return {**environment, "GLIBC_TUNABLES": ":".join(tunables)}


class Child:
    """One `python -m MODULE`. Owned by the host's thread; forget it after `end`."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        pass_fd: int,
        piped: bool = False,
        urgent: bool = False,
        huge_pages: bool = False,
    ) -> None:
        """Start it. It inherits `pass_fd`; `piped` makes its standard input a pipe that the host holds open.

        `urgent` starts it ahead of what else the machine does, where that is allowed: somebody waits for its sound.
        """
        environment = os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self._process = subprocess.Popen(
            [*(urgently() if urgent else ()), sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=self._noise,
            stderr=self._noise,
            pass_fds=[pass_fd],
            env=with_huge_pages(environment) if huge_pages else environment,
            start_new_session=True,
        )
        self.stdin: IO[bytes] | None = self._process.stdin

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended within that time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def last_words(self) -> str:
        """Say with which status it ended (a signal is negative), and the last line that it printed, if any."""
        self._noise.seek(0)
        line = self._noise.read().decode(errors="replace").strip().rpartition("\n")[2]
        status = self._process.poll()
        return f"status {'unknown' if status is None else status}" + (f": {line}" if line else "")

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        self._process.kill()

    def end(self, *, patience_s: float) -> None:
        """Wait so long for it to end by itself, then kill it.

        One that the system does not let go of within `GONE_S` is left to it: the music does not wait for a corpse.
        """
        if self.stdin is not None:
            with contextlib.suppress(OSError):  # it died with something in its pipe
                self.stdin.close()
        if not self.wait(patience_s):
            self._process.kill()
            if not self.wait(GONE_S):
                _UNDEAD.append(self._process)

    def close(self) -> None:
        """Forget what it printed; it must have ended."""
        self._noise.close()
