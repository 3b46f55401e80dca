"""The part clock: how long each part of a chunk takes, inside a real `Generator.step`. [engine]

The generator is not rebuilt: the calls between its parts are wrapped. A part that calls another has its own time alone,
so that the parts and `rest` add up to the whole. Two clocks are read at each border, the wall's and the thread's
processor time: about a microsecond for each border, 15 borders a chunk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from legando.bench.plant import Plant

WHOLE, REST = "whole", "rest"
SCORE, CONDITIONS, STEP, MEMORY = "arranger + language", "conditions", "step", "memory pass"
DECODER, SEAM = "decoder", "seam"
Row = dict[str, tuple[int, int]]
"""Nanoseconds by part: on the wall, of the processor."""


def in_order(names: Collection[str]) -> list[str]:
    """Return names of parts as they come in a chunk, the whole first, the rest last. [any]"""
    fixed = (WHOLE, SCORE, CONDITIONS, STEP, MEMORY, DECODER, SEAM)

    def place(name: str) -> tuple[int, int]:
        kind, _, number = name.partition(f"{STEP} ")
        kind = STEP if number else kind
        return fixed.index(kind) if kind in fixed else len(fixed), int(number or 0)

    return sorted(names, key=place)


class PartClock:
    """Wraps one generator for good. `chunk` makes a chunk and returns its row."""

    def __init__(self, generator: Any, plant: Plant | None = None) -> None:
        """Wrap what there is: another commit's generator may lack a part, whose time is then in `rest`."""
        self._generator = generator
        self._plant = plant or Plant()
        self._row: Row = {}
        self._inner = [0, 0]  # what was spent in parts inside the one that runs
        self._steps = 0
        denoiser = getattr(generator, "_denoiser", None)
        wrapped: list[tuple[Any, str, Callable[..., str]]] = [
            (generator, "_write_tick", lambda **_: SCORE),
            (denoiser, "_condition", lambda **_: CONDITIONS),
            (denoiser, "run", self._pass),
            (getattr(generator, "_decoder", None), "run", lambda **_: DECODER),
            (getattr(generator, "_seam", None), "process", lambda **_: SEAM),
        ]
        for owner, name, part in wrapped:
            if hasattr(owner, name):
                setattr(owner, name, self._wrap(getattr(owner, name), part))

    def chunk(self, controls: Any) -> tuple[Row, Any]:
        """Make one chunk; return the time of each part and the chunk."""
        self._row, self._inner, self._steps = {}, [0, 0], 0
        began_ns, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        self._plant.chunk()
        chunk = self._generator.step(controls)
        wall_ns, cpu_ns = time.perf_counter_ns() - began_ns, time.thread_time_ns() - began_cpu
        self._row[REST] = wall_ns - self._inner[0], cpu_ns - self._inner[1]
        self._row[WHOLE] = wall_ns, cpu_ns
        return self._row, chunk

    def _pass(self, *, keep: bool = True) -> str:
        if keep:
            return MEMORY
        self._steps += 1
        return f"{STEP} {self._steps}"

    def _wrap(self, call: Callable[..., Any], name_of: Callable[..., str]) -> Callable[..., Any]:
        def timed(*given: Any, **words: Any) -> Any:
            name = name_of(**words)
            outer, self._inner = self._inner, [0, 0]
            began_ns, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
            result = call(*given, **words)
            self._plant.after(name, time.thread_time_ns() - began_cpu - self._inner[1])
            wall_ns, cpu_ns = time.perf_counter_ns() - began_ns, time.thread_time_ns() - began_cpu
            before = self._row.get(name, (0, 0))
            self._row[name] = before[0] + wall_ns - self._inner[0], before[1] + cpu_ns - self._inner[1]
            outer[0] += wall_ns
            outer[1] += cpu_ns
            self._inner = outer
            return result

        return timed
