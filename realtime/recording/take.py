"""The take: what each chunk was made with and what came of it, gathered for the journal and the recording. [control]"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from legando.realtime.controls import Controls
from legando.realtime.enginelink import Made, Past
from legando.realtime.recording.journal import Journal
from legando.realtime.recording.spool import Spool
from legando.realtime.ring import Frames
from legando.realtime.snapshot import controls_to_plain

RECORD_CHUNKS = 750
"""How many chunks may wait for a slow disk: a minute."""

_KEPT_CHUNKS = 64


class Take:
    """Owned by the host's thread: told of each answer, each report, each chunk of sound, in this order."""

    def __init__(self, journal: Journal | None, recording: Spool[Frames] | None, *, steps: int) -> None:
        self._journal = journal
        self._recording = recording
        self._steps = steps
        self._made: dict[int, dict[str, Any]] = {}  # by frame, until their sound comes
        self._pasts: dict[int, dict[str, Any]] = {}
        self._sounds: dict[int, str] = {}  # hashes by frame, until the engine has said what they were made with
        self._hash = hashlib.sha256()
        self._chunks = 0
        self._reported = -1

    @property
    def failure(self) -> str | None:
        """Why the recording is not whole; None while it is."""
        return self._recording.failure if self._recording is not None else None

    @property
    def wanted(self) -> bool:
        """Whether anything is kept at all."""
        return self._journal is not None or self._recording is not None

    def answered(self, frame: int, controls: Controls, past: Past | None) -> None:
        """Remember what the engine was told about a chunk."""
        if self._journal is None:
            return
        self._made[frame] = {**controls_to_plain(controls), "steps": controls.steps or self._steps}
        if past is not None:
            self._pasts[frame] = asdict(past)
        while len(self._made) > _KEPT_CHUNKS:
            del self._made[next(iter(self._made))]

    def reported(self, made: Made) -> None:
        """Remember what it made of that: with fewer steps, or without our answer when that came too late."""
        if self._journal is None:
            return
        given = made.controls or self._made.get(made.position_frames)
        if given is not None:
            self._made[made.position_frames] = {**given, "steps": made.steps}
        self._reported = made.position_frames
        self._write()

    def sound(self, frame: int, block: Frames) -> None:
        """Keep one chunk of sound: float32 (frames, channels)."""
        if self._recording is not None:
            self._recording.put(block.copy())
        if self._journal is not None:
            data = block.tobytes()
            self._hash.update(data)
            self._chunks += 1
            self._sounds[frame] = hashlib.sha256(data).hexdigest()
            self._write()

    def rendered(self, frame: int, controls: Controls, block: Frames) -> None:
        """Keep a chunk of which all is known at once, as where nothing is played."""
        self.answered(frame, controls, None)
        self._reported = frame
        self.sound(frame, block)

    def _write(self) -> None:
        """Keep the chunks of which all is known; one whose engine died before it could say so was made as answered."""
        assert self._journal is not None
        for frame in [frame for frame in self._sounds if frame <= self._reported]:
            sha256, controls = self._sounds.pop(frame), self._made.pop(frame, None)
            if controls is not None:
                self._journal.made(frame, controls, sha256, self._pasts.pop(frame, None))
        self._journal.flush()

    def rolled(self, frame: int, news: dict[str, Any]) -> None:
        """Keep what became of a bundle's roll-out at this frame."""
        if self._journal is not None:
            self._journal.roll(frame, news)

    def end(self) -> None:
        """Say that the take is whole."""
        if self._journal is not None:
            self._reported = max(self._sounds, default=0)
            self._write()
            self._journal.end(self._chunks, self._hash.hexdigest())
            self._journal.flush()

    def take_errors(self) -> list[str]:
        """Return what could not be kept any more, each once."""
        kept = (self._journal, self._recording)
        return [error for part in kept if part is not None and (error := part.take_error()) is not None]
