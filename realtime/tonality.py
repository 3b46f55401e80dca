"""Keys: their names, as a rig, OSC or a knob says them, and the pitch classes that they hold. [any]

A key is written `C minor`: one of `TONICS`, then one of `MODES`. As a number it is its place in `KEY_NAMES`, counted
from 1; 0 is no key.
"""

from __future__ import annotations

from legando.realtime.errors import RigError
from legando.realtime.rigs.checks import nearest

TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
KEY_NAMES = tuple(f"{tonic} {mode}" for mode in MODES for tonic in TONICS)
_OTHER_NAMES = {"db": "C#", "d#": "Eb", "gb": "F#", "g#": "Ab", "a#": "Bb"}
_TONICS = {tonic.lower(): tonic for tonic in TONICS} | _OTHER_NAMES


def read_key(text: str) -> str | None:
    """Return the name of a key as `KEY_NAMES` has it, None for `none`; RigError names the nearest. [any]"""
    tonic, _, mode = text.strip().lower().partition(" ")
    if text.strip().lower() == "none":
        return None
    name = f"{_TONICS.get(tonic, '')} {mode.strip()}"
    if name not in KEY_NAMES:
        hint = nearest(text, KEY_NAMES)
        raise RigError(
            f"key = {text!r} is no key; write for example 'C minor', one of {', '.join(MODES)}, or none{hint}"
        )
    return name


def key_number(name: str | None) -> int:
    """Return the number of a key; 0 for none. [any]"""
    return 0 if name is None else KEY_NAMES.index(name) + 1


def key_of(number: float) -> str | None:
    """Return the key of a number; None for 0 and what is outside. [any]"""
    place = round(number)
    return KEY_NAMES[place - 1] if 1 <= place <= len(KEY_NAMES) else None


def key_classes(name: str) -> frozenset[int]:
    """Return the pitch classes of a key, C = 0. [any]"""
    tonic, _, mode = name.partition(" ")
    return frozenset((TONICS.index(tonic) + step) % 12 for step in MODES[mode])
