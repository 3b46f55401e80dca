"""Moments: what a journal says was heard, and what was heard when the performer liked it or did not. [any]

A chunk is what it was made with: the scene and the bundle that played, and all controls. A bundle that rolled in counts
from the frame at which it had taken over; while two are faded, the old one has the mark.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from legando.realtime.controls import GENRE_SLOTS, MOODS, PARTS, SECTIONS
from legando.realtime.recording.journal import TakeRecord
from legando.realtime.rigs.prompts import as_typed
from legando.realtime.show import SAMPLE_RATE_HZ

MERGED_S = 1.0
"""A second press of the same key within this time is a double press, and no second opinion."""

NUMBERS = ("tempo_bpm", "temperature", "guidance")


@dataclass(frozen=True, slots=True)
class Heard:
    """What plays: the scene, its prompts as text, and the bundle."""

    scene: str
    prompts: str
    bundle: str
    bundle_sha256: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One opinion: its kind, where it was given, and the controls of that chunk."""

    kind: str
    frame: int
    heard: Heard
    controls: Mapping[str, float]


@dataclass(slots=True)
class Played:
    """How long something was heard, what was thought of it, and the sums of its controls over chunks."""

    chunks: int = 0
    seconds: float = 0.0
    marks: list[Mark] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    squares: dict[str, float] = field(default_factory=dict)

    def add(self, controls: Mapping[str, float], seconds: float) -> None:
        """Take in one chunk."""
        self.chunks += 1
        self.seconds += seconds
        for name, value in controls.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.squares[name] = self.squares.get(name, 0.0) + value * value

    def merge(self, other: Played) -> None:
        """Take in what another journal says of the same."""
        self.chunks += other.chunks
        self.seconds += other.seconds
        self.marks += other.marks
        for sums, more in ((self.sums, other.sums), (self.squares, other.squares)):
            for name, value in more.items():
                sums[name] = sums.get(name, 0.0) + value

    def count(self, kind: str) -> int:
        """Return how many marks of a kind there are."""
        return sum(mark.kind == kind for mark in self.marks)


def numbers_of(controls: Mapping[str, Any]) -> dict[str, float]:
    """Return all controls of a chunk as numbers: a section or a mute that holds is 1. [any]"""
    moods = {name: _mood(controls, n) for n, name in enumerate(MOODS)}
    found = moods | {name: float(controls[name]) for name in NUMBERS}
    found |= {f"section.{section}": float(controls["section"] == section) for section in SECTIONS}
    return found | {f"mute.{part}": float(part in controls["muted"]) for part in PARTS}


def _mood(controls: Mapping[str, Any], index: int) -> float:
    given = controls[MOODS[index]]
    return float(controls["style"][GENRE_SLOTS + index] if given is None else given)


class Moments:
    """One journal, read. `at` says what was heard at a frame."""

    def __init__(self, record: TakeRecord) -> None:
        self._record = record
        self._frames = [chunk.frame for chunk in record.chunks]
        self._scenes = [(int(line["scene"]), line) for line in record.scenes]
        self._bundles = list(_bundles(record))
        self.chunk_s = record.about.get("chunk_frames", 0) / SAMPLE_RATE_HZ

    def chunk_at(self, frame: int) -> int:
        """Return the number of the chunk that a frame lies in; the first or the last for one outside."""
        return max(0, bisect_right(self._frames, frame) - 1)

    def heard(self, frame: int) -> Heard:
        """Return what plays at a frame."""
        scenes = [line for at, line in self._scenes if at <= frame]
        name, prompts = "", ""
        if scenes:
            name = str(scenes[-1]["name"])
            prompts = as_typed(scenes[-1]["prompts"])
        bundle, sha256 = next(who for at, *who in reversed(self._bundles) if at <= frame)
        return Heard(name or "(scene not said)", prompts, bundle, sha256)

    def played(self) -> dict[Heard, Played]:
        """Return what was heard, with its marks, in the order in which it first came."""
        found: dict[Heard, Played] = {}
        edges = sorted({at for at, _ in self._scenes} | {at for at, *_ in self._bundles})
        edge, here = -1, Played()
        for chunk in self._record.chunks:
            now = bisect_right(edges, chunk.frame)
            if now != edge:
                edge, here = now, found.setdefault(self.heard(chunk.frame), Played())
            here.add(numbers_of(chunk.controls), self.chunk_s)
        for mark in self.marks():
            found.setdefault(mark.heard, Played()).marks.append(mark)
        return found

    def marks(self) -> Iterator[Mark]:
        """Yield the marks in their order, without double presses."""
        last: dict[str, int] = {}
        for line in sorted(self._record.marks, key=lambda line: int(line["mark"])):
            frame, kind = int(line["mark"]), str(line["kind"])
            if kind in last and frame - last[kind] < MERGED_S * SAMPLE_RATE_HZ:
                continue
            last[kind] = frame
            if self._frames:
                chunk = self._record.chunks[self.chunk_at(frame)]
                yield Mark(kind, frame, self.heard(max(frame, self._frames[0])), numbers_of(chunk.controls))


def _bundles(record: TakeRecord) -> Iterator[tuple[int, str, str]]:
    """Yield from which frame on which bundle played alone."""
    yield -1, str(record.about.get("bundle_name", "?")), str(record.about.get("bundle_sha256", ""))
    coming = ("?", "")
    for step in record.rolls:
        if "bundle" in step:
            coming = str(step.get("name") or step["bundle"] or "shipped"), str(step.get("sha256", ""))
        elif "main" in step:
            yield int(step["roll"]), *coming
