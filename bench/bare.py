"""Bare work: what a processor does for a chunk, without our code, as a yardstick of the machine itself. [engine]

A few rows times weights that no near cache holds, as in a denoising step, and a loop of Python, as between networks.
When two runs differ by as much in this, the machine was another, not the code.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from legando.bench.partclock import WHOLE, Row

ROWS, WIDTH, LAYERS = 8, 512, 8
TURNS = 4000


class BareWork:
    """8 MiB of weights and what to do with them. Owned by one thread."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        shape = (LAYERS, WIDTH, WIDTH)
        self._weights: Any = (rng.standard_normal(shape) / np.sqrt(WIDTH)).astype(np.float32)
        self._rows: Any = rng.standard_normal((ROWS, WIDTH)).astype(np.float32)

    def run(self, count: int) -> list[Row]:
        """Do it so often; return the times of each, on the wall and of the thread."""
        made: list[Row] = []
        for _ in range(count):
            wall_ns, cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
            rows = self._rows
            for weights in self._weights:
                rows = rows @ weights
            total = 0
            for number in range(TURNS):
                total += number
            made.append({WHOLE: (time.perf_counter_ns() - wall_ns, time.thread_time_ns() - cpu_ns)})
        return made
