"""The chunk: what the engine's thread spends on one, whole and part by part, while notes are held and played. [engine]

A chunk is a few language ticks (2 in 3 chunks at 124 bpm), one denoiser pass for each step and one to remember, the
decoder and the seam; what is left of the whole is features, masks and noise in NumPy.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from legando.bench.chunks import HOUSE, PLAYING

if TYPE_CHECKING:
    from legando.engines.generator import Generator

pytestmark = pytest.mark.alone

Describe = Callable[..., dict[str, float]]

STEPS = (1, 2, 4, 8)
ROUNDS = 100
ROUNDS_OF_OTHER_STEPS = 40
WARM_UP_ROUNDS = 10


@pytest.fixture(scope="module")
def _generators() -> dict[Path, Generator]:
    return {}


@pytest.fixture
def generator(
    bundle_folder: Path, require: Callable[[bool, str], None], _generators: dict[Path, Generator]
) -> Generator:
    """Return a generator that has played for a second, one for all benches."""
    require(bundle_folder.is_dir(), f"no bundle in {bundle_folder}; name one in LEGANDO_BENCH_BUNDLE")
    from legando.engines.bundle import Bundle
    from legando.engines.generator import Generator

    if bundle_folder not in _generators:
        _generators[bundle_folder] = made = Generator(Bundle.load(bundle_folder))
        for _ in range(12):
            made.step(PLAYING)
    return _generators[bundle_folder]


def figures_of(generator: Generator) -> dict[str, Any]:
    """Return what a timing depends on besides device and commit."""
    return {"chunk_ms": 1000.0 * generator.chunk_frames / generator.sample_rate_hz, "engine": generator.engine}


@pytest.mark.parametrize("steps", [None, *STEPS], ids=["default_steps", *(f"{n}_steps" for n in STEPS)])
def test_chunk(benchmark: Any, describe: Describe, generator: Generator, steps: int | None) -> None:
    controls = replace(PLAYING, steps=steps)
    cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
    rounds = ROUNDS if steps is None else ROUNDS_OF_OTHER_STEPS
    chunk = benchmark.pedantic(generator.step, (controls,), rounds=rounds, iterations=1, warmup_rounds=WARM_UP_ROUNDS)
    cpu_ns, wall_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns
    about = figures_of(generator)
    cpu_ms = cpu_ns / 1e6 / (rounds + WARM_UP_ROUNDS)
    describe(
        benchmark,
        **about,
        steps=generator.default_steps if steps is None else steps,
        cpu_ms_mean=round(cpu_ms, 2),
        cpu_per_wall=round(cpu_ns / wall_ns, 2),
    )
    assert np.isfinite(chunk.frames).all()
    assert cpu_ns <= 1.2 * wall_ns, "the engine must keep to one thread"
    # Processor time, since a busy machine stretches the wall clock; what a chunk may take is for the reader to judge.
    assert cpu_ms <= about["chunk_ms"], "slower than it plays, even on a quiet machine"


def _tick(generator: Generator) -> Callable[[], object]:
    from legando.engines.tune import Ask

    style, ticks = np.asarray(HOUSE, np.float32), itertools.count(1000)
    return lambda: generator._write_tick(Ask(next(ticks), style, PLAYING))


def _seam(generator: Generator) -> Callable[[], object]:
    audio = generator._decoder.outputs["audio"][0].copy()
    return lambda: generator._seam.process(audio)


PARTS: dict[str, Callable[[Generator], Callable[[], object]]] = {
    "language_tick": _tick,
    "denoiser_pass": lambda generator: lambda: generator._denoiser.run(keep=False),
    "decoder": lambda generator: generator._decoder.run,
    "seam": _seam,
}


@pytest.mark.parametrize("part", PARTS)
def test_part(benchmark: Any, describe: Describe, generator: Generator, part: str) -> None:
    """One part on its own, as the generator calls it, with the inputs of the last chunk."""
    run = PARTS[part](generator)
    benchmark.pedantic(run, rounds=ROUNDS, iterations=1, warmup_rounds=WARM_UP_ROUNDS)
    describe(benchmark, **figures_of(generator))
