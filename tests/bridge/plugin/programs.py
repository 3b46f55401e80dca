"""What the plug-in's tests start: the server with the marked sound, the CLAP host, the JACK probe; and their ear."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tests.bridge.plugin.signal_server import MARKS, RATE_HZ, marked_each

BLOCK = np.dtype([(name, "<u8") for name in ("frame", "start_ns", "frames", "duration_ns", "switches", "marks")])
FADE_FRAMES = 240
REPOSITORY = Path(__file__).parents[3]


class Program:
    """A child that answers in lines of JSON; ended with the block that it is opened in."""

    def __init__(self, command: list[str], *, environment: Mapping[str, str] | None = None) -> None:
        self.errors: list[str] = []
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        self._readers = [threading.Thread(target=self._read_errors)]
        self._readers[0].start()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.errors.append(line.rstrip())

    def line(self) -> str:
        """Return the next line that it says, or fail with what it complained about."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.end()
            raise AssertionError(f"{self._process.args!r} ended ({self._process.returncode}): {self.errors[-60:]}")
        return line

    def say(self, line: str) -> None:
        """Give it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self.end()

    def end(self) -> int:
        """Close its input, wait for it, and return its status."""
        assert self._process.stdin is not None and self._process.stdout is not None and self._process.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._readers:
            thread.join()
        self._process.stdout.close()
        self._process.stderr.close()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class SignalServer(Program):
    """`signal_server.py`: its two endpoints, in the folder unless others are given, and what it was told."""

    def __init__(self, folder: Path, *, audio: str = "", control: str = "", **options: Any) -> None:
        audio, control = audio or f"ipc://{folder}/a.ipc", control or f"ipc://{folder}/c.ipc"
        self.heard: list[dict[str, Any]] = []
        self._news = threading.Condition()
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not True]
        arguments += [f"--{name}" for name, value in options.items() if value is True]
        script = str(Path(__file__).with_name("signal_server.py"))
        path = os.pathsep.join([str(REPOSITORY / ".path"), str(REPOSITORY), *sys.path])
        super().__init__(
            [sys.executable, script, f"--audio={audio}", f"--control={control}", *arguments],
            environment={"PYTHONPATH": path},
        )
        start = json.loads(self.line())
        self.began_ns, self.position = int(start["began_ns"]), int(start["position"])
        self.audio, self.control = str(start["audio"]), str(start["control"])
        self._readers.append(threading.Thread(target=self._read))
        self._readers[1].start()

    @property
    def environment(self) -> dict[str, str]:
        """What leads a plug-in to this server."""
        return {"LEGANDO_AUDIO": self.audio, "LEGANDO_CONTROL": self.control}

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.heard.append(json.loads(line))
                self._news.notify_all()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what it was told of a kind so far."""
        with self._news:
            return [said for said in self.heard if said["kind"] == kind]

    def wait_for(self, kind: str, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 15.0) -> dict[str, Any]:
        """Return the first that is wanted, or fail with all that came."""

        def found() -> dict[str, Any] | None:
            return next((said for said in self.heard if said["kind"] == kind and wanted(said)), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None, timeout_s)
            said = found()
            assert said is not None, f"no such {kind} came: {self.heard[-40:]}"
            return said

    def wait_for_set(self, name: str, value: float) -> None:
        """Wait until a control was set to a value."""
        self.wait_for("set", lambda said: said["name"] == name and abs(said["value"] - value) < 1e-6)

    def position_at(self, time_ns: int) -> float:
        """Return the place of the frame that was due at a time."""
        return self.position + (time_ns - self.began_ns) * RATE_HZ / 1e9


