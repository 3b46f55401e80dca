"""Read the weights of a TensorFlow checkpoint (format V2, one shard) without TensorFlow. [any]

`.index` is a LevelDB table: blocks of entries (varint shared key length, varint new key length, varint value length,
key, value), listed by an index block that the 48 bytes at the end point to. A value is a protobuf BundleEntryProto:
1 dtype, 2 shape, 3 shard, 4 offset, 5 size. `.data-00000-of-00001` holds the numbers, little endian.
Source: tensorflow/core/protobuf/tensor_bundle.proto and leveldb's table_format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import LegandoError

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES = 48
_FLOAT32 = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, low ones first, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _block(data: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of the block that a handle (offset, size) points to."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if data[offset + size] != 0:
        raise ValueError("a compressed block")
    block = data[offset : offset + size]
    end = size - 4 - 4 * int(struct.unpack("<I", block[-4:])[0])
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        fresh, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + fresh]
        yield key, block[at + fresh : at + fresh + length]
        at += fresh + length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value) of the fields of a protobuf message; nested messages as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        else:
            length = {_FIXED64: 8, _FIXED32: 4}[kind]
        yield tag >> 3, message[at : at + length]
        at += length


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("a field of the wrong type")
    return value


def _tensor(entry: bytes, numbers: bytes) -> NDArray[np.float32] | None:
    """Return the tensor of an entry, None when it is no float32 (a step counter)."""
    values: dict[int, int | bytes] = dict(_fields(entry))
    if values.get(1) != _FLOAT32:
        return None
    dims = values.get(2, b"")
    shape = [
        _number(dict(_fields(dim)).get(1, 0))
        for number, dim in _fields(dims if isinstance(dims, bytes) else b"")
        if number == 2 and isinstance(dim, bytes)
    ]
    offset, size = _number(values.get(4, 0)), _number(values.get(5, 0))
    return np.frombuffer(numbers[offset : offset + size], "<f4").reshape(shape).astype(np.float32)


def read_tensors(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Return the float32 tensors of the checkpoint in a folder (files without a stem: `.index`) by name. [any]

    Raises LegandoError when a file is missing, damaged or of another format.
    """
    index_path = folder / ".index"
    try:
        index = index_path.read_bytes()
        numbers = (folder / ".data-00000-of-00001").read_bytes()
    except OSError as error:
        raise LegandoError(f"cannot read the checkpoint {index_path}: {error}; install its package again") from error
    try:
        footer = index[-_FOOTER_BYTES:]
        if footer[-len(_MAGIC) :] != _MAGIC:
            raise ValueError("no LevelDB table")
        _, at = _varint(footer, 0)  # the metaindex, of no use here
        _, at = _varint(footer, at)
        entries = [entry for _, handle in _block(index, footer[at:]) for entry in _block(index, handle)]
        found = {name.decode(): _tensor(value, numbers) for name, value in entries if name}
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise LegandoError(f"the checkpoint {index_path} is damaged ({error}); install its package again") from error
    return {name: tensor for name, tensor in found.items() if tensor is not None}
