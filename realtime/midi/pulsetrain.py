"""The pulse train: which MIDI clock messages fall on which frames of the sound. [any]

The engine says at which tick (sixteenth) each chunk begins; between two chunks the tick moves evenly. 24 pulses a beat
are 6 a tick. Where the music begins or jumps, receivers are told where they are: start for the first tick of all, else
song position and continue, always on a whole sixteenth, since song position counts those (MIDI 1.0). Pure: no clock.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from legando.realtime.controls import TEMPO_MAX_BPM, TICK_S_AT_1_BPM
from legando.realtime.midi.midiclock import CLOCK, CONTINUE, PULSES_PER_TICK, SONG_POSITION, START, STOP

_POSITIONS = 1 << 14
_LEAP_TICKS = 0.5
"""What a chunk may be ahead of the highest tempo without being a jump: an engine leans towards an outside clock."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Messages that belong at one frame."""

    frame: float
    messages: tuple[bytes, ...]


class _Stretch:
    """A stretch of music without a jump: frames and their ticks."""

    def __init__(self, frame: int, tick: float) -> None:
        self.points = deque([(frame, tick)])

    def frame_of(self, tick: float) -> float | None:
        """Return the frame of a tick; None beyond what is known. Forgets what lies before it."""
        points = self.points
        while len(points) > 2 and points[1][1] < tick:
            points.popleft()
        if len(points) < 2 or tick > points[-1][1]:
            return None
        (frame, begin), (end_frame, end) = points[0], points[1]
        return frame + (end_frame - frame) * (tick - begin) / (end - begin)


class PulseTrain:
    """State: the stretches that are known, the number of the next pulse, whether receivers run."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._ticks_per_frame_max = TEMPO_MAX_BPM / TICK_S_AT_1_BPM / sample_rate_hz
        self._stretches: deque[_Stretch] = deque()
        self._number: int | None = None  # None: receivers stand still
        self._first = True

    def add(self, frame: int, tick: float) -> None:
        """Say that a chunk begins at this frame and tick; chunks come in order."""
        if self._stretches:
            last_frame, last_tick = self._stretches[-1].points[-1]
            if frame <= last_frame:
                return
            furthest = (frame - last_frame) * self._ticks_per_frame_max + _LEAP_TICKS
            if last_tick < tick <= last_tick + furthest:
                self._stretches[-1].points.append((frame, tick))
                return
        self._stretches.append(_Stretch(frame, tick))

    def next(self) -> Pulse | None:
        """Return what must be sent next, None while it is not known; `sent` goes on to the one after it."""
        if not self._stretches:
            return None
        stretch = self._stretches[0]
        if self._number is None:
            sixteenth = max(0, math.ceil(stretch.points[0][1] - 1e-6))
            frame = stretch.frame_of(max(sixteenth, stretch.points[0][1]))
            if frame is not None:
                where = sixteenth % _POSITIONS
                song = bytes((SONG_POSITION, where & 0x7F, where >> 7))
                begin = (bytes((START,)),) if self._first and not sixteenth else (song, bytes((CONTINUE,)))
                return Pulse(frame, (*begin, bytes((CLOCK,))))
        else:
            frame = stretch.frame_of(self._number / PULSES_PER_TICK)
            if frame is not None:
                return Pulse(frame, (bytes((CLOCK,)),))
        if len(self._stretches) > 1:  # the music jumps before that
            return Pulse(self._stretches[1].points[0][0], (bytes((STOP,)),) if self._number is not None else ())
        return None

    def sent(self, pulse: Pulse) -> None:
        """Say that the pulse that `next` returned has been sent."""
        if not pulse.messages or pulse.messages[0][0] == STOP:
            self._stretches.popleft()
            self._number = None
        elif self._number is None:
            stretch = self._stretches[0]
            self._number = max(0, math.ceil(stretch.points[0][1] - 1e-6)) * PULSES_PER_TICK + 1
            self._first = False
        else:
            self._number += 1
