"""WholeTake: a take made by a command, not live, that appears only when it is whole. [control]

`spool` keeps what a live run records as it comes, since music that was heard cannot be made again. What a command makes
from a journal can: where the disk fails, nothing half-written stays in the way of the next try.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import soundfile

from legando.realtime.errors import LegandoError
from legando.realtime.recording.takefile import check_take_name, kind_of
from legando.realtime.ring import Frames
from legando.realtime.wholefile import reason_of


class WholeTake:
    """Write float32 frames to a WAV or FLAC file, by its name. Raises LegandoError in one sentence."""

    def __init__(self, path: Path, *, sample_rate_hz: int, channels: int, about: Mapping[str, Any]) -> None:
        check_take_name(path)
        self.path = path
        self._part = path.with_name(f".{path.name}.part")
        self._part.unlink(missing_ok=True)
        try:
            self._file = kind_of(path)(self._part, sample_rate_hz=sample_rate_hz, channels=channels, about=about)
        except (OSError, soundfile.SoundFileError) as error:
            self._part.unlink(missing_ok=True)
            raise LegandoError(f"{path} cannot be made ({reason_of(error, path)}); choose another place") from error

    def write(self, frames: Frames) -> None:
        """Append frames: float32 (frames, channels)."""
        try:
            self._file.write(frames)
        except OSError as error:
            raise self._failed(error) from error

    def commit(self) -> None:
        """Close the file and put it in its place."""
        try:
            self._file.close()
            self._part.replace(self.path)
        except OSError as error:
            failed = self._failed(error)  # asked while the disk is as it was
            self._part.unlink(missing_ok=True)
            raise failed from error

    def abort(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):  # a full disk; the file goes anyway
            self._file.close()
        self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> LegandoError:
        return LegandoError(f"{self.path} cannot be written ({reason_of(error, self.path)}); free some room there")

    def __enter__(self) -> WholeTake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.abort()
