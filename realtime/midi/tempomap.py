"""The tempo map of a MIDI file that must keep time with a sound. [any]

Points say at which frame of the sound the music is at which sixteenth. A file counts whole ticks, and tempos in whole
microseconds for a quarter note, so that ticks cannot follow points exactly. A tempo holds on as long as it passes every
point within `TOLERANCE_US`, which makes one event of a steady tempo; where a frame is looked up, the file's own rounded
tempos are followed, so that notes keep time with the sound to half a tick however long it is.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

TICKS_PER_QUARTER = 960
TICKS_PER_SIXTEENTH = TICKS_PER_QUARTER // 4
TOLERANCE_US = 250.0
_STEADY = 1e-3
_US_MAX = (1 << 24) - 1

Point = tuple[int, float]
"""Frame of the sound, sixteenths since the file's begin; both only grow."""


class TempoMap:
    """Made of points, the first of which is (0, 0.0). `tempos` lists (tick of the file, microseconds a quarter).

    The first tempo, which a DAW may take for that of the song, is `opening_bpm`, be it for a tick.
    """

    def __init__(self, points: Sequence[Point], sample_rate_hz: int, *, opening_bpm: float) -> None:
        assert points[0] == (0, 0.0) and len(points) > 1, "from the begin of the file, to somewhere"
        self._us_per_frame = 1e6 / sample_rate_hz
        self.tempos: list[tuple[int, int]] = []
        self._begins_us = [0.0]
        wanted = [(frame * self._us_per_frame, sixteenth * TICKS_PER_SIXTEENTH) for frame, sixteenth in points]
        tick, low, high, last = 0, 1.0, float(_US_MAX), 0
        at = 1
        opening_us = round(60e6 / opening_bpm)
        first_us = wanted[1][0] * TICKS_PER_QUARTER / wanted[1][1] if wanted[1][1] > 0.0 else opening_us
        if abs(first_us / opening_us - 1.0) > _STEADY:
            self.tempos.append((0, opening_us))
            self._begins_us.append(opening_us / TICKS_PER_QUARTER)
            tick = 1
        while at < len(wanted):
            us, ticks = wanted[at]
            span = (ticks - tick) / TICKS_PER_QUARTER
            if span <= 0.0:
                at += 1
                continue
            begin_us = self._begins_us[-1]
            low_now = max(low, (us - TOLERANCE_US - begin_us) / span)
            high_now = min(high, (us + TOLERANCE_US - begin_us) / span)
            if math.ceil(low_now) <= math.floor(high_now) or last == at - 1:
                low, high = low_now, high_now
                at += 1
                continue
            tick = self._hold(tick, low, high, wanted[at - 1])
            low, high, last = 1.0, float(_US_MAX), at - 1
        self._hold(tick, low, high, wanted[-1])

    def tick_at(self, frame: float) -> int:
        """Return the tick of the file that is nearest to a frame of the sound."""
        us = frame * self._us_per_frame
        number = max(0, bisect.bisect_right(self._begins_us, us, hi=len(self.tempos)) - 1)
        tick, quarter_us = self.tempos[number]
        return max(0, round(tick + (us - self._begins_us[number]) * TICKS_PER_QUARTER / quarter_us))

    def _hold(self, tick: int, low: float, high: float, until: tuple[float, float]) -> int:
        """Keep a tempo between two limits from a tick to a point, as true to that as can be; return the tick there."""
        us, ticks = until
        begin_us = self._begins_us[-1]
        exact = (us - begin_us) * TICKS_PER_QUARTER / max(ticks - tick, 1e-6)
        quarter_us = round(min(max(exact, math.ceil(low)), math.floor(high)))
        quarter_us = min(max(quarter_us, 1), _US_MAX)
        end = max(tick + 1, round(ticks))
        self.tempos.append((tick, quarter_us))
        self._begins_us.append(begin_us + (end - tick) * quarter_us / TICKS_PER_QUARTER)
        return end
