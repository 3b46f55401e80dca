"""TakeFile: a take on disk that can be played whenever its writer dies. [control]

A WAV file holds float32, bit for bit what left the engine; its header is brought up to date with each `sync`, so that
after a crash it ends where it was last made safe. Beyond 4 GiB it becomes RF64 in place (EBU Tech 3306): room for that
is kept in a JUNK chunk. FLAC holds 24 bits; its length too is brought up to date.
Both say of the take what `about` says, as JSON: in the comment (`ICMT` in LIST INFO, `COMMENT`).
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from legando.realtime.errors import LegandoError
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
        comment = json.dumps(about).encode() + b"\0"
        info = b"INFO" + _chunk(b"ISFT", b"legando\0") + _chunk(b"ICMT", comment)
        self._head = _chunk(b"fmt ", fmt), _chunk(b"LIST", info)
        self._file.write(self._header())

    def _header(self) -> bytes:
        fmt, info = self._head
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
        self._bytes += self._file.write(np.ascontiguousarray(item, dtype="<f4").data)

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
        self._file.software = "legando"
        self._file.comment = json.dumps(about)
        self._frames = 0

    def write(self, item: Frames) -> None:
        """Append frames: float32 (frames, channels)."""
        try:
            self._file.write(item)
            self._frames += len(item)
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
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Finish the file."""
        try:
            self._file.close()
        except soundfile.SoundFileError as error:
            raise OSError(str(error)) from error


def check_take_name(path: Path) -> None:
    """Raise LegandoError unless a take can be made under this name. [control]"""
    if path.suffix.lower() not in SUFFIXES:
        raise LegandoError(f"a take is recorded as .wav or .flac, not as {path.name}; give such a name")
    if path.exists():
        raise LegandoError(f"{path} is there already; choose a new name")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise LegandoError(f"folder {path.parent} does not exist or may not be written to; record elsewhere")


def open_take(path: Path, *, sample_rate_hz: int, channels: int, about: Mapping[str, Any]) -> WavTake | FlacTake:
    """Make a new file for a take, WAV or FLAC by its name; LegandoError in one sentence when it cannot be. [control]"""
    check_take_name(path)
    kind = WavTake if path.suffix.lower() == ".wav" else FlacTake
    try:
        return kind(path, sample_rate_hz=sample_rate_hz, channels=channels, about=about)
    except (OSError, soundfile.SoundFileError) as error:
        raise LegandoError(f"{path} cannot be made: {error}; choose another place") from error


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
