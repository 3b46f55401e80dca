"""Player: the process that owns the sound device, and the host's handle on it. [control]

`python -m legando.realtime.player` reads a ring and fills a device; it imports nothing that could hold its interpreter
lock. Its callback thread belongs to the device and runs only `Playback`. Its main thread waits for one of three ends:
the host closes its standard input (or dies, which is the same), the ring is played out, or the device is lost.

It reports on a pipe of its own, one JSON object a line: `{"ready": {...}}`, then `{"end": SENTENCE, "lost": bool}`; or
only `{"error": SENTENCE}`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from time import monotonic, perf_counter_ns, sleep
from types import TracebackType
from typing import IO, Any

from legando.realtime.devices import choose_output, portaudio, query_outputs, quiet_stderr
from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.playback import Playback
from legando.realtime.ring import Frames, PlayerState, Ring

WATCH_S = 0.02
STANDSTILL_S = 2.0
CLOSE_TIMEOUT_S = 1.0
EXIT_OK, EXIT_ERROR, EXIT_LOST = 0, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerSettings:
    """What to open and how full the ring must be.

    `device` is a name, part of one, an index, or None for the default. The player starts at `prefill_frames`, and after
    an underrun or a restart at `resume_frames` (two blocks, if None): the host must write at least that far ahead.
    """

    device: str | int | None = None
    host_api: str | None = None
    block_frames: int = 256
    prefill_frames: int = 3840
    resume_frames: int | None = None

    def __post_init__(self) -> None:
        if not 16 <= self.block_frames <= 8192:
            raise DeviceError(f"a block of {self.block_frames} frames is outside 16 to 8192; choose 64 to 1024")
        if self.prefill_frames < 1:
            raise DeviceError(f"a prefill of {self.prefill_frames} frames is too small; give at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerReady:
    """What the player opened."""

    device: str
    host_api: str
    block_frames: int
    latency_ms: float


class PlayerProcess:
    """Start, watch, stop and restart the player of one ring. [control]"""

    def __init__(self, ring_name: str, settings: PlayerSettings) -> None:
        self.ring_name = ring_name
        self.settings = settings
        self.ready: PlayerReady | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reports = -1
        self._pending = b""
        self._noise: IO[bytes] | None = None
        self._end: str | None = None

    def start(self, timeout_s: float = 10.0) -> PlayerReady:
        """Start the process and wait until its device runs. Raises DeviceError with the reason when it cannot."""
        assert self._process is None, "already started"
        reports, child_end = os.pipe()
        settings = {name: getattr(self.settings, name) for name in PlayerSettings.__slots__}
        environment = os.environ | {
            # The child finds the same packages, wherever it runs; no thread pools in it.
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONSAFEPATH": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        self._end, self._pending, self._reports = None, b"", reports
        command = [sys.executable, "-m", "legando.realtime.player", "--ring", self.ring_name]
        command += ["--report-fd", str(child_end), "--settings", json.dumps(settings)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=self._noise,
                stderr=self._noise,
                pass_fds=[child_end],
                env=environment,
                start_new_session=True,  # Ctrl-C is for the host, which then lets the sound fade out
            )
        finally:
            os.close(child_end)
        report = self._next_report(monotonic() + timeout_s)
        if report is not None and "ready" in report:
            self.ready = PlayerReady(**report["ready"])
            return self.ready
        alive = self.alive
        sentence = str(report["error"]) if report else self._silent_end(alive, timeout_s)
        self._reap(kill=alive)
        raise DeviceError(sentence)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def end(self) -> str | None:
        """Why the process ended, as a sentence, or None while it runs or before it started."""
        if self._end is None and self._process is not None and not self.alive:
            report = self._next_report(monotonic())
            code = self._process.returncode
            said = (report or {}).get("end") or (report or {}).get("error")
            self._end = str(said or f"the player ended with status {code}")
        return self._end

    def stop(self, timeout_s: float = 2.0) -> None:
        """Let the player fade out and end; kill it if it does not. Harmless when it is not running. [control]"""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
        self._reap(kill=False)

    def wait(self, timeout_s: float) -> bool:
        """Return whether the player has ended within that time: after `Ring.finish()`, when all is played. [control]"""
        if self._process is not None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return False
        return True

    def restart(self, timeout_s: float = 10.0) -> PlayerReady:
        """Replace a dead or stuck player; it goes on at the position of the old one."""
        self._reap(kill=True)
        return self.start(timeout_s)

    def __enter__(self) -> PlayerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _next_report(self, deadline_s: float) -> dict[str, Any] | None:
        """Return the next line of the report pipe, or None when it is closed or the time is over."""
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._reports], [], [], max(0.0, deadline_s - monotonic()))
            chunk = os.read(self._reports, 4096) if readable else b""
            if not chunk:
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def _silent_end(self, alive: bool, timeout_s: float) -> str:
        if alive:
            return f"the sound device did not start within {timeout_s:g} s; choose another device"
        assert self._process is not None and self._noise is not None
        self._noise.seek(0)
        last = self._noise.read().decode(errors="replace").strip().rpartition("\n")[2]
        return f"the player ended with status {self._process.wait()} before it was ready: {last or 'it said nothing'}"

    def _reap(self, *, kill: bool) -> None:
        if self._process is None:
            return
        if kill:
            self._process.kill()
        self._process.wait()
        _ = self.end  # read the last report while the pipe is there
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._noise is not None:
            self._noise.close()
        os.close(self._reports)
        self._process, self._noise, self._reports = None, None, -1


class _Callback:
    """The function that the device calls. [audio]"""

    def __init__(self, ring: Ring, playback: Playback) -> None:
        self._ring = ring
        self._playback = playback
        self.broken = ""

    def __call__(self, out: Frames, frames: int, time: Any, status: Any) -> None:
        """Fill the device's buffer; never raise. [audio]"""
        began = perf_counter_ns()
        try:
            self._playback.process(out)
            self._ring.publish_callback(
                cost_ns=perf_counter_ns() - began, xrun=bool(status) and bool(status.output_underflow)
            )
        except Exception as error:  # a defect must be silence and a report, not noise
            out.fill(0.0)
            self.broken = f"{type(error).__name__}: {error}"


