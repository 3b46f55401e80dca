"""Sources: what on a controller moves a control, as a rig file writes it and as messages say it. [any]

| written | what moves | steps |
|---|---|---|
| `cc 74` | a controller number | 128 |
| `cc14 20` | the pair of controllers 20 (coarse) and 52 (fine) | 16384 |
| `nrpn 300`, `nrpn 2:44` | a non-registered parameter, as one number or coarse:fine | 16384 |
| `rpn 0:1` | a registered parameter | 16384 |
| `note 36` | a key or pad; its velocity | 128 |
| `poly 36` | the pressure of one key or pad | 128 |
| `aftertouch` | the pressure of the whole channel | 128 |
| `bend` | the pitch bend wheel | 16384 |
| `program 5` | a program change to this number (0..127) | pressed |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from legando.realtime.errors import RigError
from legando.realtime.rigs.checks import nearest

_HIGHEST = {"cc": 119, "cc14": 31, "nrpn": 16383, "rpn": 16383, "note": 127, "poly": 127, "program": 127}
_PLAIN = ("aftertouch", "bend")
KINDS = (*_HIGHEST, *_PLAIN)
BUTTONS = ("note", "program")
"""Kinds that are pressed rather than turned."""
_PEDALS = {64: "sustain", 66: "sostenuto"}
_WORDS = re.compile(r"([a-z0-9]+?)\s*(?:\s([0-9]+)(?::([0-9]+))?)?")


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of message, and its number where the kind has one."""

    kind: str
    number: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RigError(f"source {self.kind!r} is not one of {', '.join(KINDS)}{nearest(self.kind, KINDS)}")
        if not 0 <= self.number <= _HIGHEST.get(self.kind, 0):
            raise RigError(
                f"{self.kind} = {self.number} is outside 0 to {_HIGHEST.get(self.kind, 0)}; choose one inside"
            )
        if self.kind == "cc" and self.number in _PEDALS:
            raise RigError(f"cc = {self.number} is the {_PEDALS[self.number]} pedal; bind another controller number")

    def __str__(self) -> str:
        return self.kind if self.kind in _PLAIN else f"{self.kind} {self.number}"


def parse_source(text: str) -> Source:
    """Read a source as the table above writes it; raise RigError with an example. [any]"""
    match = _WORDS.fullmatch(text.strip().lower())
    if match is None:
        raise RigError(f"source = {text!r} cannot be read; write for example 'cc 74', 'note 36', 'nrpn 2:44' or 'bend'")
    kind, number, fine = match.groups()
    if kind in _PLAIN and number is not None:
        raise RigError(f"source = {text!r} has a number; write just {kind!r}")
    if kind in _HIGHEST and number is None:
        raise RigError(f"source = {text!r} lacks its number; write for example '{kind} 20'")
    if fine is not None:
        if kind not in ("nrpn", "rpn") or int(number) > 127 or int(fine) > 127:
            raise RigError(f"source = {text!r}: coarse:fine is for nrpn and rpn, each part 0 to 127")
        return Source(kind, int(number) << 7 | int(fine))
    return Source(kind, int(number or 0))
