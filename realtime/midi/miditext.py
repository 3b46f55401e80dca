"""MIDI messages in words, for a performer who wants to see what a controller sends. [any]"""

from __future__ import annotations

from collections.abc import Mapping

_NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_SYSTEM = {0xF8: "clock", 0xFA: "start", 0xFB: "continue", 0xFC: "stop", 0xF2: "song position"}


def note_name(pitch: int) -> str:
    """Return the name of a pitch, with middle C (60) as C4. [any]"""
    return f"{_NOTES[pitch % 12]}{pitch // 12 - 1}"


def describe(message: bytes, bound: Mapping[str, str]) -> str:
    """Return what a whole message says, and which control its source moves; empty for what is not one. [any]

    `bound` has sources as the rig writes them, such as `cc 74`.
    """
    if not message:
        return ""
    kind, channel = message[0] & 0xF0, (message[0] & 0x0F) + 1
    if kind == 0xF0:
        return _SYSTEM.get(message[0], "")
    if len(message) < 2:
        return ""
    first, last = message[1], message[-1]
    words = {
        0x80: (f"note {first}", f"{note_name(first)} up"),
        0x90: (f"note {first}", f"{note_name(first)} {last}" if last else f"{note_name(first)} up"),
        0xA0: (f"poly {first}", f"{note_name(first)} pressure {last}"),
        0xB0: (f"cc {first}", f"cc {first} = {last}"),
        0xC0: (f"program {first}", f"program {first}"),
        0xD0: ("aftertouch", f"aftertouch {first}"),
        0xE0: ("bend", f"bend {(last << 7 | first) - 8192:+d}"),
    }.get(kind)
    if words is None:
        return ""
    source, text = words
    moves = f" → {bound[source]}" if source in bound else ""
    return f"{text} (channel {channel}){moves}"
