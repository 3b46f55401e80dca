"""Each control has a measure of its own, which hears it moved."""

from dataclasses import replace

import numpy as np
import pytest

from legando.engines.training.figures.control_effects import MEASURES, MOVES, Effects, effects, spread
from legando.engines.training.measures.control_measures import (
    brightness,
    drive_db,
    events_a_beat,
    pulse,
    space_db,
    strokes_db,
    variety,
)
from legando.engines.training.music.clips import clip_piece, pure_style
from legando.engines.training.music.renderer import render
from legando.realtime.controls import MOODS
from tests.engines.clicked import RATE, clicks


@pytest.mark.parametrize(("mood", "least"), [("brightness", 1.0), ("space", 1.5), ("drive", 1.5)])
def test_a_mood_moves_its_measure_of_the_same_score(mood: str, least: float) -> None:
    measure = {"brightness": brightness, "space": space_db, "drive": drive_db}[mood]
    moved = []
    for genre in ("synthwave", "house"):
        piece = clip_piece(910_002, pure_style(genre, (0.5, 0.5, 0.5, 0.5)), 110.0, 5.0)
        ends = []
        for value in (0.1, 0.9):
            moods = [0.5] * len(MOODS)
            moods[MOODS.index(mood)] = value
            ends.append(measure(render(replace(piece, style=pure_style(genre, moods)))[RATE : 5 * RATE]))
        moved.append(ends[1] - ends[0])
    assert min(moved) > least


def test_drums_are_heard_to_be_gone() -> None:
    piece = clip_piece(910_002, pure_style("house", (0.5, 0.5, 0.5, 0.5)), 110.0, 5.0)
    muted = piece.score.copy()
    muted[:, 1] = 0
    with_drums, without = (
        strokes_db(render(replace(piece, score=score))[RATE : 5 * RATE]) for score in (piece.score, muted)
    )
    assert with_drums > without + 10.0


def test_the_pulse_tells_slow_from_fast() -> None:
    assert pulse(clicks(135.0)) > 0.5
    assert pulse(clicks(90.0)) < -0.5
    assert abs(pulse(clicks(110.0))) < 0.25
    assert pulse(np.zeros((RATE, 2))) == 0.0


def test_events_and_variety_count_what_is_written() -> None:
    score = np.zeros((8, 5), np.int16)
    assert (events_a_beat(score), variety(score)) == (0.0, 1 / 8)
    score[0] = (5, 0b101, 4, 1, 0)  # a chord, two strokes, a bass note, no lead
    assert (events_a_beat(score), variety(score)) == (2.0, 2 / 8)


def sample(**changes: float) -> dict[str, float]:
    return dict.fromkeys(MEASURES, 0.0) | {name.replace("_", " "): value for name, value in changes.items()}


def test_effects_are_in_deviations_of_unmoved_takes() -> None:
    unmoved = [[sample(centroid=c, crest=k) for c, k in ((0.0, 0.0), (2.0, 1.0))], [sample(centroid=5.0)] * 2]
    deviation = spread(unmoved)
    assert deviation[MEASURES.index("centroid")] == pytest.approx(1.0)
    assert deviation[MEASURES.index("crest")] == pytest.approx(0.5)
    move = next(move for move in MOVES if move.name == "brightness")
    pairs = [[(sample(centroid=1.0), sample(centroid=4.0, crest=0.1)), (sample(), sample(centroid=1.0))]]
    found = effects(pairs, deviation, [move])
    assert found.own(0) == pytest.approx(2.0)
    assert found.others(0)["crest"] == pytest.approx(0.1)
    assert found.error[0, MEASURES.index("centroid")] == pytest.approx(1.0)


def test_every_control_has_a_measure_of_its_own_and_others_to_leave_alone() -> None:
    still = Effects(
        moves=MOVES, values=np.zeros((len(MOVES), len(MEASURES))), error=np.zeros((len(MOVES), len(MEASURES)))
    )
    owns = [move.own for move in MOVES if move.name not in ("temperature",)]
    assert len(set(owns)) == len(owns)
    assert all(len(still.others(index)) >= 3 for index in range(len(MOVES)))
