"""The player process: owns the sound device; reads a ring and fills the device. [control]

`python -m legando.realtime.playing.player` is started by the host (`playerlink.PlayerProcess`); it imports nothing that
could hold its interpreter lock. Its callback thread belongs to the device and runs only `Playback`. Its main thread
waits for one of three ends: the host closes its standard input (or dies, which is the same), the ring is played out, or
the device is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import select
import sys
import threading
from time import monotonic, perf_counter_ns, sleep
from typing import Any

from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.playing.devices import OutputDevice, choose_output, portaudio, query_outputs, quiet_stderr
from legando.realtime.playing.playback import Playback
from legando.realtime.playing.playerlink import PlayerSettings
from legando.realtime.priority import PLAYER_PRIORITY, lock_memory, real_time
from legando.realtime.ring import Frames, PlayerState, Ring

WATCH_S = 0.02
STANDSTILL_S = 2.0
CLOSE_TIMEOUT_S = 1.0
FIRST_CALL_S = 1.0
EXIT_OK, EXIT_ERROR, EXIT_LOST = 0, 2, 3


class _Callback:
    """The function that the device calls. [audio]"""

    def __init__(self, ring: Ring, playback: Playback) -> None:
        self._ring = ring
        self._playback = playback
        self.broken = ""
        self.priority = -1  # not known before the first call

    def __call__(self, out: Frames, frames: int, time: Any, status: Any) -> None:
        """Fill the device's buffer; never raise. [audio]"""
        began = perf_counter_ns()
        try:
            if self.priority < 0:
                self.priority = real_time(PLAYER_PRIORITY)  # this thread's; JACK's have one of their own
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
            max_lead_frames=settings.max_lead_frames,
        )
        callback = _Callback(ring, playback)
        with portaudio() as sounddevice:
            device = choose_output(query_outputs(sounddevice), settings.device, settings.host_api)
            stream = _opened(sounddevice, device, ring, settings, callback)
            ring.latency_ns = round(stream.latency * 1e9)
            give_up_s = monotonic() + FIRST_CALL_S
            while callback.priority < 0 and monotonic() < give_up_s:
                sleep(0.002)
            report(
                {
                    "ready": {
                        "device": device.name,
                        "host_api": device.host_api,
                        "block_frames": settings.block_frames,
                        "latency_ms": stream.latency * 1000.0,
                        "priority": max(0, callback.priority),
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


def _opened(sounddevice: Any, device: OutputDevice, ring: Ring, settings: PlayerSettings, callback: _Callback) -> Any:
    """Return a device's stream, which calls back already, in a process made ready for it; DeviceError. [control]"""
    if device.channels < ring.channels:
        raise DeviceError(f"{device.name} has {device.channels} channels, {ring.channels} are needed")
    lock_memory()
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
            return stream
    except sounddevice.PortAudioError as error:
        raise DeviceError(
            f"{device.name} ({device.host_api}) cannot be opened at {ring.sample_rate_hz} Hz with blocks of "
            f"{settings.block_frames}: {error}; choose another device or block size"
        ) from error


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
    parser.add_argument("--spare", action="store_true", help="wait for a line of standard input first")
    arguments = parser.parse_args()
    if arguments.spare:
        with portaudio():  # the import is the longest part of a start; no client of a server stays open
            pass
        if not os.read(0, 16):
            return EXIT_OK
    return run(arguments.ring, PlayerSettings(**arguments.settings), arguments.report_fd)


if __name__ == "__main__":
    sys.exit(main())
