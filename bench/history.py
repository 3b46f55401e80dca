"""History: one line of JSON for each run, so that a slow drift over months shows. [control]"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from legando.bench.samples import Results
from legando.realtime.errors import LegandoError


def default_history() -> Path:
    """Return where the history lies unless told otherwise: the user's folder for state. [any]"""
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "legando" / "bench.jsonl"


def line_of(results: Results) -> dict[str, Any]:
    """Return the figures of a run without its raw samples, with all that they depend on. [any]"""
    suites = {}
    for name, outcome in results.outcomes.items():
        if outcome.skipped:
            continue
        suites[name] = {
            one.name: {
                "unit": one.unit,
                **{k: float(f"{v:.5g}") for k, v in one.figures().items()},
                "misses": one.misses,
            }
            for one in outcome.series
        }
    return {**results.machine, "quick": results.quick, "suites": suites}


def append(path: Path, results: Results) -> None:
    """Add a run to a history; a line is written at once, so that two runs never mix. Raises LegandoError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line_of(results)) + "\n")
    except OSError as error:
        raise LegandoError(f"{path} cannot be written ({error.strerror}); choose another with --history") from error
