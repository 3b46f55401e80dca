"""Which networks a card runs, and what goes in and out of each: written from a bundle's three graphs. [control]

| network | of | does |
|---|---|---|
| `velocity` | denoiser | one step of the flow, for `rows` of B streams: with style, and without where guidance asks |
| `memory` | denoiser | the pass over the finished chunk, t = 1: the keys and values that it adds to the past |
| `decoder` | decoder | latents to sound |
| `tick` | language | one tick, sampled inside: what the CPU runs |
| `trunk` | language | one tick up to the heads, which `legando.kernels.tokens` works out |

Shapes for B streams, R rows, n latents a chunk (see `README.md`); the batch of `velocity` is R B, row after row, and its
past is that of the B streams. At float16 (`mixed`, `half`) what is named in `HALVES` is float16, all else as in the
bundle. State comes in under its name and goes out as NAME_out, to another address; what `memory` gives goes out as
NAME_fresh, the newest places only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from legando.engines.bundle import Bundle
from legando.engines.compiled.fixed import declare, drop_unused, fix_sizes, fold, infer_shapes, keep_outputs, load_graph
from legando.engines.compiled.precision import FLOAT, HALF, lower
from legando.realtime.errors import BundleError, LegandoError

BATCHES = (1, 2, 4, 8, 16, 32)
PAST = ("fine_keys", "fine_values", "coarse_keys", "coarse_values")
HALVES = {
    "velocity": ("latents", "frames", "style", *PAST, "velocity"),
    "memory": ("latents", "frames", "style", *PAST, *(f"{name}_fresh" for name in PAST)),
    "decoder": ("latents", "frames", "excitation", "state", "state_out"),
    "tick": (),
    "trunk": (),
}
NETWORKS = tuple(HALVES)
SOURCE = {"velocity": "denoiser", "memory": "denoiser", "decoder": "decoder", "tick": "language", "trunk": "language"}

Sizes = Mapping[str, tuple[tuple[int, ...], "np.dtype[np.generic]"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A network as a compiler takes it: the bytes of an ONNX model, and what it is."""

    network: str
    batch: int
    rows: int
    precision: str
    model: bytes
    inputs: Sizes
    outputs: Sizes

    @property
    def label(self) -> str:
        """Return what to call it in a line of text."""
        rows = f", {self.rows} rows" if self.rows > 1 else ""
        return f"{self.network} for {self.batch} stream{'s' * (self.batch > 1)}{rows}, {self.precision}"


def write_network(
    bundle: Bundle, network: str, *, batch: int = 1, rows: int = 1, precision: str | None = None
) -> Written:
    """Return a network of a bundle for `batch` streams; `precision` None is the one chosen for it. [control]

    Raises LegandoError for a network, batch or precision that there is none of, BundleError for another bundle.
    """
    if network not in NETWORKS:
        raise LegandoError(f"there is no network {network!r}; choose one of: {', '.join(NETWORKS)}")
    if batch < 1 or rows not in (1, 2) or (rows == 2 and network != "velocity"):
        raise LegandoError(f"{network} cannot have {rows} rows of {batch} streams; only velocity has 2 rows")
    precision = CHOSEN[network] if precision is None else precision
    model = load_graph(bundle, SOURCE[network])
    model.ir_version = min(model.ir_version, 10)
    latents = int(bundle.manifest["chunk_latents"])
    if network == "velocity":
        keep_outputs(model, ["velocity"])
    elif network == "memory":
        keep_outputs(model, [f"{name}_out" for name in PAST])
    elif network == "trunk":
        _cut_heads(model)
    fix_sizes(model, latents=latents, batch=rows * batch)
    if network == "velocity" and rows > 1:
        _share_past(model, batch, rows)
    elif network == "memory":
        _fix_time(model, batch)
        _only_fresh(model, latents)
    lower(model, precision)
    if precision != "fp32":
        _set_types(model, HALVES[network])
    infer_shapes(model)
    model.producer_name, model.producer_version, model.doc_string = "legando", "", ""
    model.graph.name = f"{network} {batch} {rows} {precision}"
    onnx.checker.check_model(model)
    return Written(
        network=network,
        batch=batch,
        rows=rows,
        precision=precision,
        model=model.SerializeToString(deterministic=True),
        inputs=_sizes(model.graph.input),
        outputs=_sizes(model.graph.output),
    )


CHOSEN = {"velocity": "mixed", "memory": "mixed", "decoder": "mixed", "tick": "fp32", "trunk": "fp32"}
"""The precision of each network, by the errors in README.md."""


def _sizes(values: object) -> Sizes:
    return {
        value.name: (
            tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim),
            np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)),
        )
        for value in values  # type: ignore[attr-defined]
    }


