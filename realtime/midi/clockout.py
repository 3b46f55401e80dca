"""MIDI clock out: each pulse leaves when the sound that it belongs to does. [control]

A thread of its own sleeps to absolute deadlines. When a frame leaves is read from the ring: the player's callback says
how many frames it has handed over and when, the device how long they take from there. A callback may be late, by
chance, so the median over the last second counts.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from legando.realtime.midi.midiclock import STOP
from legando.realtime.midi.pulsetrain import PulseTrain
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.ring import PlayerState

NS_PER_S = 1_000_000_000
_LOOK_NS = 10_000_000
"""How often the deadline is reckoned anew while it is far away."""
_OUTLIER_NS = 20_000_000
_OUTLIERS = 3


class PlayerHeader(Protocol):
    """What the player says in the header of the ring."""

    @property
    def played_frames(self) -> int: ...
    @property
    def played_at_ns(self) -> int: ...
    @property
    def latency_ns(self) -> int: ...
    @property
    def player_state(self) -> PlayerState: ...


class PlayClock:
    """State: the last times at which frame 0 would have been handed over, as callbacks tell it. Pure."""

    def __init__(self, sample_rate_hz: int, window: int = 63) -> None:
        self._rate = sample_rate_hz
        self._origins: deque[int] = deque(maxlen=window)
        self._last_at_ns = -1
        self._outliers = 0

    def observe(self, played_frames: int, played_at_ns: int) -> None:
        """Take what a callback said; three in a row that disagree begin anew, after a gap in the sound."""
        if played_at_ns == self._last_at_ns or played_frames <= 0:
            return
        self._last_at_ns = played_at_ns
        origin = played_at_ns - played_frames * NS_PER_S // self._rate
        if self._origins and abs(origin - statistics.median(self._origins)) > _OUTLIER_NS:
            self._outliers += 1
            if self._outliers < _OUTLIERS:
                return
            self._origins.clear()
        self._outliers = 0
        self._origins.append(origin)

    def time_ns(self, frame: float) -> int | None:
        """Return when the callback that hands over this frame has handed it over; None before the first callback."""
        if not self._origins:
            return None
        return round(statistics.median(self._origins) + frame * NS_PER_S / self._rate)


class ClockOut:
    """The thread. `begins` is the host's, once for each chunk; `send` goes to the ports."""

    def __init__(
        self,
        player: PlayerHeader,
        send: Callable[[bytes], None],
        *,
        sample_rate_hz: int,
        block_frames: int,
        latency_frames: int,
    ) -> None:
        self._player = player
        self._send = send
        self._play_clock = PlayClock(sample_rate_hz)
        self._train = PulseTrain(sample_rate_hz)
        # A block is handed over from its first frame on; what a chunk is about sounds `latency_frames` into it.
        self._shift_frames = block_frames + latency_frames
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midi clock", daemon=True)
        self._ran = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begins(self, frame: int, tick: float) -> None:
        """Say that the chunk at this frame begins at this tick."""
        with self._lock:
            self._train.add(frame, tick)

    def close(self) -> None:
        """Stop the thread, and the receivers."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        if self._ran:
            self._send(bytes((STOP,)))

    def _run(self) -> None:
        real_time(HOST_PRIORITY)
        while not self._stop.is_set():
            player = self._player
            if player.player_state is PlayerState.PLAYING:
                self._play_clock.observe(player.played_frames, player.played_at_ns)
            with self._lock:
                pulse = self._train.next()
            handed_ns = self._play_clock.time_ns(pulse.frame + self._shift_frames) if pulse is not None else None
            if pulse is None or handed_ns is None:
                self._stop.wait(_LOOK_NS / NS_PER_S)
                continue
            wait_ns = handed_ns + player.latency_ns - time.perf_counter_ns()
            if wait_ns > 2 * _LOOK_NS:
                self._stop.wait(_LOOK_NS / NS_PER_S)
                continue
            if wait_ns > 0:
                time.sleep(wait_ns / NS_PER_S)
            for message in pulse.messages:
                self._send(message)
            self._ran = True
            with self._lock:
                self._train.sent(pulse)
