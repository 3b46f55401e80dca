"""Suites `ring`, `bridge` and `midi`: the ways of sound and messages between processes. [control]"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from legando.bench.hops import Hops
from legando.bench.samples import Outcome, Series
from legando.bench.suite_chunk import Advance
from legando.bench.workerlink import environment
from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.playing.playback import Playback
from legando.realtime.ring import ReadStatus, Ring

SAMPLE_RATE_HZ = 48_000
PACE_S = 0.001
WARM_UP = 20
BLOCKS = (64, 128, 256)
SIZES = (128, 3840)
ROUNDS = 3
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


def ring_suite(quick: bool, advance: Advance) -> Outcome:
    """Time a write with a read, all that the player does for a block, and the way to another process. [control]"""
    count = 400 if quick else 2000
    series = []
    for index, frames in enumerate(SIZES):
        with Ring.create() as ring:
            block = np.ones((frames, 2), dtype=np.float32)
            out = np.zeros_like(block)
            times = []
            for _ in range(WARM_UP + count):
                began_ns = time.perf_counter_ns()
                status = ring.read_into(out, ring.write(block) - frames)
                times.append((time.perf_counter_ns() - began_ns) / 1e3)
                assert status is ReadStatus.OK
            series.append(_series(f"write and read, {frames} frames", times))
        with Ring.create() as ring:
            times = list(ring_hops_us(ring, frames, WARM_UP + count // 2))
            series.append(_series(f"process to process, {frames} frames", times))
        advance(0.4 * (index + 1))
    for frames in BLOCKS:
        with Ring.create() as ring:
            playback = Playback(ring, prefill_frames=1)
            block, out = np.ones((frames, 2), dtype=np.float32), np.zeros((frames, 2), dtype=np.float32)
            times = []
            for _ in range(WARM_UP + count):
                ring.write(block)
                ring.level = 0.5 if ring.level == 1.0 else 1.0
                began_ns = time.perf_counter_ns()
                playback.process(out)
                times.append((time.perf_counter_ns() - began_ns) / 1e3)
            deadline_us = 1e6 * frames / SAMPLE_RATE_HZ
            series.append(_series(f"player, block of {frames} frames", times, deadline_us))
    return Outcome(suite="ring", series=series)


def bridge_suite(quick: bool, advance: Advance) -> Outcome:
    """Time one way over the bridge beside bare libzmq: one of each in turn, a millisecond apart. [control]

    Details: the ratio of the two for each way, and the least and the most of them for one listener and for eight.
    """
    count = 120 if quick else 500
    series: list[Series] = []
    detail: dict[str, dict[str, float]] = {}
    ratios_of: dict[str, list[float]] = {}
    ways = (("ipc", 1), ("tcp", 1), ("ipc", 8))
    with tempfile.TemporaryDirectory(prefix="legando-bench-") as folder:
        for index, (transport, listeners) in enumerate(ways):
            bare: dict[int, list[list[float]]] = {frames: [] for frames in SIZES}
            bridge: dict[int, list[list[float]]] = {frames: [] for frames in SIZES}
            for turn in range(ROUNDS):  # sockets, threads and their places anew
                hops = Hops(transport, Path(folder), listeners=listeners)
                try:
                    for frames in SIZES:
                        one, other = _hops_in_turn(hops, frames, WARM_UP + count)
                        bare[frames].append(one)
                        bridge[frames].append(other)
                finally:
                    hops.close()
                advance((ROUNDS * index + turn + 1) / (ROUNDS * len(ways)))
            for frames in SIZES:
                name = f"{transport}{f' to {listeners}' if listeners > 1 else ''}, {frames} frames"
                mine, theirs = _joined(f"bridge, {name}", bridge[frames]), _joined(f"bare libzmq, {name}", bare[frames])
                series += [mine, theirs]
                ratios = {p: mine.figures()[p] / theirs.figures()[p] for p in ("p50", "p99")}
                detail[name] = {f"ratio_{p}": round(ratio, 2) for p, ratio in ratios.items()}
                group = f"{listeners} listeners" if listeners > 1 else "one listener"
                ratios_of.setdefault(group, []).append(ratios["p50"])
    spread = {
        name: {"least": round(min(ratios), 2), "most": round(max(ratios), 2)} for name, ratios in ratios_of.items()
    }
    return Outcome(suite="bridge", series=series, detail=detail | spread)


def _hops_in_turn(hops: Hops, frames: int, count: int) -> tuple[list[float], list[float]]:
    """Return microseconds of bare hops and of ours, one of each in turn."""
    noise = np.random.default_rng(1).standard_normal((frames, 2)).astype(np.float32)
    bare, bridge = [], []
    for _ in range(count):
        time.sleep(PACE_S)
        bare.append(hops.bare_hop_us(noise))
        time.sleep(PACE_S)
        bridge.append(hops.hop_us(noise))
    return bare, bridge


def _joined(name: str, rounds: list[list[float]]) -> Series:
    """Return one series of all rounds, the warm-up of each apart."""
    warm_up = [time for one in rounds for time in one[:WARM_UP]]
    return Series(name=name, unit="µs", values=[time for one in rounds for time in one[WARM_UP:]], warm_up=warm_up)


def midi_suite(quick: bool, advance: Advance) -> Outcome:
    """Time a message from before it is sent on a virtual port until the host's thread has it. [control]

    All is real: the port on a dummy JACK server, the MIDI process, the socket pair, the reader's thread.
    """
    from legando.realtime.instrument import SHIPPED
    from legando.realtime.midi.hands import Hands
    from legando.realtime.midi.livemessage import LiveMessage
    from legando.realtime.rigs.rig import read_rig
    from legando.realtime.trials.stage import Stage

    count = 100 if quick else 600
    stamped_us: list[float] = []
    arrived_us: list[float] = []
    sent_ns = 0

    def hear(live: LiveMessage) -> None:
        arrived_us.append((time.perf_counter_ns() - sent_ns) / 1e3)
        stamped_us.append((live.time_ns - sent_ns) / 1e3)

    try:
        with Stage(instrument=SHIPPED) as stage:
            stage.write_rig()
            hands = Hands(read_rig(stage.rig_path), hear)
            try:
                if (why := hands.open()) is not None:
                    return Outcome(suite="midi", skipped=why)
                rng = np.random.default_rng(0)
                lost = 0
                for number in range(WARM_UP + count):
                    # uneven, so that all places in a period of the server are met
                    time.sleep(float(rng.uniform(0.008, 0.02)))
                    before, sent_ns = len(arrived_us), time.perf_counter_ns()
                    stage.hands.send_message([0xB0, 20, number % 128])
                    until = time.monotonic() + 1.0
                    while len(arrived_us) == before and time.monotonic() < until:
                        time.sleep(0.0005)
                    lost += len(arrived_us) == before
                    advance(number / (WARM_UP + count))
                period_ms = 1000.0 * stage.server.period_frames / SAMPLE_RATE_HZ
            finally:
                hands.close()
    except DeviceError as error:
        return Outcome(suite="midi", skipped=str(error))
    if len(arrived_us) <= WARM_UP:
        return Outcome(suite="midi", skipped=f"{lost} of {WARM_UP + count} messages were lost; is JACK MIDI whole?")
    series = [
        _series("sent to stamped by the port", stamped_us),
        _series("sent to the host", arrived_us),
        _series("stamped to the host", [b - a for a, b in zip(stamped_us, arrived_us, strict=True)]),
    ]
    return Outcome(suite="midi", series=series, detail={"lost": lost, "server_period_ms": round(period_ms, 2)})


def _series(name: str, times_us: list[float], deadline_us: float | None = None) -> Series:
    return Series(name=name, unit="µs", values=times_us[WARM_UP:], warm_up=times_us[:WARM_UP], deadline=deadline_us)
