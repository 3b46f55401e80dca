"""Samples: raw times as they were measured, and the few figures that are made of them. [any]

Raw values are kept, warm-up apart, so that whoever doubts a percentile can make it again. Percentiles are of nearest
rank: each is a value that was measured. No mean is made anywhere: a listener hears the worst chunk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

PERCENTS = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
FORMAT = 1
"""Version of the JSON that `Results.plain` makes."""


def percentile(values: Sequence[float] | npt.NDArray[np.float64], percent: float) -> float:
    """Return the least value that `percent` of all do not exceed (nearest rank). [any]"""
    ordered = np.asarray(values).ravel()
    rank = max(0, math.ceil(ordered.size * percent / 100.0 - 1e-9) - 1)  # 99.9 % of 1000 is the 999th
    return float(np.partition(ordered, rank)[rank])


def rounded(values: Sequence[float]) -> list[float]:
    """Return values with six significant digits: finer than any clock here, shorter in a file. [any]"""
    return [float(f"{value:.6g}") for value in values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What was measured of one thing. `deadline` is what a value may not exceed, in the same unit.

    `cpu` is the processor time of the same samples, where that was counted; `part` tells that another series of the
    suite contains this one.
    """

    name: str
    unit: str
    values: list[float]
    warm_up: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    deadline: float | None = None
    part: bool = False

    @property
    def misses(self) -> int | None:
        """How many values exceed the deadline; None where there is none."""
        return None if self.deadline is None else sum(value > self.deadline for value in self.values)

    def figures(self) -> dict[str, float]:
        """Return the percentiles that count; empty without values."""
        return {name: percentile(self.values, rank) for name, rank in PERCENTS.items()} if self.values else {}

    def plain(self) -> dict[str, Any]:
        """Return everything for a JSON file: raw values and the figures that can be made of them again."""
        kept = replace(self, values=rounded(self.values), warm_up=rounded(self.warm_up), cpu=rounded(self.cpu))
        return {**asdict(kept), "figures": kept.figures(), "count": len(kept.values), "misses": kept.misses}

    @staticmethod
    def read(plain: Mapping[str, Any]) -> Series:
        """Return the series of a JSON file."""
        names = ("name", "unit", "values", "warm_up", "cpu", "deadline", "part")
        return Series(**{name: plain[name] for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one suite came to. `skipped` says why it did not run; `detail` is what does not fit a series."""

    suite: str
    seconds: float = 0.0
    series: list[Series] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)
    skipped: str = ""

    def find(self, name: str) -> Series | None:
        """Return the series of that name."""
        return next((one for one in self.series if one.name == name), None)

    def plain(self) -> dict[str, Any]:
        """Return everything for a JSON file."""
        series = [one.plain() for one in self.series]
        return {"seconds": round(self.seconds, 2), "series": series, "detail": self.detail, "skipped": self.skipped}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run of the bench: the machine, and what each suite came to."""

    machine: dict[str, Any]
    outcomes: dict[str, Outcome]
    quick: bool = False

    def plain(self) -> dict[str, Any]:
        """Return everything for a JSON file."""
        suites = {name: outcome.plain() for name, outcome in self.outcomes.items()}
        return {"format": FORMAT, "quick": self.quick, "machine": self.machine, "suites": suites}

    @staticmethod
    def read(plain: Mapping[str, Any]) -> Results:
        """Return the results of a JSON file. Raises KeyError or TypeError for anything else."""
        if plain["format"] != FORMAT:
            raise KeyError(f"format {plain['format']}")
        outcomes = {
            name: Outcome(
                suite=name,
                seconds=told["seconds"],
                series=[Series.read(one) for one in told["series"]],
                detail=told["detail"],
                skipped=told["skipped"],
            )
            for name, told in plain["suites"].items()
        }
        return Results(machine=plain["machine"], outcomes=outcomes, quick=plain["quick"])
