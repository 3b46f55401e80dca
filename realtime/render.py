"""Rendering: the same piece as live, made as fast as the machine can. [control]

The generator's latency is taken off the front, so that a note at frame n of the MIDI file starts at frame n of the
file that comes out. The first 20 ms fade in as those of any stream do (`crossfade.fade_in`). The level is applied here,
as the player would.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from legando.realtime.controls import Controls
from legando.realtime.crossfade import fade_in
from legando.realtime.instrument import Chunk, Generator
from legando.realtime.performing.performance import Performance

Frames = NDArray[np.float32]


@dataclass(slots=True)
class RenderFigures:
    """What a render took: the compute time of each chunk, the frames that it made."""

    sample_rate_hz: int
    chunk_frames: int
    frames: int = 0
    costs_ns: MutableSequence[int] = field(default_factory=lambda: array("q"))

    @property
    def seconds(self) -> float:
        """The length of what was made."""
        return self.frames / self.sample_rate_hz

    @property
    def chunk_ms(self) -> float:
        """The length of one chunk."""
        return 1000.0 * self.chunk_frames / self.sample_rate_hz

    @property
    def rtf(self) -> float:
        """Compute time over audio time, of all chunks."""
        audio_ns = len(self.costs_ns) * self.chunk_frames * 1e9 / self.sample_rate_hz
        return sum(self.costs_ns) / audio_ns if audio_ns else 0.0

    @property
    def slow_chunks(self) -> int:
        """How many chunks took longer than they last."""
        return sum(cost * self.sample_rate_hz > self.chunk_frames * 1_000_000_000 for cost in self.costs_ns)

    def compute_ms(self) -> dict[str, float]:
        """Return p50, p99 (nearest rank) and max of the chunks' compute times in milliseconds."""
        values = np.percentile(np.array(self.costs_ns or [0]) / 1e6, (50.0, 99.0, 100.0), method="inverted_cdf")
        return {name: round(float(value), 3) for name, value in zip(("p50", "p99", "max"), values, strict=True)}


def render(
    generator: Generator,
    performance: Performance,
    frames: int,
    write: Callable[[Frames], None],
    on_chunk: Callable[[Frames, float], None] | None = None,
    on_notes: Callable[[Chunk, Controls], None] | None = None,
) -> RenderFigures:
    """Make `frames` frames and hand them to `write` in blocks of a chunk or less. [control]

    `on_chunk` gets each block and the seconds made so far, `on_notes` each chunk and what it was made with. They must
    copy what they keep.
    """
    figures = RenderFigures(generator.sample_rate_hz, generator.chunk_frames)
    skip = generator.latency_frames
    position = 0
    level = performance.level
    while figures.frames < frames:
        controls = performance.controls_for_chunk(position, generator.chunk_frames, generator.tick)
        began_ns = time.perf_counter_ns()
        chunk = generator.step(controls)
        figures.costs_ns.append(time.perf_counter_ns() - began_ns)
        position += generator.chunk_frames
        if on_notes is not None:
            on_notes(chunk, controls)
        block = apply_level(chunk.frames, level, performance.level)
        level = performance.level
        block, skip = block[skip:], max(0, skip - len(block))
        block = fade_in(block[: frames - figures.frames], figures.frames)
        if len(block):
            write(block)
            figures.frames += len(block)
        if on_chunk is not None:
            on_chunk(block, figures.seconds)
    return figures


def apply_level(frames: Frames, before: float, after: float) -> Frames:
    """Return frames with a gain that moves from `before` to `after`; untouched when both are 1. [any]"""
    if before == after == 1.0:
        return frames
    gain = np.linspace(before, after, len(frames) + 1, dtype=np.float32)[1:, None]
    return frames * gain
