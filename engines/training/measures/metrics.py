"""Levels, spectra and distances of whole takes: loudness, drift, clipping, codec error, prompts. [any]

Audio is (frames, 2) at 48 kHz. See `metrics_chords`, `metrics_rhythm` and `metrics_seams` for the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt

from legando.engines.timeline import SAMPLE_RATE_HZ
from legando.engines.training.measures.metrics_rhythm import onset_times

Floats = NDArray[np.floating[Any]]

SILENCE_DB = -120.0
# K-weighting at 48 kHz: a high shelf, then a high pass (ITU-R BS.1770-4, tables 1 and 2).
_K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far a later stretch of audio has moved from an earlier one: decibels, and centroid ratio less one."""

    loudness_db: float
    centroid: float


def loudness_db(audio: Floats) -> float:
    """Return gated loudness in LUFS (ITU-R BS.1770-4); `SILENCE_DB` for silence. [any]"""
    weighted = sosfilt(_K_WEIGHTING, np.asarray(audio, np.float64), axis=0)
    block, hop = int(0.4 * SAMPLE_RATE_HZ), int(0.1 * SAMPLE_RATE_HZ)
    if len(weighted) < block:
        weighted = np.pad(weighted, ((0, block - len(weighted)), (0, 0)))
    total = np.concatenate([[0.0], np.cumsum((weighted**2).sum(1))])
    first = np.arange(0, len(weighted) - block + 1, hop)
    power = np.maximum(total[first + block] - total[first], 0.0) / block
    loud = power[power > 10 ** ((-70.0 + 0.691) / 10)]
    if not len(loud):
        return SILENCE_DB
    gated = loud[loud > loud.mean() * 0.1]
    return float(-0.691 + 10 * np.log10(gated.mean()))


def _power_frames(audio: Floats, window: int, hop: int) -> Floats:
    """Return power spectra of the mono mix, (frames, bins), in pieces so that long takes fit."""
    mono = np.asarray(audio, np.float32).mean(1)
    if len(mono) < window:
        mono = np.pad(mono, (0, window - len(mono)))
    view = np.lib.stride_tricks.sliding_window_view(mono, window)[::hop]
    shape = np.hanning(window).astype(np.float32)
    parts = [np.abs(np.fft.rfft(view[at : at + 512] * shape, axis=1)) ** 2 for at in range(0, len(view), 512)]
    return np.concatenate(parts) / float((shape**2).sum())


def spectral_centroid_hz(audio: Floats) -> float:
    """Return the mean frequency of the magnitude spectrum, weighted by it, over the whole audio. [any]"""
    magnitude = np.sqrt(_power_frames(audio, 2048, 2048).mean(0))
    bins = np.fft.rfftfreq(2048, 1.0 / SAMPLE_RATE_HZ)
    return float((bins * magnitude).sum() / max(float(magnitude.sum()), 1e-12))


def clipped_frames(audio: Floats) -> int:
    """Count frames in which any channel is at full scale or beyond. [any]"""
    return int((np.abs(audio) >= 32_767 / 32_768).any(1).sum())


def drift(earlier: Floats, later: Floats) -> Drift:
    """Compare two stretches of one take, a minute each. [any]"""
    return Drift(
        loudness_db=loudness_db(later) - loudness_db(earlier),
        centroid=spectral_centroid_hz(later) / max(spectral_centroid_hz(earlier), 1e-9) - 1.0,
    )


@functools.cache
def mel_bank(window: int, bands: int) -> Floats:
    """Return triangular bands, even on the mel scale of HTK, 30 Hz to 20 kHz: (bins, bands). [any]"""
    top = 2595.0 * np.log10(1.0 + 20_000.0 / 700.0)
    edges = 700.0 * (10 ** (np.linspace(2595.0 * np.log10(1.0 + 30.0 / 700.0), top, bands + 2) / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(window, 1.0 / SAMPLE_RATE_HZ)[:, None]
    left, mid, right = edges[:-2], edges[1:-1], edges[2:]
    bank = np.maximum(0.0, np.minimum((bins - left) / (mid - left), (right - bins) / (right - mid)))
    bank[np.abs(bins - mid).argmin(0), np.arange(bands)] += 1e-3
    return np.asarray(bank / bank.sum(0))


def log_mel_db(audio: Floats, window: int = 2048, bands: int = 64) -> Floats:
    """Return mel band levels in decibels, (frames, bands), a quarter window apart; floor -80 dB. [any]"""
    return np.asarray(10 * np.log10(_power_frames(audio, window, window // 4) @ mel_bank(window, bands) + 1e-8))


def mel_distance_db(a: Floats, b: Floats) -> float:
    """Return the mean absolute difference of log-mel spectra at three resolutions, in decibels. [any]

    The longer of the two is cut. 0 is equal; 3 is a good codec; other music is 10 or more.
    """
    frames = min(len(a), len(b))
    sizes = ((512, 32), (2048, 64), (8192, 96))
    return float(np.mean([np.abs(log_mel_db(a[:frames], *s) - log_mel_db(b[:frames], *s)).mean() for s in sizes]))


def side_level_db(audio: Floats) -> float:
    """Return the level of the side signal (left less right) below that of the middle, in decibels. [any]"""
    both = np.asarray(audio, np.float64)
    mid, side = both.mean(1), 0.5 * (both[:, 0] - both[:, 1])
    return float(10 * np.log10((np.mean(side**2) + 1e-12) / (np.mean(mid**2) + 1e-12)))


def side_error_db(a: Floats, b: Floats) -> float:
    """Return how far the stereo width of b is from that of a: the difference of their side levels. [any]"""
    return abs(side_level_db(a) - side_level_db(b))


def take_features(audio: Floats) -> Floats:
    """Return what a listener hears at once: band levels, how they move, and how busy it is: (2 x 24 + 1,). [any]

    Levels are relative to the take's loudness, so that a volume knob does not count as music.
    """
    mel = log_mel_db(audio, 2048, 24)
    mel = mel - mel.max()
    onsets_per_s = len(onset_times(audio)[0]) / (len(audio) / SAMPLE_RATE_HZ)
    return np.concatenate([mel.mean(0), mel.std(0), [4.0 * onsets_per_s]])


def prompt_distance(takes: Sequence[Sequence[Floats]]) -> float:
    """Return how much further takes of different prompts are apart than takes of one prompt. [any]

    `takes[prompt][seed]` is audio; two seeds or more a prompt. 1 means that the prompt makes no difference.
    """
    features = [[take_features(take) for take in group] for group in takes]
    within = [float(np.linalg.norm(a - b)) for group in features for i, a in enumerate(group) for b in group[:i]]
    between = [
        float(np.linalg.norm(a - b))
        for i, group in enumerate(features)
        for other in features[:i]
        for a in group
        for b in other
    ]
    if not within or not between:
        raise ValueError("needs two prompts or more, and two takes or more of one")
    return float(np.mean(between) / max(float(np.mean(within)), 1e-9))
