"""Moved: which medians of two runs on one machine are apart, and whether the machine itself moved with them. [any]

Two runs are not paired, and a machine whose neighbours are busier looks like slower code. Where a suite times something
that holds none of our code in the same rounds, in turn with ours, it says how much of a move is the machine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from legando.bench.samples import Results, percentile

TOLERANCE = 0.1
"""What two runs on a quiet machine should stay within, at p50."""
YARDSTICKS = {"bridge": ("bridge, ", "bare libzmq, ")}
"""By suite: how the names of ours begin, and those of what is timed beside them."""
SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One median of both runs. `yardstick` is the ratio of the medians of what stood beside it, None without one."""

    suite: str
    name: str
    unit: str
    old: float
    new: float
    yardstick: float | None = None

    @property
    def ratio(self) -> float:
        """New / old."""
        return self.new / self.old if self.old else 1.0

    @property
    def beyond(self) -> bool:
        """Whether it moved further than two runs should."""
        return abs(self.ratio - 1.0) > TOLERANCE

    @property
    def beyond_the_machine(self) -> bool:
        """Whether it did so beside its yardstick, too."""
        return self.beyond and abs(self.ratio / (self.yardstick or 1.0) - 1.0) > TOLERANCE

    @property
    def line(self) -> str:
        """The move for people."""
        beside = f"; beside its yardstick {self.ratio / self.yardstick - 1.0:+.0%}" if self.yardstick else ""
        moved = f"{self.old:.3g} to {self.new:.3g} {self.unit} ({self.ratio - 1.0:+.0%}{beside})"
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
            yardstick = None
            if ours and one.name.startswith(ours):
                name = theirs + one.name.removeprefix(ours)
                pair = [found.values for run in (before, outcome) if (found := run.find(name)) is not None]
                if len(pair) == 2:
                    yardstick = percentile(pair[1], 50.0) / percentile(pair[0], 50.0)
            old, new = (percentile(series.values, 50.0) for series in (other, one))
            yield Moved(suite=suite, name=one.name, unit=one.unit, old=old, new=new, yardstick=yardstick)


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
