"""Suite `ring`: a write and a read, all that the player does for a block, the way to another process. [control]

Each of several processes measures all of it, and what they find is pooled: where a process's memory happens to lie
moves its medians by half for its life.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

from legando.bench.awake import awake
from legando.bench.samples import Outcome, Series
from legando.bench.suite_chunk import Advance
from legando.bench.workerlink import environment
from legando.realtime.errors import LegandoError
from legando.realtime.playing.playback import Playback
from legando.realtime.ring import ReadStatus, Ring

SAMPLE_RATE_HZ = 48_000
WARM_UP = 20
BLOCKS = (64, 128, 256)
SIZES = (128, 3840)
ROUNDS = 12
LOOK_S = 5e-5

RING_WRITER = """
import sys, time
import numpy as np
from legando.realtime.ring import Ring
frames = int(sys.argv[2])
block = np.ones((frames, 2), dtype=np.float32)
with Ring.attach(sys.argv[1]) as ring:
    for _ in range(int(sys.argv[3])):
        time.sleep(0.002)
        block.view(np.uint64)[0, 0] = time.perf_counter_ns()
        ring.write(block)
"""


def ring_hops_us(ring: Ring, frames: int, count: int) -> Iterator[float]:
    """Yield the time of each block from before its write in another process to after its read here. [control]

    The reader looks every 50 us. Raises LegandoError when the writer fails.
    """
    out = np.zeros((frames, 2), dtype=np.float32)
    command = [sys.executable, "-c", RING_WRITER, ring.name, str(frames), str(count)]
    begin = ring.written_frames
    with subprocess.Popen(command, env=environment()) as writer:
        for number in range(count):
            while ring.read_into(out, begin + number * frames) is not ReadStatus.OK:
                if writer.poll() not in (None, 0):
                    raise LegandoError(f"the process that writes the ring failed (status {writer.returncode})")
                time.sleep(LOOK_S)
            yield (time.perf_counter_ns() - int(out.view(np.uint64)[0, 0])) / 1e3


def costs_us(count: int) -> dict[str, list[float]]:
    """Time so many writes with a read, and so many blocks of the player, after a warm-up that is kept. [control]"""
    costs: dict[str, list[float]] = {}
    with Ring.create() as ring:
        for frames in SIZES:
            times = costs[f"write and read, {frames} frames"] = []
            block = np.ones((frames, 2), dtype=np.float32)
            out = np.zeros_like(block)
            for _ in range(WARM_UP + count):
                began_ns = time.perf_counter_ns()
                status = ring.read_into(out, ring.write(block) - frames)
                times.append((time.perf_counter_ns() - began_ns) / 1e3)
                assert status is ReadStatus.OK
    for frames in BLOCKS:
        with Ring.create() as ring:
            times = costs[f"player, block of {frames} frames"] = []
            playback = Playback(ring, prefill_frames=1)
            block, out = np.ones((frames, 2), dtype=np.float32), np.zeros((frames, 2), dtype=np.float32)
            for _ in range(WARM_UP + count):
                ring.write(block)
                ring.level = 0.5 if ring.level == 1.0 else 1.0
                began_ns = time.perf_counter_ns()
                playback.process(out)
                times.append((time.perf_counter_ns() - began_ns) / 1e3)
    return costs


def ring_suite(quick: bool, advance: Advance) -> Outcome:
    """Time a write with a read, all that the player does for a block, and the way to another process. [control]"""
    count, hops_each = (50, 100) if quick else (250, 200)
    pooled: dict[str, list[list[float]]] = {}
    command = [sys.executable, "-m", "legando.bench.suite_ring", str(count)]
    for turn in range(ROUNDS):
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        if done.returncode:
            raise LegandoError(f"the ring could not be timed: {done.stderr.strip().rpartition(chr(10))[2]}")
        for name, times in json.loads(done.stdout).items():
            pooled.setdefault(name, []).append(times)
        with awake():
            for frames in SIZES:
                with Ring.create() as ring:
                    hops = list(ring_hops_us(ring, frames, WARM_UP + hops_each))
                pooled.setdefault(f"process to process, {frames} frames", []).append(hops)
        advance((turn + 1) / ROUNDS)
    deadlines = {f"player, block of {frames} frames": 1e6 * frames / SAMPLE_RATE_HZ for frames in BLOCKS}
    series = [joined(name, rounds, deadlines.get(name)) for name, rounds in pooled.items()]
    return Outcome(suite="ring", series=series)


def joined(name: str, rounds: list[list[float]], deadline_us: float | None = None) -> Series:
    """Return one series of the microseconds of all rounds, the warm-up of each apart. [any]"""
    warm_up = [time for one in rounds for time in one[:WARM_UP]]
    values = [time for one in rounds for time in one[WARM_UP:]]
    return Series(name=name, unit="µs", values=values, warm_up=warm_up, deadline=deadline_us)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(costs_us(int(sys.argv[1]))))
