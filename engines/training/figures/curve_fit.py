"""What more compute would buy: saturating power laws through a few points, and how unsure they are. [any]

A figure of finished trainings is taken to follow `limit - scale * hours ** -power`, as losses of trainings do (Kaplan
et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556). Points that are few and noisy allow many such
laws, so hours to a target come with what resampled pieces say of them. The straight line through log hours, which knows
no limit, is the other end of what can be hoped for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

POWERS = np.linspace(0.05, 1.5, 59)
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Law:
    """`limit - scale * hours ** -power`; a rising figure has a positive `scale`."""

    limit: float
    scale: float
    power: float

    def at(self, hours: Floats) -> Floats:
        """Return the figure after so many hours."""
        return np.asarray(self.limit - self.scale * np.asarray(hours, np.float64) ** -self.power)

    def hours_to(self, target: float) -> float:
        """Return the hours to a target; infinite where the law never reaches it."""
        if self.limit <= target or self.scale <= 0.0:
            return math.inf
        return float((self.scale / (self.limit - target)) ** (1.0 / self.power))


@dataclass(frozen=True, slots=True)
class Line:
    """`start + slope * log10(hours)`."""

    start: float
    slope: float

    def at(self, hours: Floats) -> Floats:
        """Return the figure after so many hours."""
        return np.asarray(self.start + self.slope * np.log10(hours))

    def hours_to(self, target: float) -> float:
        """Return the hours to a target; infinite for a line that does not rise."""
        exponent = (target - self.start) / self.slope if self.slope > 0.0 else math.inf
        return float(10.0**exponent) if exponent < 12.0 else math.inf


@dataclass(frozen=True, slots=True)
class Outlook:
    """Hours to a target: the best law's and line's, the law's 10 % and 90 % quantiles, the share that never get there.

    `laws` are those of the resampled pieces.
    """

    law: Law
    line: Line
    hours: float
    low: float
    high: float
    never: float
    line_hours: float
    laws: tuple[Law, ...]


def fit_law(hours: Floats, values: Floats, most: float) -> Law:
    """Return the law with the least squared error whose limit is at most `most`; three points or more. [any]"""
    found = Law(float(np.mean(values)), 0.0, 1.0)
    least = float(np.square(values - found.limit).sum())
    for power in POWERS:
        falling = hours**-power
        columns = np.stack([np.ones_like(falling), -falling], 1)
        limit, scale = np.linalg.lstsq(columns, values, rcond=None)[0]
        if limit > most:
            limit, scale = most, float(falling @ (most - values) / (falling @ falling))
        law = Law(float(limit), float(scale), float(power))
        error = float(np.square(law.at(hours) - values).sum())
        if law.scale > 0.0 and error < least:
            found, least = law, error
    return found


def fit_line(hours: Floats, values: Floats) -> Line:
    """Return the line through log hours with the least squared error. [any]"""
    slope, start = np.polyfit(np.log10(hours), values, 1)
    return Line(float(start), float(slope))


def outlook(hours: Floats, scores: Floats, target: float, *, most: float, seed: int = 0) -> Outlook:
    """Extrapolate the medians of scores (budgets, pieces) to a target, with pieces resampled `RESAMPLES` times. [any]

    The same pieces are drawn for all budgets: they were judged on the same ones.
    """
    medians = np.median(scores, 1)
    rng = np.random.default_rng(seed)
    laws = []
    for _ in range(RESAMPLES):
        drawn = rng.integers(0, scores.shape[1], scores.shape[1])
        laws.append(fit_law(hours, np.median(scores[:, drawn], 1), most))
    reached = np.sort([law.hours_to(target) for law in laws])
    law, line = fit_law(hours, medians, most), fit_line(hours, medians)
    return Outlook(
        law,
        line,
        law.hours_to(target),
        float(reached[round(0.1 * (RESAMPLES - 1))]),
        float(reached[round(0.9 * (RESAMPLES - 1))]),
        float(np.isinf(reached).mean()),
        line.hours_to(target),
        tuple(laws),
    )


def smoothed(values: Sequence[float], points: int = 60) -> tuple[Floats, Floats]:
    """Return places (0..len) and means of a long series in stretches that grow by a constant factor. [any]"""
    edges = np.unique(np.r_[0, np.geomspace(1, len(values), points).round().astype(int)])
    series = np.asarray(values, np.float64)
    means = [series[a:b].mean() for a, b in itertools.pairwise(edges)]
    return 0.5 * (edges[:-1] + edges[1:]), np.array(means)


def since_change(means: Floats, rise: float = 1.08) -> int:
    """Return where a smoothed loss last began to fall: after its last rise, which new data or new terms make. [any]"""
    jumps = np.flatnonzero(means[1:] >= rise * means[:-1])
    return int(jumps[-1]) + 1 if len(jumps) else 0
