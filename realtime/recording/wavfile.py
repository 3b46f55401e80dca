"""WavWriter: a take that appears only when it is whole. [control]

The file is written as `.NAME.part` beside its place and renamed by `commit()`; every other way out removes it. It says
where it comes from (`origin`): what is known of that when it is committed lies in `about`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from legando.realtime.errors import LegandoError
from legando.realtime.recording.riff import TEXT_MAX_BYTES, say_origin
from legando.realtime.wholefile import reason_of

_BYTES_PER_SAMPLE = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}
_WAV_MAX_BYTES = 0xFFFF_FFFF - 4096 - TEXT_MAX_BYTES
"""The sizes in a WAV header are 32 bits (RIFF); what the file says of itself needs room, too."""


class WavWriter:
    """Write float32 frames to a WAV file, and hash them. [control]

    As a context manager it commits when the block ends well and removes everything when it does not.
    Raises LegandoError in one sentence when the folder, the disk or the size does not allow it.
    """

    def __init__(
        self, path: str | Path, sample_rate_hz: int = 48_000, channels: int = 2, subtype: str = "PCM_24"
    ) -> None:
        self.path = Path(path)
        self.sample_rate_hz = sample_rate_hz
        self.channels = channels
        self.frames = 0
        self.about: Mapping[str, Any] = {}
        """What made the sound: bundle, seed and the like."""
        self.failure: str | None = None
        """Why not all of it was written; None while it is."""
        self._hash = hashlib.sha256()
        self._before = self._hash, 0  # hash and frames, a block ago
        self._is_float = subtype == "FLOAT"
        self._part = self.path.with_name(f".{self.path.name}.part")
        self._file: soundfile.SoundFile | None = None
        if subtype not in _BYTES_PER_SAMPLE:
            raise LegandoError(f"{subtype} is not a kind of WAV file here; choose {', '.join(_BYTES_PER_SAMPLE)}")
        self._max_frames = _WAV_MAX_BYTES // (_BYTES_PER_SAMPLE[subtype] * channels)
        if self.path.suffix.lower() != ".wav" and not self.path.is_dir():
            raise LegandoError(f"{self.path} would hold WAV under another name; call it {self.path.stem or 'take'}.wav")
        if self.path.is_dir():
            raise LegandoError(f"{self.path} is a folder; give the name of a file in it")
        if not self.path.parent.is_dir():
            raise LegandoError(f"folder {self.path.parent} does not exist; make it or write elsewhere")
        if not os.access(self.path.parent, os.W_OK) or (self.path.exists() and not os.access(self.path, os.W_OK)):
            raise LegandoError(f"{self.path} cannot be written; choose a place that you may write to")
        try:
            self._file = soundfile.SoundFile(
                self._part, "w", samplerate=sample_rate_hz, channels=channels, format="WAV", subtype=subtype
            )
        except (soundfile.SoundFileError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise LegandoError(
                f"{self.path} cannot be written ({reason_of(error, self.path)}); choose another place"
            ) from error

    def write(self, frames: npt.NDArray[np.float32]) -> None:
        """Append frames: float32 (frames, channels). [control]

        Raises LegandoError when there is no room; `commit()` then still keeps what came before, less a block, whose
        room the file's own words need.
        """
        assert self._file is not None, "the file is closed"
        assert frames.ndim == 2 and frames.shape[1] == self.channels, "wants (frames, channels)"
        if self.frames + len(frames) > self._max_frames:
            self.failure = f"{self.path} would pass the 4 GiB that a WAV file can hold; make a shorter take"
            raise LegandoError(self.failure)
        block = np.ascontiguousarray(frames, dtype="<f4")
        try:
            self._file.write(block)  # no flush here: it would wait for the disk
        except (soundfile.SoundFileError, OSError, AssertionError) as error:  # a short write is an assertion there
            self._hash, self.frames = self._before
            self.failure = f"{self.path} cannot be written ({reason_of(error, self.path)}); free some room there"
            raise LegandoError(self.failure) from error
        hashed = self._hash.copy()
        hashed.update(block.data)
        self._before = self._hash, self.frames
        self._hash, self.frames = hashed, self.frames + len(block)

    @property
    def seconds(self) -> float:
        """How much has been written."""
        return self.frames / self.sample_rate_hz

    @property
    def pcm_sha256(self) -> str:
        """The hash of the frames so far as float32, little-endian, interleaved, before they become integers."""
        return self._hash.hexdigest()

    def commit(self) -> Path:
        """Close the file, put it in its place, and return that. [control]"""
        assert self._file is not None, "the file is closed"
        try:
            self._file.truncate(self.frames)  # Ctrl-C may have come after a block was written, before it was counted
            self._file.close()
            self._file = None
            say_origin(self._part, self.about, self.pcm_sha256 if self._is_float else None)
            with self._part.open("rb") as part:
                os.fsync(part.fileno())
            self._part.replace(self.path)
        except (soundfile.SoundFileError, OSError) as error:
            self.failure = f"{self.path} cannot be written ({reason_of(error, self.path)}); free some room there"
            self.abort()
            self.frames = 0
            raise LegandoError(self.failure) from error
        return self.path

    def abort(self) -> None:
        """Leave nothing behind; harmless after `commit()` or twice. [control]"""
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(soundfile.SoundFileError, OSError):  # a full disk; the file goes anyway
                file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._file is not None:
            self.commit()
        else:
            self.abort()
