"""Suite `bridge`: the way of sound over ZeroMQ, beside bare libzmq. [control]"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from legando.bench.awake import awake
from legando.bench.hops import Hops
from legando.bench.samples import Outcome, Series
from legando.bench.suite_chunk import Advance, Sittings
from legando.bench.suite_ring import ROUNDS, SIZES, WARM_UP, WAY_SITTINGS, beside, joined

PACE_S = 0.001
WAYS = (("ipc", 1), ("tcp", 1), ("ipc", 8))
"""Transports, and how many listen."""


def bridge_suite(quick: bool, advance: Advance) -> Sittings:
    """Time one way over the bridge beside bare libzmq: one of each in turn, a millisecond apart. [control]

    Details: the ratio of the two for each way, and the least and the most of them for one listener and for eight.
    """
    count = 30 if quick else 125
    pooled: dict[str, list[list[float]]] = {}
    for turn in range(ROUNDS):  # sockets, threads and their places anew
        if turn and turn % (ROUNDS // WAY_SITTINGS[0 if quick else 1]) == 0:
            yield
        for index, (transport, listeners) in enumerate(WAYS):
            for frames, times in _round(transport, listeners, WARM_UP + count).items():
                for name, one in zip(("bare libzmq", "bridge"), times, strict=True):
                    pooled.setdefault(f"{name}, {_way(transport, listeners, frames)}", []).append(one)
            advance((turn + (index + 1) / len(WAYS)) / ROUNDS)
    series: list[Series] = []
    detail: dict[str, dict[str, float]] = {}
    ratios_of: dict[str, list[float]] = {}
    for transport, listeners in WAYS:
        for frames in SIZES:
            way = _way(transport, listeners, frames)
            mine, bare = (joined(name, pooled[name]) for name in (f"bridge, {way}", f"bare libzmq, {way}"))
            series += [mine, bare]
            detail[way] = beside(mine, bare)
            group = f"{listeners} listeners" if listeners > 1 else "one listener"
            ratios_of.setdefault(group, []).append(detail[way]["ratio_p50"])
    spread = {name: {"least": min(ratios), "most": max(ratios)} for name, ratios in ratios_of.items()}
    return Outcome(suite="bridge", series=series, detail=detail | spread)


def _way(transport: str, listeners: int, frames: int) -> str:
    return f"{transport}{f' to {listeners}' if listeners > 1 else ''}, {frames} frames"


def _round(transport: str, listeners: int, count: int) -> dict[int, tuple[list[float], list[float]]]:
    """Return microseconds of bare hops and of ours, by frames."""
    with awake(), tempfile.TemporaryDirectory(prefix="legando-bench-") as folder:
        hops = Hops(transport, Path(folder), listeners=listeners)
        try:
            return {frames: _hops_in_turn(hops, frames, count) for frames in SIZES}
        finally:
            hops.close()


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
