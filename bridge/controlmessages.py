"""What is said over the control socket: one class for each kind of message, its fields in the order of the wire. [any]

`CODE` is the kind in the header, `LAYOUT` the body as a `struct` format; `controlwire` packs and parses them. A client
sends those of `FROM_CLIENT`, a server those of `FROM_SERVER`; the last five of these are events, which nobody asks for
one by one.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

NOWHERE = 2**64 - 1
"""A frame position that is none."""

PLAYING, RELEASE = 1, 2
"""Flags of `Transport`: the song runs; follow me no more."""

SCENE, BEAT, LEVELS, BUDGET, VALUES = 1, 2, 4, 8, 16
"""Events that a hello can ask for; all together 31."""

ALL_EVENTS = SCENE | BEAT | LEVELS | BUDGET | VALUES
NOTES = 32
"""The notes that are played: many, so that who wants them asks for them by name."""
OFFERED_EVENTS = ALL_EVENTS | NOTES
KINDS = ("knob", "switch", "trigger")


@dataclass(frozen=True, slots=True)
class Hello:
    """A client presents itself; the answer is `Welcome`, a `StreamInfo` for each stream, and what is current."""

    events: int
    clock_id: bytes
    name: str

    CODE: ClassVar[int] = 1
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<I4x16s32s")


@dataclass(frozen=True, slots=True)
class Set:
    """Move a control to a value."""

    value: float
    name: str

    CODE: ClassVar[int] = 2
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<d32s")


@dataclass(frozen=True, slots=True)
class Get:
    """Ask for the value of a control; an empty name asks for all of them."""

    name: str

    CODE: ClassVar[int] = 3
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32s")


@dataclass(frozen=True, slots=True)
class Midi:
    """One MIDI message of `size` 1 to 3 bytes, `offset_ns` after the moment in the header (before, if negative)."""

    offset_ns: int
    size: int
    data: bytes

    CODE: ClassVar[int] = 4
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<qB3s4x")


@dataclass(frozen=True, slots=True)
class Transport:
    """Where the client's song is: at `tick` (sixteenths since its start) when the frame sounds that is at
    `frame_position` of the stream, or `offset_ns` after the moment in the header where that is 2^64 - 1.
    """

    tempo_bpm: float
    tick: float
    frame_position: int
    offset_ns: int
    flags: int

    CODE: ClassVar[int] = 5
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<ddQqI4x")


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for the server's clock; also keeps the connection."""

    CODE: ClassVar[int] = 6
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<")


@dataclass(frozen=True, slots=True)
class Bye:
    """The client leaves."""

    CODE: ClassVar[int] = 7
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<")


@dataclass(frozen=True, slots=True)
class Prompt:
    """Play what a line says, as it would be typed: `TEXT[:WEIGHT]`, or several parted by `;`."""

    text: str

    CODE: ClassVar[int] = 8
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<256s")


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the server can do. `events` it has; how many messages a second and how much silence it allows; how many
    `StreamInfo` follow; `clock_id` is the boot id of its machine: where it is yours, its timestamps are comparable.
    """

    events: int
    max_messages_per_s: int
    silence_ms: int
    streams: int
    clock_id: bytes
    server: str

    CODE: ClassVar[int] = 129
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIIHxx16s32s")


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """One stream that can be subscribed to at the audio endpoint; `latency_frames` pass inside the generator."""

    name: str
    stream_id: bytes
    sample_rate_hz: int
    channels: int
    sample_format: int
    latency_frames: int

    CODE: ClassVar[int] = 130
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<32s16sIBBxxI4x")


@dataclass(frozen=True, slots=True)
class Value:
    """A control, what it is set to, and what it may be; `kind` 0 is a knob, 1 a switch, 2 a trigger."""

    value: float
    least: float
    most: float
    kind: int
    name: str

    CODE: ClassVar[int] = 131
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<dddB7x32s")


@dataclass(frozen=True, slots=True)
class Done:
    """The message that this answers was taken."""

    CODE: ClassVar[int] = 132
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<")


@dataclass(frozen=True, slots=True)
class Error:
    """The message that this answers was refused: a code for programs, a sentence for people."""

    code: int
    text: str

    CODE: ClassVar[int] = 133
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<H6x192s")


@dataclass(frozen=True, slots=True)
class Pong:
    """The client's timestamp, and when it came, on the server's clock; the header says when the answer left."""

    asked_ns: int
    received_ns: int

    CODE: ClassVar[int] = 134
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<QQ")


@dataclass(frozen=True, slots=True)
class SceneEvent:
    """The scene that plays now, counted from 1."""

    number: int
    scenes: int
    name: str

    CODE: ClassVar[int] = 140
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<II64s")


@dataclass(frozen=True, slots=True)
class BeatEvent:
    """The frame at `frame_position` of the stream is at `tick`, and from there on it goes at this tempo."""

    tick: float
    tempo_bpm: float
    frame_position: int
    following: int
    chord: str

    CODE: ClassVar[int] = 141
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<ddQI4x16s")


@dataclass(frozen=True, slots=True)
class LevelsEvent:
    """Peaks and RMS of both channels in dBFS."""

    peak_left_db: float
    peak_right_db: float
    rms_left_db: float
    rms_right_db: float

    CODE: ClassVar[int] = 142
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<ffff")


@dataclass(frozen=True, slots=True)
class BudgetEvent:
    """What the last chunk cost of the time that it plays, on how many denoising steps, and what has gone wrong."""

    cost_ms: float
    chunk_ms: float
    lead_ms: float
    steps: int
    full_steps: int
    underruns: int
    xruns: int

    CODE: ClassVar[int] = 143
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<fffIIII")


@dataclass(frozen=True, slots=True)
class NotesEvent:
    """What begins and ends in a chunk that begins at `frame_position` of the stream: `count` entries in `notes`, which
    `legando.bridge.notes` reads. `sequence` counts these events: where one is missing, end all notes.
    """

    sequence: int
    count: int
    frame_position: int
    notes: bytes

    CODE: ClassVar[int] = 144
    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIQ448s")


FromClient = Hello | Set | Get | Midi | Transport | Ping | Bye | Prompt
FromServer = (
    Welcome | StreamInfo | Value | Done | Error | Pong | SceneEvent | BeatEvent | LevelsEvent | BudgetEvent | NotesEvent
)  # fmt: skip
Body = FromClient | FromServer

FROM_CLIENT: tuple[type[FromClient], ...] = (Hello, Set, Get, Midi, Transport, Ping, Bye, Prompt)
FROM_SERVER: tuple[type[FromServer], ...] = (
    Welcome, StreamInfo, Value, Done, Error, Pong, SceneEvent, BeatEvent, LevelsEvent, BudgetEvent, NotesEvent,
)  # fmt: skip
