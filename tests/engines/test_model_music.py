"""The shipped bundle plays in time, in the chord, and what the prompt says; the figures are those of `evaluate`."""

from collections.abc import Callable

import pytest

from legando.engines.training.figures import evaluate_takes
from legando.engines.training.figures.desk import Desk
from legando.engines.training.measures import metrics_chords
from tests.engines.conftest import check


@pytest.mark.parametrize("tempo_bpm", evaluate_takes.TEMPI_BPM)
def test_onsets_fall_on_the_requested_grid(desk: Desk, tempo_bpm: float) -> None:
    check(evaluate_takes.time_figures(desk, 20.0, [tempo_bpm]))


def test_a_held_chord_is_heard_half_as_well_as_in_a_render_of_its_score(
    desk: Desk, require: Callable[[bool, str], None]
) -> None:
    require(metrics_chords.model_path() is not None, "pip install --no-deps basic-pitch==0.4.0")
    check(evaluate_takes.held_chord_figures(desk, 20.0))


def test_the_codec_keeps_the_chords_of_pieces_it_never_saw(desk: Desk, require: Callable[[bool, str], None]) -> None:
    require(metrics_chords.model_path() is not None, "pip install --no-deps basic-pitch==0.4.0")
    check(evaluate_takes.codec_figures(desk, 5, new_instruments=False))


def test_prompts_are_further_apart_than_seeds(desk: Desk) -> None:
    check(evaluate_takes.prompt_figures(desk, 10.0))
