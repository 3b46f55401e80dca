"""The shipped bundle's ideas: the tune that returns is the tune that was, and every one is music from its first bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from legando.engines.generator import Generator
from legando.engines.score import CHORD, DRUMS
from tests.engines.test_tune import BAR, ideas, play

if TYPE_CHECKING:
    from legando.engines.training.figures.desk import Desk

PHRASE = 8 * BAR
SEEDS = (5, 7, 9, 7, 5)


def test_a_seed_that_returns_is_the_same_tune_for_eight_bars(desk: Desk) -> None:
    steered = ideas(*((n * PHRASE, seed) for n, seed in enumerate(SEEDS) if n), controls=desk.controls(tempo_bpm=240.0))
    score = play(Generator(desk.bundle, seed=SEEDS[0], steps=1), steered, len(SEEDS) * PHRASE)
    first, second, third, back, again = (
        np.array([score[tick] for tick in range(n * PHRASE, (n + 1) * PHRASE)]) for n in range(len(SEEDS))
    )
    assert (second == back).all() and (first == again).all(), "the run's own tune, too"
    assert (second == third).mean() < 0.9 and (first == second).mean() < 0.9, "each seed is another tune"
    for tune in (second, third, back, again):
        assert (tune[:BAR, DRUMS] > 0).sum() >= 2 and (tune[:BAR, CHORD] != 0).any(), "music at once"
