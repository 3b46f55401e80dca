"""Clicks on every sixteenth, for tests of what is measured of takes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
RATE = 48_000


def stereo(mono: Floats) -> Floats:
    return np.stack([mono, mono], 1)


def clicks(tempo_bpm: float, seconds: float = 8.0) -> Floats:
    """Short bursts of noise on every sixteenth."""
    rng = np.random.default_rng(0)
    out = np.zeros(round(seconds * RATE))
    burst = rng.standard_normal(600) * np.exp(-np.arange(600) / 120)
    step = 15.0 / tempo_bpm * RATE
    for index in range(int((len(out) - 700) / step)):
        at = round(index * step)
        out[at : at + 600] += 0.3 * burst
    return stereo(out)
