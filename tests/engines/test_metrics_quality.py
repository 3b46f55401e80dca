"""The measures of quality: codec score, embedding, kernel distance, breakdowns, control effects, tagger."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from legando.engines.training.measures import metrics_codec, musicnn
from legando.engines.training.measures.metrics_embedding import (
    bar_pattern,
    clip_embedding,
    halves_distance,
    high_bands,
    kernel_bandwidth,
    kernel_distance,
)
from legando.engines.training.measures.tensor_bundle import read_tensors
from legando.engines.training.music.clips import pure_style, render_clip
from legando.engines.training.music.composer import compose
from legando.engines.training.music.renderer import render
from legando.realtime.errors import LegandoError
from tests.engines.clicked import RATE, Floats, stereo

needs_musicnn = pytest.mark.skipif(musicnn.weights_path() is None, reason="musicnn is not installed")
needs_zimtohrli = pytest.mark.skipif(not metrics_codec.available(), reason="zimtohrli is not installed")


@pytest.fixture(scope="module")
def music() -> Floats:
    return render(compose(910_002, style=pure_style("synthwave", (0.5, 0.5, 0.5, 0.5)), bars=6, tempo_bpm=110.0))


@needs_zimtohrli
def test_a_copy_scores_five_and_worse_copies_score_less(music: Floats) -> None:
    music = music[: 3 * RATE]
    dull = sosfilt(butter(2, 2000.0, fs=RATE, output="sos"), music, axis=0)
    other = np.random.default_rng(0).standard_normal(music.shape) * 0.1
    scores = [metrics_codec.opinion_score(music, again) for again in (music, dull, other)]
    assert scores[0] == pytest.approx(5.0, abs=0.01)
    assert scores[0] > scores[1] + 0.2 > scores[2] + 0.4


def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".index").write_bytes(b"\0" * 100)
    (tmp_path / ".data-00000-of-00001").write_bytes(b"")
    with pytest.raises(LegandoError, match="is damaged"):
        read_tensors(tmp_path)
    with pytest.raises(LegandoError, match="cannot read"):
        read_tensors(tmp_path / "nowhere")


@needs_musicnn
def test_a_checkpoint_cut_short_is_refused(tmp_path: Path) -> None:
    folder = musicnn.weights_path()
    assert folder is not None
    shutil.copy(folder / ".index", tmp_path)
    (tmp_path / ".data-00000-of-00001").write_bytes((folder / ".data-00000-of-00001").read_bytes()[:1_000_000])
    with pytest.raises(LegandoError, match="is damaged"):
        read_tensors(tmp_path)


@needs_musicnn
def test_the_checkpoint_holds_the_network_of_the_paper() -> None:
    folder = musicnn.weights_path()
    assert folder is not None
    tensors = read_tensors(folder)
    assert tensors["conv2d/kernel"].shape == (7, 38, 1, 204)
    assert tensors["conv2d_2/kernel"].shape == (128, 1, 1, 51)
    assert tensors["dense/kernel"].shape == (1506, 200)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    assert min(tensors[name].min() for name in tensors if name.endswith("moving_variance")) >= 0.0


@needs_musicnn
def test_musicnn_hears_jazz_and_ambient_music_for_what_they_are() -> None:
    style = (0.4, 0.5, 0.5, 0.4)
    heard = {
        genre: [
            musicnn.tag_chances(render_clip(seed, pure_style(genre, style), 100.0, seconds=9.0))
            for seed in range(910_003, 910_007)  # one piece alone may well sound like something else
        ]
        for genre in ("jazz", "ambient")
    }
    mean = {genre: {tag: np.mean([one[tag] for one in ones]) for tag in ones[0]} for genre, ones in heard.items()}
    assert mean["jazz"]["jazz"] > 1.5 * mean["ambient"]["jazz"]
    assert mean["ambient"]["ambient"] > 3.0 * mean["jazz"]["ambient"]
    assert all(tags["electronic"] > 3.0 * tags["metal"] for tags in mean.values())


@needs_musicnn
def test_the_level_does_not_count_and_the_sound_does(music: Floats) -> None:
    point, soft = clip_embedding(music[: 4 * RATE]), clip_embedding(0.25 * music[: 4 * RATE])
    dull = clip_embedding(sosfilt(butter(2, 1500.0, fs=RATE, output="sos"), music[: 4 * RATE], axis=0))
    assert np.linalg.norm(point - soft) < 0.02 * np.linalg.norm(point)
    assert np.linalg.norm(point[:200] - dull[:200]) > 0.1 * np.linalg.norm(point[:200])


def test_high_bands_hear_what_musicnn_cannot() -> None:
    noise = np.random.default_rng(0).standard_normal(2 * RATE) * 0.1
    cut = sosfilt(butter(8, 9000.0, fs=RATE, output="sos"), noise)
    assert high_bands(stereo(noise))[5] > high_bands(stereo(cut))[5] + 20.0


def test_the_bar_pattern_shows_the_ticks_that_are_struck() -> None:
    tempo, rng = 120.0, np.random.default_rng(0)
    audio = 1e-4 * rng.standard_normal(8 * RATE)
    hat = sosfilt(butter(4, 7000.0, "highpass", fs=RATE, output="sos"), rng.standard_normal(1500))
    for bar in range(4):
        for tick in (2, 6, 10, 14):
            at = round((16 * bar + tick) * 0.125 * RATE) + 240  # a little late, as swing is
            audio[at : at + 1500] += 0.3 * hat * np.exp(-np.arange(1500) / 400)
    highs = bar_pattern(stereo(audio), tempo).reshape(4, 16)[3]
    assert set(np.argsort(highs)[-4:].tolist()) == {2, 6, 10, 14}
    later = bar_pattern(stereo(np.concatenate([np.zeros(6000), audio])), tempo, 6000 / RATE).reshape(4, 16)[3]
    assert set(np.argsort(later)[-4:].tolist()) == {2, 6, 10, 14}


def test_the_kernel_distance_of_one_kind_is_nothing_and_of_two_is_more() -> None:
    rng = np.random.default_rng(0)
    renders, same, other = (
        rng.standard_normal((80, 12)),
        rng.standard_normal((40, 12)),
        rng.standard_normal((40, 12)) + 1,
    )
    width = kernel_bandwidth(renders)
    chance = halves_distance(renders, width)
    assert 0.0 < chance < 0.02
    assert abs(kernel_distance(same, renders[:40], width)) < 3.0 * chance
    assert kernel_distance(other, renders[:40], width) > 10.0 * chance
    pairs = [rng.standard_normal((2, 20, 12)) for _ in range(200)]
    draws = [kernel_distance(a, b, width) for a, b in pairs]
    assert abs(np.mean(draws)) < 3.0 * np.std(draws) / np.sqrt(200)  # no bias
    with pytest.raises(ValueError, match="40 and 80"):
        kernel_distance(same, renders, width)
