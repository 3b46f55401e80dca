"""The notes of a take that is made again, with the scenes and likes of its journal as markers. [control]"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from legando.realtime.controls import Controls
from legando.realtime.instrument import Chunk, Generator
from legando.realtime.midi.notesheet import NoteSheet, scene_text
from legando.realtime.midi.voices import Voices
from legando.realtime.recording.journal import TakeRecord


class TakeSheet:
    """Told by `replay` of each chunk and roll-out. State: the sheet, and what an engine that follows lets sound."""

    def __init__(self, record: TakeRecord) -> None:
        self._record = record
        self._scenes = list(record.scenes)
        self._sheet: NoteSheet | None = None
        self._follower = Voices()

    def chunk(self, frame: int, made: Chunk, generator: Generator, controls: Controls) -> None:
        """Take what was played in the chunk at `frame` of the take."""
        if self._sheet is None:
            self._sheet = NoteSheet(generator.sample_rate_hz)
        while self._scenes and self._scenes[0]["scene"] <= frame:
            scene = self._scenes.pop(0)
            self._sheet.mark(scene_text(scene["name"], scene["prompts"]))
        self._sheet.chunk(made, generator.chunk_frames, controls, generator.section)

    def follow(self, frame: int, made: Chunk) -> None:
        """Take what an engine plays that is not the one that leads."""
        self._follower.feed(frame, made.struck)

    def roll(self, step: dict[str, Any]) -> None:
        """Take a `roll` line of the journal: from `main` on the one that followed leads."""
        if "main" in step and self._sheet is not None:
            self._sheet.agree(self._follower.held)
        elif "bundle" in step:
            self._follower = Voices()

    def write(self, path: Path, frames: int) -> None:
        """Write the file of a take of so many frames. Raises LegandoError."""
        assert self._sheet is not None, "a take has a chunk"
        for mark in self._record.marks:
            self._sheet.mark(mark["kind"], max(0, mark["mark"] - self._record.chunks[0].frame))
        self._sheet.write(path, frames=frames, about=self._record.about | {"replayed": True})
