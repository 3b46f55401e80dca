"""Suite `ring`: a write and a read, all that the player does for a block, the way to another process. [control]

Each of several processes measures all of it, and what they find is pooled: where a process's memory happens to lie
moves its medians by half for its life. The way to another process is timed beside bare shared memory, one of each in
turn: a flag, a time and the same block, looked at as often, without our code.
"""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import numpy as np

from legando.bench.awake import awake
from legando.bench.samples import Outcome, Series
from legando.bench.suite_chunk import Advance, Sittings
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
FLAG_BYTES = 8
WAY_SITTINGS = (1, 4)
"""In how many sittings, quick and whole, the ways between processes are timed; the rounds are shared out among them."""

WRITER = """
import mmap, sys, time
import numpy as np
from legando.realtime.ring import Ring
frames = int(sys.argv[2])
block = np.ones((frames, 2), dtype=np.float32)
memory = mmap.mmap(int(sys.argv[4]), 0)
flag = np.frombuffer(memory, np.int64, 1)
cell = np.frombuffer(memory, np.float32, block.size, flag.nbytes).reshape(block.shape)
with Ring.attach(sys.argv[1]) as ring:
    for _ in range(int(sys.argv[3])):
        time.sleep(0.002)
        while flag[0]:
            time.sleep(0.0001)
        block.view(np.uint64)[0, 0] = time.perf_counter_ns()
        cell[:] = block
        flag[0] = 1
        time.sleep(0.002)
        block.view(np.uint64)[0, 0] = time.perf_counter_ns()
        ring.write(block)
"""


def ring_hops_us(ring: Ring, frames: int, count: int) -> Iterator[tuple[float, float]]:
    """Yield the times of blocks from before their write in another process to after their read here. [control]

    A block through bare shared memory, and one through the ring, in turn. The reader looks every 50 us. Raises
    LegandoError when the writer fails.
    """
    out = np.zeros((frames, 2), dtype=np.float32)
    begin = ring.written_frames
    with tempfile.TemporaryFile() as file:
        file.truncate(FLAG_BYTES + out.nbytes)
        shared = np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)
        flag, cell = shared[:FLAG_BYTES].view(np.int64), shared[FLAG_BYTES:].view(np.float32).reshape(out.shape)
        command = [sys.executable, "-c", WRITER, ring.name, str(frames), str(count), str(file.fileno())]
        with subprocess.Popen(command, env=environment(), pass_fds=(file.fileno(),)) as writer:

            def look_again() -> None:
                if writer.poll() not in (None, 0):
                    raise LegandoError(f"the process that writes the ring failed (status {writer.returncode})")
                time.sleep(LOOK_S)

            def took_us() -> float:
                return (time.perf_counter_ns() - int(out.view(np.uint64)[0, 0])) / 1e3

            for number in range(count):
                while not flag[0]:
                    look_again()
                out[:] = cell
                bare_us = took_us()
                flag[0] = 0
                while ring.read_into(out, begin + number * frames) is not ReadStatus.OK:
                    look_again()
                yield bare_us, took_us()


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


def ring_suite(quick: bool, advance: Advance) -> Sittings:
    """Time a write with a read, all that the player does for a block, and the way to another process. [control]

    Details: the ratio of that way to bare shared memory.
    """
    count, hops_each = (50, 50) if quick else (250, 200)
    pooled: dict[str, list[list[float]]] = {}
    command = [sys.executable, "-m", "legando.bench.suite_ring", str(count)]
    for turn in range(ROUNDS):
        if turn and turn % (ROUNDS // WAY_SITTINGS[0 if quick else 1]) == 0:
            yield
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        if done.returncode:
            raise LegandoError(f"the ring could not be timed: {done.stderr.strip().rpartition(chr(10))[2]}")
        for name, times in json.loads(done.stdout).items():
            pooled.setdefault(name, []).append(times)
        with awake():
            for frames in SIZES:
                with Ring.create() as ring:
                    hops = zip(*ring_hops_us(ring, frames, WARM_UP + hops_each), strict=True)
                for name, times in zip(("bare memory, ", ""), hops, strict=True):
                    pooled.setdefault(f"{name}process to process, {frames} frames", []).append(list(times))
        advance((turn + 1) / ROUNDS)
    deadlines = {f"player, block of {frames} frames": 1e6 * frames / SAMPLE_RATE_HZ for frames in BLOCKS}
    series = {name: joined(name, rounds, deadlines.get(name)) for name, rounds in pooled.items()}
    ways = [f"process to process, {frames} frames" for frames in SIZES]
    detail = {way: beside(series[way], series[f"bare memory, {way}"]) for way in ways}
    return Outcome(suite="ring", series=list(series.values()), detail=detail)


def beside(mine: Series, bare: Series) -> dict[str, float]:
    """Return the ratio of two series at p50 and p99. [any]"""
    return {f"ratio_{p}": round(mine.figures()[p] / bare.figures()[p], 2) for p in ("p50", "p99")}


def joined(name: str, rounds: Sequence[Sequence[float]], deadline_us: float | None = None) -> Series:
    """Return one series of the microseconds of all rounds, the warm-up of each apart. [any]"""
    warm_up = [time for one in rounds for time in one[:WARM_UP]]
    values = [time for one in rounds for time in one[WARM_UP:]]
    return Series(name=name, unit="µs", values=values, warm_up=warm_up, deadline=deadline_us)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(costs_us(int(sys.argv[1]))))
