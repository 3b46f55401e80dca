"""Takes: what a bundle plays under fixed controls, kept together with the score it wrote. [any]"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
from legando.engines.groove import swing_of
from legando.engines.score import Score
from legando.realtime.controls import PARTS, Controls

Style = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Some seconds of a generator's output.

    `audio` is (frames, 2); `score` (ticks, 5), its first tick sounding at `start_s` of the audio; `cpu_s` is processor
    time of the thread that generated, `costs_ms` what each chunk took by the clock on the wall.
    """

    audio: NDArray[np.float32]
    score: Score
    tempo_bpm: float
    swing: float
    start_s: float
    chunk_frames: int
    sample_rate_hz: int
    costs_ms: NDArray[np.float64]
    cpu_s: float

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.audio) / self.sample_rate_hz

    def minute(self, start_s: float) -> NDArray[np.float32]:
        """Return a minute of the audio, views not copies."""
        return self.audio[round(start_s * self.sample_rate_hz) : round((start_s + 60.0) * self.sample_rate_hz)]


def play(
    bundle: Bundle,
    controls: Controls,
    *,
    seconds: float,
    seed: int = 0,
    on_chunk: Callable[[float], None] | None = None,
) -> Take:
    """Play a bundle under unchanging controls; `on_chunk` is told the seconds made so far. [any]"""
    generator = Generator(bundle, seed=seed)
    count = -(-round(seconds * generator.sample_rate_hz) // generator.chunk_frames)
    audio = np.empty((count * generator.chunk_frames, generator.channels), np.float32)
    costs = np.empty(count)
    score: list[tuple[int, ...]] = []
    before = time.thread_time()
    for index in range(count):
        chunk = generator.step(controls)
        audio[index * generator.chunk_frames : (index + 1) * generator.chunk_frames] = chunk.frames
        costs[index] = chunk.cost_ns / 1e6
        score += [tuple(tokens) for _, tokens in chunk.tokens]
        if on_chunk is not None:
            on_chunk((index + 1) * generator.chunk_frames / generator.sample_rate_hz)
    return Take(
        audio=audio,
        score=np.array(score, np.int16).reshape(-1, len(PARTS)),
        tempo_bpm=controls.tempo_bpm,
        swing=swing_of(controls.style),
        start_s=generator.latency_frames / generator.sample_rate_hz,
        chunk_frames=generator.chunk_frames,
        sample_rate_hz=generator.sample_rate_hz,
        costs_ms=costs,
        cpu_s=time.thread_time() - before,
    )


def memory_growth_mb(bundle: Bundle, controls: Controls, *, seconds: float, settle_s: float = 10.0) -> float:
    """Return by how much the process grows while a generator plays for `seconds`, after settling. Linux only. [any]

    Nothing that is generated is kept.
    """
    generator = Generator(bundle, seed=0)
    chunk_s = generator.chunk_frames / generator.sample_rate_hz
    for _ in range(round(settle_s / chunk_s)):
        generator.step(controls)
    settled = _resident_mb()
    for _ in range(round(seconds / chunk_s)):
        generator.step(controls)
    return _resident_mb() - settled


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) / 1024.0
    raise OSError("/proc/self/status names no VmRSS")
