"""Can a chunk boundary be told from any other place in the audio? [any]

Two measures are taken at each boundary and at many places around it; the figure is the boundary's mean rank among
them: 0.5 cannot be told, 1 stands out everywhere. Clicks: the largest second difference in a few frames, against the
level of second differences near by. Flux: how far the spectrum after the place is from the spectrum before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_NEAR = 6  # frames each side in which a click may lie
_AROUND = 480
_SPAN = 1024
_REFERENCES = 12


def click_measure(audio: Floats, places: NDArray[np.int64]) -> Floats:
    """Return the largest second difference at each place, relative to the RMS of those around it. [any]"""
    bend = np.abs(np.diff(np.asarray(audio, np.float64), 2, axis=0)).max(1)
    padded = np.pad(bend, _AROUND)
    view = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND)
    rows = view[np.clip(places, 0, len(view) - 1)]
    middle = rows[:, _AROUND - _NEAR : _AROUND + _NEAR].max(1)
    around = np.sqrt((rows**2).mean(1))
    return np.where(around > 1e-9, middle / np.maximum(around, 1e-9), 0.0)


def flux_measure(audio: Floats, places: NDArray[np.int64]) -> Floats:
    """Return the distance of log band levels before and after each place, windows of 1024 frames. [any]"""
    mono = np.asarray(audio, np.float64).mean(1)
    floor = 1e-6 * _SPAN * float((mono**2).mean()) + 1e-12  # what is 60 dB down does not count
    padded = np.pad(mono, _SPAN)
    view = np.lib.stride_tricks.sliding_window_view(padded, _SPAN)
    window = np.hanning(_SPAN)
    edges = np.unique(np.geomspace(1, _SPAN // 2, 33).astype(int))

    def bands(first: NDArray[np.int64]) -> Floats:
        power = np.abs(np.fft.rfft(view[np.clip(first, 0, len(view) - 1)] * window, axis=1)) ** 2
        return np.log10(np.add.reduceat(power, edges[:-1], axis=1) + floor)

    return np.asarray(np.abs(bands(places + _SPAN) - bands(places)).mean(1))


def seam_percentiles(audio: Floats, chunk_frames: int, *, first_frame: int = 0, seed: int = 0) -> tuple[float, float]:
    """Return the mean rank (0..1) of click and of flux at chunk boundaries among places around them. [any]

    `audio` is (frames, channels); boundaries lie at `first_frame` + k * `chunk_frames`. Wants 50 chunks or more: with n
    boundaries the figure is good to about 0.3 / sqrt(n).
    """
    margin = _SPAN + _AROUND
    seams = np.arange(first_frame + chunk_frames, len(audio) - margin, chunk_frames)
    seams = seams[seams >= margin]
    if not len(seams):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    # Each boundary is ranked among places up to half a chunk away from it, so that loud passages do not count more.
    keep_off = min(_SPAN, chunk_frames // 4)  # nearer places see the boundary too
    reach = chunk_frames // 2
    offsets = rng.integers(keep_off, reach + 1, (len(seams), _REFERENCES)) * rng.choice(
        [-1, 1], (len(seams), _REFERENCES)
    )
    places = np.clip(seams[:, None] + offsets, margin, len(audio) - margin)
    ranks = []
    for measure in (click_measure, flux_measure):
        at = measure(audio, seams)[:, None]
        others = measure(audio, places.ravel()).reshape(places.shape)
        ranks.append(float(((others < at) + 0.5 * (others == at)).mean()))
    return ranks[0], ranks[1]
