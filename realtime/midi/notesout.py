"""Notes out: each leaves when its sound does, and ends when that ends. [control]

A thread of the MIDI process sleeps to absolute deadlines, as clock out does. The host says of each chunk what begins
and ends in it, which is known before it is heard: by the lead of the ring, a block and what the device takes. What a
performer does at once is read from the ring's header: panic, mute and freeze end every note, as does a sound that is
away; what is still held sounds again afterwards. However the process ends, but for a kill, it ends every note first;
the next one ends what a killed one has left.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from legando.realtime.midi.channels import NOTE_OFF, NOTE_ON, Timed, all_notes_off
from legando.realtime.midi.clockout import NS_PER_S, PlayClock, PlayerHeader
from legando.realtime.midi.noteplayer import NotePlayer
from legando.realtime.midi.notesrig import NotesRig
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.ring import CLOSING, PANIC_MS, PlayerState

LOOK_NS = 5_000_000
"""How often the thread looks at what the performer does, and reckons the deadline anew while it is far away."""
AWAY_NS = 250_000_000
"""A sound that has been away for so long ends its notes; a replaced engine is back sooner."""
LATE_NS = 100_000_000
"""A note that comes later than this is not struck any more."""
MOST = 8192
"""How many messages may wait; of more, those that begin something are dropped."""


class NotesHeader(PlayerHeader, Protocol):
    """What player and host say in the header of the ring."""

    @property
    def panics(self) -> int: ...
    @property
    def flags(self) -> int: ...
    def immediate(self, name: str) -> float: ...


class NotesOut:
    """The thread. `add` is the host's, once for each chunk; `send` goes to the ports."""

    def __init__(
        self,
        header: NotesHeader,
        send: Callable[[bytes], None],
        rig: NotesRig,
        *,
        sample_rate_hz: int,
        block_frames: int,
        period_ns: int = 0,
    ) -> None:
        """`period_ns` is how long a port may keep a message until its system takes it: half of that is made up for."""
        self._header = header
        self._send = send
        self._software = rig.software
        self._channels = tuple(rig.channels.values())
        self._ahead_ns = round(rig.ahead_ms * 1e6) + period_ns // 2
        self._clock = PlayClock(sample_rate_hz)
        self._block_frames = block_frames  # a block is handed over from its first frame on
        self._notes = NotePlayer(send, drums=rig.channels.get("drums"))
        self._waiting: list[tuple[int, int, bytes]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._panics = header.panics
        self._quiet_until_ns = self._there_ns = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notes out", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, messages: Iterable[Timed]) -> None:
        """Let messages leave with the frames that they belong to."""
        with self._lock:
            for frame, message in messages:
                if len(self._waiting) < MOST or message[0] & 0xF0 == NOTE_OFF:
                    heapq.heappush(self._waiting, (frame, next(self._order), message))

    def close(self) -> None:
        """End every note, and stop the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._notes.forget()
        self._end_all()

    def _run(self) -> None:
        real_time(HOST_PRIORITY)
        while not self._stop.is_set():
            self._look()
            with self._lock:
                frame = self._waiting[0][0] if self._waiting else None
            leaves_ns = self._leaves_ns(frame) if frame is not None else None
            if frame is None or leaves_ns is None:
                self._stop.wait(LOOK_NS / NS_PER_S)
                continue
            wait_ns = leaves_ns - time.perf_counter_ns()
            if wait_ns > LOOK_NS:
                self._stop.wait(min(wait_ns - LOOK_NS // 2, LOOK_NS) / NS_PER_S)
                continue
            if wait_ns > 0:
                time.sleep(wait_ns / NS_PER_S)
            self._pass_on(frame, late=wait_ns < -LATE_NS)

    def _pass_on(self, frame: int, *, late: bool) -> None:
        """Send what belongs at a frame: what ends before what begins."""
        due: list[bytes] = []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= frame:
                due.append(heapq.heappop(self._waiting)[2])
        for message in due:
            if late and message[0] & 0xF0 == NOTE_ON:
                self._notes.skip(message)
            else:
                self._notes.play(message)

    def _leaves_ns(self, frame: int) -> int | None:
        """Return when a frame leaves, None before anything is played."""
        handed_ns = self._clock.time_ns(frame + self._block_frames)
        if handed_ns is None:
            return None
        return handed_ns + (0 if self._software else self._header.latency_ns) - self._ahead_ns

    def _look(self) -> None:
        """See what the player does and what the performer wants at once."""
        header, now_ns = self._header, time.perf_counter_ns()
        if header.player_state is PlayerState.PLAYING and not header.flags & CLOSING:
            self._clock.observe(header.played_frames, header.played_at_ns)
            self._there_ns = now_ns
        if header.panics != self._panics:
            self._panics, self._quiet_until_ns = header.panics, now_ns + round(PANIC_MS * 1e6)
            self._notes.be_quiet(True)
            self._end_all()
        away = header.flags & CLOSING or now_ns - self._there_ns > AWAY_NS
        held_back = max(header.immediate("mute"), header.immediate("freeze")) > 0.5
        self._notes.be_quiet(bool(away) or held_back or now_ns < self._quiet_until_ns)

    def _end_all(self) -> None:
        """End what others may have begun on our channels, too."""
        for message in all_notes_off(self._channels):
            self._send(message)
