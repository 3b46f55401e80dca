"""Events of our own, for what MIDI has no message: bytes like the others, so that a journal keeps them too. [any]

A sequencer-specific meta event (Standard MIDI Files 1.0): `FF 7F`, the number of bytes that follow (at most 127), then
`legando`, a letter, and what it says:

| letter | holds | says |
|---|---|---|
| `L` | 3 bytes, big-endian | how many frames after its place a frame is heard; an outside clock is met this far ahead |
| `C` | float64, big-endian, then a control's name in ASCII | a control is set, by OSC, a screen or a script |
| `T` | float64 tempo and sixteenth, int64 frame, u8, big-endian | another's song is there at that frame; 1 if it runs |
"""

from __future__ import annotations

import math
import struct

from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import RigError
from legando.realtime.performing.songplace import SongPlace
from legando.realtime.rigs.controlnames import find_control

_HEAD = b"\xff\x7f"
_NAME = b"legando"
_SONG = struct.Struct(">ddqB")


def lead_event(frames: int) -> bytes:
    """Return the event that says how long after its place a frame is heard. [any]"""
    return _event(b"L", min(max(frames, 0), 0xFFFFFF).to_bytes(3, "big"))


def control_event(name: str, value: float) -> bytes:
    """Return the event that sets a control, within its limits; RigError for an unknown name or no number. [any]"""
    control = find_control(name)
    if not math.isfinite(value):
        raise RigError(f"{name} = {value} is not a finite number")
    value = min(max(value, control.least), control.most)
    return _event(b"C", struct.pack(">d", value) + control.name.encode("ascii"))


def song_event(place: SongPlace) -> bytes:
    """Return the event that says where another's song is. [any]"""
    return _event(b"T", _SONG.pack(place.tempo_bpm, place.tick, place.frame, place.playing))


def read_own_event(message: bytes) -> int | tuple[str, float] | SongPlace | None:
    """Return the frames of an `L`, name and value of a `C`, the place of a `T`, None for what is damaged. [any]"""
    start = len(_HEAD) + 1 + len(_NAME)
    if not message.startswith(_HEAD) or len(message) <= start or message[2] != len(message) - 3:
        return None
    if message[3:start] != _NAME:
        return None
    kind, rest = message[start : start + 1], message[start + 1 :]
    if kind == b"L" and len(rest) == 3:
        return int.from_bytes(rest, "big")
    if kind == b"T" and len(rest) == _SONG.size:
        return _read_song(rest)
    if kind != b"C" or len(rest) <= 8:
        return None
    (value,) = struct.unpack(">d", rest[:8])
    try:
        control = find_control(rest[8:].decode("ascii"))
    except (RigError, UnicodeDecodeError):
        return None
    return (control.name, value) if control.least <= value <= control.most else None


def _read_song(rest: bytes) -> SongPlace | None:
    tempo_bpm, tick, frame, playing = _SONG.unpack(rest)
    in_range = tempo_bpm == 0.0 or TEMPO_MIN_BPM <= tempo_bpm <= TEMPO_MAX_BPM
    return SongPlace(tempo_bpm, tick, frame, playing == 1) if in_range and math.isfinite(tick) else None


def _event(kind: bytes, rest: bytes) -> bytes:
    body = _NAME + kind + rest
    return _HEAD + bytes((len(body),)) + body
