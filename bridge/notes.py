"""Notes on the control socket: MIDI messages at frames of the stream, packed into events and read again. [any]

| entry of 8 bytes | type | meaning |
|---|---|---|
| 0 | u32 | frames after the event's `frame_position` |
| 4 | 3 B | a note on or note off, whole |
| 7 | 1 B | written as 0, ignored |
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from legando.bridge.controlmessages import NotesEvent
from legando.realtime.errors import WireError

_ENTRY = struct.Struct("<I3sx")
_ROOM = NotesEvent.LAYOUT.size - 16
MOST = _ROOM // _ENTRY.size
"""How many messages one event holds."""

Timed = tuple[int, bytes]
"""A frame of the stream, and the MIDI message that belongs there."""


def notes_events(sequence: int, frame: int, messages: Sequence[Timed]) -> list[NotesEvent]:
    """Return the events, numbered from `sequence` on, of what begins and ends in the chunk at `frame`. [any]"""
    events: list[NotesEvent] = []
    for first in range(0, len(messages), MOST):
        some = messages[first : first + MOST]
        entries = b"".join(_ENTRY.pack(max(0, at - frame), message) for at, message in some)
        events.append(NotesEvent(sequence + len(events), len(some), frame, entries.ljust(_ROOM, b"\0")))
    return events


def messages_of(event: NotesEvent) -> list[Timed]:
    """Return the messages of an event with their frames. Raises WireError for one that holds more than fits. [any]"""
    if event.count > MOST:
        raise WireError(f"{event.count} notes came in one event, at most {MOST} fit; is the sender legando?")
    entries = event.notes[: event.count * _ENTRY.size]
    return [(event.frame_position + offset, message) for offset, message in _ENTRY.iter_unpack(entries)]
