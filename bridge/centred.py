"""A buffer that stays centred: blocks come at one clock's pace and go at another's. [control]

`push` takes what a subscriber hands out, `pull` fills what a sound card asks for. The difference of the clocks is made
up for by resampling (libsoxr, variable rate), whose ratio moves by millionths at a time: no click, no pitch that
anybody hears. Gaps become silence of their length under short fades; a buffer that runs dry fades out, waits until it
is half full again, and fades in. With `follow=False` the samples pass bit for bit, for two ends with one clock.

One thread owns it. Not for a callback that must never wait: libsoxr allocates.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from legando.bridge.drift import DriftEstimator, RatioLoop
from legando.bridge.intake import AudioBlock
from legando.realtime.errors import LegandoError

FADE_MS = 5.0
FEED_FRAMES = 64
UPDATE_S = 0.1

Frames = NDArray[np.float32]


class CentredBuffer:
    """State: the blocks that wait, the resampler, the loop. `target_ms` is how much waits on average."""

    def __init__(
        self, *, sample_rate_hz: int = 48_000, channels: int = 2, target_ms: float = 40.0, follow: bool = True
    ) -> None:
        if not 1.0 <= target_ms <= 5000.0:
            raise LegandoError(f"target_ms = {target_ms:g} is outside 1 to 5000; 40 suits one machine")
        self.underruns = 0
        self.skipped_frames = 0
        self._rate, self._channels = sample_rate_hz, channels
        self._target = round(target_ms * sample_rate_hz / 1000)
        self._waiting: deque[Frames] = deque()
        self._held = 0
        self._resampled: deque[Frames] = deque()
        self._ready = 0
        self._pushed = 0
        self._fed = 0
        self._fade = np.linspace(0.0, 1.0, max(1, round(sample_rate_hz * FADE_MS / 1000)), dtype=np.float32)[:, None]
        self._fade_at = 0
        self._last = np.zeros((1, channels), np.float32)
        self._filling = True
        self._since_update = 0
        self._source = DriftEstimator(sample_rate_hz)
        self._loop = RatioLoop(self._target, sample_rate_hz)
        self._stream = None
        if follow:
            try:
                import soxr
            except ModuleNotFoundError as error:
                raise LegandoError("following another clock needs soxr: pip install soxr, or follow=False") from error
            self._stream = soxr.ResampleStream(1.01, 1.0, channels, dtype="float32", quality="HQ", vr=True)
            self._stream.set_io_ratio(1.0, 1.0, 0)

    @property
    def held_frames(self) -> int:
        """How many frames wait."""
        return self._held

    @property
    def drift_ppm(self) -> float:
        """How much faster than ours the other clock runs, as far as is known."""
        return 1e6 * self._loop.drift

    def push(self, block: AudioBlock, *, now_ns: int | None = None) -> None:
        """Take a block as it came; `now_ns` is when (its own timestamp otherwise). [control]"""
        if block.restarted:
            self._source.clear()
            self._pushed = 0
            self._fed = -self._held
        if block.gap_frames:
            self._add(np.zeros((min(block.gap_frames, 4 * self._target), self._channels), np.float32))
        self._add(block.frames)
        self._source.observe(block.timestamp_ns if now_ns is None else now_ns, self._pushed)
        if self._held > 4 * self._target + len(block.frames):
            self._skip()

    def pull(self, frames: int, *, now_ns: int) -> Frames:
        """Return exactly so many frames, to be played from `now_ns` on; silence where there are none. [control]"""
        if self._filling and self._held >= self._target:
            self._filling, self._fade_at = False, 0
            self._loop.jumped()
        while not self._filling and self._ready < frames and self._held:
            self._feed(now_ns)
        out = np.zeros((frames, self._channels), np.float32)
        taken = self._take(out)
        if taken and self._fade_at < len(self._fade):
            count = min(taken, len(self._fade) - self._fade_at)
            out[:count] *= self._fade[self._fade_at : self._fade_at + count]
            self._fade_at += count
        if taken < frames and not self._filling:
            self.underruns += 1
            self._filling = True
            count = min(frames - taken, len(self._fade))
            end = out[taken - 1] if taken else self._last[0]
            out[taken : taken + count] = end * self._fade[::-1][:count]  # no step where the sound ends
        self._last[0] = out[-1]
        self._update(frames, now_ns)
        return out

    def _add(self, frames: Frames) -> None:
        self._waiting.append(frames)
        self._held += len(frames)
        self._pushed += len(frames)

    def _skip(self) -> None:
        """Throw the oldest away, down to the target: who was asleep goes on with what is current."""
        while self._held > self._target and len(self._waiting) > 1:
            gone = len(self._waiting.popleft())
            self._held -= gone
            self._fed += gone
            self.skipped_frames += gone
        self._fade_at = 0
        self._loop.jumped()

    def _feed(self, now_ns: int) -> None:
        """Let a little of what waits through the resampler."""
        head = self._waiting[0]
        piece, rest = head[:FEED_FRAMES], head[FEED_FRAMES:]
        if len(rest):
            self._waiting[0] = rest
        else:
            self._waiting.popleft()
        self._held -= len(piece)
        self._fed += len(piece)
        if self._stream is not None:
            piece = self._stream.resample_chunk(np.ascontiguousarray(piece))
        if len(piece):
            self._resampled.append(piece)
            self._ready += len(piece)

    def _take(self, out: Frames) -> int:
        taken = 0
        while taken < len(out) and self._resampled:
            head = self._resampled.popleft()
            count = min(len(head), len(out) - taken)
            out[taken : taken + count] = head[:count]
            if count < len(head):
                self._resampled.appendleft(head[count:])
            taken += count
        self._ready -= taken
        return taken

    def _update(self, frames: int, now_ns: int) -> None:
        """Move the ratio a little, ten times a second, by where the other clock is now and what we have read of it."""
        self._since_update += frames
        seconds = self._since_update / self._rate
        if seconds < UPDATE_S or self._filling:
            return
        self._since_update = 0
        if self._stream is not None:
            fill = self._source.position_at(now_ns) - self._fed + self._ready
            self._stream.set_io_ratio(self._loop.update(fill, seconds), 1.0, round(seconds * self._rate))
