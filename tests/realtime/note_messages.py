"""Notes as MIDI messages, and a port that they can be sent to, for the tests of notes out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from legando.realtime.midi.channels import Timed
from legando.realtime.playing.devices import quiet_stderr

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


@contextmanager
def synthesizer() -> Iterator[list[tuple[float, bytes]]]:
    """Offer a port that notes can be sent to, on the JACK server of now."""
    import rtmidi

    got: list[tuple[float, bytes]] = []
    with quiet_stderr():
        listener = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="rack")
        listener.set_callback(lambda event, _: got.append((time.perf_counter(), bytes(event[0]))))
        listener.open_virtual_port("synth")
    try:
        yield got
    finally:
        listener.cancel_callback()
        listener.close_port()
        listener.delete()
