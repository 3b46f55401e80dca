"""The control format of the bridge, version 2: pack and parse, no sockets, no clock. [any]

A control message is one ZeroMQ frame, little-endian, at most 512 bytes: 24 bytes of header, then a body whose length
its kind decides. Texts are filled up with zero bytes; padding is written as 0 and ignored.

| offset | type | field        | meaning                                                                          |
|-------:|------|--------------|----------------------------------------------------------------------------------|
|      0 | 4 B  | magic        | `LGND`                                                                           |
|      4 | u8   | version      | 2                                                                                |
|      5 | u8   | kind         | which body follows                                                               |
|      6 | u16  | flags        | none yet: writers send 0, readers ignore it                                      |
|      8 | u32  | number       | the sender counts its messages from 1; a client's begin anew with a hello        |
|     12 | u32  | answers      | number of the message that this is the answer to, 0 for none                     |
|     16 | u64  | timestamp_ns | when it was sent, on the sender's monotonic clock                                |
|     24 |      | body         | see below, to the end of the message                                             |

Each kind is one class in `controlmessages`: its fields in the order of the wire, its layout as a `struct` format.

Parsing trusts nothing: lengths, texts and numbers that do not fit raise `WireError`, and nothing else is ever raised.
"""

from __future__ import annotations

import math
import struct
from dataclasses import fields
from typing import NamedTuple

from legando.bridge.controlmessages import FROM_CLIENT, FROM_SERVER, Body
from legando.realtime.errors import WireError

MAGIC = b"LGND"
VERSION = 2
HEADER = struct.Struct("<4sBBHIIQ")
HEADER_BYTES = HEADER.size
MAX_MESSAGE_BYTES = 512

_BY_CODE: dict[int, type[Body]] = {kind.CODE: kind for kind in (*FROM_CLIENT, *FROM_SERVER)}
_FIELDS = {code: tuple(item.name for item in fields(kind)) for code, kind in _BY_CODE.items()}
_TEXT_FIELDS = {"name", "server", "text", "chord"}


def _texts(kind: type[Body]) -> tuple[tuple[int, int], ...]:
    """Return index and room in bytes of each text of a kind."""
    empty = kind.LAYOUT.unpack(bytes(kind.LAYOUT.size))
    return tuple((n, len(empty[n])) for n, name in enumerate(_FIELDS[kind.CODE]) if name in _TEXT_FIELDS)


_TEXTS = {code: _texts(kind) for code, kind in _BY_CODE.items()}


class Envelope(NamedTuple):
    """A message as it came. [any]"""

    number: int
    answers: int
    timestamp_ns: int
    body: Body


def field_names(kind: type[Body]) -> tuple[str, ...]:
    """Return a kind's fields in the order of the wire. [any]"""
    return _FIELDS[kind.CODE]


def pack(body: Body, *, number: int, timestamp_ns: int, answers: int = 0) -> bytes:
    """Return one message; raise `WireError` for numbers and texts that the format cannot carry. [any]"""
    values: list[object] = [getattr(body, name) for name in _FIELDS[body.CODE]]
    for index, room in _TEXTS[body.CODE]:
        text = str(values[index]).encode("utf-8")
        if len(text) > room or b"\0" in text:
            raise WireError(f"{values[index]!r} does not fit; give at most {room} bytes of text")
        values[index] = text
    try:
        head = HEADER.pack(MAGIC, VERSION, body.CODE, 0, number, answers, timestamp_ns)
        return head + body.LAYOUT.pack(*values)
    except (struct.error, OverflowError) as error:
        raise WireError(f"{type(body).__name__} cannot be sent: {error}; check its numbers") from error


def parse(message: bytes) -> Envelope:
    """Read one message; raise `WireError` unless every field is as the tables say. [any]"""
    if not HEADER_BYTES <= len(message) <= MAX_MESSAGE_BYTES:
        raise WireError(f"a control message has {HEADER_BYTES} to {MAX_MESSAGE_BYTES} bytes, not {len(message)}")
    magic, version, code, _flags, number, answers, timestamp_ns = HEADER.unpack_from(message)
    if magic != MAGIC:
        raise WireError(f"the mark {MAGIC!r} is missing, {magic!r} is in its place; is the sender legando?")
    if version != VERSION:
        raise WireVersionError(f"the message has version {version}, this side reads {VERSION}; update the older side")
    kind = _BY_CODE.get(code)
    if kind is None:
        raise WireError(f"there is no message of kind {code}; update this side")
    if len(message) != HEADER_BYTES + kind.LAYOUT.size:
        raise WireError(f"{kind.__name__} has {kind.LAYOUT.size} bytes, {len(message) - HEADER_BYTES} came")
    values = list(kind.LAYOUT.unpack_from(message, HEADER_BYTES))
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise WireError(f"{kind.__name__} holds a number that is not finite")
    for index, _ in _TEXTS[code]:
        values[index] = _text(values[index])
    return Envelope(number, answers, timestamp_ns, kind(*values))


class WireVersionError(WireError):
    """The other side speaks another version."""


def clip(text: str, room: int) -> str:
    """Return as much of a text as fits this many bytes. [any]"""
    return text.replace("\0", " ").encode("utf-8")[:room].decode("utf-8", "ignore")


def _text(field: bytes) -> str:
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise WireError("a text goes on after its end")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("a text is not UTF-8") from error
