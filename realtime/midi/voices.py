"""Voices: what an engine strikes and ends becomes notes, each of which begins once and ends once. [any]

An engine says of each chunk what is struck in it, as (offset in frames, part, pitch, velocity): a drum's pitch is its
voice, and a drum has no end; velocity 0 ends a note, with pitch -1 every note of its part. What the performer plays
(`played`) sounds with the lead's voices, so the end of the lead ends it too. An engine that begins, or follows another,
ends everything first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DRUMS, PLAYED = "drums", "played"
PARTS_OUT = (DRUMS, "bass", "chord", "lead", "texture", PLAYED)
"""The parts whose notes can be heard elsewhere: those of the score, and what the performer plays."""

_LEADS = ("lead", PLAYED)

Struck = tuple[int, str, int, float]
Held = tuple[str, int, float]
"""A note that sounds: part, pitch, velocity."""


@dataclass(frozen=True, slots=True)
class NoteChange:
    """A note begins (velocity over 0 to 1) or ends (0) at a frame of the stream; a drum only begins."""

    frame: int
    part: str
    pitch: int
    velocity: float


class Voices:
    """State: the notes that sound, with their velocities."""

    def __init__(self) -> None:
        self._sounding: dict[tuple[str, int], float] = {}

    @property
    def held(self) -> tuple[Held, ...]:
        """The notes that sound."""
        return tuple((part, pitch, velocity) for (part, pitch), velocity in self._sounding.items())

    def feed(self, frame: int, struck: Sequence[Struck]) -> list[NoteChange]:
        """Take what is struck in the chunk at `frame`, and return what begins and ends, in order of time.

        What a score strikes and ends at one frame, as where an engine begins inside a chord, is nothing.
        """
        changes: list[NoteChange] = []
        for offset, part, pitch, velocity in sorted(struck, key=lambda stroke: stroke[0]):
            at = frame + offset
            if part == DRUMS:
                changes.append(NoteChange(at, part, pitch, velocity))
                continue
            for ended, key, loud in self._end(_LEADS if part in _LEADS else (part,), pitch):
                begun = NoteChange(at, ended, key, loud)
                if ended != PLAYED and begun in changes:
                    changes.remove(begun)
                else:
                    changes.append(NoteChange(at, ended, key, 0.0))
            if velocity > 0.0:
                self._sounding[part, pitch] = velocity
                changes.append(NoteChange(at, part, pitch, velocity))
        return changes

    def made(self, frame: int, struck: Sequence[Struck], held: Sequence[Held] | None = None) -> list[NoteChange]:
        """Do as `feed`, after `agree` where an engine that lets notes sound takes the place of another one."""
        changes = self.agree(frame, held) if held is not None else []
        return changes + self.feed(frame, struck)

    def agree(self, frame: int, held: Sequence[Held]) -> list[NoteChange]:
        """Return the changes to what another engine lets sound, which takes the place of the one of now at `frame`."""
        wanted = {(part, pitch): velocity for part, pitch, velocity in held}
        changes = [NoteChange(frame, part, pitch, 0.0) for part, pitch in self._sounding if (part, pitch) not in wanted]
        changes += [NoteChange(frame, *key, wanted[key]) for key in wanted if key not in self._sounding]
        self._sounding = wanted
        return changes

    def end_all(self, frame: int) -> list[NoteChange]:
        """End everything."""
        return self.agree(frame, ())

    def _end(self, parts: Sequence[str], pitch: int) -> list[Held]:
        """Take away the notes of these parts with a pitch, -1 for every one."""
        ended = [key for key in self._sounding if key[0] in parts and pitch in (-1, key[1])]
        return [(*key, self._sounding.pop(key)) for key in ended]
