"""Chords that are heard: right ones are recognised; wrong ones, noise and smeared pitch are not."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from legando.engines.score import HOLD, REST, chord_token
from legando.engines.timeline import SAMPLE_RATE_HZ
from legando.engines.training.measures import metrics_chords
from tests.engines.played import Audio, progression, strokes, tones


@pytest.fixture(scope="module")
def music() -> Audio:
    """Return a progression with strokes on every eighth, 24 s at 120 bpm."""
    audio = tones(np.tile(progression(), (2, 1)), 120.0)
    length_s = len(audio) / SAMPLE_RATE_HZ
    mixed: Audio = audio + 0.7 * strokes(np.arange(0.0, length_s - 0.3, 0.25), length_s)
    return mixed


@pytest.fixture
def recogniser(require: Callable[[bool, str], None]) -> None:
    """Skip where the note recogniser is not installed."""
    require(metrics_chords.model_path() is not None, "pip install --no-deps basic-pitch==0.4.0")


def test_labels_follow_the_chord_column_with_tempo_and_swing() -> None:
    score = np.full((12, 5), HOLD, np.int16)
    score[0, 0], score[3, 0], score[6, 0], score[8, 0], score[10, 0] = (
        chord_token(0, "min9"),
        chord_token(5, "7"),
        chord_token(7, "sus4"),
        chord_token(9, "maj7"),
        REST,
    )
    labels = metrics_chords.chord_labels(score, 150.0, swing=0.5, start_s=1.0)
    want = [(1.0, 1.35, 0, "min"), (1.35, 1.6, 5, "maj"), (1.8, 2.0, 9, "maj")]
    assert [label[2:] for label in labels] == [label[2:] for label in want]
    np.testing.assert_allclose([label[:2] for label in labels], [label[:2] for label in want])


@pytest.mark.usefixtures("recogniser")
@pytest.mark.parametrize("tempo_bpm", [90.0, 170.0])
def test_chords_are_recognised_and_wrong_chords_are_not(tempo_bpm: float) -> None:
    score = progression()
    audio = tones(score, tempo_bpm)
    audio += 0.7 * strokes(np.arange(0.0, len(audio) / SAMPLE_RATE_HZ - 0.3, 0.3), len(audio) / SAMPLE_RATE_HZ)
    labels = metrics_chords.chord_labels(score, tempo_bpm)
    heard = metrics_chords.recognise_chords(audio)
    assert metrics_chords.chord_agreement(audio, labels, heard=heard) > 0.85
    for up in range(1, 12):
        moved = [(start, end, (root + up) % 12, triad) for start, end, root, triad in labels]
        assert metrics_chords.chord_agreement(audio, moved, heard=heard) < 0.35
    flipped = [(start, end, root, "min" if triad == "maj" else "maj") for start, end, root, triad in labels]
    assert metrics_chords.chord_agreement(audio, flipped, heard=heard) < 0.1


@pytest.mark.usefixtures("recogniser")
def test_noise_silence_and_smeared_pitch_are_no_chord(music: Audio) -> None:
    labels = metrics_chords.held_labels(0, "min", 0.0, 8.0)
    noise = np.random.default_rng(0).standard_normal((8 * SAMPLE_RATE_HZ, 2))
    assert metrics_chords.chord_agreement(noise, labels) < 0.3
    assert metrics_chords.chord_agreement(0.0 * noise, labels) == 0.0
    # Random phase in every 20 ms frame keeps the magnitudes and loses the pitch, as a poor codec does.
    want = metrics_chords.chord_labels(np.tile(progression(), (2, 1)), 120.0)
    window = np.sin(np.pi * (np.arange(960) + 0.5) / 960)
    rng = np.random.default_rng(1)
    smeared = np.zeros_like(music)
    for start in range(0, len(music) - 960, 480):
        spectrum = np.fft.rfft(music[start : start + 960, 0] * window)
        turned = np.abs(spectrum) * np.exp(2j * np.pi * rng.uniform(size=len(spectrum)))
        smeared[start : start + 960] += (np.fft.irfft(turned) * window)[:, None]
    assert metrics_chords.chord_agreement(smeared, want) < 0.5 * metrics_chords.chord_agreement(music, want)


@pytest.mark.usefixtures("recogniser")
def test_thirty_seconds_are_judged_in_five() -> None:
    audio = np.random.default_rng(0).standard_normal((30 * SAMPLE_RATE_HZ, 2)) * 0.1
    metrics_chords.recognise_chords(audio[: 2 * SAMPLE_RATE_HZ])  # load the model
    before = time.process_time()
    metrics_chords.recognise_chords(audio)
    assert time.process_time() - before < 5.0
