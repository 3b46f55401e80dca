"""Ideas on other back ends: the same tokens as on the CPU, whoever changes beside it."""

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
from tests.engines.card.conftest import HOUSE
from tests.engines.test_tune import Steered, ideas

FAST = replace(HOUSE, tempo_bpm=200.0)
CHANGES: tuple[Steered, ...] = (
    ideas((16, 7), (32, 3), controls=FAST),
    ideas((32, 9), controls=FAST, notice=9.0),
    lambda _: FAST,
)
CHUNKS = 44


def _compare(bundle: Bundle, many: BatchGenerator | CardGenerator) -> None:
    """Play streams that change ideas on lines of their own, beside one that plays on."""
    alone = [Generator(bundle, seed=seed, steps=1) for seed in many.seeds]
    for _ in range(CHUNKS):
        controls = [steered(one.tick) for steered, one in zip(CHANGES, alone, strict=True)]
        for mine, one, asked in zip(many.step(controls), alone, controls, strict=True):
            theirs = one.step(asked)
            assert mine.tokens == theirs.tokens and mine.chord == theirs.chord
    assert alone[0].tick > 46


def test_streams_of_a_batch_change_ideas_as_each_would_alone(bundle: Bundle) -> None:
    _compare(bundle, BatchGenerator(bundle, [1, 2, 3], networks=torch_networks(bundle, streams=3), steps=1))


def test_the_cards_recorded_graphs_write_the_cpus_ideas(bundle: Bundle, require: Callable[[bool, str], None]) -> None:
    require(shutil.which("g++") is not None, "g++ is not on the PATH; install it (Debian: apt install g++)")
    networks = torch_card_networks(load_modules(bundle, "cpu"), streams=3, latents=4, device="cpu")
    card = CardGenerator(bundle, [1, 2, 3], device=Shim("ascending"), networks=networks, steps=1)
    _compare(bundle, card)
    card.reset()
    assert card.step([FAST] * 3)[2].tokens == Generator(bundle, seed=3, steps=1).step(FAST).tokens
