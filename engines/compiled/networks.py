"""Writes the networks of `kinds.py` from a bundle's three graphs, for a compiler. Needs `onnx`. [control]"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from legando.engines.bundle import Bundle
from legando.engines.compiled.fixed import declare, drop_unused, fix_sizes, fold, infer_shapes, keep_outputs, load_graph
from legando.engines.compiled.kinds import CHOSEN, HALVES, NETWORKS, PAST, SOURCE, Sizes, Written
from legando.engines.compiled.precision import FLOAT, HALF, lower
from legando.realtime.errors import BundleError, LegandoError

_IR_VERSION = 10  # what TensorRT's parsers of today read


def write_network(bundle: Bundle, network: str, *, batch: int = 1, precision: str | None = None) -> Written:
    """Return a network of a bundle for `batch` streams; `precision` None is the one chosen for it. [control]

    Raises LegandoError for a network, batch or precision that there is none of, BundleError for another bundle.
    """
    if network not in NETWORKS:
        raise LegandoError(f"there is no network {network!r}; choose one of: {', '.join(NETWORKS)}")
    if batch < 1:
        raise LegandoError(f"a network for {batch} streams cannot be; ask for at least one")
    precision = CHOSEN[network] if precision is None else precision
    latents = int(bundle.manifest["chunk_latents"])
    model = load_graph(bundle, SOURCE[network])
    model.ir_version = min(model.ir_version, _IR_VERSION)
    if network == "denoiser":
        keep_outputs(model, ["velocity"])
    elif network == "memory":
        keep_outputs(model, [f"{name}_out" for name in PAST])
    fix_sizes(model, latents=latents, batch=batch)
    if network == "memory":
        _fix_time(model, batch)
        _only_newest(model, latents)
    lower(model, precision)
    if precision == "int8":
        from legando.engines.compiled.quantised import quantise, scales_of

        mixed = write_network(bundle, network, precision="mixed")
        quantise(model, scales_of(mixed, _calibration(bundle)[network]))
    if precision != "fp32":
        _narrow(model, HALVES[network])
    infer_shapes(model)
    model.producer_name, model.producer_version, model.doc_string = "legando", "", ""
    model.graph.name = f"{network} {batch} {precision}"
    onnx.checker.check_model(model)
    return Written(
        network=network,
        batch=batch,
        precision=precision,
        model=model.SerializeToString(deterministic=True),
        inputs=_sizes(model.graph.input),
        outputs=_sizes(model.graph.output),
    )


_calibrated: dict[str, dict[str, list[Any]]] = {}


def _calibration(bundle: Bundle) -> dict[str, list[Any]]:
    """Return what the networks are given in the takes that scales are found by; made once for a bundle."""
    from legando.engines.compiled.takes import CALIBRATION, given_in

    if bundle.hash not in _calibrated:
        _calibrated.clear()
        _calibrated[bundle.hash] = given_in(bundle, CALIBRATION)
    return _calibrated[bundle.hash]


def tensors_of(written: Written) -> dict[str, NDArray[Any]]:
    """Return the constants of a written network by name, for those who want to look. [control]"""
    graph = onnx.load_from_string(written.model).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def _sizes(values: Iterable[onnx.ValueInfoProto]) -> Sizes:
    return {
        value.name: (
            tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim),
            np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)),
        )
        for value in values
    }


def _fix_time(model: onnx.ModelProto, batch: int) -> None:
    """Make t a constant 1: the finished chunk has no noise."""
    model.graph.initializer.append(numpy_helper.from_array(np.ones(batch, np.float32), "t"))
    kept = [value for value in model.graph.input if value.name != "t"]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    fold(model)


def _only_newest(model: onnx.ModelProto, latents: int) -> None:
    """Give out the newest places of the past alone: what went into the last `Concat` of each layer."""
    graph = model.graph
    shapes = infer_shapes(model)
    produced = {name: node for node in graph.node for name in node.output}
    outputs = list(graph.output)
    del graph.output[:]
    graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), "newest/axis"))
    renamed: dict[str, str] = {}
    for value in outputs:
        places = latents if value.name.startswith("fine") else 1
        layers = []
        for layer, name in enumerate(produced[value.name].input):
            newest = _newest(produced, shapes, name, places)
            if newest is None:
                raise BundleError(f"{value.name} is not a stack of pasts with {places} new places; export it again")
            layers.append(f"{value.name}/newest/{layer}")
            graph.node.append(helper.make_node("Unsqueeze", [newest, "newest/axis"], layers[-1:], name=layers[-1]))
        together = f"{value.name}/newest"
        graph.node.append(helper.make_node("Concat", layers, [together], name=together, axis=0))
        renamed[together] = value.name
        shape = list(shapes[value.name])
        shape[3] = places
        graph.output.append(declare(together, FLOAT, shape))
    drop_unused(model)
    for node in graph.node:
        for index, name in enumerate(node.output):
            node.output[index] = renamed.get(name, name)
    for value in graph.output:
        value.name = renamed[value.name]
    del graph.value_info[:]


def _newest(
    produced: Mapping[str, onnx.NodeProto], shapes: Mapping[str, tuple[int, ...]], name: str, places: int
) -> str | None:
    while (node := produced.get(name)) is not None and node.op_type in ("Unsqueeze", "Slice"):
        name = node.input[0]
    if node is None or node.op_type != "Concat" or shapes.get(node.input[-1], (0, 0, 0))[2] != places:
        return None
    return str(node.input[-1])


def _narrow(model: onnx.ModelProto, halves: tuple[str, ...]) -> None:
    """Make named inputs and outputs float16, with a cast where the graph wants float32."""
    graph = model.graph
    wide = {value.name: f"{value.name}/wide" for value in (*graph.input, *graph.output) if value.name in halves}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = wide.get(name, name)
        for index, name in enumerate(node.output):
            node.output[index] = wide.get(name, name)
    casts, ends = [], []
    for value in graph.input:
        if value.name in wide:
            value.type.tensor_type.elem_type = HALF
            casts.append(helper.make_node("Cast", [value.name], [wide[value.name]], name=wide[value.name], to=FLOAT))
    for value in graph.output:
        if value.name in wide:
            value.type.tensor_type.elem_type = HALF
            name = f"{value.name}/narrow"
            ends.append(helper.make_node("Cast", [wide[value.name]], [value.name], name=name, to=HALF))
    nodes = [*casts, *graph.node, *ends]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
