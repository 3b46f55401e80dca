"""Suites `bridge` and `midi`: the ways of sound and messages between processes. [control]"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

import numpy as np

from legando.bench.awake import awake
from legando.bench.hops import Hops
from legando.bench.samples import Outcome, Series
from legando.bench.suite_chunk import Advance
from legando.bench.suite_ring import ROUNDS, SAMPLE_RATE_HZ, SIZES, WARM_UP, joined
from legando.realtime.errors import DeviceError

PACE_S = 0.001
STRIDE = 0.6180339887498949  # the golden section: places in a period that lie evenly however many there are


def bridge_suite(quick: bool, advance: Advance) -> Outcome:
    """Time one way over the bridge beside bare libzmq: one of each in turn, a millisecond apart. [control]

    Details: the ratio of the two for each way, and the least and the most of them for one listener and for eight.
    """
    count = 30 if quick else 125
    series: list[Series] = []
    detail: dict[str, dict[str, float]] = {}
    ratios_of: dict[str, list[float]] = {}
    ways = (("ipc", 1), ("tcp", 1), ("ipc", 8))
    with awake(), tempfile.TemporaryDirectory(prefix="legando-bench-") as folder:
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
                mine, theirs = joined(f"bridge, {name}", bridge[frames]), joined(f"bare libzmq, {name}", bare[frames])
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
        with awake(), Stage(instrument=SHIPPED) as stage:
            stage.write_rig()
            hands = Hands(read_rig(stage.rig_path), hear)
            try:
                if (why := hands.open()) is not None:
                    return Outcome(suite="midi", skipped=why)
                period_s = stage.server.period_frames / SAMPLE_RATE_HZ
                due_s, lost = time.monotonic(), 0
                for number in range(WARM_UP + count):
                    # all places in a period of the server are met, equally often
                    due_s += (2 + STRIDE) * period_s
                    due_s += period_s * math.ceil(max(0.0, time.monotonic() - due_s) / period_s)
                    time.sleep(max(0.0, due_s - time.monotonic()))
                    before, sent_ns = len(arrived_us), time.perf_counter_ns()
                    stage.hands.send_message([0xB0, 20, number % 128])
                    until = time.monotonic() + 1.0
                    while len(arrived_us) == before and time.monotonic() < until:
                        time.sleep(0.0005)
                    lost += len(arrived_us) == before
                    advance(number / (WARM_UP + count))
            finally:
                hands.close()
    except DeviceError as error:
        return Outcome(suite="midi", skipped=str(error))
    if len(arrived_us) <= WARM_UP:
        return Outcome(suite="midi", skipped=f"{lost} of {WARM_UP + count} messages were lost; is JACK MIDI whole?")
    series = [
        joined("sent to stamped by the port", [stamped_us]),
        joined("sent to the host", [arrived_us]),
        joined("stamped to the host", [[b - a for a, b in zip(stamped_us, arrived_us, strict=True)]]),
    ]
    return Outcome(suite="midi", series=series, detail={"lost": lost, "server_period_ms": round(1e3 * period_s, 2)})
