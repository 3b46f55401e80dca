"""int8 written into a graph: products of whole numbers between fixed scales, for `--precision int8`. [control]

A product with constant weights becomes `x -> Quantize -> Dequantize -> product <- Dequantize <- int8 weights`, which a
compiler turns into a product of integers. Symmetric, as TensorRT asks: no zero point. Weights have a scale for each
column, activations one for all, which is fixed: it holds what a few takes of the bundle hold. Where that loses too much
(a few values far out), and in all else, the graph is as in `mixed`. README.md has the errors that were measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from legando.engines.backend import open_session
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.precision import HALF, PRODUCTS
from legando.engines.compiled.takes import Given

OPSET = 19
"""From here on scales may be float16."""
LEAST = 32
"""Rows and columns that a matrix must have: smaller ones are not worth the rounding."""
LARGEST = 127
WORST = 5e-4
"""The largest share of an activation's power that its rounding may lose: -33 dB."""

F32 = NDArray[np.float32]


def _products(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, NDArray[np.float16], int]]:
    """Yield the products that become int8, with their weights and the axis of these that counts the outputs."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in PRODUCTS or node.op_type == "Conv" or node.input[1] not in constants:
            continue
        tensor = constants[node.input[1]]
        turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        if tensor.data_type == HALF and len(tensor.dims) == 2 and min(tensor.dims) >= LEAST:
            yield node, numpy_helper.to_array(tensor), 0 if turned else 1


def scales_of(mixed: Written, takes: Sequence[Given]) -> dict[str, float]:
    """Return the scale of each activation that a product may round, by its name. [control]

    Those are left out that fixed steps would cost more than `WORST`: they stay float16.
    """
    model = onnx.load_from_string(mixed.model)
    names = sorted({node.input[0] for node, _, _ in _products(model)})
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(name, HALF, None) for name in names)
    session = open_session(model.SerializeToString(), f"the {mixed.network}'s activations")
    seen: dict[str, list[F32]] = {name: [] for name in names}
    for given in takes:
        fed = {name: given[name].astype(dtype) for name, (_, dtype) in mixed.inputs.items()}
        for name, value in zip(names, session.run(names, fed), strict=True):
            seen[name].append(np.abs(value.astype(np.float32)).ravel())
    found = {name: scale_of(np.concatenate(values)) for name, values in seen.items()}
    return {name: scale for name, (scale, error) in found.items() if error <= WORST}


def scale_of(values: F32) -> tuple[float, float]:
    """Return the scale that holds the largest value, and the share of the values' power that it loses. [control]

    Nothing is clipped: that would lose less on the whole, but its largest errors are heard. Scales lie in 32 steps an
    octave, so that a last bit of another processor does not make another engine.
    """
    largest = float(values.max())
    if not largest:
        return 1.0 / LARGEST, 0.0
    scale = float(2.0 ** (np.ceil(32.0 * np.log2(largest / LARGEST)) / 32.0))
    lost = np.square(np.rint(values / scale) * scale - values, dtype=np.float64).sum()
    return scale, float(lost / np.square(values, dtype=np.float64).sum())


def quantise(model: onnx.ModelProto, scales: Mapping[str, float]) -> None:
    """Make int8 of all products of a mixed graph that there is a scale for; in place. [control]"""
    graph = model.graph
    made: dict[str, onnx.TensorProto] = {}
    before: dict[str, list[onnx.NodeProto]] = {}
    rounded: dict[str, str] = {}

    def constant(name: str, value: NDArray[np.generic]) -> str:
        made[name] = numpy_helper.from_array(value, name)
        return name

    zero = constant("int8/zero", np.zeros((), np.int8))
    for node, weights, axis in list(_products(model)):
        x, w = node.input[0], node.input[1]
        if x not in scales:
            continue
        nodes = before.setdefault(node.output[0], [])
        if x not in rounded:
            scale = constant(f"{x}/scale", np.array(scales[x], np.float16))
            q, rounded[x] = f"{x}/int8", f"{x}/rounded8"
            nodes.append(helper.make_node("QuantizeLinear", [x, scale, zero], [q], name=q))
            nodes.append(helper.make_node("DequantizeLinear", [q, scale, zero], [rounded[x]], name=rounded[x]))
        if f"{w}/int8" not in made:
            wide = weights.astype(np.float32)
            steps = np.maximum(np.abs(wide).max(axis=1 - axis) / LARGEST, 2.0**-20).astype(np.float16)
            whole = np.rint(wide / np.expand_dims(steps.astype(np.float32), 1 - axis))
            given = [
                constant(f"{w}/int8", np.clip(whole, -LARGEST, LARGEST).astype(np.int8)),
                constant(f"{w}/scales", steps),
                constant(f"{w}/zeros", np.zeros(len(steps), np.int8)),
            ]
            nodes.append(
                helper.make_node("DequantizeLinear", given, [f"{w}/rounded8"], name=f"{w}/rounded8", axis=axis)
            )
        node.input[0], node.input[1] = rounded[x], f"{w}/rounded8"
    ordered = [one for node in graph.node for one in (*before.get(node.output[0], ()), node)]
    used = {name for node in ordered for name in node.input} | {value.name for value in graph.output}
    constants = {tensor.name: tensor for tensor in graph.initializer} | made
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(ordered)
    graph.initializer.extend(tensor for name, tensor in sorted(constants.items()) if name in used)
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx"):
            opset.version = max(opset.version, OPSET)
