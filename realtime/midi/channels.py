"""Channels: notes of parts become MIDI messages, each part on its channel, each key down as often as up. [any]"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from legando.realtime.midi.generalmidi import DRUM_CHANNEL, DRUM_FRAMES, DRUM_KEYS, key_velocity
from legando.realtime.midi.voices import DRUMS, NoteChange

CHANNELS = {"chord": 0, "bass": 1, "lead": 2, "texture": 3, "played": 4, DRUMS: DRUM_CHANNEL}
"""The channel of each part, counted from 0, where nobody says otherwise."""

NOTE_ON, NOTE_OFF, CONTROLLER = 0x90, 0x80, 0xB0
ALL_NOTES_OFF = 123

Timed = tuple[int, bytes]
"""A whole message, and the frame of the stream at which it belongs."""


class Channels:
    """State: how many notes hold each key of each channel, since parts may share one. Without a channel: not sent."""

    def __init__(self, channels: Mapping[str, int] = CHANNELS) -> None:
        self._channels = dict(channels)
        self._held: Counter[tuple[int, int]] = Counter()

    def feed(self, changes: Iterable[NoteChange]) -> list[Timed]:
        """Return the messages of these notes, in order of time; a drum's key goes up `DRUM_FRAMES` later."""
        messages: list[Timed] = []
        struck: dict[tuple[int, int], float] = {}  # a ghost note on a snare's stroke is that stroke
        for change in changes:
            channel = self._channels.get(change.part)
            if channel is None:
                continue
            if change.part == DRUMS:
                at = change.frame, DRUM_KEYS[change.pitch]
                struck[at] = max(change.velocity, struck.get(at, 0.0))
                continue
            key = channel, change.pitch
            off = bytes((NOTE_OFF | channel, change.pitch, 0))
            if change.velocity > 0.0:
                if self._held[key]:
                    messages.append((change.frame, off))
                self._held[key] += 1
                messages.append((change.frame, bytes((NOTE_ON | channel, change.pitch, key_velocity(change.velocity)))))
            elif self._held[key]:
                self._held[key] -= 1
                if not self._held[key]:
                    messages.append((change.frame, off))
        for (frame, pitch), velocity in struck.items():
            channel = self._channels[DRUMS]
            messages.append((frame, bytes((NOTE_ON | channel, pitch, key_velocity(velocity)))))
            messages.append((frame + DRUM_FRAMES, bytes((NOTE_OFF | channel, pitch, 0))))
        return sorted(messages, key=lambda timed: timed[0])


def all_notes_off(channels: Sequence[int]) -> tuple[bytes, ...]:
    """Return the messages that end every note on these channels, whoever began it. [any]"""
    return tuple(bytes((CONTROLLER | channel, ALL_NOTES_OFF, 0)) for channel in sorted(set(channels)))
