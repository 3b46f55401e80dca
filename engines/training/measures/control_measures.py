"""What each control is heard by: one measure of 4 s of sound for each control. [any]

All rise when the control is turned up (a part that comes back, a chord that is held). Those of parts, chord and tempo
are made so that the others do not move them much: events are counted a beat, not a second; a part is heard in its own
register, and the bass where kicks, which are short, cannot hide that it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from legando.engines.score import BASS, CHORD, DRUMS, LEAD, TICKS_PER_BEAT, Score
from legando.engines.timeline import SAMPLE_RATE_HZ, tick_seconds
from legando.engines.training.measures.metrics import log_mel_db, spectral_centroid_hz
from legando.engines.training.measures.metrics_chords import note_posterior
from legando.engines.training.measures.metrics_rhythm import onset_times

Floats = NDArray[np.floating[Any]]

SLOW_BPM, FAST_BPM = 90.0, 135.0
HELD_LOW, HELD_HIGH = (66, 70, 73), (60, 63, 67)
"""F sharp major and C minor: no note in common."""
_PITCH_LOW = 21
_LEAD_FROM, _CHORD_FROM = 72, 50
_SOUNDS = 0.3  # posterior from which a pitch counts


def events_a_beat(score: Score) -> float:
    """Return notes and drum strokes a beat; a chord is one. [any]"""
    strokes = sum(int((score[:, DRUMS] >> voice & 1).sum()) for voice in range(8))
    notes = int((score[:, (CHORD, BASS, LEAD)] >= 2).sum())
    return (strokes + notes) * TICKS_PER_BEAT / max(len(score), 1)


def brightness(audio: Floats) -> float:
    """Return the spectral centroid in octaves above 1 kHz. [any]"""
    return float(np.log2(max(spectral_centroid_hz(audio), 1.0) / 1000.0))


def space_db(audio: Floats) -> float:
    """Return how full the gaps are: the quiet tenth of each mel band against its loud tenth, in decibels, mean. [any]

    Reverb and echo fill them. Bands from 200 Hz to 5 kHz.
    """
    mel = log_mel_db(audio, 2048, 32)[:, 5:24]
    return float((np.percentile(mel, 10, axis=0) - np.percentile(mel, 90, axis=0)).mean())


def drive_db(audio: Floats) -> float:
    """Return how dense the waveform is: its RMS against its peaks (99.9 %) in decibels. [any]"""
    mono = np.abs(np.asarray(audio, np.float64)).max(1)
    return float(20 * np.log10((np.sqrt((mono**2).mean()) + 1e-9) / (np.percentile(mono, 99.9) + 1e-9)))


def pulse(audio: Floats) -> float:
    """Return how much better the onsets cohere on sixteenths at `FAST_BPM` than at `SLOW_BPM`, -1..1. [any]"""
    times, weights = onset_times(audio)
    if not len(times):
        return 0.0

    def coherence(tempo_bpm: float) -> float:
        turn = np.exp(2j * np.pi * times / tick_seconds(tempo_bpm))
        return float(np.abs((weights * turn).sum()) / weights.sum())

    return coherence(FAST_BPM) - coherence(SLOW_BPM)


def strokes_db(audio: Floats) -> float:
    """Return how much the power from 7 to 16 kHz rises within 16 ms, on average, against the whole, in decibels. [any]

    Sticks, skins and cymbals are what strikes there; a struck chord rises 25 dB less. Median filters along time and
    frequency (Fitzgerald, DAFx 2010) took the strokes of plucked and stabbed chords for drums.
    """
    mono = np.asarray(audio, np.float64).mean(1)
    hz, _, bins = stft(mono, SAMPLE_RATE_HZ, nperseg=1024, noverlap=768, boundary=None, padded=False)
    power = np.abs(bins) ** 2
    high = power[(hz >= 7000.0) & (hz < 16_000.0)].sum(0)
    rise = np.maximum(high[3:] - high[:-3], 0.0)
    return float(10 * np.log10((rise.mean() + 1e-9) / (power.sum(0).mean() + 1e-9)))


def bass_db(audio: Floats) -> float:
    """Return the level that 35 to 130 Hz keep for half of the time, in decibels against the whole. [any]"""
    mono = np.asarray(audio, np.float64).mean(1)
    hz, _, bins = stft(mono, SAMPLE_RATE_HZ, nperseg=4096, noverlap=3072, boundary=None, padded=False)
    power = np.abs(bins) ** 2
    low = power[(hz >= 35.0) & (hz <= 130.0)].sum(0)
    return float(10 * np.log10((np.median(low) + 1e-12) / (power.sum(0).mean() + 1e-9)))


def pitches_heard(posterior: NDArray[np.float32], low: int, high: int) -> float:
    """Return how many pitches from `low` up to, not with, `high` sound on average. [any]"""
    rows = posterior[:, low - _PITCH_LOW : high - _PITCH_LOW]
    return float((rows * (rows > _SOUNDS)).sum(1).mean())


def held_share(posterior: NDArray[np.float32]) -> float:
    """Return the share of sounding pitches that belong to `HELD_HIGH`, less that of `HELD_LOW`, by class. [any]"""
    rows = posterior * (posterior > _SOUNDS)
    classes = np.zeros(12)
    np.add.at(classes, (np.arange(rows.shape[1]) + _PITCH_LOW) % 12, rows.sum(0))
    whole = max(float(classes.sum()), 1e-9)

    def share(chord: Sequence[int]) -> float:
        return float(classes[[pitch % 12 for pitch in chord]].sum()) / whole

    return share(HELD_HIGH) - share(HELD_LOW)


def variety(score: Score) -> float:
    """Return the share of ticks that differ from all others, chord, drums, bass and lead taken together. [any]"""
    parts = score[:, (CHORD, DRUMS, BASS, LEAD)]
    return len(np.unique(parts, axis=0)) / max(len(parts), 1)


def measure(audio: Floats, score: Score) -> dict[str, float]:
    """Return all measures but the genre of some seconds of sound (frames, 2) and the score under it. [any]"""
    posterior = note_posterior(audio)
    return {
        "events a beat": events_a_beat(score),
        "centroid": brightness(audio),
        "gaps filled": space_db(audio),
        "crest": drive_db(audio),
        "pulse": pulse(audio),
        "strokes": strokes_db(audio),
        "low end": bass_db(audio),
        "middle notes": pitches_heard(posterior, _CHORD_FROM, _LEAD_FROM),
        "high notes": pitches_heard(posterior, _LEAD_FROM, 108),
        "variety": variety(score),
        "held chord": held_share(posterior),
    }
