"""Sections of a check: each stands alone; one that fails says why in a line, and the others go on. [control]"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Section:
    """What a section found, or the reason why it found nothing."""

    name: str
    seconds: float
    found: Any = None
    reason: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON takes it. [control]"""
        told = {"found": self.found} if self.reason is None else {"reason": self.reason}
        return {"seconds": round(self.seconds, 2), **told}


def run_sections(work: Mapping[str, Callable[[], Any]]) -> Iterator[Section]:
    """Run one section after the other; an error of any kind ends its own section alone. [control]"""
    for name, do in work.items():
        began = time.perf_counter()
        found, reason = None, None
        try:
            found = do()
        except Exception as error:  # CUDA, torch and the operating system share no base class
            reason = " ".join(f"{error}".split()) or type(error).__name__
            reason = reason if len(reason) < 400 else f"{reason[:400]} ..."
        yield Section(name, time.perf_counter() - began, found, reason)


def spread(values_ms: Sequence[float]) -> dict[str, float]:
    """Return count, p50, p99, p99.9 and the largest of some times, in milliseconds. [any]"""
    levels = np.percentile(values_ms, (50.0, 99.0, 99.9, 100.0))
    names = ("p50", "p99", "p99.9", "max")
    return {"count": len(values_ms)} | {n: round(float(v), 4) for n, v in zip(names, levels, strict=True)}


def timed(step: Callable[[], object], *, seconds: float, least: int, most: int) -> list[float]:
    """Return how long each `step` takes, in ms: `most` of them, or fewer when `seconds` are over, after `least`."""
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < most and (len(taken) < least or time.perf_counter() - began < seconds):
        start = time.perf_counter_ns()
        step()
        taken.append((time.perf_counter_ns() - start) / 1e6)
    return taken
