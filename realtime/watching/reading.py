"""A reading: what the host tells the monitor once a second, as one frozen value that crosses as a line of JSON. [any]

Everything in it is a number that the host has anyway; counters only grow. What the sound is like and what processes
cost, the monitor finds out for itself.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from legando.realtime.enginelink import Made
from legando.realtime.schedule import MARGIN_NS

COST_BUCKETS_S = (0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.12, 0.16, 0.32)
"""Upper ends of the histogram of what chunks cost; a chunk lasts 0.08 s by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where a live run is.

    `costs` counts chunks by `COST_BUCKETS_S` and, last, beyond; `chunks` counts them by their denoising steps. `late`
    are those that began later than the margin or took longer than they last. `latency_s` has the parts of the sum,
    `bridge` for each socket `clients` and `refused` by reason, `messages` what came by source, `refused` what OSC left
    out by reason, `rollouts` by outcome. `playing` is the player's state, empty without a player; `pids` has those of
    host, engine and player.
    """

    version: str
    bundle: str
    bundle_sha256: str
    engine: str
    scene: int = 0
    tempo_bpm: float = 0.0
    chunk_s: float = 0.0
    slack_s: float = 0.0
    costs: tuple[int, ...] = (0,) * (len(COST_BUCKETS_S) + 1)
    costs_sum_s: float = 0.0
    chunks: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    steps: int = 0
    full_steps: int = 0
    latency_s: Mapping[str, float] = field(default_factory=dict)
    made_s: float = 0.0
    played_s: float = 0.0
    underruns: int = 0
    xruns: int = 0
    concealed_s: float = 0.0
    skipped_s: float = 0.0
    callback_max_s: float = 0.0
    engine_ready: bool = False
    playing: str = ""
    restarts: Mapping[str, int] = field(default_factory=dict)
    standby: Mapping[str, bool] = field(default_factory=dict)
    peaks: tuple[float, ...] = ()
    bridge: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    messages: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    rollouts: Mapping[str, int] = field(default_factory=dict)
    marks: Mapping[str, int] = field(default_factory=dict)
    pids: Mapping[str, int] = field(default_factory=dict)


_LISTS = ("costs", "peaks")


def reading_to_line(reading: Reading) -> bytes:
    """Return a reading as a line. [any]"""
    return json.dumps(asdict(reading), separators=(",", ":")).encode() + b"\n"


def reading_from_line(line: bytes) -> Reading:
    """Return the reading that `reading_to_line` wrote. [any]"""
    plain: dict[str, Any] = json.loads(line)
    return Reading(**plain | {name: tuple(plain[name]) for name in _LISTS})


class ChunkTally:
    """Counts chunks as the engine reports them. Owned by the host's thread."""

    def __init__(self) -> None:
        self.costs = [0] * (len(COST_BUCKETS_S) + 1)
        self.costs_sum_s = 0.0
        self.chunks: Counter[int] = Counter()
        self.late = 0

    def made(self, made: Made, sample_rate_hz: int) -> None:
        """Take in one more chunk."""
        cost_s = made.cost_ns / 1e9
        self.costs[bisect_left(COST_BUCKETS_S, cost_s)] += 1
        self.costs_sum_s += cost_s
        self.chunks[made.steps] += 1
        if not made.opens:
            self.late += made.late_ns > MARGIN_NS or cost_s * sample_rate_hz > made.frames
