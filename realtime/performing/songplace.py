"""Where somebody else's song is: a digital audio workstation or a script that leads the time. [any]

Unlike MIDI clock it needs no smoothing: it says at which frame of our own sound its song is at which place, so that
neither clocks nor buffers between here and there matter.
"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.performing.recall import ticks_in


@dataclass(frozen=True, slots=True)
class SongPlace:
    """At `frame` the song is at `tick` (sixteenths since its start), going at `tempo_bpm`, or standing still there.

    A tempo of 0 says that nobody leads any more.
    """

    tempo_bpm: float
    tick: float
    frame: int
    playing: bool

    @property
    def leads(self) -> bool:
        """Whether this is a place to follow."""
        return self.tempo_bpm > 0.0

    def position_ticks(self, frame: int, sample_rate_hz: int) -> float | None:
        """Return where the song is at a frame; None while it stands still. [any]"""
        if not self.playing:
            return None
        return max(0.0, self.tick + ticks_in(frame - self.frame, self.tempo_bpm, sample_rate_hz))
