"""A bundle's graph made fit for a compiler: one batch size, known shapes, constants folded, nothing unused. [control]

The exporter writes sizes as arithmetic (`Shape`, `Gather`, `Concat`) and weights as casts of float16. With all sizes
known most of this is constant: a denoiser of 2,552 operators becomes one of 842. Needs the package `onnx`; no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from legando.engines.backend import session_options
from legando.engines.bundle import Bundle
from legando.engines.timeline import GRAIN_FRAMES
from legando.realtime.errors import BundleError

Array = NDArray[Any]

STACKED = ("fine_keys", "fine_values", "coarse_keys", "coarse_values", "keys", "values", "state")
"""State whose first dimension is the layer; the batch is their second, and everyone else's first."""
_SMALL_BYTES = 1024
_GROWING = ("Expand", "ConstantOfShape", "Tile")
"""Never folded: a batch of zeros is cheaper made than read."""


def load_graph(bundle: Bundle, network: str) -> onnx.ModelProto:
    """Return the graph of "decoder", "denoiser" or "language" with its weights in it. Raises BundleError. [control]"""
    path = bundle.file(f"{network}.onnx")
    try:
        return onnx.load(str(path))
    except Exception as error:  # protobuf, onnx and the file system: no common base class
        raise BundleError(f"{path} cannot be read as ONNX ({error}); copy the bundle afresh") from error


def fix_sizes(model: onnx.ModelProto, *, latents: int, batch: int) -> None:
    """Give every input and output its sizes, for `batch` streams and chunks of `latents`. [control]

    Reshapes of the exported graph say 1 where the batch goes; they are made to copy it from what they reshape.
    """
    sizes = {"latents": latents, "grains": 2 * latents, "samples": (2 * latents + 1) * GRAIN_FRAMES}
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        for dim in dims:
            if dim.HasField("dim_param"):
                if dim.dim_param not in sizes:
                    raise BundleError(f"{value.name} has an unknown dimension {dim.dim_param!r}; export it again")
                dim.dim_value = sizes[dim.dim_param]
        axis = batch_axis(value.name)
        if len(dims) <= axis or dims[axis].dim_value != 1:
            shape = [dim.dim_value for dim in dims]
            raise BundleError(f"{value.name} has shape {shape}, not 1 in dimension {axis}; export the bundle again")
        dims[axis].dim_value = batch
    fold(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    patched: dict[str, onnx.TensorProto] = {}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[1] in constants:
            target = numpy_helper.to_array(constants[node.input[1]]).copy()
            if len(target) and target[0] == 1:
                target[0] = 0  # as large as what is reshaped
                name = f"{node.input[1]}/batch"
                patched[name] = numpy_helper.from_array(target, name)
                node.input[1] = name
    model.graph.initializer.extend(patched.values())
    nodes = -1
    while nodes != len(model.graph.node):  # a shape known is arithmetic folded, which makes more shapes known
        nodes = len(model.graph.node)
        infer_shapes(model)
        fold(model)


def batch_axis(name: str) -> int:
    """Return which dimension of an input or output counts the streams. [any]"""
    return 1 if name.removesuffix("_out") in STACKED else 0


def infer_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Write all known shapes into the graph, and return them by name. Raises BundleError where they clash. [control]"""
    del model.graph.value_info[:]
    graph = model.graph
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    light.graph.name = graph.name
    light.graph.node.extend(graph.node)
    light.graph.output.extend(graph.output)
    light.graph.input.extend(graph.input)
    for tensor in graph.initializer:  # weights are many bytes, and only their shapes matter
        if len(tensor.raw_data) > _SMALL_BYTES:
            light.graph.input.append(declare(tensor.name, tensor.data_type, tensor.dims))
        else:
            light.graph.initializer.append(tensor)
    try:
        inferred = onnx.shape_inference.infer_shapes(light, strict_mode=True, data_prop=True)
    except Exception as error:  # onnx raises bare RuntimeErrors of its own class
        first = str(error).partition("\n")[0]
        raise BundleError(f"{graph.name}: shapes do not fit ({first}); export the bundle again") from None
    model.graph.value_info.extend(sorted(inferred.graph.value_info, key=lambda value: value.name))
    return shapes_of(model)


def shapes_of(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return the shapes that the graph states in full. [control]"""
    shapes = {}
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    shapes.update({tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer})
    return shapes


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    """Return the element type of each value, as the numbers of onnx.TensorProto; needs `infer_shapes`. [control]"""
    values = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types.update({tensor.name: tensor.data_type for tensor in model.graph.initializer})
    return types


def fold(model: onnx.ModelProto) -> None:
    """Replace all that depends on constants alone by its value, and drop what no output needs. [control]"""
    graph = model.graph
    drop_unused(model)
    shapes = shapes_of(model)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    kept: list[onnx.NodeProto] = []
    foldable: list[onnx.NodeProto] = []
    known = set(constants)
    for node in graph.node:
        if node.op_type == "Shape" and node.input[0] in shapes:
            shape = np.array(shapes[node.input[0]], np.int64)
            constants[node.output[0]] = numpy_helper.from_array(shape, node.output[0])
        elif node.op_type not in _GROWING and all(not name or name in known for name in node.input):
            foldable.append(node)
        else:
            kept.append(node)
            continue
        known.update(node.output)
    needed = {name for node in kept for name in node.input} | {value.name for value in graph.output}
    wanted = sorted({name for node in foldable for name in node.output} & needed)
    if wanted:
        for name, value in _evaluate(model, foldable, constants, wanted).items():
            constants[name] = numpy_helper.from_array(np.asarray(value), name)
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(tensor for name, tensor in sorted(constants.items()) if name in needed)


def _evaluate(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    constants: Mapping[str, onnx.TensorProto],
    wanted: list[str],
) -> dict[str, Array]:
    used = {name for node in nodes for name in node.input}
    part = helper.make_graph(
        nodes,
        "constants",
        [],
        [helper.make_empty_tensor_value_info(name) for name in wanted],
        [tensor for name, tensor in constants.items() if name in used],
    )
    whole = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    options = session_options()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(wanted, session.run(wanted, {}), strict=True))


def drop_unused(model: onnx.ModelProto) -> None:
    """Remove nodes, constants and inputs that no output depends on. [control]"""
    graph = model.graph
    needed = {value.name for value in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    kept.reverse()
    _replace(graph.node, kept)
    _replace(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in needed])
    _replace(graph.input, [value for value in graph.input if value.name in needed])


def _replace(field: Any, items: Iterable[Any]) -> None:
    kept = list(items)
    del field[:]
    field.extend(kept)


def keep_outputs(model: onnx.ModelProto, names: Iterable[str]) -> None:
    """Make `names` the graph's outputs, in this order, and drop what they do not need. Raises BundleError. [control]"""
    there = {value.name: value for value in model.graph.output}
    wanted = list(names)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise BundleError(f"{model.graph.name} has no output {', '.join(missing)}; export the bundle again")
    _replace(model.graph.output, [there[name] for name in wanted])
    drop_unused(model)


def declare(name: str, dtype: int, shape: Iterable[int]) -> onnx.ValueInfoProto:
    """Return the declaration of an input or output. [any]"""
    return helper.make_tensor_value_info(name, dtype, list(shape))
