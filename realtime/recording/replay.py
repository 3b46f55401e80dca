"""Replay: a take made again from its journal, and how far it is the same. [control]

Each chunk is made with the very controls that the engine had, so neither the rig nor the prompts nor any clock matter.
Where another engine had taken over, another begins here too, told what that one was told.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legando.realtime.crossfade import FADE_FRAMES, fade_in, faded
from legando.realtime.errors import LegandoError
from legando.realtime.instrument import Generator, Instrument
from legando.realtime.recording.journal import MadeChunk, TakeRecord
from legando.realtime.recording.takesheet import TakeSheet
from legando.realtime.ring import Frames
from legando.realtime.snapshot import controls_from_plain
from legando.realtime.version import version


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What became of a replay. `first_other_frame` is where the sound is not the take's, None if nowhere.

    `gaps` counts places where the journal lacks chunks; `differs` says in which of bundle, engine and version this
    legando is not the one that made the take.
    """

    chunks: int
    frames: int
    pcm_sha256: str
    first_other_frame: int | None
    gaps: int
    whole: bool
    differs: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every chunk is the take's, bit for bit."""
        return self.first_other_frame is None and self.chunks > 0

    def plain(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "same": self.same,
            "chunks": self.chunks,
            "seconds": self.frames / 48_000,
            "pcm_sha256": self.pcm_sha256,
            "first_other_frame": self.first_other_frame,
            "gaps": self.gaps,
            "whole": self.whole,
            "differs": list(self.differs),
        }

    def sentence(self) -> str:
        """Return the report as one sentence."""
        length = f"{self.frames / 48_000:.1f} s"
        end = "" if self.whole else ", up to where the take broke off"
        if self.same:
            return f"the same {length} again, bit for bit{end}"
        why = (
            "; ".join(self.differs) or "bundle, engine and version are the same, so the processor or a library differs"
        )
        where = (self.first_other_frame or 0) / 48_000
        return f"not the same take: from {where:.2f} s on the sound differs ({why})"


def replay_bundle(record: TakeRecord, given: Path | None) -> Path | None:
    """Return the bundle to replay with; None is the shipped one. [control]"""
    return given or (Path(record.about["bundle"]) if record.about.get("bundle") else None)


def differences(record: TakeRecord, instrument: Instrument, engine: str) -> tuple[str, ...]:
    """Return in what this legando is not the one that made the take, a phrase each. [control]"""
    about = record.about
    pairs = (
        (
            "bundle",
            f"{about['bundle_name']} {about['bundle_sha256'][:12]}",
            f"{instrument.name} {instrument.hash[:12]}",
        ),
        ("engine", about["engine"], engine),
        ("version", about["legando"], version()),
    )
    return tuple(f"the {name} was {was}, this is {now}" for name, was, now in pairs if was != now)


class _Band:
    """The engine that plays, and the one that comes in by a roll-out, as the journal says."""

    def __init__(
        self, instrument: Instrument, about: dict[str, Any], load: Callable[[Path | None], Instrument]
    ) -> None:
        self._about, self._load = about, load
        self._instrument = self._next = instrument
        self.lead = _generator(instrument, about)
        self._follower: Generator | None = None
        self._begin = -1

    def roll(self, step: dict[str, Any]) -> None:
        """Do what a `roll` line says."""
        if "bundle" in step:
            self._next = self._load(Path(step["bundle"]) if step["bundle"] else None)
            self._follower = _generator(self._next, self._about)
            self._follower.go_on(step["roll"], step["past"]["tick"], step["past"]["score"])
        elif "begin" in step:
            self._begin = step["roll"]
        elif "main" in step:
            assert self._follower is not None
            self._instrument, self.lead = self._next, self._follower
            self._follower, self._begin = None, -1
        else:
            self._follower, self._begin = None, -1

    def play(self, chunk: MadeChunk, sheet: TakeSheet | None) -> Frames:
        """Return the sound of a chunk, and write its notes on a sheet."""
        if chunk.past is not None:
            self.lead = _generator(self._instrument, self._about)
            self.lead.go_on(chunk.frame, chunk.past["tick"], chunk.past["score"])
        controls = controls_from_plain(chunk.controls)
        made = self.lead.step(controls)
        frames = fade_in(made.frames, chunk.frame)
        if sheet is not None:
            sheet.chunk(chunk.frame, made, self.lead, controls)
        if self._follower is None:
            return frames
        followed = self._follower.step(dataclasses.replace(controls, steps=None))
        if sheet is not None:
            sheet.follow(chunk.frame, followed)
        other = followed.frames
        return frames if self._begin < 0 else faded(frames, other, chunk.frame - self._begin, FADE_FRAMES)


def replay(
    record: TakeRecord,
    instrument: Instrument,
    write: Callable[[Frames], None],
    load: Callable[[Path | None], Instrument],
    sheet: TakeSheet | None = None,
) -> ReplayReport:
    """Make a take again and hand it to `write`, chunk by chunk, which must copy what it keeps. [control]

    `load` reads the bundles that came in by a roll-out. The notes go on the `sheet`.

    Raises LegandoError when the journal has no chunks, or the bundle makes chunks of another length.
    """
    about = record.about
    if not record.chunks or not about:
        raise LegandoError("the journal holds no chunk; the take ended before its first sound")
    band = _Band(instrument, about, load)
    generator, rolls = band.lead, list(record.rolls)
    if generator.chunk_frames != about["chunk_frames"]:
        raise LegandoError(
            f"the take has chunks of {about['chunk_frames']} frames, this bundle makes {generator.chunk_frames}; "
            f"use the bundle {about['bundle_name']}"
        )
    differs = differences(record, instrument, generator.engine)
    hashed, other, gaps = hashlib.sha256(), None, 0
    expected = record.chunks[0].frame
    for chunk in record.chunks:
        while rolls and rolls[0]["roll"] <= chunk.frame:
            roll = rolls.pop(0)
            band.roll(roll)
            if sheet is not None:
                sheet.roll(roll)
        gaps += chunk.frame != expected
        expected = chunk.frame + generator.chunk_frames
        frames = band.play(chunk, sheet)
        data = frames.tobytes()
        hashed.update(data)
        if other is None and hashlib.sha256(data).hexdigest()[:16] != chunk.pcm:
            other = chunk.frame
        write(frames)
    return ReplayReport(
        chunks=len(record.chunks),
        frames=len(record.chunks) * generator.chunk_frames,
        pcm_sha256=hashed.hexdigest(),
        first_other_frame=other,
        gaps=gaps,
        whole=record.end is not None,
        differs=differs,
    )


def _generator(instrument: Instrument, about: dict[str, Any]) -> Generator:
    return instrument.generator(
        seed=about["seed"], chunk_latents=about["chunk_latents"], steps=about["steps"], eco=about["eco"]
    )
