"""Has the music broken down? Silence, bare noise and stuck tones, where they last. [any]

A generator that fails does not get a little worse: it falls silent, hisses, or hangs on one sound. Each is looked for
in every stretch of 3 s, so that a rest, a cymbal or a held chord between beats does not count:

- silence: no tenth of a second in it is above -50 dB of full scale;
- noise: its level hardly moves, and its spectrum is a smooth curve of any colour, without partials;
- stuck tone: nothing moves in any band, or one frequency alone holds all but a tenth of the power and keeps its level.

Pads with chorus, vibrato or noise in them move; a frozen oscillator or a hung decoder does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import stft

from legando.engines.timeline import SAMPLE_RATE_HZ
from legando.engines.training.measures.metrics import log_mel_db

Floats = NDArray[np.floating[Any]]

STRETCH_S = 3.0
_HOP_S = 1.0
SILENT_DB = -50.0
_BLOCK = SAMPLE_RATE_HZ // 10
_LOW_HZ, _HIGH_HZ = 100.0, 8000.0
_ROUGH_DB = 0.9
"""How far the spectrum of 3 s of noise is from its own smooth curve, by chance, at most; music: 1.5 and more."""
_SWELL_DB = 2.5
"""How far the level of noise moves, standard deviation, at most."""
_FROZEN_DB = 0.5
"""How much the bands of a hung sound move, standard deviation, at most; those of music: 2.5 and more."""
_TONE_SHARE = 0.9
_SEMITONE = 2.0 ** (1.0 / 12.0)


def failure(audio: Floats) -> str | None:
    """Return "silence", "noise" or "stuck tone" when 3 s of audio (frames, channels) at 48 kHz are that, or None. [any]

    Audio shorter than 3 s is judged as one stretch.
    """
    length, hop = round(STRETCH_S * SAMPLE_RATE_HZ), round(_HOP_S * SAMPLE_RATE_HZ)
    mono = np.asarray(audio, np.float64).mean(1)
    sides = np.asarray(audio, np.float64)
    for first in range(0, max(1, len(mono) - length + 1), hop):
        if is_silent(sides[first : first + length]):
            return "silence"
        stretch = mono[first : first + length]
        if is_stuck(stretch):
            return "stuck tone"
        if is_noise(stretch):
            return "noise"
    return None


def is_silent(stretch: Floats) -> bool:
    """Say whether no tenth of a second is above `SILENT_DB`, in any channel of (frames, channels). [any]"""
    blocks = stretch[: len(stretch) // _BLOCK * _BLOCK].reshape(-1, _BLOCK, stretch.shape[1])
    return bool((blocks**2).mean(1).max(initial=0.0) < 10 ** (SILENT_DB / 10))


def is_noise(mono: Floats) -> bool:
    """Say whether a mono stretch is steady and has no partials. [any]"""
    level = _level_db(mono)
    if float(level.std()) > _SWELL_DB:
        return False
    return roughness_db(mono) < _ROUGH_DB


def roughness_db(mono: Floats) -> float:
    """Return the mean distance of the long-term spectrum from a smooth curve through it, 100 Hz to 8 kHz. [any]"""
    hz, _, bins = stft(mono, SAMPLE_RATE_HZ, nperseg=4096, noverlap=2048, boundary=None, padded=False)
    power = 10 * np.log10((np.abs(bins) ** 2).mean(1) + 1e-14)
    smooth = median_filter(power, 31, mode="nearest")
    inside = (hz >= _LOW_HZ) & (hz <= _HIGH_HZ)
    return float(np.abs(power - smooth)[inside].mean())


def is_stuck(mono: Floats) -> bool:
    """Say whether nothing moves in a mono stretch, or one steady frequency is nearly all of it. [any]"""
    mel = log_mel_db(mono[:, None], 4096, 64)
    heard = mel.mean(0) > mel.mean(0).max() - 40.0
    if float(mel[:, heard].std(0).mean()) < _FROZEN_DB:
        return True
    hz, _, bins = stft(mono, SAMPLE_RATE_HZ, nperseg=8192, noverlap=4096, boundary=None, padded=False)
    power = (np.abs(bins) ** 2)[hz >= 50.0]
    hz = hz[hz >= 50.0]
    whole = power.mean(1)
    top = hz[int(whole.argmax())]
    near = (hz > top / _SEMITONE - 12.0) & (hz < top * _SEMITONE + 12.0)
    tone = power[near].sum(0)
    steady = np.ptp(10 * np.log10(tone + 1e-14)) < 3.0
    return bool(steady and whole[near].sum() > _TONE_SHARE * whole.sum())


def _level_db(mono: Floats) -> Floats:
    """Return the level of each 20 ms."""
    size = SAMPLE_RATE_HZ // 50
    blocks = mono[: len(mono) // size * size].reshape(-1, size)
    return np.asarray(10 * np.log10((blocks**2).mean(1) + 1e-12))
