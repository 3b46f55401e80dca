"""RIFF: the chunks of a WAV file, and those in which it says where it comes from. [any]

Layout after RIFF 1.0 (IBM and Microsoft, 1991) and EBU Tech 3306 (RF64); XMP in `_PMX` after Adobe's XMP specification,
part 3.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from legando.realtime.recording.origin import origin_text, software, xmp

_U32 = 0xFFFF_FFFF
_PIECE_BYTES = 1 << 20
CHUNKS_MAX = 10_000
TEXT_MAX_BYTES = 1 << 16
"""What origin and XMP may take at most; more than that is none of ours."""


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk: name, length, data, filled up to an even length. [any]"""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def origin_chunks(about: Mapping[str, Any], digest: str) -> bytes:
    """Return the chunks that say where a file comes from; as long for any digest. [any]"""
    comment = origin_text(about, digest).encode() + b"\0"
    info = b"INFO" + chunk(b"ISFT", software().encode() + b"\0") + chunk(b"ICMT", comment)
    return chunk(b"LIST", info) + chunk(b"_PMX", xmp())


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and length in bytes of each chunk; what a crash cut off counts as far as it is there. [any]"""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return
    at, data_bytes, left = 12, 0, CHUNKS_MAX
    while at + 8 <= end and (left := left - 1) >= 0:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"ds64" and length >= 28 and at + 24 <= end:
            (data_bytes,) = struct.unpack("<8xQ", file.read(16))
        if name == b"data" and length == _U32:
            length = data_bytes
        yield name, at + 8, min(length, end - at - 8)
        at += 8 + length + length % 2


def texts(file: BinaryIO) -> dict[str, str]:
    """Return the texts of LIST INFO by name, and the XMP packet as `_PMX`. [any]"""
    found: dict[str, str] = {}
    for name, at, length in chunks(file):
        file.seek(at)
        if name == b"_PMX":
            found["_PMX"] = file.read(min(length, TEXT_MAX_BYTES)).decode(errors="replace")
        elif name == b"LIST" and file.read(4) == b"INFO":
            data, here = file.read(min(max(0, length - 4), TEXT_MAX_BYTES)), 0
            while here + 8 <= len(data):
                key, size = struct.unpack_from("<4sI", data, here)
                text = data[here + 8 : here + 8 + size].rstrip(b"\0").decode(errors="replace")
                found[key.decode("latin-1")] = text
                here += 8 + size + size % 2
    return found


def samples_sha256(file: BinaryIO) -> str:
    """Return the digest of the bytes of `data`. [any]"""
    hashed = hashlib.sha256()
    for name, at, length in chunks(file):
        if name == b"data":
            file.seek(at)
            while length > 0 and (piece := file.read(min(length, _PIECE_BYTES))):
                hashed.update(piece)
                length -= len(piece)
            break
    return hashed.hexdigest()


def say_origin(path: Path, about: Mapping[str, Any], digest: str | None = None) -> str:
    """Add to a whole WAV file where it comes from, and return the digest of its samples. [control]

    `digest` spares reading them again, where it is known. Raises OSError when the disk does not take it.
    """
    with path.open("r+b") as file:
        digest = digest or samples_sha256(file)
        end = file.seek(0, os.SEEK_END)
        file.write(b"\0" * (end % 2) + origin_chunks(about, digest))
        length = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", length))
    return digest
