"""What a second of music costs on a fixed list of prompts: joules, processor time, network passes. [any]"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legando.engines.generator import Generator
from legando.engines.groove import swing_of, tempo_of
from legando.engines.score import Score
from legando.engines.training.figures.desk import Desk, Figure
from legando.engines.training.measures import passes
from legando.engines.training.measures.energy_meters import Meter, Spent, spent
from legando.realtime.controls import PARTS, Controls

PROMPTS = (
    "deep house",
    "dark warehouse techno",
    "fast drum and bass",
    "ambient drone with soft pads",
    "dusty lo-fi beat",
    "smoky jazz trio",
    "sunny funk guitar",
    "slow trap with heavy bass",
)
SECONDS, QUICK_SECONDS, QUICK_PROMPTS = 20.0, 8.0, 3
LENGTHS_S = (10, 30)

MakeGenerator = Callable[[int], Generator]
"""Seed to a generator of one mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One benchmark take of one mode, and what it cost after its first chunk."""

    prompt: str
    seed: int
    audio: NDArray[np.float32]
    score: Score
    tempo_bpm: float
    swing: float
    start_s: float
    seconds: float
    cost: Spent
    passes: Counter[str]
    start_passes: Counter[str]

    @property
    def joules_a_second(self) -> float:
        """Joules for each second of audio."""
        return self.cost.joules / self.seconds


def play_block(
    make: MakeGenerator,
    controls: Controls,
    meter: Meter,
    *,
    prompt: str,
    seed: int,
    seconds: float,
    on_seconds: Callable[[float], None] | None = None,
) -> Block:
    """Play one take and measure it; loading, warm-up and the first chunk with its pre-roll are not in the cost."""
    generator = make(seed)
    frames = generator.chunk_frames
    count = max(2, math.ceil(seconds * generator.sample_rate_hz / frames))
    audio = np.empty((count * frames, generator.channels), np.float32)
    score: list[tuple[int, ...]] = []
    with passes.counted() as runs:
        before, start_passes = meter.read(), Counter[str]()
        for index in range(count):
            chunk = generator.step(controls)
            audio[index * frames : (index + 1) * frames] = chunk.frames
            score += [tuple(tokens) for _, tokens in chunk.tokens]
            if index == 0:
                start_passes = runs.copy()
                before = meter.read()
            if on_seconds is not None:
                on_seconds(frames / generator.sample_rate_hz)
        after = meter.read()
    return Block(
        prompt=prompt,
        seed=seed,
        audio=audio,
        score=np.array(score, np.int16).reshape(-1, len(PARTS)),
        tempo_bpm=controls.tempo_bpm,
        swing=swing_of(controls.style),
        start_s=generator.latency_frames / generator.sample_rate_hz,
        seconds=(count - 1) * frames / generator.sample_rate_hz,
        cost=spent(before, after),
        passes=Counter({name: runs[name] - start_passes[name] for name in runs}),
        start_passes=start_passes,
    )


def normal_mode(desk: Desk) -> MakeGenerator:
    """Return what makes a generator in normal mode."""
    return lambda seed: Generator(desk.bundle, seed=seed)


def benchmark_of(desk: Desk, *, quick: bool) -> tuple[list[tuple[str, Controls]], float]:
    """Return the benchmark's prompts with their controls, and how long each plays. [any]"""
    prompts = PROMPTS[:QUICK_PROMPTS] if quick else PROMPTS
    styles = [(prompt, desk.controls(prompt).style) for prompt in prompts]
    return [(p, Controls(style=style, tempo_bpm=round(tempo_of(style)))) for p, style in styles], (
        QUICK_SECONDS if quick else SECONDS
    )


def energy_figures(desk: Desk, *, quick: bool = False) -> list[Figure]:
    """Joules for each second of audio and network passes, in normal mode; no targets, which machines would decide."""
    benchmark, seconds = benchmark_of(desk, quick=quick)
    meter = Meter()
    blocks = [
        play_block(
            normal_mode(desk), controls, meter, prompt=prompt, seed=0, seconds=seconds, on_seconds=desk.on_seconds
        )
        for prompt, controls in benchmark
    ]
    thread = np.array([block.cost.thread_s / block.seconds for block in blocks])
    others = np.array([block.cost.other_threads_s / block.seconds for block in blocks])
    return [
        Figure(
            name=f"joules a second of audio ({meter.source})",
            value=median(block.joules_a_second for block in blocks),
            unit="J",
        ),
        Figure(name="processor time a second of audio, generating thread", value=float(np.median(thread)), unit="s"),
        Figure(name="processor time a second of audio, other threads", value=float(np.median(others)), unit="s"),
        *passes_figures(blocks, desk.bundle.manifest["sizes"]["parameters"]),
    ]


def passes_figures(blocks: Sequence[Block], parameters: dict[str, int]) -> list[Figure]:
    """Passes a second by network, and for 10 and 30 s from the first chunk on, beside the published figures."""
    length_s = sum(block.seconds for block in blocks)
    running = sum((block.passes for block in blocks), Counter())
    rates = {name: running[name] / length_s for name in sorted(running)}
    starting = sum(sum(block.start_passes.values()) for block in blocks) / len(blocks)
    rate = sum(rates.values())
    out = [Figure(name=f"passes a second, {name}", value=value) for name, value in rates.items()]
    out.append(Figure(name="passes a second", value=rate))
    for seconds in LENGTHS_S:
        total = starting + rate * seconds  # the pre-roll, then music
        out += [
            Figure(name=f"passes for {seconds} s", value=total),
            Figure(name=f"passes for {seconds} s, MusicLM", value=passes.musiclm_passes(seconds)),
            Figure(name=f"passes for {seconds} s, MeLoDy, as published", value=passes.melody_passes(seconds)),
            Figure(name=f"fewer passes than MusicLM, {seconds} s", value=100 * passes.fewer(total, seconds), unit="%"),
            Figure(
                name=f"fewer passes than MusicLM, {seconds} s, MeLoDy",
                value=100 * passes.MELODY_FEWER[seconds],
                unit="%",
            ),
        ]
    read = passes.weights_read(rates, parameters)
    musiclm = passes.MUSICLM_PASSES_A_SECOND * passes.MUSICLM_PARAMETERS
    out += [
        Figure(name="weights read a second of audio", value=read / 1e6, unit="M"),
        Figure(name="MusicLM's weights read / ours", value=musiclm / max(read, 1.0), unit="x"),
    ]
    return out


def median(values: Iterable[float]) -> float:
    """Return the median of the values that are numbers; NaN without any (a beatless take has no beat error). [any]"""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.median(finite)) if finite else math.nan
