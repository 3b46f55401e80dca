"""The stage of a bench: a sound server, `legando play` as typed, a MIDI port, a recorder of what is heard. [control]"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.playing.devices import JACK_API, quiet_stderr
from legando.realtime.priority import urgently
from legando.realtime.processes import tied
from legando.realtime.ring import Frames, ReadStatus, Ring
from legando.realtime.trials.jack_recorder import CHANNELS
from legando.realtime.trials.jack_server import JackServer

PORT = "bench hands"
START_S = 60.0
RING_FRAMES = 1 << 19
BRIGHTNESS_CC, LEVEL_CC = 74, 7


def free_port() -> int:
    """Return a UDP port of this machine that nobody has at the moment. [control]"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stage:
    """Everything that a bench needs around `play`; use it as a context. Owned by one thread."""

    def __init__(
        self, *, instrument: str, block_frames: int = 256, rig_lines: str = "", bundle: Path | None = None
    ) -> None:
        self._instrument = instrument
        self._block_frames = block_frames
        self._rig_lines = rig_lines
        self._bundle = bundle
        self._stack = ExitStack()
        self._play: subprocess.Popen[str] | None = None
        self._recorder: subprocess.Popen[bytes] | None = None
        self.server = JackServer(block_frames)
        self.heard_frames = 0

    def __enter__(self) -> Stage:
        try:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="legando-bench-")))
            self._stack.enter_context(self.server)
            self._environment = os.environ.copy()
            os.environ.update(self.server.environment)  # the MIDI port is opened in this process
            self._stack.callback(self._restore)
            self._ring = self._stack.enter_context(Ring.create(channels=CHANNELS, capacity_frames=RING_FRAMES))
            self.hands = self._open_hands()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._play, self._recorder):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr) if process is not None else ():
                if pipe is not None:
                    pipe.close()
        self._stack.close()

    def _restore(self) -> None:
        for name in self.server.environment:
            if name in self._environment:
                os.environ[name] = self._environment[name]
            else:
                os.environ.pop(name, None)

    def _open_hands(self) -> Any:
        import rtmidi

        try:
            with quiet_stderr():
                out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="bench")
                out.open_virtual_port(PORT)
        except (SystemError, rtmidi.RtMidiError) as error:
            raise DeviceError(
                f"no MIDI port can be opened on the JACK server: {error}; is python-rtmidi whole?"
            ) from error
        self._stack.callback(self._close_hands)
        return out

    def _close_hands(self) -> None:
        with quiet_stderr():
            self.hands.close_port()
            self.hands.delete()

    @property
    def rig_path(self) -> Path:
        """The rig that is played."""
        return self.folder / "rig.toml"

    def write_rig(self, *, seed: int = 1, publish: str = "", more: str = "", engine: str = "") -> None:
        """Write the rig: one calm scene, a knob, a fader, the bridge's end point if one is wanted, and more lines."""
        self.rig_path.write_text(
            f"""
            [audio]
            device = "system"
            host_api = "{JACK_API}"
            block_frames = {self._block_frames}
            {self._rig_lines}
            [midi]
            inputs = ["{PORT}"]
            api = "jack"
            [[midi.bind]]
            control = "brightness"
            cc = {BRIGHTNESS_CC}
            [[midi.bind]]
            control = "level"
            cc = {LEVEL_CC}
            {more}
            [engine]
            seed = {seed}
            {engine}
            [bridge]
            publish = "{publish}"
            [[scene]]
            name = "calm"
            prompts = ["slow ambient pads, wide and calm"]
            """,
            encoding="utf-8",
        )

    def start_play(self, *words: str) -> None:
        """Start `legando play` with these words, and the recorder; return when sound comes. Raises LegandoError."""
        program = "import sys, signal, faulthandler; faulthandler.register(signal.SIGUSR1); "
        program += f"from legando.realtime.cli import main; sys.exit(main(instrument={self._instrument!r}))"
        command = [*tied(), sys.executable, "-c", program, "play", "--rig", str(self.rig_path), "--live", *words]
        if self._bundle is not None:
            command += ["--bundle", str(self._bundle)]
        path = os.pathsep.join(path for path in sys.path if path)
        environment = os.environ | {"PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
        with (self.folder / "play.log").open("w") as log:
            self._play = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        self.start_recorder()
        until = time.monotonic() + START_S
        while not self.take_recorded()[:, :2].any():
            if self._play.poll() is not None or time.monotonic() > until:
                raise LegandoError(f"legando play made no sound: {self.said().strip() or 'it said nothing'}")
            time.sleep(0.05)

    def start_recorder(self) -> None:
        """Start to record; again after the server was started anew."""
        command = [
            *urgently(),
            sys.executable,
            "-m",
            "legando.realtime.trials.jack_recorder",
            "--ring",
            self._ring.name,
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        if self._recorder is not None:
            self._recorder.wait(10)
            assert self._recorder.stdin is not None
            self._recorder.stdin.close()
        self._recorder = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)

    @property
    def play_pid(self) -> int:
        """The process id of the host."""
        assert self._play is not None, "not started"
        return self._play.pid

    @property
    def playing(self) -> bool:
        """Whether the host runs."""
        return self._play is not None and self._play.poll() is None

    def said(self) -> str:
        """Return what play has told the performer so far."""
        return (self.folder / "play.log").read_text(errors="replace")

    def stands_at(self) -> str:
        """Return where each of the host's threads stands: what to report when it does not go on."""
        before = len(self.said())
        if self.playing:
            os.kill(self.play_pid, signal.SIGUSR1)
            time.sleep(0.5)
        return self.said()[before:].strip()

    def take_recorded(self) -> Frames:
        """Return what was recorded since the last call: float32 (frames, 4). Raises LegandoError after 10 s."""
        count = self._ring.written_frames - self.heard_frames
        block: Frames = np.zeros((min(count, RING_FRAMES // 2), CHANNELS), dtype=np.float32)
        if self._ring.read_into(block, self.heard_frames) is ReadStatus.LOST:
            raise LegandoError("the recording was read too late; is the machine very busy?")
        self.heard_frames += len(block)
        return block

    def listen(self, seconds: float) -> list[Frames]:
        """Play on for a time, and return what was recorded since the last call."""
        end, blocks = time.monotonic() + seconds, list[Frames]()
        while time.monotonic() < end:
            blocks.append(self.take_recorded())
            time.sleep(0.05)
        return blocks

    def stop_play(self, timeout_s: float = 30.0) -> dict[str, Any]:
        """Stop play in order, unless it has ended, and return the figures that it printed.

        Raises LegandoError, with where each of its threads stands, when it does not end in time.
        """
        assert self._play is not None, "not started"
        if self._play.poll() is None:
            self._play.terminate()  # as clean as Ctrl-C, which a program started in the background ignores
        try:
            out, _ = self._play.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            self._play.send_signal(signal.SIGABRT)
            self._play.wait(5)
            raise LegandoError(f"legando play did not end within {timeout_s:g} s: {self.said().strip()}") from error
        lines = out.strip().splitlines()
        if not lines:
            raise LegandoError(f"legando play ended without figures: {self.said().strip()}")
        figures: dict[str, Any] = json.loads(lines[-1])
        return figures
