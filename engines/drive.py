"""Drive: saturation that a performer adds by turning drive above what the prompt says. [engine]

The networks were taught drive by the mixes of pieces, a master that is bent by a decibel or two; turned up live that is
heard, but not much. So they do what the knob says, and above the prompt's own drive this bends the sum as an overdriven
desk does, at once. It lies between decoder and room, before the limiter: overlap-added sound in, what the bending
changes added on top. At no drive nothing is changed, bit for bit.

    y = x sqrt((1 + (g p)^2) / (1 + (g x)^2))

is the odd curve u / sqrt(1 + u^2) of the limiter (`legando.kernels.seam`), scaled so that a sample at the pivot p stays
as loud as it is: what is quieter comes up, peaks come down, and the music stays about as loud as it was. Only products,
quotients and square roots, which every machine rounds alike; no state but the overlap and the gain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from legando.realtime.controls import Controls

F32 = NDArray[np.float32]

GAIN = 3.0
"""g when drive is turned up all the way."""
PIVOT = np.float32(0.25)
_ONE, _LOUDEST = np.float32(1.0), np.float32(1e6)


def drive_gain(controls: Controls) -> float:
    """Return how hard the sum is driven, 0..`GAIN`: how far drive is turned up from what the prompt says. [any]"""
    return controls.turned_up("drive", GAIN)


class Drive:
    """Owns the overlap of the sound that is driven, and the gain; all memory is allocated here. [engine]"""

    latency_frames = 0

    def __init__(self, max_frames: int, overlap_frames: int) -> None:
        """Allocate for chunks of up to `max_frames` that overlap as the decoder's do."""
        self._overlap = overlap_frames
        self._tail = np.zeros((2, overlap_frames), np.float32)
        self._fresh = np.zeros((2, max_frames), np.float32)
        self._work = np.zeros((2, max_frames), np.float32)
        self._gains = np.zeros(max_frames, np.float32)
        self._over = np.zeros(max_frames, np.float32)
        self._count = np.arange(1, max_frames + 1, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the overlap and the gain."""
        self._tail.fill(0.0)
        self._gain = 0.0

    def process(self, y: F32, gain: float) -> None:
        """Bend a decoder's chunk y (2, frames + overlap) in place; what overlaps the next one stays as it is. [engine]

        The gain moves from the last call's to `gain`, reached at the last frame.
        """
        frames = y.shape[1] - self._overlap
        x, work = self._fresh[:, :frames], self._work[:, :frames]
        gains, over = self._gains[:frames], self._over[:frames]
        np.copyto(x, y[:, :frames])
        x[:, : self._overlap] += self._tail
        np.copyto(self._tail, y[:, frames:])
        if not (gain or self._gain):
            return
        np.multiply(self._count[:frames], np.float32((gain - self._gain) / frames), out=gains)
        gains += np.float32(self._gain)
        self._gain = gain
        if not np.isfinite(x).all():  # a broken network; the seam silences it
            return
        np.multiply(gains, PIVOT, out=over)
        np.multiply(over, over, out=over)
        over += _ONE
        np.clip(x, -_LOUDEST, _LOUDEST, out=work)  # what is louder is broken, and must not overflow
        work *= gains
        np.multiply(work, work, out=work)
        work += _ONE
        np.divide(over, work, out=work)
        np.sqrt(work, out=work)
        work -= _ONE
        work *= x
        y[:, :frames] += work
