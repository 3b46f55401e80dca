"""What the host and its MIDI process tell each other, and the host's handle on that process. [control]

| from | letter | then | meaning |
|---|---|---|---|
| MIDI | `R` | JSON: names, on_jack | the ports are open |
| MIDI | `E` | JSON: kind, sentence | they cannot be opened; the process ends |
| MIDI | `M` | int64 time, bytes | a whole message, and the `perf_counter_ns` at which it came |
| MIDI | `P` | JSON: names, openings | the ports are others now |
| MIDI | `N` | text | what happened to a port, for the performer |
| host | `C` | JSON: ring, block_frames, latency_frames | send clock and notes from now on |
| host | `B` | int64 frame, float64 tick | a chunk begins |
| host | `O` | int64 frame; for each message int32 frames from there, 3 bytes | what begins and ends in a chunk |
| host | `S` | bytes | a light of a controller |
| host | `Q` | | end |

A process that ends by itself is started again, once a second if need be; the notes that were held then end.
"""

from __future__ import annotations

import contextlib
import json
import queue
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from legando.realtime.child import Child
from legando.realtime.errors import DeviceError
from legando.realtime.midi.channels import Timed
from legando.realtime.midi.livemessage import LiveMessage, NoMidiSystemError
from legando.realtime.midi.notesrig import NotesRig
from legando.realtime.performing.keys import Held
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.rigs.rig import ClockRig, MidiRig
from legando.realtime.taken import taken

_TIME = struct.Struct("<q")
_TICK = struct.Struct("<qd")
_NOTE = struct.Struct("<i3s")
START_S = 20.0
AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiSettings:
    """What the MIDI process needs to know from the start; numbers, texts and lists alone."""

    midi: dict[str, Any]
    clock: dict[str, Any] = field(default_factory=dict)
    every_s: float = 1.0

    @property
    def midi_rig(self) -> MidiRig:
        """The rig's `[midi]`, without bindings."""
        return MidiRig(**self.midi | {"inputs": tuple(self.midi["inputs"]), "out": NotesRig(**self.midi["out"])})

    @property
    def clock_rig(self) -> ClockRig:
        """The rig's `[clock]`."""
        return ClockRig(**self.clock)


def pack_message(time_ns: int, message: bytes) -> bytes:
    """Return an `M`. [any]"""
    return b"M" + _TIME.pack(time_ns) + message


def pack_tick(frame: int, tick: float) -> bytes:
    """Return a `B`. [any]"""
    return b"B" + _TICK.pack(frame, tick)


def unpack_tick(rest: bytes) -> tuple[int, float]:
    """Return frame and tick of a `B`, without its letter. [any]"""
    frame, tick = _TICK.unpack(rest)
    return frame, tick


def pack_notes(frame: int, messages: Sequence[Timed]) -> bytes:
    """Return an `O`. [any]"""
    return b"O" + _TIME.pack(frame) + b"".join(_NOTE.pack(at - frame, message) for at, message in messages)


def unpack_notes(rest: bytes) -> list[Timed]:
    """Return the messages of an `O`, without its letter, with their frames. [any]"""
    (frame,) = _TIME.unpack_from(rest)
    return [(frame + offset, message) for offset, message in _NOTE.iter_unpack(rest[_TIME.size :])]


