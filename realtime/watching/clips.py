"""Clips: each liked moment as a file of its own, from the take beside the journal, or made again. [control]"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from legando.realtime.errors import LegandoError
from legando.realtime.recording.journal import TakeRecord
from legando.realtime.recording.wholetake import WholeTake
from legando.realtime.ring import Frames
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ
from legando.realtime.watching.moments import Mark, Moments

BEFORE_S = 12.0
"""What is kept before a mark; whoever likes something has just heard it."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One stretch of the take's sound, counted from the beginning of its file."""

    path: Path
    begin: int
    end: int
    about: dict[str, Any]


def clips_of(record: TakeRecord, journal: Path, folder: Path) -> list[Clip]:
    """Return which clips the liked moments of a journal make. [any]"""
    moments = Moments(record)
    liked = [mark for mark in moments.marks() if mark.kind == "like"]
    return [
        _clip(record, moments.chunk_at(mark.frame), journal, folder / f"{journal.stem}-like-{number:03}.flac", mark)
        for number, mark in enumerate(liked, 1)
    ]


def _clip(record: TakeRecord, chunk: int, journal: Path, path: Path, mark: Mark) -> Clip:
    """Chunks follow each other in the file even where the journal has a gap: places in it count chunks."""
    chunk_frames = record.about["chunk_frames"]
    end = chunk * chunk_frames + min(max(0, mark.frame - record.chunks[chunk].frame), chunk_frames)
    about = record.about | {
        "journal": journal.name,
        "mark": mark.kind,
        "mark_frame": mark.frame,
        "scene": mark.heard.scene,
        "prompts": mark.heard.prompts,
        "bundle_name": mark.heard.bundle,
        "bundle_sha256": mark.heard.bundle_sha256,
    }
    return Clip(path, max(0, end - round(BEFORE_S * SAMPLE_RATE_HZ)), max(end, 1), about)


def take_beside(journal: Path) -> Path | None:
    """Return the take that was recorded with a journal, where it lies beside it. [control]"""
    return next((path for suffix in (".wav", ".flac") if (path := journal.with_suffix(suffix)).is_file()), None)


def cut_take(take: Path, clips: Sequence[Clip]) -> None:
    """Write clips from a take's file; a take that ends earlier gives shorter ones. Raises LegandoError. [control]"""
    try:
        with soundfile.SoundFile(take) as sound:
            if (sound.samplerate, sound.channels) != (SAMPLE_RATE_HZ, CHANNELS):
                raise LegandoError(f"{take} is no take of legando; move it away, and clips are made from the journal")
            for clip in clips:
                begin, end = min(clip.begin, sound.frames), min(clip.end, sound.frames)
                sound.seek(begin)
                _write(clip, sound.read(end - begin, dtype="float32", always_2d=True))
    except (OSError, soundfile.SoundFileError) as error:
        raise LegandoError(
            f"the take {take} cannot be read ({error}); move it away, and clips are made anew"
        ) from error


def _write(clip: Clip, frames: Frames) -> None:
    with _open(clip) as file:
        file.write(frames)


def _open(clip: Clip) -> WholeTake:
    return WholeTake(clip.path, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS, about=clip.about)


class Cutter:
    """Cuts clips out of sound that comes chunk by chunk. State: how much has come, which files are open."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._waiting = sorted(clips, key=lambda clip: clip.begin)
        self._open: list[tuple[Clip, WholeTake]] = []
        self._position = 0

    def put(self, frames: Frames) -> None:
        """Take in what comes next: float32 (frames, channels)."""
        end = self._position + len(frames)
        while self._waiting and self._waiting[0].begin < end:
            clip = self._waiting.pop(0)
            self._open.append((clip, _open(clip)))
        for clip, file in list(self._open):
            piece = frames[max(0, clip.begin - self._position) : clip.end - self._position]
            file.write(np.ascontiguousarray(piece))
            if clip.end <= end:
                self._open.remove((clip, file))
                file.commit()
        self._position = end

    def finish(self) -> None:
        """Put what is open in its place: the take ended earlier."""
        while self._open:
            self._open.pop()[1].commit()

    def close(self) -> None:
        """Leave nothing of what is open behind."""
        while self._open:
            self._open.pop()[1].abort()
