"""Ableton Link: tempo, beat and bar shared by the programs and players of a network, whoever was first. [control]

Alone, our time is that of the session, so that whoever comes meets our beat. With peers, theirs is ours: the tempo, and
the place in the bar (a quantum of four beats); the form goes on where it is, for Link shares no song. A tempo that a
hand or a scene gives us meanwhile becomes the session's. What is followed reaches the performance as an event
(`ownevent`), so that a take that followed Link is replayed without it.

Link is talked to by a library of its own (`pip install "legando[link]"`), on threads that run no Python. It finds its
peers by multicast on every network of this machine: nothing is opened unless the rig or `--link` asks for it.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from typing import Any

from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import DeviceError
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import song_event
from legando.realtime.performing.recall import TICKS_PER_BAR, TICKS_PER_BEAT, ticks_in
from legando.realtime.performing.songplace import SongPlace

QUANTUM_BEATS = float(TICKS_PER_BAR // TICKS_PER_BEAT)
_SAME_TICKS = 0.01
"""A place this near to where it was expected is not told again: a millisecond at 150 bpm."""
_SAME_BPM = 0.005

NOBODY = SongPlace(0.0, 0.0, 0, False)


class LinkTime:
    """Our place in a Link session. Owned by the host's thread; use it as a context or close it.

    `start_stop` follows start and stop of the peers, too. Raises DeviceError without the library.
    """

    def __init__(self, *, sample_rate_hz: int, start_stop: bool = False) -> None:
        try:
            library = importlib.import_module("link")
        except ImportError as error:
            raise DeviceError('Link needs a library that is not installed: pip install "legando[link]"') from error
        self._rate = sample_rate_hz
        self._start_stop = start_stop
        self._link: Any = library.Link(120.0)
        self._link.startStopSyncEnabled = start_stop
        self._link.enabled = True
        self._told: SongPlace | None = None  # what is followed, as the generator counts
        self._shift_ticks = 0.0  # from the session's count of bars to ours
        self._given_bpm: float | None = None

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return int(self._link.numPeers())

    @property
    def tempo_bpm(self) -> float:
        """The session's tempo."""
        return float(self._link.captureAppSessionState().tempo())

    def take(
        self, *, position_frames: int, heard_at_ns: int, tick: float, tempo_bpm: float, given_bpm: float | None
    ) -> Iterator[LiveMessage]:
        """Yield what the session has to say before the chunk at a position.

        The chunk is heard at `heard_at_ns` (`time.perf_counter_ns`) and so far begins at `tick`, at `tempo_bpm`;
        `given_bpm` is the tempo that hands, files and scenes have asked for, None for none.
        """
        state = self._link.captureAppSessionState()
        heard_us = self._link.clock().micros() + (heard_at_ns - time.perf_counter_ns()) // 1000
        if self.peers == 0:
            if self._told is not None:
                self._told = None
                yield LiveMessage(time.perf_counter_ns(), song_event(NOBODY))
            self._lead(state, heard_us, tick, tempo_bpm)
            self._given_bpm = given_bpm
            return
        if given_bpm is not None and given_bpm != self._given_bpm:
            if self._told is not None:  # a hand's tempo is for all; what was given before they came is not
                state.setTempo(given_bpm, heard_us)
                self._link.commitAppSessionState(state)
            self._given_bpm = given_bpm
        place = self._place(state, heard_us, position_frames, tick)
        if self._is_news(place):
            self._told = place
            yield LiveMessage(time.perf_counter_ns(), song_event(place))

    def _lead(self, state: Any, heard_us: int, tick: float, tempo_bpm: float) -> None:
        """Alone: let the session's time be ours."""
        off = tick / TICKS_PER_BEAT - state.beatAtTime(heard_us, QUANTUM_BEATS)
        if abs(off) * TICKS_PER_BEAT > _SAME_TICKS or abs(state.tempo() - tempo_bpm) > _SAME_BPM:
            state.setTempo(tempo_bpm, heard_us)
            state.forceBeatAtTime(tick / TICKS_PER_BEAT, heard_us, QUANTUM_BEATS)
            self._link.commitAppSessionState(state)

    def _place(self, state: Any, heard_us: int, position_frames: int, tick: float) -> SongPlace:
        """Return where the session is at the chunk's position, in our count of bars."""
        tempo, fold = folded(state.tempo())
        there = fold * TICKS_PER_BEAT * state.beatAtTime(heard_us, QUANTUM_BEATS)
        if self._told is None or abs(there + self._shift_ticks - tick) > TICKS_PER_BAR:
            self._shift_ticks = float(TICKS_PER_BAR * round((tick - there) / TICKS_PER_BAR))
        playing = not self._start_stop or bool(state.isPlaying())
        return SongPlace(tempo, there + self._shift_ticks, position_frames, playing)

    def _is_news(self, place: SongPlace) -> bool:
        told = self._told
        if told is None or told.playing != place.playing or abs(told.tempo_bpm - place.tempo_bpm) > _SAME_BPM:
            return True
        due = told.tick + ticks_in(place.frame - told.frame, told.tempo_bpm, self._rate)
        return abs(due - place.tick) > _SAME_TICKS

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False


def folded(tempo_bpm: float) -> tuple[float, float]:
    """Return a tempo doubled or halved into our range, and by how much its beats are multiplied. [any]"""
    fold = 1.0
    while tempo_bpm * fold < TEMPO_MIN_BPM:
        fold *= 2.0
    while tempo_bpm * fold > TEMPO_MAX_BPM:
        fold /= 2.0
    return tempo_bpm * fold, fold
