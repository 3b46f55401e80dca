"""The arranger: a form for ever, the same from any bar, and a plan that says what the composer really wrote."""

from __future__ import annotations

import json

import numpy as np
import pytest

from legando.engines.arranger import PLAN, RATE_GROUPS, Arranger, read_habits, score_rates
from legando.engines.score import BASS, CHORD, DRUMS, LEAD, TICKS_PER_BAR
from legando.engines.training.music.composer import compose
from legando.engines.training.music.habits import measure_habits
from legando.engines.training.networks.score_crops import piece_plan
from legando.realtime.controls import GENRE_SLOTS, GENRES, SECTIONS, STYLE_DIM


@pytest.fixture(scope="module")
def arranger() -> Arranger:
    return Arranger(3, read_habits(json.loads(json.dumps(measure_habits(12)))))


def style_of(genre: str, density: float = 0.5) -> np.ndarray:
    style = np.zeros(STYLE_DIM, np.float32)
    style[GENRES.index(genre)] = 1.0
    style[GENRE_SLOTS:] = 0.5
    style[GENRE_SLOTS] = density
    return style


def test_any_bar_can_be_asked_for_in_any_order(arranger: Arranger) -> None:
    style = style_of("house")
    forwards = [arranger.plan(bar, style)[1].copy() for bar in range(-8, 64)]
    backwards = [arranger.plan(bar, style)[1].copy() for bar in reversed(range(-8, 64))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert len({row.tobytes() for row in forwards}) > 4


def test_every_stretch_of_32_bars_is_mostly_full(arranger: Arranger) -> None:
    for genre in GENRES:
        names = [arranger.bar(bar, style_of(genre)).section for bar in range(512)]
        shares = [names[first : first + 32].count("full") / 32 for first in range(0, 481, 8)]
        assert min(shares) >= 0.5
        assert set(names) > {"full", "build"}


def test_a_section_that_the_performer_holds_overrides_the_form(arranger: Arranger) -> None:
    style = style_of("techno")
    for name in SECTIONS:
        bars = [arranger.bar(bar, style, name) for bar in range(4, 12)]
        assert {bar.section for bar in bars} == {name}
        assert len({bar.parts for bar in bars}) == 1
        assert [bar.first for bar in bars] == [True, False, False, False] * 2


def test_density_raises_the_rates(arranger: Arranger) -> None:
    for genre in GENRES:
        low, high = arranger.rates(style_of(genre, 0.1)), arranger.rates(style_of(genre, 0.9))
        assert (high >= low).all() and high.sum() > 1.2 * low.sum()


def test_seeds_differ_and_repeat(arranger: Arranger) -> None:
    habits = read_habits(measure_habits(12))
    style = style_of("funk")
    rows = [np.stack([Arranger(seed, habits).plan(bar, style)[1].copy() for bar in range(32)]) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])


def test_a_composed_piece_keeps_to_its_plan() -> None:
    for seed in range(40):
        piece = compose(seed)
        plan = piece_plan(piece)
        assert plan.shape == (len(piece.score), PLAN)
        for index, bar in enumerate(piece.bars):
            ticks = piece.score[index * TICKS_PER_BAR : (index + 1) * TICKS_PER_BAR]
            for part, column in (("bass", BASS), ("chord", CHORD), ("lead", LEAD)):
                if part not in bar.parts:
                    assert not (ticks[:, column] >= 2).any()
            if "drums" not in bar.parts:
                assert not ticks[:, DRUMS].any()
        rates = score_rates(piece.score, piece.bars)
        assert rates.shape == (len(RATE_GROUPS),) and (rates >= 0).all() and (rates <= 1).all() and rates.any()
