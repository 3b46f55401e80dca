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
BARE_WORK = ("chunk", "bare work")
YARDSTICKS = {
    ("ring", "process to process, "): ("ring", "bare memory, process to process, "),
    ("bridge", "bridge, "): ("bridge", "bare libzmq, "),
    ("midi", "stamped to the host"): ("midi", "bare pipe, stamped to the host"),
}
"""How suites and names of ours begin, and those of what is timed beside them: one of each in turn."""
PACED = (("chunk", ""), ("held", "cost of a chunk"), ("ring", "write and read"), ("ring", "player"), ("start", ""))
"""What is work alone, by suite and beginning of its name: `BARE_WORK` is its yardstick, spread over the same run."""
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
    """Yield the medians of ours that both runs have, with how they moved beside their yardsticks."""
    bare = {BARE_WORK, *YARDSTICKS.values()}
    for suite, outcome in now.outcomes.items():
        before = earlier.outcomes.get(suite)
        if before is None:
            continue
        for one in outcome.series:
            other = before.find(one.name)
            if any(suite == of and one.name.startswith(begins) for of, begins in bare):
                continue
            if not one.values or other is None or not other.values or other.unit != one.unit:
                continue
            yardstick = _yardstick(suite, one.name)
            then, today = (
                in_yardsticks(mine, _find(run, yardstick)) for mine, run in ((other, earlier), (one, now))
            )  # fmt: skip
            whole = before.detail.get(WHOLES.get((suite, one.name), ""))
            old, new = (percentile(series.values, 50.0) for series in (other, one))
            beside = today / then if then and today else None
            yield Moved(suite=suite, name=one.name, unit=one.unit, old=old, new=new, beside=beside, whole=whole)


def _yardstick(suite: str, name: str) -> tuple[str, str]:
    """Return suite and name of what one of ours is told in; names of nothing where there is no such thing."""
    for (of, begins), (its, theirs) in YARDSTICKS.items():
        if suite == of and name.startswith(begins):
            return its, theirs + name.removeprefix(begins)
    paced = any(suite == of and name.startswith(begins) for of, begins in PACED)
    return BARE_WORK if paced else ("", "")


def _find(run: Results, place: tuple[str, str]) -> Series | None:
    suite, name = place
    return run.outcomes[suite].find(name) if suite in run.outcomes else None


def in_yardsticks(mine: Series, bare: Series | None) -> float | None:
    """Return how many of what was timed beside it one of ours takes, at p50; None where nothing was. [any]

    Each is told in the median of those that stand at the same share of the run: its own neighbour alone, where they
    were taken in turn.
    """
    if bare is None or not bare.values:
        return None
    ours, theirs = len(mine.values), len(bare.values)
    edges = [(n * theirs // ours, max((n + 1) * theirs // ours, n * theirs // ours + 1)) for n in range(ours)]
    beside = [percentile(bare.values[begin:end], 50.0) for begin, end in edges]
    return percentile(np.divide(mine.values, beside), 50.0)


def moved_lines(earlier: Results, now: Results) -> list[str]:
    """Return how many medians are apart, and which, the furthest first."""
    both = list(medians(earlier, now))
    apart = sorted((one for one in both if one.beyond), key=lambda one: -abs(one.ratio - 1.0))
    own = sum(one.beyond_the_machine for one in apart)
    lines = [f"{len(both) - len(apart)} of {len(both)} medians are within {TOLERANCE:.0%} of the earlier run's"]
    if own < len(apart):
        lines[0] += f"; {len(both) - own} beside what holds no code of ours and moved with them"
    pace = [_find(run, BARE_WORK) for run in (earlier, now)]
    if (moved := _ratio(*pace)) is not None and abs(moved - 1.0) > TOLERANCE / 2.0:
        lines.append(f"  the machine itself: bare work {moved - 1.0:+.0%}; it was not as quiet in both")
    lines += [one.line for one in apart[:SHOWN]]
    return lines + ([f"  and {len(apart) - SHOWN} more"] if len(apart) > SHOWN else [])


def _ratio(old: Series | None, new: Series | None) -> float | None:
    if old is None or new is None or not old.values or not new.values:
        return None
    return percentile(new.values, 50.0) / percentile(old.values, 50.0)