class MidiProcess:
    """Start, hear, tell and replace the MIDI process. Its reader thread calls `on_message`; the rest is the host's."""

    def __init__(self, settings: MidiSettings, on_message: Callable[[LiveMessage], None] | None = None) -> None:
        self._settings = settings
        self._on_message = on_message
        self._messages: queue.SimpleQueue[LiveMessage] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._held = Held()
        self._child: Child | None = None
        self._connection: Connection | None = None
        self._send_lock = threading.Lock()
        self._opened = threading.Event()
        self._closing = threading.Event()
        self._error: DeviceError | None = None
        self._clock = b""
        self._reader = threading.Thread(target=self._read, name="midi process", daemon=True)
        self.names: tuple[str, ...] = ()
        self.openings = 0
        self.on_jack = False
        self.restarts = 0

    @property
    def pid(self) -> int:
        """The process's id; 0 when there is none."""
        return self._child.pid if self._child is not None else 0

    def start(self) -> None:
        """Start the process, and wait until its ports are open. Raises DeviceError when they cannot be."""
        self._spawn()
        self._reader.start()
        if not self._opened.wait(START_S):
            self._error = DeviceError(f"the MIDI system did not answer within {START_S:g} s; restart it")
        if self._error is not None:
            self.close()
            raise self._error

    def take(self) -> Iterator[LiveMessage]:
        """Yield the messages that have come since the last call, oldest first."""
        return taken(self._messages)

    def take_news(self) -> Iterator[str]:
        """Yield what has happened to ports since the last call, a sentence each."""
        return taken(self._news)

    def send(self, message: bytes) -> None:
        """Light a light."""
        self._tell(b"S" + message)

    def begins(self, frame: int, tick: float) -> None:
        """Say that a chunk begins."""
        if self._clock:
            self._tell(pack_tick(frame, tick))

    def play(self, frame: int, messages: Sequence[Timed]) -> None:
        """Let notes be sent that begin and end in the chunk at this frame, or a little later."""
        if self._clock and messages:
            self._tell(pack_notes(frame, messages))

    def start_clock(self, **about: object) -> None:
        """Let clock and notes be sent: `ring` (its name), `block_frames`, `latency_frames`."""
        self._clock = b"C" + json.dumps(about).encode()
        self._tell(self._clock)

    def replace(self) -> None:
        """Kill the process; the reader starts another."""
        if self._child is not None and not self._closing.is_set():
            self._child.kill()

    def close(self) -> None:
        """End the process; harmless when it never ran."""
        self._closing.set()
        self._tell(b"Q")
        if self._child is not None:
            self._child.end(patience_s=1.5)
            if self._reader.is_alive() and self._reader is not threading.current_thread():
                self._reader.join(2.0)
            self._child.close()
        if self._connection is not None:
            self._connection.close()
        self._child, self._connection = None, None

    def _spawn(self) -> None:
        ours, theirs = Pipe()
        words = ["--fd", str(theirs.fileno()), "--settings", json.dumps(asdict(self._settings))]
        self._child = Child("legando.realtime.midi.midiprocess", words, pass_fd=theirs.fileno())
        theirs.close()
        with self._send_lock:
            self._connection = ours

    def _tell(self, data: bytes) -> None:
        with self._send_lock, contextlib.suppress(OSError):  # a process that is gone is replaced by the reader
            if self._connection is not None:
                self._connection.send_bytes(data)

    def _read(self) -> None:
        """Hear the process, and replace it when it ends. On the reader's thread.

        As urgent as the host's own: a fader must not wait behind what else the machine does. It only passes on.
        """
        real_time(HOST_PRIORITY)
        while True:
            connection = self._connection
            assert connection is not None
            try:
                while True:
                    self._hear(connection.recv_bytes())
            except (EOFError, OSError):
                pass
            for ending in self._held.endings():
                self._deliver(LiveMessage(time.perf_counter_ns(), ending))
            if self._error is not None and not self._opened.is_set():
                self._opened.set()
                return
            if self._closing.wait(AGAIN_S if self.restarts and not self.names else 0.05):
                return
            if self.names:
                self._news.put("the MIDI ports have gone; they are being opened again")
            self.names = ()
            self.restarts += 1
            assert self._child is not None
            self._child.end(patience_s=0.0)
            self._child.close()
            connection.close()
            self._spawn()

    def _hear(self, data: bytes) -> None:
        kind, rest = data[:1], data[1:]
        if kind == b"M":
            message = rest[_TIME.size :]
            self._held.feed(message)
            self._deliver(LiveMessage(_TIME.unpack(rest[: _TIME.size])[0], message))
        elif kind == b"N":
            self._news.put(rest.decode())
        elif kind == b"P":
            told = json.loads(rest)
            self.names, self.openings = tuple(told["names"]), self.openings + 1
        elif kind == b"R":
            told = json.loads(rest)
            self.names, self.on_jack = tuple(told["names"]), told["on_jack"]
            self.openings += 1
            self._error = None
            self._opened.set()
            if self._clock:
                self._tell(self._clock)
        elif kind == b"E" and not self._opened.is_set():
            what, sentence = json.loads(rest)
            self._error = NoMidiSystemError(sentence) if what == "system" else DeviceError(sentence)

    def _deliver(self, live: LiveMessage) -> None:
        if self._on_message is not None:
            self._on_message(live)
        self._messages.put(live)
