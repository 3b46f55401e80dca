"""Outside time: a MIDI clock, or somebody else's song, which then leads in place of a clock. [control]"""

from __future__ import annotations

from legando.realtime.midi.midiclock import ClockFollower
from legando.realtime.performing.recall import TICKS_PER_BEAT
from legando.realtime.performing.songplace import SongPlace

LEAN = 0.1
"""How much of what it is off the generator makes good with each chunk (`timeline.Clock.follow`)."""


class OutsideTime:
    """Owned by one thread. State: the clock, how far ahead of its sound it is met, where the song is."""

    def __init__(self, sample_rate_hz: int, *, follow_clock: bool) -> None:
        self._rate = sample_rate_hz
        self._clock = ClockFollower(sample_rate_hz) if follow_clock else None
        self._song: SongPlace | None = None
        self.clock_lead_frames = 0

    @property
    def led(self) -> bool:
        """Whether somebody else's song leads."""
        return self._song is not None

    def clock(self, message: bytes, frame: int) -> None:
        """Take a clock's message, where one is followed."""
        if self._clock is not None:
            self._clock.feed(message, frame)

    def song(self, place: SongPlace) -> None:
        """Take the place of a song, or that nobody leads any more."""
        self._song = place if place.leads else None

    def tempo_bpm(self) -> float | None:
        """Return the tempo of the song that leads, or of the clock."""
        if self._song is not None:
            return self._song.tempo_bpm
        return self._clock.tempo_bpm() if self._clock is not None else None

    def position_ticks(self, frame: int) -> float | None:
        """Return where the song that leads, or the clock, says that a frame is."""
        if self._song is not None:
            return self._song.position_ticks(frame, self._rate)
        return self._clock.position_ticks(frame + self.clock_lead_frames) if self._clock is not None else None

    def leaned(self, tick: float, frame: int) -> float:
        """Return a tick as the generator will lean it towards this time; one that is a beat off jumps."""
        position = self.position_ticks(frame)
        if position is None:
            return tick
        return position if abs(position - tick) > TICKS_PER_BEAT else tick + LEAN * (position - tick)
