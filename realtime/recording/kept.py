"""Kept: what of a run lies on the disk in the end, and why it is not all of it. [control]"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from legando.realtime.errors import LegandoError
from legando.realtime.recording.journal import Journal, read_take
from legando.realtime.show import SAMPLE_RATE_HZ

_UNKNOWN_FRAMES = 1 << 40
"""libsndfile tells a number far beyond this where the file tells none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One file: what it is (`record`, `journal`, `out` or `take`), how much it holds, `why` it is not whole if so."""

    what: str
    path: Path
    seconds: float
    why: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        told = {"file": str(self.path), "seconds": self.seconds, "whole": self.why is None}
        return told if self.why is None else told | {"why": self.why}

    def sentence(self) -> str:
        """Return why it is not whole, and how much is there."""
        return f"{self.why}; the first {self.seconds:.1f} s are kept"


def kept_sound(what: str, path: Path, why: str | None) -> Kept:
    """Return what a closed file of sound holds, as players see it; 0 s where it cannot be read. [control]"""
    try:
        with soundfile.SoundFile(path) as file:
            frames = file.frames if file.frames < _UNKNOWN_FRAMES else _read_frames(file)
            return Kept(what=what, path=path, seconds=frames / file.samplerate, why=why)
    except (soundfile.SoundFileError, OSError):
        return Kept(what=what, path=path, seconds=0.0, why=why or f"{path} cannot be read; was it moved?")


def _read_frames(file: soundfile.SoundFile) -> int:
    """Count the frames of a FLAC file that ended before it could say how many it has."""
    frames = 0
    with contextlib.suppress(soundfile.SoundFileError):
        while block := len(file.read(1 << 12, dtype="float32")):
            frames += block
    return frames


def kept_journal(journal: Journal) -> Kept:
    """Return what a closed journal can make again; one that failed is read for that. [control]"""
    chunks = journal.chunks
    if journal.failure is not None:
        try:
            chunks = len(read_take(journal.path).chunks)
        except LegandoError:
            chunks = 0
    seconds = chunks * journal.chunk_frames / SAMPLE_RATE_HZ
    return Kept(what="journal", path=journal.path, seconds=seconds, why=journal.failure)


def plain_kept(kept: list[Kept]) -> dict[str, Any]:
    """Return all that was to be kept, for JSON: each by what it is, takes of the record key as a list. [any]"""
    told: dict[str, Any] = {one.what: one.plain() for one in kept if one.what != "take"}
    if takes := [one.plain() for one in kept if one.what == "take"]:
        told["takes"] = takes
    return {"kept": told} if told else {}
