"""Seams, loudness, drift and damage are heard for what they are."""

import itertools

import numpy as np
import pytest

from legando.engines.timeline import SAMPLE_RATE_HZ
from legando.engines.training.measures import metrics, metrics_seams
from tests.engines.played import Audio, progression, strokes, tones

CHUNK = 3840


@pytest.fixture(scope="module")
def music() -> Audio:
    """Return a progression with strokes on every eighth, 24 s at 120 bpm."""
    audio = tones(np.tile(progression(), (2, 1)), 120.0)
    length_s = len(audio) / SAMPLE_RATE_HZ
    mixed: Audio = audio + 0.7 * strokes(np.arange(0.0, length_s - 0.3, 0.25), length_s)
    return mixed


def shuffled(audio: Audio, fade: int) -> Audio:
    """Return chunks of audio in another order, cross-faded over `fade` frames."""
    count = len(audio) // CHUNK - 1
    out = np.zeros_like(audio)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)[:, None]
    for place, chunk in enumerate(np.random.default_rng(2).permutation(count)):
        part = audio[chunk * CHUNK : (chunk + 1) * CHUNK + fade].copy()
        part[:fade] *= ramp
        part[len(part) - fade :] *= 1.0 - ramp
        out[place * CHUNK : place * CHUNK + len(part)] += part
    return out[: count * CHUNK]


def test_audio_without_seams_ranks_in_the_middle(music: Audio) -> None:
    click, flux = metrics_seams.seam_percentiles(music, CHUNK)
    assert 0.4 < click < 0.6
    assert 0.4 < flux < 0.6
    noise = 0.1 * np.random.default_rng(0).standard_normal((20 * SAMPLE_RATE_HZ, 2))
    assert metrics_seams.seam_percentiles(noise, CHUNK) == pytest.approx((0.5, 0.5), abs=0.08)
    assert metrics_seams.seam_percentiles(0.0 * noise, CHUNK) == (0.5, 0.5)


def test_a_hard_cut_clicks_and_a_cross_fade_only_jumps(music: Audio) -> None:
    click, flux = metrics_seams.seam_percentiles(shuffled(music, 0), CHUNK)
    assert click > 0.8
    assert flux > 0.75
    click, flux = metrics_seams.seam_percentiles(shuffled(music, 960), CHUNK)
    assert click < 0.6
    assert flux > 0.65


def test_a_faint_tick_at_each_boundary_is_a_click(music: Audio) -> None:
    ticking = music.copy()
    ticking[CHUNK::CHUNK] += 0.02
    assert metrics_seams.seam_percentiles(ticking, CHUNK)[0] > 0.8
    assert metrics_seams.seam_percentiles(ticking, CHUNK, first_frame=CHUNK // 2)[0] < 0.65


def test_loudness_of_a_sine_is_that_of_the_standard() -> None:
    at = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sine = np.sin(2 * np.pi * 997 * at)
    assert metrics.loudness_db(np.stack([sine, 0 * sine], 1)) == pytest.approx(-3.01, abs=0.05)
    assert metrics.loudness_db(0.1 * np.stack([sine, sine], 1)) == pytest.approx(-20.0, abs=0.05)
    gapped = np.stack([sine, sine], 1) * 0.1
    gapped[SAMPLE_RATE_HZ : 3 * SAMPLE_RATE_HZ] = 0.0  # silence is gated away
    assert metrics.loudness_db(gapped) == pytest.approx(-20.0, abs=0.6)
    assert metrics.loudness_db(0.0 * gapped) == metrics.SILENCE_DB


def test_centroid_clipping_and_drift_see_what_changed() -> None:
    at = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    low, high = (0.5 * np.stack([np.sin(2 * np.pi * hz * at)] * 2, 1) for hz in (1000.0, 1500.0))
    assert metrics.spectral_centroid_hz(low) == pytest.approx(1000.0, rel=0.01)
    moved = metrics.drift(low, 0.5 * high)
    assert moved.centroid == pytest.approx(0.5, abs=0.02)
    assert metrics.drift(low, 0.5 * low).loudness_db == pytest.approx(-6.02, abs=0.05)
    assert metrics.clipped_frames(low) == 0
    assert metrics.clipped_frames(np.clip(4 * low, -1, 1)) > len(low) // 4


def test_mel_distance_grows_with_the_damage(music: Audio) -> None:
    music = music[: 8 * SAMPLE_RATE_HZ]
    noise = np.random.default_rng(0).standard_normal(music.shape)
    distances = [metrics.mel_distance_db(music, music + level * noise) for level in (0.0, 1e-4, 1e-3, 1e-2)]
    assert distances[0] == 0.0
    assert all(b > a + 0.3 for a, b in itertools.pairwise(distances))
    assert metrics.mel_distance_db(music, 0.5 * music) == pytest.approx(6.0, abs=3.0)


def test_side_error_sees_a_lost_width() -> None:
    wide = np.random.default_rng(0).standard_normal((SAMPLE_RATE_HZ, 2))
    narrow = wide.mean(1, keepdims=True) + 0.1 * (wide - wide.mean(1, keepdims=True))
    assert metrics.side_level_db(wide) == pytest.approx(0.0, abs=0.1)
    assert metrics.side_error_db(wide, narrow) == pytest.approx(20.0, abs=0.2)
    assert metrics.side_error_db(wide, 0.3 * wide) == pytest.approx(0.0, abs=1e-6)


def test_prompts_that_sound_apart_are_apart_and_shuffled_ones_are_not() -> None:
    rng = np.random.default_rng(6)

    def take(busy: int, colour: float) -> Audio:
        audio = strokes(np.sort(rng.uniform(0.0, 5.5, busy)), 6.0)
        return audio + colour * rng.standard_normal(audio.shape).astype(np.float32)

    takes = [[take(8, 1e-3) for _ in range(3)], [take(40, 1e-2) for _ in range(3)]]
    assert metrics.prompt_distance(takes) > 2.0
    mixed = [[takes[0][0], takes[1][0], takes[0][2]], [takes[1][1], takes[0][1], takes[1][2]]]
    assert metrics.prompt_distance(mixed) < 1.2
