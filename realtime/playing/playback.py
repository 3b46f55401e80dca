"""Playback: what the player does to each block between the ring and the device. [audio]

Arrays in, arrays out: no device and no clock, so that all of it is tested without one. Everything is allocated in
`__init__`; a block makes no new arrays, only views and small numbers, which CPython takes from its free lists.

In this order: the ring or what conceals its gap, freeze, filter, then level, mute and panic as one gain. With data in
the ring and all of them at rest the samples pass bit for bit. When the ring runs dry, the last 20 ms are
played backwards under a fade: read from the end, the tail joins on without a jump. When data is back, it fades in
over 5 ms, over what may be left of the tail. The position stands still meanwhile: music is late, never lost. Where the
host has said how long a beat is, the last beat is repeated over all this, as in a freeze, until data is back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from legando.realtime.playing.freeze import Freeze
from legando.realtime.playing.sweepfilter import SweepFilter
from legando.realtime.ring import CLOSING, FINISHED, LEVEL_MAX, PANIC_MS, Frames, PlayerState, ReadStatus, Ring

CONCEAL_MS = 20.0
RETURN_MS = 5.0
LEVEL_SLEW_MS = 10.0
CLOSING_MS = 20.0
PEAK_FALL_DB_PER_S = 60.0


def raised_cosine(frames: int, channels: int) -> Frames:
    """Return a fade from 0 to 1 as float32 (frames, channels), without a corner at either end. [any]"""
    curve = 0.5 - 0.5 * np.cos(np.pi * (np.arange(frames) + 0.5) / frames)
    return np.repeat(curve.astype(np.float32)[:, None], channels, axis=1)


class Playback:
    """Take blocks from a ring, conceal what is missing, apply the level, publish the counters. [audio]

    It starts once the ring holds `prefill_frames` (or the writer has finished), and after an underrun, or in a stream
    that another player has begun, once it holds `resume_frames`. Further behind than `max_lead_frames`, it jumps
    forward to the prefill.
    """

    def __init__(
        self,
        ring: Ring,
        *,
        prefill_frames: int,
        resume_frames: int | None = None,
        max_lead_frames: int | None = None,
        max_block_frames: int = 2048,
    ) -> None:
        rate, channels = ring.sample_rate_hz, ring.channels
        assert 0 < max_block_frames <= ring.capacity_frames // 4, "block does not fit the ring"
        self._ring = ring
        self._block = max_block_frames
        self._max_lead = min(max_lead_frames or ring.capacity_frames // 2, ring.capacity_frames - max_block_frames)
        self._prefill = max(1, min(prefill_frames, self._max_lead))
        self._resume = max(1, min(resume_frames or self._prefill, self._max_lead))

        self._fade_in = raised_cosine(round(rate * RETURN_MS / 1000), channels)
        self._fade_out = np.ascontiguousarray(raised_cosine(round(rate * CONCEAL_MS / 1000), channels)[::-1])
        self._fade_in_at = len(self._fade_in)
        self._tail: Frames = np.zeros_like(self._fade_out)
        self._tail_at = len(self._tail)
        self._history: Frames = np.zeros((1 << (len(self._tail) + 1).bit_length(), channels), dtype=np.float32)
        self._history_at = 0
        self._back: npt.NDArray[np.intp] = np.arange(len(self._tail), dtype=np.intp)
        self._tail_index = self._back.copy()
        self._scratch: Frames = np.zeros((max_block_frames, channels), dtype=np.float32)
        self._block_peak: Frames = np.zeros(channels, dtype=np.float32)

        # As wide as a block: NumPy copies what it broadcasts into itself.
        count_up = np.arange(1, max_block_frames + 1, dtype=np.float32)
        self._one_to_n: Frames = np.repeat(count_up[:, None], channels, axis=1)
        self._gains: Frames = np.zeros_like(self._one_to_n)
        self._gain = ring.level
        self._level_step = 1000.0 / (rate * LEVEL_SLEW_MS)
        self._closing_step = 1000.0 / (rate * CLOSING_MS)
        self._peak_fall = 10.0 ** (-PEAK_FALL_DB_PER_S / 20.0 / rate)
        self._peak_left = self._peak_right = 0.0
        self._freeze = Freeze(rate, channels, max_block_frames=max_block_frames)
        self._filter = SweepFilter(rate, channels)
        self._panic_frames = round(rate * PANIC_MS / 1000)
        self._panics, self._panic_left = ring.panics, 0

        self._closing = False
        self._position = max(ring.played_frames, ring.oldest_frames)
        self._underruns, self._concealed = ring.underruns, ring.concealed_frames  # go on after a restart
        self._skipped = ring.skipped_frames
        self.state = PlayerState.FILLING
        self._publish()

    def stop(self) -> None:
        """Fade out, then stop, whatever the ring says. [control]"""
        self._closing = True

    def process(self, out: Frames) -> None:
        """Fill `out` whole: float32 (frames, channels), of any length. [audio]"""
        for start in range(0, len(out), self._block):
            self._process_block(out[start : start + self._block])
        self._publish()

    def _process_block(self, out: Frames) -> None:
        taken = self._take(out)
        heard, missing = out[:taken], out[taken:]
        if taken:
            self._fade_in_over(heard)
            self._add_tail(heard)
            self._remember(heard)
        if taken < len(out):
            missing.fill(0.0)
            if self.state is PlayerState.PLAYING:
                self._begin_tail()
                if self._ring.flags & FINISHED and self._position >= self._ring.written_frames:
                    self.state = PlayerState.STOPPED
                else:
                    self.state = PlayerState.STARVED
                    self._underruns += 1
            if self.state is PlayerState.STARVED:
                self._concealed += len(missing)
            self._add_tail(missing)
            self._remember(missing)
        ring = self._ring
        loop = ring.loop_frames
        starved = loop > 0 and self.state is PlayerState.STARVED
        self._freeze.process(out, frozen=starved or ring.immediate("freeze") > 0.5, loop_frames=loop)
        self._filter.process(out, ring.immediate("filter"))
        self._apply_level(out)
        self._measure(out)

    def _take(self, out: Frames) -> int:
        """Copy what the ring has into `out` and return how many frames that was."""
        ring = self._ring
        available = ring.written_frames - self._position
        if self.state is PlayerState.FILLING or self.state is PlayerState.STARVED:
            needed = self._resume if self._position else self._prefill
            if available < needed and not (ring.flags & FINISHED):
                return 0
            self.state = PlayerState.PLAYING
            # A stream that begins, begins with its own first sample; one joined later fades in.
            self._fade_in_at = 0 if self._position else len(self._fade_in)
        if self.state is not PlayerState.PLAYING:
            return 0
        if available > self._max_lead:
            available = self._skip()
        count = min(len(out), available)
        if count <= 0:
            return 0
        if ring.read_into(out[:count], self._position) is ReadStatus.LOST:
            count = min(len(out), self._skip())
            if ring.read_into(out[:count], self._position) is not ReadStatus.OK:
                return 0
        self._position += count
        return count

    def _skip(self) -> int:
        """Jump to the prefill behind the writer, over a cross-fade, and return what is available there."""
        written = self._ring.written_frames
        target = max(self._position, written - self._prefill)
        self._skipped += target - self._position
        self._position = target
        self._begin_tail()
        self._fade_in_at = 0
        return written - target

    def _fade_in_over(self, block: Frames) -> None:
        at = self._fade_in_at
        count = min(len(block), len(self._fade_in) - at)
        if count > 0:
            np.multiply(block[:count], self._fade_in[at : at + count], out=block[:count])
            self._fade_in_at = at + count

    def _begin_tail(self) -> None:
        """Take the last frames that were heard, backwards and fading, as what to play next."""
        np.subtract(self._history_at - 2, self._back, out=self._tail_index)  # -1 is the last one, already heard
        np.take(self._history, self._tail_index, axis=0, out=self._tail, mode="wrap")
        np.multiply(self._tail, self._fade_out, out=self._tail)
        self._tail_at = 0

    def _add_tail(self, block: Frames) -> None:
        at = self._tail_at
        count = min(len(block), len(self._tail) - at)
        if count > 0:
            np.add(block[:count], self._tail[at : at + count], out=block[:count])
            self._tail_at = at + count

    def _remember(self, block: Frames) -> None:
        size = len(self._history)
        block = block[-size:]
        at = self._history_at
        first = min(len(block), size - at)
        self._history[at : at + first] = block[:first]
        if first < len(block):
            self._history[: len(block) - first] = block[first:]
        self._history_at = (at + len(block)) & (size - 1)

    def _apply_level(self, out: Frames) -> None:
        target, step = self._ring.level, self._level_step
        if not 0.0 <= target <= LEVEL_MAX:  # also refuses a NaN
            target = self._gain
        if self._ring.panics != self._panics:
            self._panics, self._panic_left = self._ring.panics, self._panic_frames
        if self._panic_left or self._ring.immediate("mute") > 0.5:
            target = 0.0
            self._panic_left = max(0, self._panic_left - len(out))
        if self._closing or self._ring.flags & CLOSING:
            target, step = 0.0, self._closing_step * max(1.0, self._gain)
            if self._gain == 0.0:
                self.state = PlayerState.STOPPED
        if self._gain == target:
            if target == 0.0:
                out.fill(0.0)
            elif target != 1.0:
                np.multiply(out, target, out=out)
            return
        gains = self._gains[: len(out)]
        np.multiply(self._one_to_n[: len(out)], step if target > self._gain else -step, out=gains)
        np.add(gains, self._gain, out=gains)
        if target > self._gain:
            np.minimum(gains, target, out=gains)
            self._gain = min(target, self._gain + step * len(out))
        else:
            np.maximum(gains, target, out=gains)
            self._gain = max(target, self._gain - step * len(out))
        np.multiply(out, gains, out=out)

    def _measure(self, out: Frames) -> None:
        scratch = self._scratch[: len(out)]
        np.abs(out, out=scratch)
        np.max(scratch, axis=0, out=self._block_peak)
        fall = self._peak_fall ** len(out)
        self._peak_left = max(float(self._block_peak[0]), self._peak_left * fall)
        self._peak_right = max(float(self._block_peak[-1]), self._peak_right * fall)

    def _publish(self) -> None:
        ring = self._ring
        ring.peaks = (self._peak_left, self._peak_right)
        ring.publish(
            played_frames=self._position,
            underruns=self._underruns,
            concealed_frames=self._concealed,
            skipped_frames=self._skipped,
            state=self.state,
        )
