"""Many streams in step with each other: their sequencers, and the ticks that they ask for at once. [engine]"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import read_habits
from legando.engines.bundle import Bundle
from legando.engines.generator import Chunk, checked_latents, checked_steps
from legando.engines.sequencer import Plan, Sequencer
from legando.engines.tune import Ask
from legando.realtime.controls import Controls
from legando.realtime.errors import LegandoError

Tokens = tuple[int, ...]


def sequencers(bundle: Bundle, seeds: Sequence[int]) -> list[Sequencer]:
    """Return one sequencer for each seed. [engine]"""
    habits = read_habits(json.loads(bundle.file("habits.json").read_text()))
    latents = checked_latents(bundle, None)
    return [Sequencer(seed, habits, latents=latents) for seed in seeds]


def compose_all(
    streams: Sequence[Sequencer],
    controls: Sequence[Controls],
    write: Callable[[Mapping[int, Ask]], Mapping[int, Tokens]],
) -> list[Plan]:
    """Return the plan of each stream's next chunk; `write` writes one tick of each stream that asks. [engine]"""
    if len(controls) != len(streams):
        raise LegandoError(f"{len(streams)} streams need as many controls, not {len(controls)}")
    works = [stream.compose(now) for stream, now in zip(streams, controls, strict=True)]
    plans: dict[int, Plan] = {}
    answers: dict[int, Tokens | None] = dict.fromkeys(range(len(works)))
    while answers:
        asks: dict[int, Ask] = {}
        for b, tokens in answers.items():
            try:
                asks[b] = next(works[b]) if tokens is None else works[b].send(tokens)
            except StopIteration as end:
                plans[b] = end.value
        answers = dict(write(asks)) if asks else {}
    return [plans[b] for b in range(len(works))]


def steps_of(controls: Sequence[Controls], default: int) -> int:
    """Return how many steps a chunk of all streams takes: as few as any asks for, as one deadline holds for all."""
    return checked_steps(min(default if now.steps is None else now.steps for now in controls))


def chunk_of(plan: Plan, audio: NDArray[np.float32], peak: tuple[float, float], frames: int, cost_ns: int) -> Chunk:
    """Return what a generator says of a chunk. [engine]"""
    at = plan.number * frames
    return Chunk(audio, at, plan.start_ticks, plan.chord, peak, cost_ns, plan.tokens, plan.struck)
