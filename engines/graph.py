"""A small writer of ONNX graphs, so that the CPU back end can lay networks out for itself at load. [any]

The bundle's own graphs are plain ONNX for every back end. What runs fastest on one CPU thread (fused attention, int8
weights, whatever is constant in a chunk done once) is written here from the same weights, in memory; nothing but NumPy
is needed. Field numbers are those of the ONNX protocol buffers (onnx.proto, IR version 8).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Attribute = int | float | str | Sequence[int]

MICROSOFT = "com.microsoft"
"""ONNX Runtime's own operators: fused attention, products with packed weights."""
_IR_VERSION, _OPSET = 8, 20
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7, np.dtype(np.bool_): 9}
_VARINT, _LENGTH, _FIXED32 = 0, 2, 5


class Graph:
    """Collects nodes, constants, inputs and outputs; `encode` gives the bytes of a whole ONNX model."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[bytes] = []
        self._constants: dict[str, bytes] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str], dtype: type = np.float32) -> str:
        """Declare an input and return its name; a size may be a name, for a dimension that varies."""
        self._inputs.append(_value_info(name, shape, dtype))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str], dtype: type = np.float32) -> None:
        """Give a value out under a name."""
        self._nodes.append(_node("Identity", (value,), (name,), "", {}))
        self._outputs.append(_value_info(name, shape, dtype))

    def constant(self, value: Array | Sequence[int] | float, name: str = "") -> str:
        """Keep an array (ints become int64, a float float32) and return its name."""
        array = np.asarray(value)
        if array.dtype.kind in "iu" and array.dtype != np.uint8:
            array = array.astype(np.int64)
        elif array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = name or self._new("constant")
        if name not in self._constants:
            self._constants[name] = _tensor(name, array)
        return name

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Add an operator with one output and return that output's name; an empty input is one left out."""
        return self.nodes(kind, *inputs, outputs=1, domain=domain, **attributes)[0]

    def nodes(self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Attribute) -> list[str]:
        """Add an operator and return the names of its outputs."""
        names = [self._new(kind.lower()) for _ in range(outputs)]
        self._nodes.append(_node(kind, inputs, names, domain, attributes))
        return names

    def encode(self) -> bytes:
        """Return the model as bytes, for `onnxruntime.InferenceSession`."""
        graph = b"".join(
            [
                *(_field(1, node) for node in self._nodes),
                _field(2, self.name),
                *(_field(5, tensor) for tensor in self._constants.values()),
                *(_field(11, info) for info in self._inputs),
                *(_field(12, info) for info in self._outputs),
            ]
        )
        opsets = [_field(1, "") + _field(2, _OPSET), _field(1, MICROSOFT) + _field(2, 1)]
        return b"".join([_field(1, _IR_VERSION), _field(7, graph), *(_field(8, opset) for opset in opsets)])

    def _new(self, stem: str) -> str:
        self._count += 1
        return f"{stem}.{self._count}"


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | float | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | _LENGTH) + _varint(len(raw)) + raw


def _node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str], domain: str, attributes: dict[str, Attribute]
) -> bytes:
    return b"".join(
        [
            *(_field(1, name) for name in inputs),
            *(_field(2, name) for name in outputs),
            _field(4, kind),
            *(_field(5, _attribute(name, value)) for name, value in attributes.items()),
            _field(7, domain),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    """Return an AttributeProto; its field 20 names the kind of value."""
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, 2)
    if isinstance(value, float):
        return _field(1, name) + _field(2, value) + _field(20, 1)
    if isinstance(value, str):
        return _field(1, name) + _field(4, value) + _field(20, 3)
    return _field(1, name) + b"".join(_field(8, item) for item in value) + _field(20, 7)


def _tensor(name: str, array: Array) -> bytes:
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, _TYPES[array.dtype]) + _field(8, name) + _field(9, np.ascontiguousarray(array).tobytes())


def _value_info(name: str, shape: Sequence[int | str], dtype: type) -> bytes:
    dims = b"".join(_field(1, _field(2 if isinstance(size, str) else 1, size)) for size in shape)
    tensor = _field(1, _TYPES[np.dtype(dtype)]) + _field(2, dims)
    return _field(1, name) + _field(2, _field(1, tensor))
