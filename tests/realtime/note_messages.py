"""Notes as MIDI messages, for the tests of notes out."""

from __future__ import annotations

from collections.abc import Sequence

from legando.realtime.midi.channels import Timed

ON, OFF, ENDS = 0x90, 0x80, 0xB0


def down(messages: Sequence[bytes]) -> set[tuple[int, int]]:
    """Return the keys that are down after these messages, by channel; what ends must have begun."""
    keys: set[tuple[int, int]] = set()
    for message in messages:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == ON:
            assert (channel, message[1]) not in keys and message[2]
            keys.add((channel, message[1]))
        elif kind == OFF:
            assert (channel, message[1]) in keys
            keys.discard((channel, message[1]))
        elif kind == ENDS and message[1] == 123:
            keys = {key for key in keys if key[0] != channel}
    return keys


def notes(*spans: tuple[int, int, int]) -> list[Timed]:
    """Return a note on channel 2 from frame to frame, for each (pitch, begin, end)."""
    timed = [(begin, bytes((ON | 1, pitch, 100))) for pitch, begin, _ in spans]
    return sorted(timed + [(end, bytes((OFF | 1, pitch, 0))) for pitch, _, end in spans])
