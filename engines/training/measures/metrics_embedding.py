"""Music as points in a space, and how far two sets of it are apart. [any]

A clip is described by musicnn's embedding; because that hears nothing above 8 kHz, by the levels of six bands from 5 to
20 kHz and how they move; and, for the tagger, by its bar: where in it the lows, the middle and the highs strike, which
tells genres apart that share their instruments. The tempo itself is not told.

The distance of two sets is the squared maximum mean discrepancy with a Gaussian kernel, estimated without bias (Gretton
et al., JMLR 2012, lemma 6), as the Kernel Audio Distance does (Chung et al. 2025, arXiv 2502.15602): unlike the Frechet
distance it means something for a few dozen clips. Compare equal counts only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from legando.engines.score import TICKS_PER_BAR
from legando.engines.timeline import SAMPLE_RATE_HZ, tick_seconds
from legando.engines.training.measures.metrics import log_mel_db
from legando.engines.training.measures.musicnn import WIDTH, embeddings

Floats = NDArray[np.floating[Any]]

_MEL_BANDS = 48
_HIGH_FIRST = 30
"""The first of 48 mel bands that counts as high: 5.2 kHz."""
_HIGH_GROUPS = 6
CLIP_WIDTH = WIDTH + 2 * _HIGH_GROUPS
_BAR_BANDS_HZ = ((30.0, 120.0), (150.0, 700.0), (1200.0, 5000.0), (7000.0, 16000.0))
"""Kick and bass; chords and the body of snares; snares, claps and leads; hats."""
BAR_WIDTH = len(_BAR_BANDS_HZ) * TICKS_PER_BAR
_BAR_HOP, _BAR_WINDOW = 256, 1024


def high_bands(audio: Floats) -> Floats:
    """Return levels in decibels of six bands from 5 to 20 kHz against the whole, and how much each moves: (12,). [any]

    `audio` is (frames, channels) at 48 kHz.
    """
    mel = log_mel_db(audio, 2048, _MEL_BANDS)
    power = 10 ** (mel / 10)
    groups = np.stack([part.sum(1) for part in np.array_split(power[:, _HIGH_FIRST:], _HIGH_GROUPS, axis=1)], 1)
    whole = max(float(power.sum(1).mean()), 1e-12)
    levels = 10 * np.log10(np.maximum(groups / whole, 1e-6))
    return np.concatenate([10 * np.log10(np.maximum(groups.mean(0) / whole, 1e-6)), levels.std(0)])


def clip_embedding(audio: Floats) -> Floats:
    """Return one point for a clip (frames, channels) at 48 kHz of 3 s or more: (212,); the level does not count. [any]

    The first 200 numbers are musicnn's, averaged over the clip, the others `high_bands`.
    """
    return np.concatenate([embeddings(audio).mean(0).astype(np.float64), high_bands(audio)])


def bar_pattern(audio: Floats, tempo_bpm: float, start_s: float = 0.0) -> Floats:
    """Return how strongly each of four bands rises on each sixteenth of the bar, on average: (64,). [any]

    `audio` is (frames, channels) at 48 kHz, a bar of it begins at `start_s`. Swung sixteenths fall to their own tick.
    Each band's mean is taken away: a pattern, not a level.
    """
    mono = np.asarray(audio, np.float64).mean(1)
    hz, at_s, bins = stft(
        mono, SAMPLE_RATE_HZ, nperseg=_BAR_WINDOW, noverlap=_BAR_WINDOW - _BAR_HOP, boundary=None, padded=False
    )
    power = np.abs(bins) ** 2
    bands = np.stack([power[(hz >= low) & (hz < high)].sum(0) for low, high in _BAR_BANDS_HZ])
    level = 10 * np.log10(bands / max(float(bands.sum(0).mean()), 1e-12) + 1e-5)
    lag = 3
    rise = np.maximum(level[:, lag:] - level[:, :-lag], 0.0)
    # A stroke is first seen when it enters the window, half a window before its middle; swing comes late: so look a
    # quarter of a tick early, and up to three quarters late.
    ticks = np.floor((at_s[lag:] - start_s) / tick_seconds(tempo_bpm) + 0.25).astype(int)
    out = np.zeros((len(bands), TICKS_PER_BAR))
    for tick in range(TICKS_PER_BAR):
        inside = ticks % TICKS_PER_BAR == tick
        if inside.any():
            out[:, tick] = rise[:, inside].mean(1)
    return np.asarray((out - out.mean(1, keepdims=True)).ravel())


def tagger_point(audio: Floats, tempo_bpm: float, start_s: float = 0.0) -> Floats:
    """Return what the tagger hears of a clip: `clip_embedding` and `bar_pattern`, (276,). [any]"""
    return np.concatenate([clip_embedding(audio), bar_pattern(audio, tempo_bpm, start_s)])


def kernel_bandwidth(reference: Floats) -> float:
    """Return the median distance between points of a reference set (n, width). [any]"""
    distances = np.sqrt(_squares(reference, reference)[np.triu_indices(len(reference), 1)])
    return max(float(np.median(distances)), 1e-9)


def kernel_distance(a: Floats, b: Floats, bandwidth: float) -> float:
    """Return the squared maximum mean discrepancy of two sets of points (n, width), without bias. [any]

    About 0 for two samples of one kind, now and then just below it. Raises ValueError unless both hold as many points,
    two or more: with unequal counts the figures of two comparisons cannot be compared.
    """
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"compare sets of equal size, two points or more; these hold {len(a)} and {len(b)}")
    n = len(a)
    scale = -0.5 / bandwidth**2
    within = sum(float(np.exp(scale * _squares(x, x)).sum()) - n for x in (a, b)) / (n * (n - 1))
    return within - 2.0 * float(np.exp(scale * _squares(a, b)).mean())


def halves_distance(points: Floats, bandwidth: float, *, splits: int = 200, seed: int = 0) -> float:
    """Return the usual kernel distance between two random halves of one set: root mean square over splits. [any]

    The distance itself is 0 on average, since it has no bias; this is how far chance alone takes it from there.
    """
    rng = np.random.default_rng(seed)
    half = len(points) // 2
    squares = []
    for _ in range(splits):
        order = rng.permutation(len(points))
        squares.append(kernel_distance(points[order[:half]], points[order[half : 2 * half]], bandwidth) ** 2)
    return float(np.sqrt(np.mean(squares)))


def _squares(a: Floats, b: Floats) -> Floats:
    """Return squared distances, (len(a), len(b))."""
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T, 0.0))
