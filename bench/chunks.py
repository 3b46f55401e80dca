"""Chunks on the bench: one real generator under a part clock, and the ways in which it is asked to play. [engine]"""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from legando.bench.partclock import PartClock, Row
from legando.bench.plant import Plant
from legando.realtime.controls import MOODS, STYLE_DIM, Controls, NoteEvent

HOUSE = tuple(float(i == 0) for i in range(STYLE_DIM - len(MOODS))) + (0.5,) * len(MOODS)
PLAYING = Controls(
    style=HOUSE,
    tempo_bpm=124.0,
    held=(60, 63, 67),
    notes=(NoteEvent(offset_frames=100, pitch=72, velocity=0.8), NoteEvent(offset_frames=2000, pitch=72, velocity=0.0)),
)
"""What a performer does while chunks are timed: a chord is held, a note is played in each chunk."""
WARM_UP_CHUNKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a generator is asked to play; `steps` None is the bundle's own number."""

    name: str
    steps: int | None = None
    eco: bool = False

    @property
    def controls(self) -> Controls:
        """The snapshot for every chunk."""
        return replace(PLAYING, steps=self.steps)


WAYS = {
    way.name: way
    for way in (
        Way(name="as played"),
        Way(name="2 steps", steps=2),
        Way(name="4 steps", steps=4),
        Way(name="8 steps", steps=8),
        Way(name="eco", eco=True),
    )
}


class ChunkBench:
    """One generator, warm, with a part clock on it."""

    def __init__(self, bundle: Path | None, *, eco: bool = False) -> None:
        """Load. Raises BundleError."""
        from legando.engines.bundle import Bundle, default_path
        from legando.engines.generator import Generator

        self.generator = Generator(Bundle.load(bundle or default_path()), eco=eco)
        self.clock = PartClock(self.generator, Plant.of_environment())

    @property
    def about(self) -> dict[str, Any]:
        """What timings depend on."""
        made = self.generator
        return {
            "chunk_ms": 1000.0 * made.chunk_frames / made.sample_rate_hz,
            "engine": made.engine,
            "steps": made.default_steps,
            "latency_ms": 1000.0 * made.latency_frames / made.sample_rate_hz,
        }

    def run(self, way: str, count: int) -> list[Row]:
        """Make chunks one after the other; return the times of each."""
        rows = []
        for _ in range(count):
            rows.append(self.clock.chunk(WAYS[way].controls)[0])
            gc.collect(0)  # as the engine does, between chunks
        return rows
