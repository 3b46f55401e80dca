"""Cross-fades between two engines: the one that leaves mixes the one that comes into the sound it writes. [engine]

The newcomer writes to a ring of its own, the side ring; at the end of the fade it is given the main one. Gains add up
to 1 at each frame, so that two limited sounds never exceed the limit; in the middle music that is not alike is 3 dB
softer.
"""

from __future__ import annotations

import time

import numpy as np

from legando.realtime.ring import Frames, ReadStatus, Ring

FADE_FRAMES = 96_000
"""Two seconds."""
_NAP_S = 0.001


def rising(begin_frames: int, frames: int, fade_frames: int) -> Frames:
    """Return the newcomer's gain from `begin_frames` into the fade on: a raised cosine, float32 (frames, 1). [any]"""
    at = np.clip((begin_frames + np.arange(frames) + 0.5) / fade_frames, 0.0, 1.0)
    gain: Frames = (0.5 - 0.5 * np.cos(np.pi * at)).astype(np.float32)[:, None]
    return gain


def faded(own: Frames, other: Frames, begin_frames: int, fade_frames: int) -> Frames:
    """Return one chunk of a cross-fade from `own` to `other`, float32 (frames, channels). [any]"""
    gain = rising(begin_frames, len(own), fade_frames)
    mixed: Frames = own * (np.float32(1.0) - gain) + other * gain
    return mixed


class Mixer:
    """Reads the side ring, whose frame 0 is `base` of the stream. Owned by the engine that leaves."""

    def __init__(self, side: Ring, base: int, begin: int, fade_frames: int = FADE_FRAMES) -> None:
        self._side, self._base, self._begin, self._fade = side, base, begin, fade_frames
        self.failed = False
        self.end = begin + fade_frames  # from here on the newcomer plays alone, on the main ring

    def mix(self, position: int, own: Frames, patience_s: float) -> Frames:
        """Return the chunk at a position, mixed; without the newcomer for good once it was late for one chunk."""
        other = np.empty_like(own)
        give_up_s = time.monotonic() + patience_s
        while not self.failed:
            if self._side.read_into(other, position - self._base) is ReadStatus.OK:
                return faded(own, other, position - self._begin, self._fade)
            self.failed = time.monotonic() > give_up_s
            time.sleep(_NAP_S)
        return own

    def close(self) -> None:
        """Unmap the side ring."""
        self._side.close()
