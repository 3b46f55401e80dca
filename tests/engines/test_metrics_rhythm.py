"""The beat that is heard: strokes on the grid, late ones, and what is no stroke."""

import numpy as np
import pytest

from legando.engines.score import HOLD, chord_token
from legando.engines.timeline import SAMPLE_RATE_HZ, swung, tick_seconds
from legando.engines.training.measures import metrics_rhythm
from tests.engines.played import strokes


@pytest.mark.parametrize("tempo_bpm", [100.0, 124.0, 170.0])
@pytest.mark.parametrize("swing", [0.0, 0.3])
def test_strokes_on_the_grid_have_no_phase_error(tempo_bpm: float, swing: float) -> None:
    ticks = [t for t in range(int(20 / tick_seconds(tempo_bpm)) - 2) if t % 16 in (0, 3, 4, 6, 8, 11, 12, 14)]
    times = 0.2 + np.array([swung(t, swing) for t in ticks]) * tick_seconds(tempo_bpm)
    audio = strokes(times, 20.0)
    found = metrics_rhythm.beat_phase(audio, tempo_bpm, swing=swing, start_s=0.2)
    assert found.median_ms < 4.0
    assert found.p95_ms < 8.0
    assert found.chance < 0.2
    assert found.tempo_lead > 2.0
    assert found.met()
    # Half a sixteenth late: in tempo, but off the beat.
    late = metrics_rhythm.beat_phase(audio, tempo_bpm, start_s=0.2 + 0.5 * tick_seconds(tempo_bpm))
    assert late.chance > 1.2
    # Another tempo: the error tells at 100 bpm; at 170 it is below 25 ms, and only the other figures tell.
    other = metrics_rhythm.beat_phase(audio, 1.05 * tempo_bpm, swing=swing, start_s=0.2)
    assert other.chance > 0.8
    assert other.tempo_lead < 1.0
    assert not other.met()


@pytest.mark.parametrize("tempo_bpm", [100.0, 124.0, 170.0])
def test_strewn_onsets_and_noise_have_the_phase_error_of_chance(tempo_bpm: float) -> None:
    rng = np.random.default_rng(3)
    strewn = strokes(np.sort(rng.uniform(0.0, 19.0, 90)), 20.0)
    noise = 0.1 * rng.standard_normal((20 * SAMPLE_RATE_HZ, 2))
    for audio in (strewn, noise):
        found = metrics_rhythm.beat_phase(audio, tempo_bpm)
        assert 0.75 < found.chance < 1.3
        assert found.median_ms == pytest.approx(250.0 * tick_seconds(tempo_bpm), rel=0.3)
        assert found.tempo_lead < 1.4
        assert not found.met()


def test_jitter_of_the_strokes_is_the_error_that_is_measured() -> None:
    rng = np.random.default_rng(4)
    times = 0.2 + np.arange(0, 19.0, tick_seconds(100.0) * 2)
    jitter = rng.normal(0.0, 0.012, len(times))
    median_ms, _ = metrics_rhythm.beat_phase_error_ms(strokes(times + jitter, 20.0), 100.0, start_s=0.2)
    assert median_ms == pytest.approx(1e3 * float(np.median(np.abs(jitter))), abs=2.5)


def test_recall_tells_struck_times_from_others() -> None:
    times = np.array([swung(t, 0.0) for t in (2, 7, 16, 22, 32, 39, 41, 50, 64, 71, 80)]) * tick_seconds(120.0)
    audio = strokes(times, 12.0)
    assert metrics_rhythm.onset_recall(audio, times)[0] == 1.0
    recall, chance = metrics_rhythm.onset_recall(audio, times + 0.06)
    assert recall == 0.0
    assert chance == pytest.approx(len(times) * 0.05 / 12.0, rel=0.1)


def test_stroke_errors_hear_how_late_strokes_are_and_not_what_lies_between() -> None:
    times = 0.2 + 0.5 * np.arange(30)
    late = np.where(np.arange(30) % 5 == 0, 0.03, 0.002)
    between = times[::4] + 0.19  # an echo that nobody asked for
    found = metrics_rhythm.stroke_errors(strokes(np.sort(np.concatenate([times + late, between])), 16.0), times)
    assert found.heard == 1.0 and found.strokes == 30
    assert found.median_ms == pytest.approx(3.0, abs=2.0)
    assert found.p95_ms == pytest.approx(30.0, abs=2.0)
    strewn = metrics_rhythm.stroke_errors(
        strokes(np.sort(np.random.default_rng(0).uniform(0.2, 15.0, 60)), 16.0), times
    )
    assert strewn.p95_ms > 40.0 and strewn.heard < 0.9
    silence = metrics_rhythm.stroke_errors(np.zeros((48_000, 2)), times)
    assert silence.heard == 0.0 and np.isnan(silence.p95_ms)


def test_strike_times_are_the_kicks_snares_and_chords() -> None:
    score = np.full((8, 5), HOLD, np.int16)
    score[:, 1] = [1, 0, 16, 2, 0, 8, 0, 0]  # kick, -, hat, snare, -, clap
    score[6, 0] = chord_token(0, "maj")
    np.testing.assert_allclose(metrics_rhythm.strike_times(score, 150.0, 0.2), [0.0, 0.32, 0.52, 0.6])
