"""FLAC notes: where a FLAC file comes from, written in place while its encoder still owns it. [any]

libsndfile writes a comment of our length into the VORBIS_COMMENT block (RFC 9639, section 8.6). The block is written
anew with the same length, so that nothing behind it moves: with fields of our own, and with the digest so far.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import Any

from legando.realtime.recording.origin import SOURCE_TYPE, UNFINISHED, origin_text, software

FIELD = f"DIGITALSOURCETYPE={SOURCE_TYPE}"
_COMMENT = 4
HEAD_BYTES = 1 << 17
"""How much of a file is read to find its notes."""


def place_holder(about: Mapping[str, Any]) -> str:
    """Return the comment to begin with: as long as what will stand there, with room for the other fields. [any]"""
    return origin_text(about, UNFINISHED) + " " * sum(4 + len(field.encode()) for field in (FIELD, _software()))


def write_notes(descriptor: int, about: Mapping[str, Any], digest: str) -> None:
    """Write all that the file says of itself; OSError when that cannot be. [control]"""
    at, length = _find(os.pread(descriptor, HEAD_BYTES, 0))
    if not length:
        return  # nothing has left the encoder yet
    (vendor_bytes,) = struct.unpack("<I", os.pread(descriptor, 4, at))
    vendor = os.pread(descriptor, 4 + vendor_bytes, at)
    fields = [f"COMMENT={origin_text(about, digest)}", FIELD, _software()]
    body = _block(vendor, fields)
    spare = length - len(body)
    if spare < 0:
        return
    fields[0] += " " * spare
    os.pwrite(descriptor, _block(vendor, fields), at)


def _software() -> str:
    return f"SOFTWARE={software()}"


def _block(vendor: bytes, fields: list[str]) -> bytes:
    packed = [struct.pack("<I", len(field.encode())) + field.encode() for field in fields]
    return vendor + struct.pack("<I", len(fields)) + b"".join(packed)


def _find(head: bytes) -> tuple[int, int]:
    """Return place and length of the comment block; 0 and 0 where there is none yet."""
    at = 4
    while head[:4] == b"fLaC" and at + 4 <= len(head):
        kind, length = head[at] & 0x7F, int.from_bytes(head[at + 1 : at + 4], "big")
        if kind == _COMMENT:
            return at + 4, length
        if head[at] & 0x80:
            break
        at += 4 + length
    return 0, 0


def fields_of(head: bytes) -> dict[str, str]:
    """Return the fields of the beginning of a FLAC file, the names in capitals. [any]"""
    at, length = _find(head)
    block, found = head[at : at + length], {}
    try:
        (size,) = struct.unpack_from("<I", block)
        (count,) = struct.unpack_from("<I", block, 4 + size)
        here = 8 + size
        for _ in range(min(count, 1000)):
            (size,) = struct.unpack_from("<I", block, here)
            name, _, value = block[here + 4 : here + 4 + size].decode(errors="replace").partition("=")
            found[name.upper()] = value.rstrip(" ")
            here += 4 + size
    except struct.error:  # damaged, or none
        return found
    return found
