"""Ways of sound to a device beside a load that holds the interpreter lock: breaks counted in a recorded ramp. [control]

All play the same ramp on the same dummy JACK server, one after the other, beside the same load: `sounddevice` with its
callback in the loaded process, `rtmixer` with its callback in C and its feeder in the loaded process, and legando's
player, a process of its own, with its feeder in the loaded process. What counts is the recording of what the server was
given: each place where the ramp does not go on by one step is a break, wherever it came from.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from legando.bench.peers.foreign_output import AHEAD_FRAMES, PERIOD, hold_the_lock, ramp
from legando.bench.peers.install import ENVIRONMENTS
from legando.bench.workerlink import environment
from legando.realtime.errors import LegandoError
from legando.realtime.playing.devices import JACK_API
from legando.realtime.playing.playerlink import PlayerProcess, PlayerSettings
from legando.realtime.priority import urgently
from legando.realtime.ring import Frames, Ring
from legando.realtime.trials.jack_recorder import CHANNELS, times_us
from legando.realtime.trials.jack_server import JackServer

RATE_HZ = 48_000
SETTLE_S = 1.0
"""Left out at both ends: fades, and the moment in which a client joins."""
PROGRAM = Path(__file__).with_name("foreign_output.py")
KINDS = ("legando", "rtmixer", "sounddevice")
LOADED = """
import sys, threading, time
import numpy
from legando.bench.peers.output import feed
feed(sys.argv[1], float(sys.argv[2]))
"""


def breaks_of(sound: npt.NDArray[np.float32]) -> int:
    """Count the places where the ramp does not go on by one step. sound: (frames,), whole. [any]"""
    steps = np.diff(np.rint(sound.astype(np.float64) * 2.0 * PERIOD).astype(np.int64))
    return int(np.count_nonzero((steps != 1) & (steps != 1 - PERIOD)))


def judged(block: Frames) -> dict[str, Any]:
    """Return breaks, seconds that were judged, and the share of them without sound. block: (frames, 4), recorded. [any]

    A client that is too late holds up its server, whose cycles are then lost to all: the recording is shorter than the
    time that went by, which its own account of each frame's time tells. Raises LegandoError without enough sound.
    """
    sound, at_us = block[:, 0], times_us(block)
    heard = np.flatnonzero(sound)
    if not len(heard):
        raise LegandoError("no sound came")
    edge_us = SETTLE_S * 1e6
    first, last = at_us[heard[0]] + edge_us, at_us[heard[-1]] - edge_us
    inside = np.flatnonzero((at_us >= first) & (at_us <= last))
    if last - first < edge_us or len(inside) < 2:
        raise LegandoError("too little sound came")
    body = sound[inside[0] : inside[-1] + 1]
    seconds = (last - first) / 1e6
    lost = max(0.0, 1.0 - float(np.count_nonzero(body) / RATE_HZ / seconds))
    return {"breaks": breaks_of(body), "seconds": round(float(seconds), 1), "lost": round(lost, 3)}


def feed(ring_name: str, seconds: float) -> None:
    """Fill a ring with the ramp, half a second ahead, from a thread beside the load. [control]"""
    end = time.monotonic() + seconds
    with Ring.attach(ring_name) as ring:

        def fill() -> None:
            while time.monotonic() < end:
                room = AHEAD_FRAMES - ring.lead_frames
                if room > 1024:
                    ring.write(ramp(np, ring.written_frames, room))
                time.sleep(0.01)

        ring.write(ramp(np, 0, AHEAD_FRAMES))
        filler = threading.Thread(target=fill)
        filler.start()
        hold_the_lock(end)
        filler.join()


@contextmanager
def recorded(seconds: float) -> Iterator[list[Frames]]:
    """Record what plays on the server meanwhile; the list holds the recording at the end. [control]"""
    kept: list[Frames] = []
    frames = 1 << (round((seconds + 10.0) * RATE_HZ) - 1).bit_length()
    with Ring.create(channels=CHANNELS, capacity_frames=frames) as ring:
        command = [*urgently(), sys.executable, "-m", "legando.realtime.trials.jack_recorder", "--ring", ring.name]
        with subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE) as recorder:
            try:
                yield kept
                block: Frames = np.zeros((ring.written_frames, CHANNELS), np.float32)
                ring.read_into(block, 0)
                kept.append(block)
            finally:
                assert recorder.stdin is not None
                recorder.stdin.close()


def trial(kind: str, server: JackServer, *, block: int, seconds: float) -> dict[str, Any]:
    """Play one way for so long; return its breaks and how long was judged. Raises LegandoError. [control]"""
    with recorded(seconds) as kept:
        if kind == "legando":
            _play_ours(block, seconds)
        else:
            python = ENVIRONMENTS["sound"].python
            around = os.environ | server.environment
            around.pop("PYTHONPATH", None)
            command = [str(python), str(PROGRAM), kind, str(block), str(seconds)]
            done = subprocess.run(command, env=around, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LegandoError(done.stderr.strip().rpartition("\n")[2] or f"{kind} failed")
    return judged(kept[0])


def _play_ours(block: int, seconds: float) -> None:
    settings = PlayerSettings(device="system", host_api=JACK_API, block_frames=block, max_lead_frames=4 * AHEAD_FRAMES)
    with Ring.create(capacity_frames=1 << 17) as ring, PlayerProcess(ring.name, settings) as player:
        player.start()
        command = [sys.executable, "-c", LOADED, ring.name, str(seconds)]
        subprocess.run(command, env=environment(), check=True)


def output_trials(
    *, blocks: Sequence[int], seconds: float, kinds: Sequence[str] = KINDS
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Let every way play at every block size; return the rows, and what could not run with its reason. [control]"""
    rows: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}
    for block in blocks:
        with JackServer(block) as server:
            before = os.environ.copy()
            os.environ.update(server.environment)
            try:
                for kind in kinds:
                    if kind != "legando" and (why := ENVIRONMENTS["sound"].missing):
                        skipped[kind] = why
                        continue
                    try:
                        rows.append({"name": kind, "block": block, **trial(kind, server, block=block, seconds=seconds)})
                    except LegandoError as error:
                        skipped[f"{kind}, blocks of {block}"] = str(error)
            finally:
                for name in server.environment:
                    os.environ.pop(name)
                os.environ.update({name: before[name] for name in server.environment if name in before})
    return rows, skipped
