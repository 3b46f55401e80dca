"""TakeFile: a take on disk that can be played whenever its writer dies. [control]

A WAV file holds float32, bit for bit what left the engine; its header is brought up to date with each `sync`, so that
after a crash it ends where it was last made safe. Beyond 4 GiB it becomes RF64 in place (EBU Tech 3306): room for that
is kept in a JUNK chunk. FLAC holds 24 bits; its length too is brought up to date.
Both say where the take comes from (`origin`), from their first moment on, with a digest of the samples so far.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from legando.realtime.errors import LegandoError
from legando.realtime.recording.flacnotes import place_holder, write_notes
from legando.realtime.recording.origin import UNFINISHED
from legando.realtime.recording.riff import chunk, origin_chunks
from legando.realtime.ring import Frames

SUFFIXES = (".wav", ".flac")
_FLOAT = 3
_U32 = 0xFFFF_FFFF
_FLAC_BLOCK = 4608
"""At least as many frames as libFLAC puts into a block."""
_FLAC_TOTAL_AT = 21
"""Where the 36 bits of the total lie, in the lower half of this byte and the four after it."""


class WavTake:
    """The WAV writer. Every call comes from one thread."""

    def __init__(self, path: Path, *, sample_rate_hz: int, channels: int, about: Mapping[str, Any]) -> None:
        self.name = str(path)
        self._file = path.open("xb")
        self._frame_bytes = 4 * channels
        self._bytes = 0
        rate = sample_rate_hz
        fmt = struct.pack("<HHIIHHH", _FLOAT, channels, rate, rate * self._frame_bytes, self._frame_bytes, 32, 0)
        self._about = dict(about)
        self._fmt = chunk(b"fmt ", fmt)
        self._hash = hashlib.sha256()
        self._file.write(self._header())

    def _header(self) -> bytes:
        fmt = self._fmt
        info = origin_chunks(self._about, self._hash.hexdigest() if self._bytes else UNFINISHED)
        frames = self._bytes // self._frame_bytes
        rest = 4 + 36 + len(fmt) + 12 + len(info) + 8 + self._bytes
        if rest > _U32:
            start = b"RF64" + struct.pack("<I", _U32) + b"WAVE"
            start += b"ds64" + struct.pack("<IQQQI", 28, rest, self._bytes, frames, 0)
        else:
            start = b"RIFF" + struct.pack("<I", rest) + b"WAVE" + b"JUNK" + struct.pack("<I", 28) + bytes(28)
        fact = b"fact" + struct.pack("<II", 4, min(frames, _U32))
        data = b"data" + struct.pack("<I", _U32 if rest > _U32 else self._bytes)
        return start + fmt + fact + info + data

    def write(self, item: Frames) -> None:
        """Append frames: float32 (frames, channels)."""
        data = np.ascontiguousarray(item, dtype="<f4").data
        self._bytes += self._file.write(data)
        self._hash.update(data)

    def sync(self) -> None:
        """Make what was written safe, then let the header say so."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        self._file.write(self._header())
        self._file.seek(0, os.SEEK_END)
        self._file.flush()

    def close(self) -> None:
        """Finish the file."""
        with self._file:
            self.sync()
            os.fsync(self._file.fileno())


class FlacTake:
    """The FLAC writer. Every call comes from one thread."""

    def __init__(self, path: Path, *, sample_rate_hz: int, channels: int, about: Mapping[str, Any]) -> None:
        self.name = str(path)
        path.open("xb").close()
        self._file = soundfile.SoundFile(path, "w", sample_rate_hz, channels, "PCM_24", format="FLAC")
        self._file.comment = place_holder(about)
        self._about = dict(about)
        self._frames = 0
        self._hash, self._hashed_frames = hashlib.sha256(), 0
        self._unhashed: deque[NDArray[np.int32]] = deque()

    def write(self, item: Frames) -> None:
        """Append frames: float32 (frames, channels)."""
        try:
            samples = as_int24(item)
            self._file.write(samples)
            self._frames += len(item)
            self._unhashed.append(samples)
        except (soundfile.SoundFileError, AssertionError) as error:  # a short write is an assertion there
            raise OSError(str(error) or "a short write") from error

    def sync(self) -> None:
        """Make safe what the encoder has let go of, then let STREAMINFO say how much that is (RFC 9639, 8.2)."""
        self._file.flush()
        frames = max(0, self._frames // _FLAC_BLOCK - 2) * _FLAC_BLOCK  # the encoder keeps the last block
        descriptor = os.open(self.name, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            (kept,) = os.pread(descriptor, 1, _FLAC_TOTAL_AT)
            total = bytes([kept & 0xF0 | frames >> 32]) + (frames & _U32).to_bytes(4, "big")
            os.pwrite(descriptor, total, _FLAC_TOTAL_AT)
            write_notes(descriptor, self._about, self._digest(frames))
        finally:
            os.close(descriptor)

    def _digest(self, frames: int) -> str:
        """Return the digest of so many frames from the start, at least as many as before."""
        while self._unhashed and self._hashed_frames < frames:
            samples = self._unhashed.popleft()
            most = frames - self._hashed_frames
            if len(samples) > most:
                self._unhashed.appendleft(samples[most:])
                samples = samples[:most]
            self._hash.update(int24_bytes(samples))
            self._hashed_frames += len(samples)
        return self._hash.hexdigest() if frames else UNFINISHED

    def close(self) -> None:
        """Finish the file."""
        try:
            self._file.close()
        except soundfile.SoundFileError as error:
            raise OSError(str(error)) from error
        descriptor = os.open(self.name, os.O_RDWR | os.O_CLOEXEC)
        try:
            write_notes(descriptor, self._about, self._digest(self._frames))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def as_int24(frames: Frames) -> NDArray[np.int32]:
    """Return frames as integers of 24 bits in the upper three bytes of 32, rounded and clipped as libsndfile does."""
    whole = np.rint(frames * np.float32(1 << 23)).clip(-(1 << 23), (1 << 23) - 1)
    return np.ascontiguousarray(whole.astype(np.int32) << 8)


def int24_bytes(samples: NDArray[np.int32]) -> bytes:
    """Return such integers as a WAV file of 24 bits holds them: three bytes each, the lowest first. [any]"""
    return np.ascontiguousarray(samples.astype("<i4", copy=False)).view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def check_take_name(path: Path) -> None:
    """Raise LegandoError unless a take can be made under this name. [control]"""
    if path.suffix.lower() not in SUFFIXES:
        raise LegandoError(f"a take is recorded as .wav or .flac, not as {path.name}; give such a name")
    if path.exists():
        raise LegandoError(f"{path} is there already; choose a new name")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise LegandoError(f"folder {path.parent} does not exist or may not be written to; record elsewhere")


def kind_of(path: Path) -> type[WavTake] | type[FlacTake]:
    """Return what writes a file of this name. [any]"""
    return WavTake if path.suffix.lower() == ".wav" else FlacTake


def open_take(path: Path, *, sample_rate_hz: int, channels: int, about: Mapping[str, Any]) -> WavTake | FlacTake:
    """Make a new file for a take, WAV or FLAC by its name; LegandoError in one sentence when it cannot be. [control]"""
    check_take_name(path)
    try:
        return kind_of(path)(path, sample_rate_hz=sample_rate_hz, channels=channels, about=about)
    except (OSError, soundfile.SoundFileError) as error:
        raise LegandoError(f"{path} cannot be made: {error}; choose another place") from error
