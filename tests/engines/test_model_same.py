"""The shipped bundle answers to its controls, and to nothing else: same in, same out; anything else, another take."""

import numpy as np
import pytest

from legando.engines.training.figures.desk import Desk
from legando.engines.training.figures.evaluate_takes import C_MINOR
from legando.engines.training.figures.takes import Take

SECONDS = 4.0


@pytest.fixture(scope="module")
def take(desk: Desk) -> Take:
    """Return what every other take is compared with."""
    return desk.take(SECONDS)


def test_the_same_take_again_has_the_same_bytes_and_score(desk: Desk, take: Take) -> None:
    again = desk.take(SECONDS)
    assert again.audio.tobytes() == take.audio.tobytes()
    np.testing.assert_array_equal(again.score, take.score)


def test_a_take_is_sound_that_begins_with_its_first_tick(take: Take) -> None:
    assert take.audio.shape[1] == 2
    assert np.isfinite(take.audio).all()
    assert abs(len(take.score) - take.seconds * take.tempo_bpm / 15.0) <= 1
    assert np.sqrt((take.audio**2).mean()) > 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"prompt": "ambient drone with soft pads"},
        {"held": C_MINOR},
        {"tempo_bpm": 126.0},
        {"brightness": 0.95},
        {"muted": frozenset({"drums", "bass", "chord", "lead"})},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_any_other_control_gives_another_take(desk: Desk, take: Take, changes: dict[str, object]) -> None:
    other = desk.take(SECONDS, **changes)  # type: ignore[arg-type]
    assert other.audio.shape == take.audio.shape
    difference, level = (float(np.sqrt((x**2).mean())) for x in (other.audio - take.audio, take.audio))
    assert difference > 0.1 * level  # not a rounding error: at most 20 dB below the music
