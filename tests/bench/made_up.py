"""Results of a bench that never ran, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from legando.bench.samples import Outcome, Results, Series
from legando.bench.suite_chunk import Sittings, held_outcome, series_of

PARTS = {"arranger + language": 1.0, "step 1": 2.0, "step 2": 2.0, "memory pass": 2.0, "decoder": 4.0, "rest": 1.0}
CHUNKS = 300


def outcome_of(sittings: Sittings) -> Outcome:
    """Run a suite that sits several times, without a pause."""
    while True:
        try:
            next(sittings)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def about() -> dict[str, Any]:
    return {"chunk_ms": 80.0, "engine": "none", "steps": 4, "latency_ms": 10.0}


def chunk_series(
    scale: dict[str, float] | None = None, cost_ms: dict[int, float] | None = None, seed: int = 0
) -> list[Series]:
    """Return series of chunks whose parts take what `PARTS` says, times `scale`; `cost_ms` sets single chunks."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(-12, CHUNKS):
        row = {
            name: (int(1e6 * ms * (scale or {}).get(name, 1.0) * (1.0 + 0.1 * rng.random())),) * 2
            for name, ms in PARTS.items()
        }
        whole = sum(wall for wall, _ in row.values())
        row["whole"] = (int(1e6 * (cost_ms or {}).get(number, whole / 1e6)), whole)
        rows.append(row)
    return series_of("as played", rows, 12, 72.0)


def results(
    *,
    late_ms: dict[int, float] | None = None,
    cost_ms: dict[int, float] | None = None,
    scale: dict[str, float] | None = None,
    device: str = "a machine",
    seed: int = 0,
) -> Results:
    """Return results of the suites chunk and held."""
    held = [
        {
            "at_s": 0.08 * number,
            "slack_ms": -(late_ms or {}).get(number, -6.0),
            "left_ms": 45.3 - (late_ms or {}).get(number, -6.0),
            "cost_ms": 20.0,
            "cpu_ms": 20.0,
            "steps": 4 if number % 50 else 3,
            "warm": number >= 0,
            "priority": 40,
        }
        for number in range(-10, CHUNKS)
    ]
    machine = {
        "made": "2026-01-01T00:00:00+00:00", "commit": "abc", "legando": "0", "device": device, "system": "none",
        "versions": {"numpy": "2"}, "governor": "unknown", "priority": 40, "load": [0.1, 0.1, 0.1],
    }  # fmt: skip
    chunk = Outcome(suite="chunk", series=chunk_series(scale, cost_ms, seed), detail={"normal": about()})
    return Results(machine=machine, outcomes={"chunk": chunk, "held": held_outcome(held, about())})