class Listener(Program):
    """A program that records: `claphost` or `jackprobe`."""

    def __init__(
        self, command: list[str], folder: Path, *, channels: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.sound_path, self.blocks_path = folder / "sound.f32", folder / "blocks.bin"
        self._channels = channels
        super().__init__([*command, str(self.sound_path), str(self.blocks_path)], environment=environment)
        self.about = json.loads(self.line())

    def ask(self, line: str) -> dict[str, Any]:
        """Give a command and return the answer; fail if it is refused."""
        self.say(line)
        answer: dict[str, Any] = json.loads(self.line())
        assert answer.get("ok", True), f"{line!r}: {answer}, {self.errors[-5:]}"
        return answer

    @property
    def blocks(self) -> NDArray[Any]:
        """One record for each call so far."""
        all_blocks = np.memmap(self.blocks_path, dtype=BLOCK, mode="r")
        return all_blocks[: bisect_left(all_blocks["frames"], 1, key=lambda frames: int(frames == 0))]

    def sound(self, instance: int = 0) -> NDArray[np.float32]:
        """What has sounded so far: (frames, 2), read when it is looked at."""
        blocks = self.blocks
        frames = int(blocks["frame"][-1] + blocks["frames"][-1]) if len(blocks) else 0
        whole = np.memmap(self.sound_path, dtype="<f4", mode="r").reshape(-1, self._channels)
        return whole[:frames, 2 * instance : 2 * instance + 2]

    def wait_for_sound(self, instance: int = 0, *, since: int = 0, timeout_s: float = 15.0) -> None:
        """Wait until the newest tenth of a second, all of it recorded `since` a frame, sounds."""
        until = time.monotonic() + timeout_s
        while not (len(now := self.sound(instance)[since:][-4800:]) == 4800 and now.any(axis=1).all()):
            assert self._process.poll() is None, f"it ended with {self._process.returncode}: {self.errors[-10:]}"
            assert time.monotonic() < until, f"no sound: {self.errors[-10:]}"
            time.sleep(0.05)


class ClapHost(Listener):
    """`claphost` with a number of instances of a plug-in."""

    def __init__(
        self,
        host: Path,
        plugin: Path,
        folder: Path,
        *,
        instances: int = 1,
        seconds: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [str(host), str(plugin), str(instances), str(seconds)]
        super().__init__(command, folder, channels=2 * instances, environment=environment)

    def parameters(self, instance: int = 0) -> dict[str, dict[str, Any]]:
        """Return what the plug-in says of its parameters, by symbol."""
        return {one["module"].split("/")[-1]: one for one in self.ask(f"params {instance}")["params"]}

    def latency_frames(self, instance: int = 0) -> int:
        """What the plug-in reports."""
        return int(self.ask(f"latency {instance}")["value"])


class Run(NamedTuple):
    """Recorded frames that follow each other as they were sent, bit by bit: from where, how many, from which place."""

    frame: int
    frames: int
    position: int


def hear(sound: NDArray[np.float32], salt: int = 0) -> list[Run]:
    """Decode marked sound; what is between two runs is silence, a fade, or wrong."""
    counts = np.rint((sound[:, 0].astype(np.float64) + 1.0) * (MARKS / 2)).astype(np.int64)
    exact: NDArray[np.bool_] = np.asarray(np.isfinite(sound).all(axis=1) & sound.any(axis=1))
    exact[exact] = (_marks(counts[exact], salt) == sound[exact]).all(axis=1)
    goes_on = exact[1:] & exact[:-1] & (counts[1:] == (counts[:-1] + 1) % MARKS)
    starts = np.flatnonzero(exact & ~np.concatenate([[False], goes_on]))
    ends = np.flatnonzero(exact & ~np.concatenate([goes_on, [False]])) + 1
    return [Run(int(a), int(b - a), int(counts[a])) for a, b in zip(starts, ends, strict=True)]


def check_exact(sound: NDArray[np.float32], salt: int = 0, fades: int = 3) -> list[Run]:
    """Fail unless all that sounds is exact but for a few fades, and return the runs.

    It begins with a fade. A busy machine may add one where the host was late at the start: two seconds later the
    plug-in goes to the place that it has reported.
    """
    runs = [run for run in hear(sound, salt) if run.frames > 100]
    sounding = np.flatnonzero(sound.any(axis=1))
    assert len(sounding), "nothing sounds"
    missing = len(sound) - int(sounding[0]) - sum(run.frames for run in runs)
    assert missing <= fades * FADE_FRAMES, f"{missing} frames are not what was sent: {runs}"
    return runs


def _marks(places: NDArray[np.int64], salt: int) -> NDArray[np.float32]:
    """Return what is sent for given places, which are counts and so less than 2**24."""
    return marked_each(places.astype(np.uint64), salt)