def _fix_time(model: onnx.ModelProto, batch: int) -> None:
    """Make t a constant 1: the finished chunk has no noise."""
    model.graph.initializer.append(numpy_helper.from_array(np.ones(batch, np.float32), "t"))
    kept = [value for value in model.graph.input if value.name != "t"]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    fold(model)


def _cut_heads(model: onnx.ModelProto) -> None:
    """End the language model where its heads begin: the output `x`, and the keys and values."""
    fold(model)
    first = [
        node
        for node in model.graph.node
        if node.op_type in ("Gemm", "MatMul") and any("to_heads.0" in name for name in (*node.input, *node.output))
    ]
    if not first:
        raise BundleError(f"{model.graph.name} has no heads that can be cut off; export the bundle again")
    hidden = first[0].input[0]
    model.graph.node.append(helper.make_node("Identity", [hidden], ["x"], name="x"))
    width = next(value for value in model.graph.output if value.name == "keys_out").type.tensor_type.shape.dim
    model.graph.output.insert(0, declare("x", FLOAT, [1, width[2].dim_value * width[4].dim_value]))
    keep_outputs(model, ["x", "keys_out", "values_out", "length_out"])


def _share_past(model: onnx.ModelProto, batch: int, rows: int) -> None:
    """Let all rows see one past: the input is that of the streams, repeated inside."""
    copies = []
    for value in model.graph.input:
        if value.name in PAST:
            value.type.tensor_type.shape.dim[1].dim_value = batch
            repeated = f"{value.name}/rows"
            copies.append(helper.make_node("Concat", [value.name] * rows, [repeated], name=repeated, axis=1))
            for node in model.graph.node:
                for index, name in enumerate(node.input):
                    if name == value.name:
                        node.input[index] = repeated
    nodes = [*copies, *model.graph.node]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)


def _only_fresh(model: onnx.ModelProto, latents: int) -> None:
    """Give out the newest places of the past alone: what went into the last `Concat` of each layer."""
    produced = {name: node for node in model.graph.node for name in node.output}
    shapes = infer_shapes(model)
    outputs = list(model.graph.output)
    del model.graph.output[:]
    for value in outputs:
        fresh = value.name.removesuffix("_out") + "_fresh"
        places = latents if fresh.startswith("fine") else 1
        stack = produced[value.name]
        layers = []
        for layer, name in enumerate(stack.input):
            newest = _newest(produced, shapes, name, places)
            if newest is None:
                raise BundleError(f"{value.name} is not a stack of pasts with {places} new places; export it again")
            again, axis = f"{fresh}/{layer}", f"{fresh}/axis"
            layers.append(again)
            model.graph.node.append(helper.make_node("Unsqueeze", [newest, axis], [again], name=again))
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), axis))
        model.graph.node.append(helper.make_node("Concat", layers, [fresh], name=fresh, axis=0))
        shape = list(shapes[value.name])
        shape[3] = places
        model.graph.output.append(declare(fresh, FLOAT, shape))
    drop_unused(model)
    del model.graph.value_info[:]


def _newest(
    produced: Mapping[str, onnx.NodeProto], shapes: Mapping[str, tuple[int, ...]], name: str, places: int
) -> str | None:
    while (node := produced.get(name)) is not None and node.op_type in ("Unsqueeze", "Slice"):
        name = node.input[0]
    if node is None or node.op_type != "Concat" or shapes.get(node.input[-1], (0, 0, 0))[2] != places:
        return None
    return str(node.input[-1])


def _set_types(model: onnx.ModelProto, halves: tuple[str, ...]) -> None:
    """Make named inputs and outputs float16, with a cast where the graph wants float32."""
    casts, ends = [], []
    for value in model.graph.input:
        if value.name in halves:
            value.type.tensor_type.elem_type = HALF
            wide = f"{value.name}/wide"
            for node in model.graph.node:
                for index, name in enumerate(node.input):
                    if name == value.name:
                        node.input[index] = wide
            casts.append(helper.make_node("Cast", [value.name], [wide], name=wide, to=FLOAT))
    for value in model.graph.output:
        if value.name in halves:
            value.type.tensor_type.elem_type = HALF
            wide = f"{value.name}/wide"
            for node in model.graph.node:
                for index, name in enumerate(node.output):
                    if name == value.name:
                        node.output[index] = wide
                for index, name in enumerate(node.input):
                    if name == value.name:
                        node.input[index] = wide
            ends.append(helper.make_node("Cast", [wide], [value.name], name=f"{value.name}/narrow", to=HALF))
    nodes = [*casts, *model.graph.node, *ends]
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
