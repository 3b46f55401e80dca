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


def excitation_table() -> NDArray[np.float32]:
    """Return (EXCITATION_GRAINS, 2, 2, BINS) float32: mid and side, cosine and sine of the phase of each bin.

    Grains overlap as they do in the output, so that equal magnitudes give a steady noise. The last runs into the first.
    Phases are counted from the middle of a grain, as in `legando.engines.codec.inverse_dft`.
    """
    noise = normal(0, NOISE, 0, 2 * EXCITATION_GRAINS * GRAIN_FRAMES).reshape(2, -1)
    looped = np.concatenate([noise, noise[:, :GRAIN_FRAMES]], axis=1)
    grains = np.lib.stride_tricks.sliding_window_view(looped, GRAIN_WINDOW, axis=1)[:, ::GRAIN_FRAMES]
    spectrum = np.fft.rfft(grains, axis=2) * np.exp(1j * np.pi * np.arange(BINS) * (1.0 - 1.0 / GRAIN_WINDOW))
    unit = spectrum / np.maximum(np.abs(spectrum), 1e-12)
    return np.ascontiguousarray(np.stack([unit.real, unit.imag], axis=2).transpose(1, 0, 2, 3), dtype=np.float32)


def excitation_rows(first_grain: int, grains: int) -> NDArray[np.int64]:
    """Return which rows of the table `grains` grains from `first_grain` take."""
    return (first_grain + np.arange(grains)) % EXCITATION_GRAINS
