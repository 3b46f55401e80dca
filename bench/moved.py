"""Moved: which medians of two runs on one machine are apart, and whether the machine itself moved with them. [any]

Two runs are not paired, and a machine whose neighbours are busier looks like slower code. Where a suite times something
that holds none of our code in the same rounds, in turn with ours, it says how much of a move is the machine's. Each of
ours is then told in those that came just before or after it: a machine that changes within a run changes both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from legando.bench.samples import Results, Series, percentile

TOLERANCE = 0.1
"""What two runs on a quiet machine should stay within, at p50."""
YARDSTICKS = {
    "ring": ("process to process, ", "bare memory, process to process, "),
    "bridge": ("bridge, ", "bare libzmq, "),
    "midi": ("stamped to the host", "bare pipe, stamped to the host"),
}
"""By suite: how the names of ours begin, and those of what is timed beside them."""
WHOLES = {("held", "late"): "chunk_ms"}
"""What has no zero of its own, by suite and series, and the detail of its suite of which a move is told as a share."""
SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One median of both runs.

    `beside` is how far it moved beside its yardstick, new / old, None without one; `whole` is what a move is a share
    of, None where that is the earlier median itself.
    """

    suite: str
    name: str
    unit: str
    old: float
    new: float
    beside: float | None = None
    whole: float | None = None

    @property
    def ratio(self) -> float:
        """New / old; with a whole, 1 and the share of it by which they differ."""
        if self.whole is not None:
            return 1.0 + (self.new - self.old) / self.whole
        return self.new / self.old if self.old else 1.0

    @property
    def beyond(self) -> bool:
        """Whether it moved further than two runs should."""
        return abs(self.ratio - 1.0) > TOLERANCE

    @property
    def beyond_the_machine(self) -> bool:
        """Whether it did so beside its yardstick, too."""
        return self.beyond and (self.beside is None or abs(self.beside - 1.0) > TOLERANCE)

    @property
    def line(self) -> str:
        """The move for people."""
        beside = f"; beside its yardstick {self.beside - 1.0:+.0%}" if self.beside is not None else ""
        share = f" of {self.whole:.3g}" if self.whole is not None else ""
        moved = f"{self.old:.3g} to {self.new:.3g} {self.unit} ({self.ratio - 1.0:+.0%}{share}{beside})"
        return f"  {self.suite}: {self.name}: {moved}"


def medians(earlier: Results, now: Results) -> Iterator[Moved]:
    """Yield the medians of ours that both runs have, with those of their yardsticks."""
    for suite, outcome in now.outcomes.items():
        before = earlier.outcomes.get(suite)
        if before is None:
            continue
        ours, theirs = YARDSTICKS.get(suite, ("", ""))
        for one in outcome.series:
            other = before.find(one.name)
            if theirs and one.name.startswith(theirs):
                continue
            if not one.values or other is None or not other.values or other.unit != one.unit:
                continue
            beside = None
            if ours and one.name.startswith(ours):
                name = theirs + one.name.removeprefix(ours)
                bare = [run.find(name) for run in (before, outcome)]
                then, today = (in_yardsticks(*pair) for pair in zip((other, one), bare, strict=True))
                beside = today / then if then and today else None
            old, new = (percentile(series.values, 50.0) for series in (other, one))
            whole = before.detail.get(WHOLES.get((suite, one.name), ""))
            yield Moved(
                suite=suite, name=one.name, unit=one.unit, old=old, new=new, beside=beside, whole=whole
            )  # fmt: skip


def in_yardsticks(mine: Series, bare: Series | None) -> float | None:
    """Return how many of what was timed in turn with it one of ours takes, at p50; None without pairs. [any]"""
    if bare is None or not bare.values or len(bare.values) != len(mine.values):
        return None
    return percentile(np.divide(mine.values, bare.values), 50.0)


def moved_lines(earlier: Results, now: Results) -> list[str]:
    """Return how many medians are apart, and which, the furthest first."""
    both = list(medians(earlier, now))
    apart = sorted((one for one in both if one.beyond), key=lambda one: -abs(one.ratio - 1.0))
    own = sum(one.beyond_the_machine for one in apart)
    lines = [f"{len(both) - len(apart)} of {len(both)} medians are within {TOLERANCE:.0%} of the earlier run's"]
    if own < len(apart):
        lines[0] += f"; {len(both) - own} beside what holds no code of ours and moved with them"
    lines += [one.line for one in apart[:SHOWN]]
    return lines + ([f"  and {len(apart) - SHOWN} more"] if len(apart) > SHOWN else [])
