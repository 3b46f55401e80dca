"""What the engine has written so far: where the next chunk begins, what another engine must know to go on. [control]"""

from __future__ import annotations

from collections import deque

from legando.realtime.enginelink import Made, Past
from legando.realtime.performing.recall import ticks_in

SCORE_TICKS = 128
"""How much of the score another engine is told, in sixteenths: eight bars."""


class Written:
    """Owned by the host's thread. State: the last chunk, the score before it, how many engines have been told."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._last: Made | None = None
        self._score: deque[tuple[int, list[int]]] = deque(maxlen=SCORE_TICKS)
        self._told_restarts = 0

    def made(self, made: Made) -> None:
        """Take in one more chunk."""
        self._last = made
        self._score += made.score

    def tick_at(self, position_frames: int, tempo_bpm: float) -> float:
        """Return where the next chunk begins, in sixteenths: where the engine said, and what passed since."""
        last = self._last
        if last is None:
            return 0.0
        return last.next_tick + ticks_in(position_frames - last.position_frames - last.frames, tempo_bpm, self._rate)

    def past(self, position_frames: int, tempo_bpm: float) -> Past:
        """Return what another engine must know to go on at this frame."""
        return Past(tick=self.tick_at(position_frames, tempo_bpm), score=tuple(self._score))

    def past_after(self, restarts: int, position_frames: int, tempo_bpm: float) -> Past | None:
        """Return the past to an engine that has replaced another, once."""
        if restarts == self._told_restarts or self._last is None:
            return None
        self._told_restarts = restarts
        return self.past(position_frames, tempo_bpm)
