"""The tagger of genres: it learns what can be learned, and is judged by clips that it has not heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.training.measures import musicnn
from legando.engines.training.measures.metrics_embedding import (
    tagger_point,
)
from legando.engines.training.measures.tagger import Tagger, accuracy, cross_validated, fit, same_genre_share
from legando.engines.training.music.clips import pure_style
from legando.engines.training.music.composer import compose
from legando.engines.training.music.renderer import render
from legando.realtime.controls import GENRES
from legando.realtime.errors import LegandoError
from tests.engines.clicked import RATE, Floats, clicks

needs_musicnn = pytest.mark.skipif(musicnn.weights_path() is None, reason="musicnn is not installed")


@pytest.fixture(scope="module")
def music() -> Floats:
    return render(compose(910_002, style=pure_style("synthwave", (0.5, 0.5, 0.5, 0.5)), bars=6, tempo_bpm=110.0))


def small_tagger() -> tuple[Tagger, Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    labels = np.arange(160) % len(GENRES)
    points = np.zeros((160, 276))
    points[:, :40] = rng.standard_normal((160, 40)) * 0.5
    points[np.arange(160), labels] += 3.0
    return fit(points[:96], labels[:96], GENRES), points[96:], labels[96:]


def test_a_tagger_learns_what_can_be_learned_and_comes_back_from_its_file(tmp_path: Path) -> None:
    tagger, points, labels = small_tagger()
    assert accuracy(tagger, points, labels) > 0.9
    assert accuracy(tagger, points, (labels + 1) % len(GENRES)) < 0.1
    tagger.save(tmp_path / "t.safetensors")
    again = Tagger.load(tmp_path / "t.safetensors")
    assert np.allclose(tagger.log_chances(points), again.log_chances(points), atol=1e-3)


def test_a_tagger_is_judged_by_clips_that_it_has_not_heard() -> None:
    _, points, labels = small_tagger()
    assert cross_validated(points, labels) > 0.6
    assert cross_validated(points, np.random.default_rng(0).permutation(labels)) < 0.2


def test_a_tagger_of_other_genres_is_refused(tmp_path: Path) -> None:
    tagger, _, _ = small_tagger()
    replace(tagger, genres=("polka",) * len(GENRES)).save(tmp_path / "t.safetensors")
    with pytest.raises(LegandoError, match="other genres"):
        Tagger.load(tmp_path / "t.safetensors")
    (tmp_path / "t.safetensors").write_bytes(b"not a tagger")
    with pytest.raises(LegandoError, match="cannot read the tagger"):
        Tagger.load(tmp_path / "t.safetensors")


@needs_musicnn
def test_a_take_that_turns_into_something_else_does_not_keep_its_genre(music: Floats) -> None:
    other = clicks(110.0, 12.0)
    windows = np.tile(music[: 12 * RATE], (3, 1)), np.tile(other, (3, 1))
    rng = np.random.default_rng(0)
    points = np.array([tagger_point(window[: 12 * RATE], 110.0) for window in windows])
    tagger = fit(np.repeat(points, 4, 0) + 0.1 * rng.standard_normal((8, 276)), np.repeat([0, 1], 4), GENRES[:2])
    assert same_genre_share(tagger, windows[0], 110.0) == 1.0
    assert same_genre_share(tagger, np.concatenate(windows), 110.0) < 0.9
