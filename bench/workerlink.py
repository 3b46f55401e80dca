"""The bench's handle on a worker process; any tree of legando can be the worker's. [control]"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from legando.bench.partclock import Row
from legando.realtime.closing import Closing
from legando.realtime.errors import LegandoError

_QUIET = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a child that finds the same packages and starts no thread pools. [any]"""
    return os.environ | _QUIET | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | more


class Worker(Closing):
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
        self._noise = tempfile.TemporaryFile("w+")  # noqa: SIM115  lives as long as the process
        self._process = subprocess.Popen(
            command,
            env=environment(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
        )
        self.about: dict[str, Any] = self._answer()["about"]

    def run(self, way: str, count: int) -> list[Row]:
        """Return the times of so many chunks."""
        self._ask({"run": way, "count": count})
        rows: list[Row] = self._answer()["rows"]
        return rows

    def hold(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Play in real time; yield what became of each chunk."""
        self._ask({"hold": seconds})
        while chunk := self._answer():
            yield chunk

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._noise.close()

    def _ask(self, words: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            error = answer["error"]
            self.close()
            raise LegandoError(f"the bench's worker cannot go on: {error}")
        return answer

    def _last_words(self) -> str:
        self._process.wait(5.0)
        self._noise.seek(0)
        said = self._noise.read().strip().rpartition("\n")[2]
        return f"{said or 'it said nothing'} (status {self._process.returncode})"
