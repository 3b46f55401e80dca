"""Shift: whether one set of times is slower than another, and by how much, with an interval. Pure functions. [any]

Times of one machine have no shape that a formula knows: long tails, several humps. So intervals come from the bootstrap
(Efron 1979), on two levels, since times of one round are alike: rounds are drawn anew, and blocks within each. What is
compared are quantiles of the two sides of the same draw, as a ratio. Counts of misses are compared by the exact
conditional test of two Poisson rates (Przyborowski and Wilenski 1940).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from legando.bench.samples import percentile

Blocks = npt.NDArray[np.float64]
"""Times of one side: rounds, blocks, samples."""

LEVEL = 0.995
"""Of each interval. A comparison looks at a dozen parts by two clocks: one false alarm in about ten comparisons."""
DRAWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How a quantile moved: `ratio` new / old, with an interval, and the two values."""

    ratio: float
    low: float
    high: float
    old: float
    new: float

    @property
    def percent(self) -> str:
        """The shift as text, such as `+20.1 % (+17.0 to +23.2 %)`."""
        moved, low, high = (100.0 * (value - 1.0) for value in (self.ratio, self.low, self.high))
        return f"{moved:+.1f} % ({low:+.1f} to {high:+.1f} %)"


def quantile_shift(old: Blocks, new: Blocks, percent: float, *, seed: int = 0, draws: int = DRAWS) -> Shift:
    """Return how a quantile of `new` compares with that of `old`. [any]

    old, new: (rounds, blocks, samples); a round and a block of both sides were measured next to each other, and are
    drawn together.
    """
    rng = np.random.default_rng(seed)
    rounds, blocks = min(old.shape[0], new.shape[0]), min(old.shape[1], new.shape[1])
    ratios = np.empty(draws)
    for draw in range(draws):
        picked = rng.integers(0, rounds, rounds)[:, None]
        inside = rng.integers(0, blocks, (rounds, blocks))
        ratios[draw] = _ratio(old[picked, inside], new[picked, inside], percent)
    low, high = np.quantile(ratios, [(1.0 - LEVEL) / 2, (1.0 + LEVEL) / 2])
    before, after = (percentile(side, percent) for side in (old, new))
    return Shift(
        ratio=after / max(before, 1e-12), low=float(low), high=float(high), old=float(before), new=float(after)
    )


def more_often(old: int, new: int, old_count: int, new_count: int) -> float:
    """Return how likely chance alone makes `new` of `new_count` events or more, if both sides are alike. [any]"""
    total, share = old + new, new_count / (old_count + new_count)
    return sum(math.comb(total, k) * share**k * (1.0 - share) ** (total - k) for k in range(new, total + 1))


def blocks_of(values: Sequence[float], size: int) -> Blocks:
    """Return one round of whole blocks. [any]"""
    whole = len(values) // size
    return np.asarray(values[: whole * size], np.float64).reshape(1, whole, size)


def _ratio(old: Blocks, new: Blocks, percent: float) -> float:
    return percentile(new, percent) / max(percentile(old, percent), 1e-12)