def run(ring_name: str, settings: PlayerSettings, report_fd: int) -> int:
    """Play a ring until it ends; return the exit status. [control]"""

    def report(message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the host is gone; standard input says so too
            os.write(report_fd, json.dumps(message).encode() + b"\n")

    host_pid = os.getppid()
    try:
        ring = Ring.attach(ring_name)
        playback = Playback(
            ring,
            prefill_frames=settings.prefill_frames,
            resume_frames=settings.resume_frames or 2 * settings.block_frames,
        )
        callback = _Callback(ring, playback)
        with portaudio() as sounddevice:
            device = choose_output(query_outputs(sounddevice), settings.device, settings.host_api)
            if device.channels < ring.channels:
                raise DeviceError(f"{device.name} has {device.channels} channels, {ring.channels} are needed")
            gc.collect()
            gc.freeze()
            gc.disable()
            sys.setswitchinterval(0.0005)  # the main thread gives way at once
            try:
                with quiet_stderr():
                    stream = sounddevice.OutputStream(
                        samplerate=ring.sample_rate_hz,
                        blocksize=settings.block_frames,
                        device=device.index,
                        channels=ring.channels,
                        dtype="float32",
                        latency="low",
                        callback=callback,
                    )
                    stream.start()
            except sounddevice.PortAudioError as error:
                raise DeviceError(
                    f"{device.name} ({device.host_api}) cannot be opened at {ring.sample_rate_hz} Hz with blocks of "
                    f"{settings.block_frames}: {error}; choose another device or block size"
                ) from error
            ring.latency_ns = round(stream.latency * 1e9)
            report(
                {
                    "ready": {
                        "device": device.name,
                        "host_api": device.host_api,
                        "block_frames": settings.block_frames,
                        "latency_ms": stream.latency * 1000.0,
                    }
                }
            )
            lost = _watch(ring, stream, callback, playback, host_pid)
            if lost:
                report({"end": lost, "lost": True})
                os._exit(EXIT_LOST)  # closing a stream whose server is gone hangs for ever
            watchdog = threading.Timer(CLOSE_TIMEOUT_S, os._exit, (EXIT_OK,))
            watchdog.daemon = True
            report({"end": "the player was asked to stop", "lost": False})
            watchdog.start()
            with quiet_stderr():
                stream.stop()  # lets the device play what it was given
                stream.close()
            ring.player_state = PlayerState.STOPPED
        watchdog.cancel()
        return EXIT_OK
    except LegandoError as error:
        report({"error": str(error)})
        return EXIT_ERROR


def _watch(ring: Ring, stream: Any, callback: _Callback, playback: Playback, host_pid: int) -> str:
    """Wait until playing is over; return why the device is lost, or nothing. [control]"""
    host_there, give_up_s = True, 0.0
    while playback.state is not PlayerState.STOPPED:
        if callback.broken:
            return f"the player's callback failed ({callback.broken}); this is a defect of legando, please report it"
        if not stream.active:
            return "the sound device is gone; connect it again, or start its server"
        if perf_counter_ns() - ring.played_at_ns > STANDSTILL_S * 1e9:
            return f"the sound device has asked for nothing for {STANDSTILL_S:g} s; restart it or its server"
        if host_there:
            readable, _, _ = select.select([0], [], [], WATCH_S)
            host_there = not (readable and not os.read(0, 4096)) and os.getppid() == host_pid
            if not host_there:
                playback.stop()
                give_up_s = monotonic() + CLOSE_TIMEOUT_S
        elif monotonic() > give_up_s:
            return "the sound device takes no more sound"
        else:
            sleep(WATCH_S)
    return ""


def main() -> int:
    """Read the arguments that `PlayerProcess` gives, and play. [control]"""
    parser = argparse.ArgumentParser(description="Play a legando ring on a sound device (started by the host).")
    parser.add_argument("--ring", required=True)
    parser.add_argument("--report-fd", type=int, default=1)
    parser.add_argument("--settings", type=json.loads, default={})
    arguments = parser.parse_args()
    return run(arguments.ring, PlayerSettings(**arguments.settings), arguments.report_fd)


if __name__ == "__main__":
    sys.exit(main())
