"""Keys and pedals: which pitches sound, whoever holds them. [control]

A pitch sounds as long as any key on any channel holds it, or a pedal does. Sustain (CC 64) holds what is let go while
it is down; sostenuto (CC 66) holds only the keys that were down when it was pressed.
"""

from __future__ import annotations

from collections.abc import Sequence

from legando.realtime.controls import NoteEvent

Key = tuple[int, int]
"""(channel 0..15, pitch 0..127): two keyboards may hold the same pitch, which sounds until both let go."""

SUSTAIN_CC, SOSTENUTO_CC = 64, 66
_SOUND_OFF_CC, _RESET_CC = 120, 121
_NOTES_OFF_CCS = (123, 124, 125, 126, 127)  # all notes off, and the modes that imply it


class Keys:
    """State: keys down, keys that pedals hold, pedals down. Each change returns the pitches that end with it."""

    def __init__(self) -> None:
        self._down: set[Key] = set()
        self._sustained: set[Key] = set()
        self._captured: set[Key] = set()
        self._sustain: set[int] = set()
        self._sostenuto: set[int] = set()

    @property
    def sounding(self) -> set[int]:
        """The pitches that sound now."""
        return {pitch for _, pitch in self._down | self._sustained | self._captured}

    def press(self, channel: int, pitch: int) -> None:
        """Put a key down."""
        self._sustained.discard((channel, pitch))
        self._down.add((channel, pitch))

    def let_go(self, channel: int, pitch: int) -> list[int]:
        """Let a key up."""
        key = (channel, pitch)
        if key not in self._down:
            return []
        if channel in self._sustain:
            self._sustained.add(key)
        self._down.discard(key)
        return self._ended({key})

    def pedal(self, channel: int, number: int, down: bool) -> list[int]:
        """Move the sustain or the sostenuto pedal of a channel."""
        pedals, held = (self._sustain, self._sustained) if number == SUSTAIN_CC else (self._sostenuto, self._captured)
        if down:
            if number == SOSTENUTO_CC and channel not in pedals:
                held |= {key for key in self._down if key[0] == channel}
            pedals.add(channel)
            return []
        pedals.discard(channel)
        freed = {key for key in held if key[0] == channel}
        held -= freed
        return self._ended(freed)

    def controller(self, channel: int, number: int, value: int) -> list[int]:
        """Take a pedal or a channel mode message; other controllers change nothing."""
        if number in (SUSTAIN_CC, SOSTENUTO_CC):
            return self.pedal(channel, number, value >= 64)
        if number == _RESET_CC:
            ended = self.pedal(channel, SUSTAIN_CC, False)
            return ended + self.pedal(channel, SOSTENUTO_CC, False)
        if number == _SOUND_OFF_CC or number in _NOTES_OFF_CCS:
            return self.release(channel, pedals=number == _SOUND_OFF_CC)
        return []

    def release(self, channel: int | None = None, *, pedals: bool = False) -> list[int]:
        """End everything on a channel, or on all; `pedals` lets them up too."""
        held = self._down | self._sustained | self._captured
        freed = {key for key in held if channel in (None, key[0])}
        self._down -= freed
        self._sustained -= freed
        self._captured -= freed
        if pedals:
            gone = self._sustain | self._sostenuto if channel is None else {channel}
            self._sustain -= gone
            self._sostenuto -= gone
        return self._ended(freed)

    def _ended(self, freed: set[Key]) -> list[int]:
        """Return the pitches of these keys that nobody holds any more."""
        return sorted({pitch for _, pitch in freed} - self.sounding)


class Held:
    """What a port holds down, and the messages that would end it. State: those messages."""

    def __init__(self) -> None:
        self._endings: dict[bytes, bytes] = {}

    def feed(self, message: bytes) -> None:
        """Take one whole message."""
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind in (0x80, 0x90):
            key = bytes((0x90 | channel, message[1]))
            if kind == 0x90 and message[2]:
                self._endings[key] = bytes((0x80 | channel, message[1], 0))
            else:
                self._endings.pop(key, None)
        elif kind == 0xB0 and message[1] in (SUSTAIN_CC, SOSTENUTO_CC):
            if message[2] >= 64:
                self._endings[message[:2]] = message[:2] + b"\0"
            else:
                self._endings.pop(message[:2], None)

    def endings(self) -> list[bytes]:
        """Return the messages that end everything, and forget it."""
        endings = list(self._endings.values())
        self._endings.clear()
        return endings


def last_of_each_pitch(notes: Sequence[NoteEvent]) -> list[NoteEvent]:
    """Return the last event of each pitch, in the order in which they come. [any]"""
    last = {note.pitch: index for index, note in enumerate(notes)}
    return [notes[index] for index in sorted(last.values())]
