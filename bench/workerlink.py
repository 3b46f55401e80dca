"""The bench's handle on a worker process; any tree of legando can be the worker's. [control]"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from legando.bench.childline import ChildLine
from legando.bench.partclock import Row
from legando.realtime.child import with_huge_pages
from legando.realtime.errors import LegandoError

_QUIET = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child that finds the same packages and starts no thread pools. [any]"""
    return os.environ | _QUIET | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | more


class Worker(ChildLine):
    """One worker; use it as a context. Raises LegandoError when it cannot load its bundle."""

    def __init__(
        self, *, bundle: Path | None = None, eco: bool = False, path: str | None = None, plant: str | None = None
    ) -> None:
        """Start and wait until it is warm. `path`: where legando is found, instead of here; `plant`: see `plant`."""
        command = [sys.executable, "-m", "legando.bench.worker"]
        command += ["--bundle", str(bundle)] if bundle is not None else []
        command += ["--eco"] if eco else []
        more = {} if path is None else {"PYTHONPATH": path}
        if plant is not None:
            more["LEGANDO_BENCH_PLANT"] = plant
        super().__init__(command, with_huge_pages(environment(**more)))  # as the engine's process is started
        self.about: dict[str, Any] = self._answer()["about"]

    def run(self, way: str, count: int) -> list[Row]:
        """Return the times of so many chunks."""
        self._tell({"run": way, "count": count})
        rows: list[Row] = self._answer()["rows"]
        return rows

    def bare(self, count: int) -> list[Row]:
        """Return the times of so much work that is not ours (`bare`)."""
        self._tell({"bare": count})
        rows: list[Row] = self._answer()["rows"]
        return rows

    def hold(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Play in real time; yield what became of each chunk."""
        self._tell({"hold": seconds})
        while chunk := self._answer():
            yield chunk

    def refused(self, error: str) -> LegandoError:
        """End it, and return why."""
        self.close()
        return LegandoError(f"the bench's worker cannot go on: {error}")
