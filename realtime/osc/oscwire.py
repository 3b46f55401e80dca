"""OSC 1.0 on the wire: datagrams become addresses with arguments, and the other way round. [any]

| tag | argument | read as |
|---|---|---|
| `i` `h` | 32 or 64 bits, big-endian | int |
| `f` `d` | 32 or 64 bits, big-endian | float |
| `s` `S` | text, ended and filled with zeros to a multiple of 4 | str |
| `T` `F` `N` `I` | nothing | 1, 0, 0, 1 |
| `b` | a length, bytes, filled likewise | left out |

A bundle's messages count at once, whatever its time tag says. Whatever is not whole, or nests or holds too much, is an
`OscError`; no datagram raises anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from legando.realtime.errors import LegandoError

Argument = int | float | str
Message = tuple[str, tuple[Argument, ...]]

_BUNDLE = b"#bundle\0"
_DEPTH_MAX = 4
_MESSAGES_MAX = 64
_ARGUMENTS_MAX = 64
_NUMBERS = {"i": struct.Struct(">i"), "h": struct.Struct(">q"), "f": struct.Struct(">f"), "d": struct.Struct(">d")}
_WORDS = {"T": 1, "F": 0, "N": 0, "I": 1}


class OscError(LegandoError):
    """A datagram that cannot be read, or asks for what there is not."""


def parse_osc(datagram: bytes) -> list[Message]:
    """Return the messages of a datagram; raises OscError. [any]"""
    messages: list[Message] = []
    _parse(datagram, messages, 0)
    return messages


def _parse(data: bytes, messages: list[Message], depth: int) -> None:
    if not data.startswith(_BUNDLE):
        if len(messages) >= _MESSAGES_MAX:
            raise OscError(f"a packet holds more than {_MESSAGES_MAX} messages")
        messages.append(_message(data))
        return
    if depth >= _DEPTH_MAX or len(data) < 16:
        raise OscError("a bundle is cut off or nests too deep")
    at = 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4
        if size == 0 or size % 4 or at + size > len(data):
            raise OscError("a bundle says a wrong length")
        _parse(data[at : at + size], messages, depth + 1)
        at += size


def _message(data: bytes) -> Message:
    address, at = _text(data, 0)
    if not address.startswith("/"):
        raise OscError("an address does not begin with a slash")
    if at == len(data):
        return address, ()  # very old senders leave the tags out
    tags, at = _text(data, at)
    if not tags.startswith(",") or len(tags) > _ARGUMENTS_MAX:
        raise OscError(f"{address[:40]!r} has no type tags, or too many")
    arguments: list[Argument] = []
    for tag in tags[1:]:
        number = _NUMBERS.get(tag)
        if number is not None:
            if at + number.size > len(data):
                raise OscError(f"{address[:40]!r} is cut off")
            arguments.append(number.unpack_from(data, at)[0])
            at += number.size
        elif tag in "sS":
            text, at = _text(data, at)
            arguments.append(text)
        elif tag in _WORDS:
            arguments.append(_WORDS[tag])
        elif tag == "b" and at + 4 <= len(data):
            at += 4 + -(-int.from_bytes(data[at : at + 4], "big") // 4) * 4
        else:
            raise OscError(f"{address[:40]!r} has an argument of a kind that is not known")
    if at > len(data):
        raise OscError(f"{address[:40]!r} is cut off")
    return address, tuple(arguments)


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at)
    after = end + 4 - (end - at) % 4
    if end < 0 or after > len(data):
        raise OscError("a text has no end")
    try:
        return data[at:end].decode("utf-8"), after
    except UnicodeDecodeError as error:
        raise OscError("a text is not UTF-8") from error


def build_osc(address: str, arguments: Sequence[Argument] = ()) -> bytes:
    """Return the datagram of one message; floats are written with 32 bits. [any]"""
    tags, data = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags, data = tags + "s", data + _filled(argument)
        elif isinstance(argument, int):
            tags, data = tags + "i", data + struct.pack(">i", argument)
        else:
            tags, data = tags + "f", data + struct.pack(">f", argument)
    return _filled(address) + _filled(tags) + data


def _filled(text: str) -> bytes:
    data = text.encode()
    return data + bytes(4 - len(data) % 4)
