"""A sound server without hardware: `jackd -d dummy` under a name of its own, for benches and soaks. [control]

JACK keeps a register of at most 8 servers. One that ends in order strikes itself off; one that was killed stays on it
until a server of the same name starts. So a killed one is started again and ended in order, or the ninth would find no
room.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from legando.realtime.errors import DeviceError
from legando.realtime.processes import tied

TOOLS = ("jackd", "jack_wait")
START_S = 10
PORT_MAX = 128
_HINT = "install it (on Debian: apt install jackd2)"


class JackServer:
    """One server that may be ended, killed and started again. Owned by one thread; use it as a context."""

    def __init__(self, period_frames: int = 256, sample_rate_hz: int = 48_000) -> None:
        for tool in TOOLS:
            if shutil.which(tool) is None:
                raise DeviceError(f"{tool} is missing; {_HINT}")
        self.name = f"legando-{secrets.token_hex(4)}"
        self.period_frames = period_frames
        self.sample_rate_hz = sample_rate_hz
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this object
        self._read_bytes = 0

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead JACK programs to this server, and start no other."""
        return {"JACK_DEFAULT_SERVER": self.name, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}

    def start(self) -> None:
        """Start the server and wait until it answers; raises DeviceError."""
        command = [*tied(), "jackd", "-n", self.name, *_priority(), "--port-max", str(PORT_MAX), "-d", "dummy"]
        command += ["-r", str(self.sample_rate_hz), "-p", str(self.period_frames)]
        said = {"stdout": self._log, "stderr": self._log}
        self._process = subprocess.Popen(command, env=os.environ | self.environment, **said)  # type: ignore[call-overload]
        wait = ["jack_wait", "-s", self.name, "-w", "-t", str(START_S)]
        answered = subprocess.run(wait, capture_output=True, timeout=2 * START_S).returncode == 0
        if not answered or self._process.poll() is not None:
            self.stop()
            raise DeviceError("the JACK server did not start; is there room in /dev/shm, and are 8 servers running?")

    def take_said(self) -> list[str]:
        """Return the whole lines that the server has printed since the last call."""
        data = os.pread(self._log.fileno(), 1 << 20, self._read_bytes)
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return whole.decode(errors="replace").splitlines()

    def stop(self, *, kill: bool = False) -> None:
        """End the server, in order or at once; harmless when there is none."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._killed = self._process.returncode == -signal.SIGKILL
        self._process = None

    def __enter__(self) -> JackServer:
        try:
            self.start()
        except BaseException:
            self._log.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._killed:  # strike it off the register
            self.start()
            self.stop()
        for left in Path("/dev/shm").glob(f"jack_sem.*_{self.name}_*"):  # clients' semaphores, which no server removes
            left.unlink(missing_ok=True)
        self._log.close()


def _priority() -> list[str]:
    """Return jackd's words for real-time priority, or for none where this user may not have it."""
    may = shutil.which("chrt") is not None
    may = may and subprocess.run(["chrt", "-f", "70", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["-R", "-P", "70"] if may else ["-r"]
