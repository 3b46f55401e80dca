"""A side of a comparison: a process that makes the same thing again and again when it is told to. [control]

It reads a JSON object a line, `{"run": WHAT, "count": N}`, and answers with one, `{"wall_ns": [...], "cpu_ns": [...]}`;
its first answer is `{"ready": {...}}` or `{"error": SENTENCE}`. `serve` is the other end, for those of our own; a
peer's program in its own environment cannot import legando and speaks the same few lines by itself.
"""

from __future__ import annotations

import json
import select
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from legando.bench.childline import ChildLine
from legando.bench.workerlink import environment
from legando.realtime.errors import LegandoError

READY_S = 150.0
Times = tuple[list[int], list[int]]
"""Nanoseconds on the wall and of the processor, for each call."""


class Side(ChildLine):
    """The handle on one process; use it as a context. Raises LegandoError when it cannot start."""

    def __init__(self, command: Sequence[str], *, foreign: bool = False) -> None:
        """Start; `ready` waits. A `foreign` one finds only what is in its own environment."""
        around = environment()
        if foreign:
            around.pop("PYTHONPATH")
        super().__init__(command, around)

    def ready(self, timeout_s: float = READY_S) -> dict[str, Any]:
        """Wait until it is warm; return what it tells about itself. Raises LegandoError when that takes too long."""
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        if not readable:
            self._process.kill()
            raise LegandoError(f"it was not ready within {timeout_s:g} s")
        told: dict[str, Any] = self._answer()["ready"]
        return told

    def run(self, what: str, count: int) -> Times:
        """Return the times of so many calls."""
        self._tell({"run": what, "count": count})
        answer = self._answer()
        return answer["wall_ns"], answer["cpu_ns"]


def serve(about: Mapping[str, Any], calls: Mapping[str, Callable[[], object]]) -> None:
    """Answer on standard output until standard input ends. [engine]"""
    _say({"ready": dict(about)})
    for line in sys.stdin:
        asked = json.loads(line)
        call, wall, cpu = calls[asked["run"]], [], []
        for _ in range(asked["count"]):
            began_ns, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
            call()
            wall.append(time.perf_counter_ns() - began_ns)
            cpu.append(time.thread_time_ns() - began_cpu)
        _say({"wall_ns": wall, "cpu_ns": cpu})


def refuse(error: object) -> None:
    """Tell why this side cannot run. [engine]"""
    _say({"error": str(error)})


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
