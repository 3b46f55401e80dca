"""The metronome: the clicks of a count-in, mixed into chunks of sound. [engine]

A click is a sine of 30 ms that dies away; the first beat of a bar is higher and louder.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CLICK_MS = 30.0
_HZ = (1000.0, 1600.0)  # a beat, the first beat of a bar
_PEAKS = (0.22, 0.32)


class Metronome:
    """State: the clicks that are not yet over. Allocated once."""

    def __init__(self, sample_rate_hz: int, channels: int, chunk_frames: int) -> None:
        t = np.arange(round(sample_rate_hz * CLICK_MS / 1000)) / sample_rate_hz
        fall = np.exp(-t * 180.0) * np.minimum(1.0, t * 2000.0)
        clicks = [peak * fall * np.sin(2.0 * np.pi * hz * t) for hz, peak in zip(_HZ, _PEAKS, strict=True)]
        self._clicks = [np.repeat(click.astype(np.float32)[:, None], channels, axis=1) for click in clicks]
        self._mixed = np.zeros((chunk_frames, channels), np.float32)
        self._wet = np.zeros((2 * chunk_frames + len(t), channels), np.float32)
        self._left = 0  # frames of `_wet` that still sound

    def reset(self) -> None:
        """Forget what still sounds."""
        self._wet.fill(0.0)
        self._left = 0

    def mix(self, frames: NDArray[np.float32], beats: Sequence[tuple[int, bool]]) -> NDArray[np.float32]:
        """Return a chunk with its clicks: (offset_frames, first of a bar); offsets may lie a chunk ahead. [engine]

        frames: float32 (chunk_frames, channels), untouched; what comes back is valid until the next call.
        """
        if not beats and not self._left:
            return frames
        for offset, first in beats:
            click = self._clicks[first]
            self._wet[offset : offset + len(click)] += click
            self._left = max(self._left, offset + len(click))
        count = len(frames)
        np.add(frames, self._wet[:count], out=self._mixed)
        self._wet[:-count] = self._wet[count:]
        self._wet[-count:] = 0.0
        self._left = max(0, self._left - count)
        return self._mixed
