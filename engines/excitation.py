"""The decoder's excitation: the phases of one endless stereo noise, grain by grain. [any]"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from legando.engines.counter_rng import NOISE, normal
from legando.engines.timeline import GRAIN_FRAMES

GRAIN_WINDOW = 2 * GRAIN_FRAMES
BINS = GRAIN_WINDOW // 2 + 1
EXCITATION_GRAINS = 512
"""Length of the noise, as a loop: 5.1 s."""
SWELL = 0.6
"""How much louder than its mean the noise is where two grains meet, and softer in the middle of one.

Grains of an endless noise add up evenly only while each is that noise itself. The magnitudes that a network gives are
rough from bin to bin, which smears every grain over its own length; neighbours then agree less where they overlap, and
the sum dips there: by 2 dB, a hundred times a second, from 2.5 to 12 kHz, and clicks were found where grains are in the
middle. That much swell makes the shipped decoder's noise even (its power moves by 3 % then, by 25 % without).
"""


def excitation_table() -> NDArray[np.float32]:
    """Return (EXCITATION_GRAINS, 2, 2, BINS) float32: mid and side, cosine and sine of the phase of each bin.

    Grains overlap as they do in the output; see `SWELL`. The last runs into the first.
    Phases are counted from the middle of a grain, as in `legando.engines.codec.inverse_dft`.
    """
    noise = normal(0, NOISE, 0, 2 * EXCITATION_GRAINS * GRAIN_FRAMES).reshape(2, EXCITATION_GRAINS, GRAIN_FRAMES)
    turn = 2.0 * np.pi * (np.arange(GRAIN_FRAMES) + 0.5) / GRAIN_FRAMES
    swelling = (noise * (1.0 - SWELL * np.cos(turn))).reshape(2, -1)
    looped = np.concatenate([swelling, swelling[:, :GRAIN_FRAMES]], axis=1)
    grains = np.lib.stride_tricks.sliding_window_view(looped, GRAIN_WINDOW, axis=1)[:, ::GRAIN_FRAMES]
    spectrum = np.fft.rfft(grains, axis=2) * np.exp(1j * np.pi * np.arange(BINS) * (1.0 - 1.0 / GRAIN_WINDOW))
    unit = spectrum / np.maximum(np.abs(spectrum), 1e-12)
    return np.ascontiguousarray(np.stack([unit.real, unit.imag], axis=2).transpose(1, 0, 2, 3), dtype=np.float32)


def excitation_rows(first_grain: int, grains: int) -> NDArray[np.int64]:
    """Return which rows of the table `grains` grains from `first_grain` take."""
    return (first_grain + np.arange(grains)) % EXCITATION_GRAINS
