"""The measures of quality: codec score, embedding, kernel distance, breakdowns, control effects, tagger."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from legando.engines.training.figures.control_effects import MEASURES, MOVES, Effects, effects, spread
from legando.engines.training.measures import metrics_codec, musicnn
from legando.engines.training.measures.control_measures import (
    brightness,
    drive_db,
    events_a_beat,
    pulse,
    space_db,
    strokes_db,
    variety,
)
from legando.engines.training.measures.metrics_embedding import (
    bar_pattern,
    clip_embedding,
    halves_distance,
    high_bands,
    kernel_bandwidth,
    kernel_distance,
    tagger_point,
)
from legando.engines.training.measures.metrics_failure import failure
from legando.engines.training.measures.tagger import Tagger, accuracy, cross_validated, fit, same_genre_share
from legando.engines.training.measures.tensor_bundle import read_tensors
from legando.engines.training.music.clips import clip_piece, pure_style, render_clip
from legando.engines.training.music.composer import compose
from legando.engines.training.music.renderer import render
from legando.realtime.controls import GENRES, MOODS
from legando.realtime.errors import LegandoError

Floats = NDArray[np.floating[Any]]
RATE = 48_000
needs_musicnn = pytest.mark.skipif(musicnn.weights_path() is None, reason="musicnn is not installed")
needs_zimtohrli = pytest.mark.skipif(not metrics_codec.available(), reason="zimtohrli is not installed")


def stereo(mono: Floats) -> Floats:
    return np.stack([mono, mono], 1)


def clicks(tempo_bpm: float, seconds: float = 8.0) -> Floats:
    """Short bursts of noise on every sixteenth."""
    rng = np.random.default_rng(0)
    out = np.zeros(round(seconds * RATE))
    burst = rng.standard_normal(600) * np.exp(-np.arange(600) / 120)
    step = 15.0 / tempo_bpm * RATE
    for index in range(int((len(out) - 700) / step)):
        at = round(index * step)
        out[at : at + 600] += 0.3 * burst
    return stereo(out)


@pytest.fixture(scope="module")
def music() -> Floats:
    return render(compose(910_002, style=pure_style("synthwave", (0.5, 0.5, 0.5, 0.5)), bars=6, tempo_bpm=110.0))


# Codec


@needs_zimtohrli
def test_a_copy_scores_five_and_worse_copies_score_less(music: Floats) -> None:
    music = music[: 3 * RATE]
    dull = sosfilt(butter(2, 2000.0, fs=RATE, output="sos"), music, axis=0)
    other = np.random.default_rng(0).standard_normal(music.shape) * 0.1
    scores = [metrics_codec.opinion_score(music, again) for again in (music, dull, other)]
    assert scores[0] == pytest.approx(5.0, abs=0.01)
    assert scores[0] > scores[1] + 0.2 > scores[2] + 0.4


# Embedding


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


# Breakdowns


def broken() -> dict[str, tuple[str, Floats]]:
    rng = np.random.default_rng(0)
    t = np.arange(4 * RATE) / RATE
    white = 0.1 * rng.standard_normal(len(t))
    chord = sum((0.1 * np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6)), np.zeros(len(t)))
    wait = np.random.default_rng(1).standard_normal(RATE) * np.exp(-np.arange(RATE) / 3000)
    return {
        "nothing": ("silence", 0.0 * t),
        "a hum far down": ("silence", 0.001 * np.sin(2 * np.pi * 100.0 * t)),
        "a stroke, then nothing": ("silence", np.concatenate([wait, 0.0 * t])),
        "white": ("noise", white),
        "brown": ("noise", 0.2 * lfilter([1.0], [1.0, -0.98], white)),
        "through a filter": ("noise", sosfilt(butter(2, 1500.0, fs=RATE, output="sos"), white)),
        "a sine": ("stuck tone", 0.2 * np.sin(2 * np.pi * 440.0 * t)),
        "a sine with vibrato": ("stuck tone", 0.2 * np.sin(2 * np.pi * 440.0 * t + 1.5 * np.sin(2 * np.pi * 5.0 * t))),
        "a sub": ("stuck tone", 0.3 * np.sin(2 * np.pi * 55.0 * t)),
        "a saw": ("stuck tone", 0.2 * (t * 110.0 % 1.0 - 0.5)),
        "a chord that hangs": ("stuck tone", chord + 0.001 * white),
    }


@pytest.mark.parametrize("name", list(broken()))
def test_a_breakdown_is_found(name: str) -> None:
    kind, mono = broken()[name]
    assert failure(stereo(mono)) == kind


@pytest.mark.parametrize("genre", ["ambient", "jazz", "techno", "orchestral"])
def test_music_is_no_breakdown(genre: str) -> None:
    assert failure(render_clip(910_005, pure_style(genre, (0.3, 0.4, 0.7, 0.3)), 110.0, seconds=10.0)) is None


def test_drums_alone_are_no_noise() -> None:
    assert failure(clicks(100.0, 5.0)) is None


# Controls


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


# Tagger


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
