"""A JACK server without hardware, and a recorder of what is played on it."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from legando.realtime.errors import DeviceError
from legando.realtime.processes import tied
from legando.realtime.trials.jack_server import JackServer as DummyServer

PERIOD_FRAMES = 256
JACK_TOOLS = ("jackd", "jack_wait", "jack_lsp", "jack_rec")


@dataclass(frozen=True, slots=True)
class JackServer:
    """A running server; `environment` points programs at it."""

    name: str
    period_frames: int
    sample_rate_hz: int
    environment: dict[str, str]

    def sources(self) -> list[str]:
        """Return the ports that play into the server's outputs, left then right."""
        listing = subprocess.run(
            ["jack_lsp", "-c", "system:playback_"],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=10,
        ).stdout
        return [line.strip() for line in listing.splitlines() if line.startswith(" ")]

    def wait_for_sources(self, timeout_s: float = 10.0) -> list[str]:
        """Return `sources()` as soon as there are two."""
        until = time.monotonic() + timeout_s
        while len(found := self.sources()) < 2:
            assert time.monotonic() < until, f"nothing plays on {self.name}"
            time.sleep(0.05)
        return found[:2]

    def start_recording(self, path: Path, seconds: int) -> "subprocess.Popen[bytes]":
        """Record what plays now for whole seconds as 24 bits, in a C program that no Python thread can hold up."""
        command = ["jack_rec", "-f", str(path), "-d", str(seconds), "-b", "24", "-B", "131072"]
        return subprocess.Popen(
            [*command, *self.wait_for_sources()],
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def read_recording(self, path: Path) -> npt.NDArray[np.int32]:
        """Return a recording as its 24-bit integers: (frames, channels)."""
        frames, rate = soundfile.read(path, dtype="int32", always_2d=True)
        assert rate == self.sample_rate_hz
        return np.asarray(frames >> 8, dtype=np.int32)


def real_time_is_allowed() -> bool:
    """Say whether this user may have real-time priority; without it a busy machine breaks the sound."""
    return (
        shutil.which("chrt") is not None
        and subprocess.run(["chrt", "-f", "70", "true"], stderr=subprocess.DEVNULL).returncode == 0
    )


def _spawn(name: str, port_max: int) -> "subprocess.Popen[bytes]":
    priority = ["-R", "-P", "70"] if real_time_is_allowed() else ["-r"]
    command = [*tied(), "jackd", "-n", name, *priority, "--port-max", str(port_max), "-d", "dummy"]
    command += ["-r", "48000", "-p", str(PERIOD_FRAMES)]
    environment = os.environ | server_environment(name)
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _is_up(name: str) -> bool:
    waited = subprocess.run(["jack_wait", "-s", name, "-w", "-t", "10"], capture_output=True, timeout=30)
    return waited.returncode == 0


def server_environment(name: str) -> dict[str, str]:
    """Return the variables that lead JACK programs to one server and start no other."""
    return {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}


@contextmanager
def running_server(name: str, port_max: int = 128) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a server that may be killed inside the block.

    JACK keeps a register of at most 8 servers, and strikes one off only when it ends in order, or when one of the same
    name starts. So a killed one is started again and ended well, or the ninth test run would find no room.
    """
    server = _spawn(name, port_max)
    try:
        if not _is_up(name) or server.poll() is not None:
            raise RuntimeError(f"jackd did not start (status {server.poll()}); is there room in /dev/shm?")
        yield server
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGCONT)
            server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.returncode == -signal.SIGKILL:
            with _spawn(name, port_max) as successor:
                _is_up(name)
                successor.terminate()
        for semaphore in Path("/dev/shm").glob(f"jack_sem.*_{name}_*"):
            semaphore.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def jack_server_or_reason() -> Iterator[JackServer | str]:
    """Start one server for the whole run, or say why there is none."""
    if missing := [tool for tool in JACK_TOOLS if shutil.which(tool) is None]:
        yield f"{', '.join(missing)} not found; install jackd2"
        return
    name = f"legando-test-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        try:
            stack.enter_context(running_server(name))
        except RuntimeError as error:
            yield str(error)
        else:
            yield JackServer(name, PERIOD_FRAMES, 48_000, server_environment(name))


@pytest.fixture
def jack_server(
    jack_server_or_reason: JackServer | str, require: Callable[[bool, str], None], monkeypatch: pytest.MonkeyPatch
) -> JackServer:
    """Return the server of this run, with the environment set so that what the test starts uses it."""
    require(not isinstance(jack_server_or_reason, str), str(jack_server_or_reason))
    assert isinstance(jack_server_or_reason, JackServer)
    for key, value in jack_server_or_reason.environment.items():
        monkeypatch.setenv(key, value)
    return jack_server_or_reason


@pytest.fixture
def bench(require: Callable[[bool, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench live` can play the tone generator on a JACK server of its own."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    try:
        with DummyServer():
            pass
    except DeviceError as error:
        require(False, str(error))
