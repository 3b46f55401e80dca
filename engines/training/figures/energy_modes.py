"""Normal mode against eco mode: energy saved, and whether the music stays what it was. [any]

Both modes play each prompt and seed of the benchmark in the same run, one after the other and the first in turn
(normal, eco, eco, normal), so that whatever else the machine does meets both. Each pair gives one ratio of joules; the
median counts, with a 95 % interval from resamples of the pairs.

"Within noise" means: what a mode changes in a measure (median of the differences of the pairs) is no more than what
another seed changes in it (median of the differences of two seeds in normal mode), or than the least that anybody
would notice (`MEASURES`). Mel distance is judged alike.
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from legando.engines.generator import Generator
from legando.engines.training.figures.desk import Desk, Figure
from legando.engines.training.figures.energy import Block, MakeGenerator, benchmark_of, median, normal_mode, play_block
from legando.engines.training.measures import metrics
from legando.engines.training.measures.energy_meters import Meter
from legando.engines.training.measures.metrics_chords import chord_agreement, chord_labels
from legando.engines.training.measures.metrics_rhythm import beat_phase
from legando.realtime.controls import Controls
from legando.realtime.errors import LegandoError

SEEDS = (0, 1)
SAVING_LEAST = 0.30
_RESAMPLES = 2000


def eco_mode(desk: Desk) -> MakeGenerator:
    """Return what makes a generator in eco mode; LegandoError when this version has none."""
    if "eco" not in inspect.signature(Generator.__init__).parameters:
        raise LegandoError("this version's generator has no eco mode; use a later one")
    return lambda seed: Generator(desk.bundle, seed=seed, eco=True)


def eco_figures(desk: Desk, *, quick: bool = False) -> list[Figure]:
    """Normal mode against eco mode: energy saved, and whether quality stays within what another seed changes."""
    benchmark, seconds = benchmark_of(desk, quick=quick)
    pairs = compare(normal_mode(desk), eco_mode(desk), benchmark, seconds=seconds, on_seconds=desk.on_seconds)
    return saving_figures(pairs, Meter().source) + quality_figures(pairs)


Pair = tuple[Block, Block]
"""The same prompt and seed in normal mode and in the other one."""


def compare(
    normal: MakeGenerator,
    other: MakeGenerator,
    benchmark: Sequence[tuple[str, Controls]],
    *,
    seconds: float,
    seeds: Sequence[int] = SEEDS,
    on_seconds: Callable[[float], None] | None = None,
) -> list[Pair]:
    """Play every prompt and seed in both modes, interleaved; returns pairs in the order of prompts, then seeds."""
    meter, pairs, turn = Meter(), [], 0
    for prompt, controls in benchmark:
        for seed in seeds:
            blocks: dict[int, Block] = {}
            for mode in (0, 1) if turn % 2 == 0 else (1, 0):
                make = (normal, other)[mode]
                blocks[mode] = play_block(
                    make, controls, meter, prompt=prompt, seed=seed, seconds=seconds, on_seconds=on_seconds
                )
            pairs.append((blocks[0], blocks[1]))
            turn += 1
    return pairs


def saving_figures(pairs: Sequence[Pair], source: str) -> list[Figure]:
    """The energy that the other mode saves, by joules and by processor time, with an interval over the pairs."""
    joules = [1.0 - eco.joules_a_second / normal.joules_a_second for normal, eco in pairs]
    thread = [1.0 - eco.cost.thread_s / normal.cost.thread_s for normal, eco in pairs]
    ran = [1.0 - sum(eco.passes.values()) / sum(normal.passes.values()) for normal, eco in pairs]
    low, high = bootstrap(joules)
    return [
        Figure(name=f"eco saves energy, median ({source})", value=float(np.median(joules)), at_least=SAVING_LEAST),
        Figure(name="eco saves energy, low end of 95 %", value=low),
        Figure(name="eco saves energy, high end of 95 %", value=high),
        Figure(name="eco saves processor time of the generating thread", value=float(np.median(thread))),
        Figure(name="eco saves network passes", value=float(np.median(ran))),
        Figure(name="joules a second, normal", value=median(normal.joules_a_second for normal, _ in pairs), unit="J"),
        Figure(name="joules a second, eco", value=median(eco.joules_a_second for _, eco in pairs), unit="J"),
    ]


def quality_figures(pairs: Sequence[Pair]) -> list[Figure]:
    """What the other mode changes, against what another seed changes: 1 or less is within noise."""
    by_prompt: dict[str, list[Block]] = {}
    for normal, _ in pairs:
        by_prompt.setdefault(normal.prompt, []).append(normal)
    seeds = [(a, b) for group in by_prompt.values() for a, b in itertools.pairwise(group)]
    moved_db = median(metrics.mel_distance_db(a.audio, b.audio) for a, b in pairs)
    apart_db = median(metrics.mel_distance_db(a.audio, b.audio) for a, b in seeds)
    out = [
        Figure(name="mel distance, eco from normal", value=moved_db, unit="dB"),
        Figure(name="mel distance, seeds apart", value=apart_db, unit="dB"),
        Figure(name="mel distance, eco / seeds apart", value=moved_db / max(apart_db, 1e-9), at_most=1.0),
    ]
    for name, unit, least, measure in MEASURES:
        values = {id(block): measure(block) for pair in pairs for block in pair}
        shift = median(values[id(b)] - values[id(a)] for a, b in pairs)
        noise = max(least, median(abs(values[id(b)] - values[id(a)]) for a, b in seeds))
        out += [
            Figure(name=f"{name}, normal", value=median(values[id(a)] for a, _ in pairs), unit=unit),
            Figure(name=f"{name}, eco", value=median(values[id(b)] for _, b in pairs), unit=unit),
            Figure(name=f"{name}, eco's change / another seed's", value=abs(shift) / noise, at_most=1.0),
        ]
    return out


def _chords(block: Block) -> float:
    labels = chord_labels(block.score, block.tempo_bpm, block.swing, block.start_s)
    return chord_agreement(block.audio, labels) if labels else math.nan


def _beat_ms(block: Block) -> float:
    return beat_phase(block.audio, block.tempo_bpm, swing=block.swing, start_s=block.start_s).median_ms


MEASURES: tuple[tuple[str, str, float, Callable[[Block], float]], ...] = (
    ("chord agreement", "", 0.02, _chords),
    ("beat error", "ms", 1.0, _beat_ms),
    ("centroid", "Hz", 20.0, lambda block: metrics.spectral_centroid_hz(block.audio)),
    ("loudness", "LUFS", 0.2, lambda block: metrics.loudness_db(block.audio)),
)
"""Name, unit, the least difference that counts, and how it is measured."""


def bootstrap(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the median over resamples of the values (Efron 1979). [any]"""
    rng = np.random.default_rng(0)
    drawn = rng.choice(np.asarray(values), (_RESAMPLES, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
