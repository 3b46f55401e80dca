"""When a scene comes in, and how it gets there: pure functions of ticks, and taps that make a tempo. [any]

| at | comes in |
|---|---|
| `now` | with the next chunk |
| `beat` | at the next beat, four sixteenths |
| `bar` | at the next bar line |
| `phrase` | at the next line of eight bars, where the form may turn |

The next line is the next one whose chunk has not been asked for: what is made from there on is heard from that line on.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import deque
from dataclasses import dataclass

from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM, TICK_S_AT_1_BPM

TICKS_PER_BEAT = 4
TICKS_PER_BAR = 16
PLACES = {"now": 0, "beat": TICKS_PER_BEAT, "bar": TICKS_PER_BAR, "phrase": 8 * TICKS_PER_BAR}
_NEAR = 1e-6


def ticks_in(frames: float, tempo_bpm: float, sample_rate_hz: int) -> float:
    """Return how many sixteenths pass in this many frames. [any]"""
    return frames * tempo_bpm / (TICK_S_AT_1_BPM * sample_rate_hz)


def next_line(tick: float, at: str) -> int | None:
    """Return the first line at or after a tick; None for `now`. [any]"""
    length = PLACES[at]
    return length * math.ceil((tick - _NEAR) / length) if length else None


@dataclass(frozen=True, slots=True)
class Glide:
    """A way from 0 to 1 that begins at a tick and takes `ticks`; with none it has arrived when it begins."""

    start_tick: float
    ticks: float

    def share(self, tick: float) -> float:
        """Return how much of the way has been gone at a tick, 0..1."""
        if tick >= self.start_tick + self.ticks - _NEAR:
            return 1.0
        return max(0.0, (tick - self.start_tick) / self.ticks) if self.ticks > 0.0 else 0.0


def between(before: float, after: float, share: float) -> float:
    """Return the value at a share of the way; exactly `before` and `after` at its ends. [any]"""
    return after if share >= 1.0 else before + (after - before) * share


class TapTempo:
    """Taps become a tempo: 60 s over the median of the last intervals. State: the frames of the last taps."""

    TAPS = 5
    FORGET_S = 2.0

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._taps: deque[int] = deque(maxlen=self.TAPS)

    def tap(self, frame: int) -> float | None:
        """Return the tempo after a tap at this frame, in bpm; None for the first one, and after a pause."""
        if self._taps and not 0 < frame - self._taps[-1] <= self.FORGET_S * self._rate:
            self._taps.clear()
        self._taps.append(frame)
        if len(self._taps) < 2:
            return None
        taps = list(self._taps)
        interval = statistics.median(after - before for before, after in itertools.pairwise(taps))
        return min(max(60.0 * self._rate / interval, TEMPO_MIN_BPM), TEMPO_MAX_BPM)
