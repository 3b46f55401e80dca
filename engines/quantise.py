"""Int8 weights: the products of the networks with 8 bits a weight, for the eco mode. [any]

A row of weights is cut into blocks of `BLOCK`; each block has one scale, so that its largest weight is 127, and no zero
point. ONNX Runtime multiplies them with activations that it rounds to int8 in the same blocks (`MatMulNBits` at
accuracy level 4), sums in int32 and gives float32. The weights are rounded from the bundle's float16 at load, which
takes a fraction of a second: nothing is kept on disk, so nothing there can go stale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.graph import MICROSOFT, Graph

Array = NDArray[Any]

BLOCK = 32
_ZERO = 128
_INT8_ACTIVATIONS = 4


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return blocks (out, blocks, BLOCK) as uint8 around 128, and scales (out, blocks). weight: (out, in)."""
    rows, columns = weight.shape
    blocks = -(-columns // BLOCK)
    padded = np.zeros((rows, blocks * BLOCK), np.float32)
    padded[:, :columns] = weight
    padded = padded.reshape(rows, blocks, BLOCK)
    scales = np.abs(padded).max(axis=2) / 127.0
    steps = np.divide(padded, scales[..., None], out=np.zeros_like(padded), where=scales[..., None] > 0)
    return (np.rint(steps) + _ZERO).astype(np.uint8), scales.astype(np.float32)


def dequantise(blocks: NDArray[np.uint8], scales: NDArray[np.float32], columns: int) -> NDArray[np.float32]:
    """Return the weights (out, in) that the blocks stand for."""
    values = (blocks.astype(np.float32) - _ZERO) * scales[..., None]
    out: NDArray[np.float32] = values.reshape(len(blocks), -1)[:, :columns]
    return out


def dense(graph: Graph, x: str, weight: Array, bias: Array | None, *, int8: bool) -> str:
    """Add `x @ weight.T + bias` to a graph and return the result's name. weight: (out, in), as in PyTorch."""
    rows, columns = weight.shape
    if not int8:
        y = graph.node("MatMul", x, graph.constant(np.ascontiguousarray(weight.T, dtype=np.float32)))
        return y if bias is None else graph.node("Add", y, graph.constant(bias))
    blocks, scales = quantise(weight.astype(np.float32))
    given = [x, graph.constant(blocks), graph.constant(scales)]
    if bias is not None:
        given += ["", "", graph.constant(bias)]
    return graph.node(
        "MatMulNBits",
        *given,
        domain=MICROSOFT,
        K=columns,
        N=rows,
        bits=8,
        block_size=BLOCK,
        accuracy_level=_INT8_ACTIVATIONS,
    )
