"""Sounds for tests of measures: a score as plain tones, strokes at given times, a progression of chords."""

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import BASS_LOW, HOLD, REST, Score, chord_token, read_score
from legando.engines.timeline import SAMPLE_RATE_HZ, tick_seconds

Audio = NDArray[np.float32]
CHORDS = (("C", 0, "min"), ("Ab", 8, "maj7"), ("Eb", 3, "maj"), ("Bb", 10, "7"), ("F", 5, "min7"), ("C", 0, "min9"))


def tones(score: Score, tempo_bpm: float) -> Audio:
    """Render the tonal notes of a score with five decaying harmonics each."""
    tick_s = tick_seconds(tempo_bpm)
    out = np.zeros(int(len(score) * tick_s * SAMPLE_RATE_HZ))
    for note in read_score(score)[0]:
        start, end = (int(t * tick_s * SAMPLE_RATE_HZ) for t in (note.start_ticks, note.end_ticks))
        at = np.arange(end - start) / SAMPLE_RATE_HZ
        hz = 440.0 * 2 ** ((note.pitch - 69) / 12)
        shape = np.minimum(1.0, np.minimum(at, at[-1] - at) / 0.01) * np.exp(-1.5 * at) * 0.08 * note.velocity
        out[start:end] += sum(np.sin(2 * np.pi * hz * h * at) / h for h in range(1, 6)) * shape
    return np.stack([out, out], 1).astype(np.float32)


def strokes(times_s: NDArray[np.float64], length_s: float) -> Audio:
    """Render a kick and a hat in turn at the given times."""
    rng = np.random.default_rng(5)
    out = np.zeros((int(length_s * SAMPLE_RATE_HZ), 2), np.float32)
    at = np.arange(9600) / SAMPLE_RATE_HZ
    kick = np.sin(2 * np.pi * (50 * at + 3 * (1 - np.exp(-40 * at)))) * np.exp(-18 * at)
    hat = 0.4 * rng.standard_normal(9600) * np.exp(-60 * at)
    for index, start_s in enumerate(times_s):
        start = round(start_s * SAMPLE_RATE_HZ)
        sound = (hat if index % 2 else kick)[: len(out) - start]
        out[start : start + len(sound)] += 0.5 * sound[:, None]
    return out


def progression(beats: int = 4) -> Score:
    """Return a score that strikes each chord of `CHORDS` once a beat over its root in the bass."""
    score = np.full((len(CHORDS) * beats * 4, 5), HOLD, np.int16)
    score[:, 1] = score[:, 4] = 0
    score[:, 3] = REST
    for bar, (_, root, quality) in enumerate(CHORDS):
        span = slice(bar * beats * 4, (bar + 1) * beats * 4, 4)
        score[span, 0] = chord_token(root, quality)
        score[span, 2] = 2 + 36 + root - BASS_LOW
    return score
