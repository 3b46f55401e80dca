"""Loops on other back ends: the same tokens as on the CPU, and ticks of a loop are foreseen as any are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

from legando.engines.bundle import Bundle
from legando.engines.card.batch import BatchGenerator
from legando.engines.card.cardgenerator import CardGenerator
from legando.engines.card.modules import load_modules
from legando.engines.card.torchnetwork import torch_card_networks
from legando.engines.card.torchstage import torch_networks
from legando.engines.generator import Generator
from legando.kernels.shimdevice import Shim
from legando.realtime.controls import Controls
from tests.engines.card.conftest import HOUSE

FAST = replace(HOUSE, tempo_bpm=240.0)
BAR, CHUNKS = 16, 40


def one_bar(tick: float) -> Controls:
    """A bar that repeats until it is let go, with the drums out for a while."""
    muted = frozenset(("drums",)) if 34 < tick < 40 else frozenset[str]()
    return replace(FAST, loop=1 if 20 < tick < 50 else 0, muted=muted)


def two_bars(tick: float) -> Controls:
    """Two bars from the start on; then a held chord, then a key."""
    return replace(FAST, loop=2, held=(57, 60, 64) if 10 < tick < 24 else (), key="C minor" if tick > 40 else None)


STREAMS: tuple[Callable[[float], Controls], ...] = (one_bar, two_bars, lambda _: FAST)


def _compare(bundle: Bundle, many: BatchGenerator | CardGenerator) -> None:
    """Play streams with loops of their own beside one that plays on."""
    alone = [Generator(bundle, seed=seed, steps=1) for seed in many.seeds]
    scores: list[dict[int, tuple[int, ...]]] = [{} for _ in alone]
    for _ in range(CHUNKS):
        controls = [steered(one.tick) for steered, one in zip(STREAMS, alone, strict=True)]
        for mine, one, asked, score in zip(many.step(controls), alone, controls, scores, strict=True):
            theirs = one.step(asked)
            assert mine.tokens == theirs.tokens and mine.chord == theirs.chord and mine.struck == theirs.struck
            score |= dict(theirs.tokens)
    drums = [{tick: tokens[1] for tick, tokens in score.items()} for score in scores]
    assert [drums[0][tick] for tick in range(41, 48)] == [drums[0][tick - BAR] for tick in range(41, 48)]
    assert [drums[1][tick] for tick in range(32, 40)] == [drums[1][tick - 2 * BAR] for tick in range(32, 40)]


def test_streams_of_a_batch_loop_as_each_would_alone(bundle: Bundle) -> None:
    _compare(bundle, BatchGenerator(bundle, [1, 2, 3], networks=torch_networks(bundle, streams=3), steps=1))


def test_the_card_loops_as_the_cpu_and_foresees_each_tick(bundle: Bundle, require: Callable[[bool, str], None]) -> None:
    require(shutil.which("g++") is not None, "g++ is not on the PATH; install it (Debian: apt install g++)")
    networks = torch_card_networks(load_modules(bundle, "cpu"), streams=3, latents=4, device="cpu")
    card = CardGenerator(bundle, [1, 2, 3], device=Shim("ascending"), networks=networks, steps=1)
    _compare(bundle, card)
    card.reset()
    card.step([FAST] * 3)
    looped: dict[int, tuple[int, ...]] = {}
    steady = [replace(FAST, tempo_bpm=180.0, loop=1)] * 3  # slow enough for one tick a chunk
    card.step(steady)
    late = card.late_ticks
    for _ in range(26):
        looped |= dict(card.step(steady)[0].tokens)
    assert card.late_ticks == late, "what a loop puts in place of a token is what the next tick is told"
    assert [looped[tick] for tick in range(20, 26)] == [looped[tick - BAR] for tick in range(20, 26)]
