"""Cross-fades between two engines: the one that leaves mixes the one that comes into the sound it writes. [engine]

The newcomer writes to a ring of its own, the side ring; at the end of the fade it is given the main one. A stream
begins with a fade, too (`fade_in`): live, in a rendering and in a replay.

Both play the same score, so their sound is alike, but not the same: between bundles of different trainings the
correlation over eight seconds was 0.18 to 0.42. Gains that add up to 1 would dip by 1.4 to 2.2 dB in the middle, those
of constant power would swell by 0.8 to 1.6 dB. So the gains keep the power of two sounds with a correlation of 0.35,
which was true to 0.6 dB. They add up to at most 1.22; what that lifts over the limiter's knee is bent, so that two
limited sounds never exceed the limit; where the gains add up to 1, nothing is bent.
"""

from __future__ import annotations

import time

import numpy as np

from legando.kernels.seam import DEFAULT_LIMITER
from legando.realtime.ring import Frames, ReadStatus, Ring

FADE_FRAMES = 96_000
"""Two seconds."""

FADE_IN_FRAMES = 960
"""20 ms: all oscillators of a decoder begin in phase, a burst that pops where pads begin; a first stroke stays one."""

ALIKE = 0.35
"""The correlation of two bundles that play the same score."""

_NAP_S = 0.001


def rising(begin_frames: int, frames: int, fade_frames: int) -> Frames:
    """Return the newcomer's share from `begin_frames` into the fade on: a raised cosine, float32 (frames, 1). [any]"""
    at = np.clip((begin_frames + np.arange(frames) + 0.5) / fade_frames, 0.0, 1.0)
    share: Frames = (0.5 - 0.5 * np.cos(np.pi * at)).astype(np.float32)[:, None]
    return share


def fade_in(frames: Frames, position: int) -> Frames:
    """Return frames that begin at `position` of a stream, its very first ones faded in; later ones untouched. [any]"""
    return frames if position >= FADE_IN_FRAMES else frames * rising(position, len(frames), FADE_IN_FRAMES)


def gains(begin_frames: int, frames: int, fade_frames: int) -> tuple[Frames, Frames]:
    """Return the gains of the one that leaves and the one that comes, float32 (frames, 1) each. [any]"""
    share = rising(begin_frames, frames, fade_frames)
    rest = np.float32(1.0) - share
    power = np.float32(1.0) - np.float32(2.0 * (1.0 - ALIKE)) * share * rest
    lift: Frames = (1.0 / np.sqrt(power)).astype(np.float32)
    return rest * lift, share * lift


def bent(mixed: Frames, most: Frames) -> Frames:
    """Return a mix of two limited sounds, no louder than each of them. [any]

    `most` is by how much the gains may have lifted it, float32 (frames, 1), at least 1. From the knee k on, u over it
    becomes u / (1 + u (1/room - 1/over)) with room = ceiling - k and over = most x ceiling - k: slope 1 at the knee,
    `room` at `over`, the identity where `most` is 1.
    """
    knee, ceiling = np.float32(DEFAULT_LIMITER.knee), np.float32(DEFAULT_LIMITER.ceiling)
    over = most * ceiling - knee
    bend = np.maximum(np.float32(1.0) / (ceiling - knee) - np.float32(1.0) / over, np.float32(0.0))
    height = np.abs(mixed)
    above = np.maximum(height - knee, np.float32(0.0))
    lower: Frames = np.where(height > knee, np.copysign(knee + above / (np.float32(1.0) + above * bend), mixed), mixed)
    return lower


def faded(own: Frames, other: Frames, begin_frames: int, fade_frames: int) -> Frames:
    """Return one chunk of a cross-fade from `own` to `other`, float32 (frames, channels). [any]"""
    leaving, coming = gains(begin_frames, len(own), fade_frames)
    return bent(own * leaving + other * coming, leaving + coming)


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
