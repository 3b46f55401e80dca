"""Freeze: the last beat again and again, while the music goes on unheard. [audio]

What passes is always remembered. A freeze takes its last `loop` frames, blends the end of the loop into what came just
before its start, so that it joins without a seam, and cross-fades from the music into it; the way back is the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from legando.realtime.ring import Frames

FADE_MS = 12.0
LOOP_MAX_S = 2.0
LOOP_MIN_MS = 50.0


def _rising(frames: int) -> npt.NDArray[np.float32]:
    curve = 0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / frames)
    return curve.astype(np.float32)[:, None]


class Freeze:
    """State: the past, the loop, where it plays, and how far the cross-fade is. Allocated, and touched, once."""

    def __init__(self, sample_rate_hz: int, channels: int, *, max_block_frames: int) -> None:
        self._fade = round(sample_rate_hz * FADE_MS / 1000)
        self._longest = round(sample_rate_hz * LOOP_MAX_S)
        self._shortest = max(self._fade * 2, round(sample_rate_hz * LOOP_MIN_MS / 1000))
        size = 1 << (self._longest + self._fade + max_block_frames).bit_length()
        self._past: Frames = np.full((size, channels), 0.0, dtype=np.float32)  # touched: no page faults later
        self._at = 0
        self._loop: Frames = np.full((self._longest, channels), 0.0, dtype=np.float32)
        self._length = self._loop_at = 0
        self._before: Frames = np.full((self._fade, channels), 0.0, dtype=np.float32)
        # As wide as a block: NumPy copies what it broadcasts into itself.
        self._rising: Frames = np.ascontiguousarray(np.repeat(_rising(self._fade), channels, axis=1))
        self._falling: Frames = np.ascontiguousarray(self._rising[::-1])
        self._mix = 0  # 0: music, `_fade`: loop
        self._curve: Frames = np.full((self._fade + 1, channels), 0.0, dtype=np.float32)
        self._curve[1:] = self._rising
        self._curve[-1] = 1.0
        self._steps: npt.NDArray[np.intp] = np.arange(1, max_block_frames + 1, dtype=np.intp)
        self._index = self._steps.copy()
        self._gains: Frames = np.full((max_block_frames, channels), 0.0, dtype=np.float32)
        self._wet: Frames = np.full((max_block_frames, channels), 0.0, dtype=np.float32)

    def process(self, block: Frames, *, frozen: bool, loop_frames: int) -> None:
        """Remember a block, and put the loop in its place while `frozen`, in place. [audio]"""
        if frozen and self._mix == 0:
            self._take(loop_frames)
        self._remember(block)
        if not frozen and self._mix == 0:
            return
        count = len(block)
        wet, gains, index = self._wet[:count], self._gains[:count], self._index[:count]
        self._play(wet)
        if frozen and self._mix == self._fade:
            block[:] = wet
            return
        np.multiply(self._steps[:count], 1 if frozen else -1, out=index)
        np.add(index, self._mix, out=index)
        np.maximum(index, 0, out=index)
        np.minimum(index, self._fade, out=index)
        np.take(self._curve, index, axis=0, out=gains, mode="clip")
        self._mix = int(index[-1])
        np.subtract(wet, block, out=wet)
        np.multiply(wet, gains, out=wet)
        np.add(block, wet, out=block)

    def _take(self, loop_frames: int) -> None:
        """Make the last frames that were heard the loop."""
        self._length = min(max(loop_frames, self._shortest), self._longest)
        loop = self._loop[: self._length]
        self._recall(loop, self._at - self._length)
        self._recall(self._before, self._at - self._length - self._fade)
        end = loop[-self._fade :]
        np.multiply(end, self._falling, out=end)
        np.multiply(self._before, self._rising, out=self._before)
        np.add(end, self._before, out=end)
        self._loop_at = 0

    def _play(self, out: Frames) -> None:
        done = 0
        while done < len(out):
            count = min(len(out) - done, self._length - self._loop_at)
            out[done : done + count] = self._loop[self._loop_at : self._loop_at + count]
            self._loop_at = (self._loop_at + count) % self._length
            done += count

    def _remember(self, block: Frames) -> None:
        at = self._at & (len(self._past) - 1)
        first = min(len(block), len(self._past) - at)
        self._past[at : at + first] = block[:first]
        self._past[: len(block) - first] = block[first:]
        self._at += len(block)

    def _recall(self, out: Frames, start: int) -> None:
        at = start & (len(self._past) - 1)
        first = min(len(out), len(self._past) - at)
        out[:first] = self._past[at : at + first]
        out[first:] = self._past[: len(out) - first]
