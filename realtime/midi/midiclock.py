"""Following MIDI clock: 24 pulses a beat become a smooth tempo and a position in sixteenths. [control]

A clock sent over a port jitters by milliseconds, so that single intervals say little. A line is fitted through the
frames of the last pulses; its slope is the tempo and its value the position. Pulses that lie far off, measured by the
median distance, are left out: a port that stalls for a moment does not pull the tempo. When the newest pulses agree
with each other and not with those before, the tempo has changed, and the old ones are forgotten. Pure: frames in,
numbers out.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import TICKS_PER_BEAT
from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM

PULSES_PER_BEAT = 24
PULSES_PER_TICK = PULSES_PER_BEAT // TICKS_PER_BEAT

CLOCK, START, CONTINUE, STOP, SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2
_WINDOW_PULSES = 48
_NEWEST = 6
_CHANGED = 0.3
"""How many pulses the newest must be off, at the median, all to one side, for the tempo to have changed."""
_TRUSTED_S = 0.001
"""No pulse this near to the line is left out."""


class ClockFollower:
    """State: the frames of the last pulses, the number of the next one, whether the song runs."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._pulses: deque[tuple[int, int]] = deque(maxlen=_WINDOW_PULSES)  # (number, frame)
        self._next = 0
        self._resume = 0  # the pulse that comes first after continue
        self._running = False
        self._slope: float | None = None  # frames for each pulse
        self._origin = 0.0  # the frame of pulse 0

    def feed(self, message: bytes, frame: int) -> None:
        """Take a clock, start, continue, stop or song position message; ignore others."""
        kind = message[0]
        if kind == CLOCK:
            self._pulse(frame)
        elif kind == START:
            self._renumber(0)
            self._running = True
        elif kind == CONTINUE and not self._running:
            self._renumber(self._resume)
            self._running = True
        elif kind == STOP and self._running:
            self._resume = self._next
            self._running = False
        elif kind == SONG_POSITION and len(message) == 3:
            self._resume = (message[1] | message[2] << 7) * PULSES_PER_TICK
            if self._running:
                self._renumber(self._resume)

    def tempo_bpm(self) -> float | None:
        """Return the smoothed tempo; None until two pulses have come."""
        if self._slope is None:
            return None
        tempo = 60.0 * self._sample_rate_hz / (PULSES_PER_BEAT * self._slope)
        return min(max(tempo, TEMPO_MIN_BPM), TEMPO_MAX_BPM)

    def position_ticks(self, frame: int) -> float | None:
        """Return the position at a frame in sixteenths; None while the song is stopped or before its first pulse."""
        if not self._running or self._slope is None:
            return None
        return max((frame - self._origin) / self._slope / PULSES_PER_TICK, 0.0)

    def _pulse(self, frame: int) -> None:
        longest = 60.0 * self._sample_rate_hz / (PULSES_PER_BEAT * TEMPO_MIN_BPM)
        if self._pulses and frame - self._pulses[-1][1] > 4 * longest:  # the clock was away: forget its old pace
            self._pulses.clear()
        self._pulses.append((self._next, frame))
        self._next += 1
        self._fit()

    def _renumber(self, number: int) -> None:
        """Let the next pulse have this number, and keep the pace of those before it."""
        shift = number - self._next
        self._pulses = deque(((n + shift, f) for n, f in self._pulses), maxlen=_WINDOW_PULSES)
        self._next = number
        if self._slope is not None:
            self._origin -= shift * self._slope

    def _fit(self) -> None:
        if len(self._pulses) < 2:
            return
        numbers = np.array([n for n, _ in self._pulses], dtype=np.float64)
        frames = np.array([f for _, f in self._pulses], dtype=np.float64)
        if len(numbers) >= 3 * _NEWEST:
            slope, origin = _line(numbers[:-_NEWEST], frames[:-_NEWEST])
            off = (frames - origin - slope * numbers)[-_NEWEST:]
            same_side = bool(np.all(off > 0) or np.all(off < 0))
            if same_side and abs(float(np.median(off))) > _CHANGED * slope:
                self._pulses = deque(list(self._pulses)[-_NEWEST:], maxlen=_WINDOW_PULSES)
                numbers, frames = numbers[-_NEWEST:], frames[-_NEWEST:]
        slope, origin = _line(numbers, frames)
        off = frames - origin - slope * numbers
        distance = np.abs(off - np.median(off))
        near = distance <= max(4.0 * float(np.median(distance)), _TRUSTED_S * self._sample_rate_hz)
        if not near.all() and near.sum() >= 2:
            slope, origin = _line(numbers[near], frames[near])
        if slope > 0:
            self._slope, self._origin = slope, origin


def _line(numbers: NDArray[np.float64], frames: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and origin of the line of least squares."""
    centred = numbers - numbers.mean()
    slope = float(centred @ frames / max(float(centred @ centred), 1e-9))
    return slope, float(frames.mean() - slope * numbers.mean())
