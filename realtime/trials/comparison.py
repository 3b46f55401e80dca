"""Comparison: what is heard, followed along what left the engine, piece by piece; each break, and whose it is. [any]

While the player's immediate controls rest, the recording is a stretch of the stream, bit for bit. Where it is not, it
breaks. A recorder is a client of the sound server, as the player is: when the server's own cycles do not come evenly
(a virtual machine that stood still, a recorder that was not run in time), the recording breaks although the player did
all it should. The time of each cycle, which the recorder keeps, tells these from the player's own: a break is put down
to the server only where its cycles jump at that very place and nothing is heard that is not in the stream.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from legando.realtime.ring import Frames
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.onset import BLOCK, place

KEEP_FRAMES = 10 * SAMPLE_RATE_HZ
UNEVEN_US = 1_000
"""Cycles that come so much earlier or later than their frames say have jumped; JACK's own estimate is smooth."""

NEAR = 4
"""How many pieces before a break are looked at for a jump: a cycle that comes late moves the next ones, too."""


@dataclass(slots=True, kw_only=True)
class Break:
    """One place where the recording does not follow the stream.

    `foreign_frames` are heard and not in the stream, `jump_frames` is how far along the stream it goes on (negative:
    something is heard twice), `uneven_us` how much the server's cycles jump there; `player_late` says that the server
    found the player late.
    """

    at_s: float
    time_us: int
    foreign_frames: int = 0
    jump_frames: int = 0
    uneven_us: int = 0
    player_late: bool = False

    @property
    def of_the_server(self) -> bool:
        """Whether the player handed over all frames in their order, and the server's cycles lost some."""
        return self.uneven_us >= UNEVEN_US and self.foreign_frames == 0 and not self.player_late

    def plain(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "at_s": self.at_s,
            "foreign_frames": self.foreign_frames,
            "jump_frames": self.jump_frames,
            "uneven_us": self.uneven_us,
            "player_late": self.player_late,
            "of": "server" if self.of_the_server else "play",
        }


class Comparison:
    """Follows a recording along a stream, both coming in pieces. State: what of both is not yet compared."""

    def __init__(self, block_frames: int = BLOCK) -> None:
        self._block = min(block_frames, BLOCK)  # no longer than a cycle, so that a lost one is lost whole
        self._stream: Frames = np.zeros((0, 2), dtype=np.float32)
        self._stream_start = 0
        self._recorded: Frames = np.zeros((0, 4), dtype=np.float32)
        self._recorded_start = 0
        self._offset: int | None = None
        self._offset_before: int | None = None
        self._open: Break | None = None  # one whose end has not been found
        self._uneven: deque[int] = deque([0] * NEAR, NEAR)
        self._due_us: int | None = None
        self.breaks: list[Break] = []
        self.same_frames = 0
        self.lost_frames = 0
        self.uneven_cycles = 0

    def add_stream(self, frames: Frames, position: int) -> None:
        """Take in what left the engine. A gap of the bridge is filled with what nothing is equal to."""
        missing = position - (self._stream_start + len(self._stream))
        if missing > 0 and len(self._stream):
            self.lost_frames += missing
            frames = np.concatenate([np.full((missing, 2), np.nan, dtype=np.float32), frames])
        elif not len(self._stream):
            self._stream_start = position
        self._stream = np.concatenate([self._stream, frames])
        surplus = len(self._stream) - KEEP_FRAMES
        if surplus > 0:
            self._stream, self._stream_start = self._stream[surplus:], self._stream_start + surplus

    def add_recorded(self, frames: Frames) -> None:
        """Take in what was heard: float32 (frames, 4), as the recorder wrote it."""
        self._recorded = np.concatenate([self._recorded, frames])

    def compare(self) -> None:
        """Compare all that there is of both, but the newest second of the recording, whose stream may be on its way."""
        while len(self._recorded) > SAMPLE_RATE_HZ:
            whole = self._recorded[: self._block]
            self._look_at_times(whole)
            piece = np.ascontiguousarray(whole[:, :2])
            if self._offset is not None and self._agrees(piece):
                self.same_frames += self._block
            elif piece.any():
                self._look_up(piece)
            elif self._offset is not None or self._open is not None:  # silence that is not in the stream
                self._broke(foreign=True)
            self._recorded, self._recorded_start = self._recorded[self._block :], self._recorded_start + self._block

    def _look_at_times(self, whole: Frames) -> None:
        """Measure how evenly the server's cycles come."""
        times = times_us(whole)
        last_us = int(times[0]) if self._due_us is None else self._due_us
        steps = np.diff(times, prepend=last_us - 1_000_000 // SAMPLE_RATE_HZ) - 1_000_000 // SAMPLE_RATE_HZ
        uneven = int(np.abs(steps).max())
        self.uneven_cycles += uneven >= UNEVEN_US
        self._uneven.append(uneven)
        self._due_us = int(times[-1]) + 1_000_000 // SAMPLE_RATE_HZ

    def _agrees(self, piece: Frames) -> bool:
        assert self._offset is not None
        at = self._recorded_start + self._offset - self._stream_start
        return at >= 0 and np.array_equal(piece, self._stream[at : at + self._block])

    def _look_up(self, piece: Frames) -> None:
        """Find where the recording goes on; a place other than expected is a break."""
        last = self._offset_before if self._offset is None else self._offset
        expected = self._recorded_start + (last or 0) - self._stream_start
        at = place(piece, self._stream, near=len(self._stream) // 2 if last is None else expected)
        if at is None:
            self._broke(foreign=True)
            return
        offset = at + self._stream_start - self._recorded_start
        if self._offset is not None and offset != self._offset:
            self._broke(foreign=False)
        if self._open is not None:
            self._open.jump_frames = offset - (self._offset_before or 0)
            self._open = None
        self._offset = offset
        self.same_frames += self._block

    def _broke(self, *, foreign: bool) -> None:
        """Begin a break or go on with one. The first second only finds the place: soft music may fit in several."""
        if self._offset is not None:
            self._offset_before, self._offset = self._offset, None
            if self.same_frames >= SAMPLE_RATE_HZ:
                at_s = round(self._recorded_start / SAMPLE_RATE_HZ, 3)
                time_us = int(times_us(self._recorded[:1])[0])
                self._open = Break(at_s=at_s, time_us=time_us)
                self.breaks.append(self._open)
        if self._open is not None:
            self._open.foreign_frames += self._block * foreign
            self._open.uneven_us = max(self._open.uneven_us, *self._uneven)


def compared(stream: Frames, recorded: Frames, block_frames: int = BLOCK) -> Comparison:
    """Compare all of a recording, float32 (frames, 4), with all of a stream, (frames, 2). [any]"""
    comparison = Comparison(block_frames)
    for at in range(0, max(len(stream), len(recorded)), SAMPLE_RATE_HZ):
        if at < len(stream):
            comparison.add_stream(stream[at : at + SAMPLE_RATE_HZ], at)
        comparison.add_recorded(recorded[at : at + SAMPLE_RATE_HZ])
        comparison.compare()
    return comparison
