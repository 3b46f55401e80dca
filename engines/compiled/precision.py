"""float16 where the bytes are, float32 where accuracy asks for it: written into the types of a graph. [control]

A strongly typed compiler takes precision from the ONNX types alone. Four ways are known here:

- `fp32`: as exported;
- `mixed`: products (`MatMul`, `Gemm`, `Conv`) take and give float16; norms, softmax, residual sums and all that is
  worked out number by number stay float32, and so do the products that lead into a sine, cosine, exponential or
  logistic function (phases, frequencies, loudness in logarithms) and those that add up what came out of one (the
  inverse DFT, the oscillators);
- `int8`: as `mixed`, and `quantised.py` then makes whole numbers of the products' factors;
- `half`: products as in `mixed`, but for the islands of phases, and everything else float16 that stands it.

What is float16 is decided by kind of operator and by what flows into it, never by the name of a node, so that a bundle
of another shape goes the same way. README.md has the errors that were measured.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from legando.engines.compiled.fixed import infer_shapes, types_of
from legando.realtime.errors import LegandoError

PRECISIONS = ("mixed", "half", "int8", "fp32")
PRODUCTS = ("MatMul", "Gemm", "Conv")
WAVES = ("Sin", "Cos", "Exp", "Sigmoid", "Floor", "Less", "Equal")
"""What turns small differences of its input into large ones, or has a range that float16 lacks."""
NORMS = ("LayerNormalization", "Softmax", "ReduceMean", "ReduceSum", "ReduceMax", "ArgMax", "Where", "Erf")
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def lower(model: onnx.ModelProto, precision: str) -> None:
    """Rewrite a graph's types in place; inputs and outputs keep theirs. [control]"""
    if precision not in PRECISIONS:
        raise LegandoError(f"{precision!r} is no precision; choose one of: {', '.join(PRECISIONS)}")
    if precision == "fp32":
        return
    infer_shapes(model)
    types = types_of(model)
    around = near_waves(model)
    exact = around if precision != "half" else _without_products(model, around)
    writer = _Writer(model, types)
    for node in list(model.graph.node):
        if node.op_type == "Cast" or not any(types.get(name) == FLOAT for name in node.input):
            writer.keep(node)
        elif exact & set(node.output):
            writer.typed(node, FLOAT)
        elif node.op_type in PRODUCTS or (precision == "half" and node.op_type not in (*WAVES, *NORMS)):
            writer.typed(node, HALF)
        else:
            writer.typed(node, FLOAT)
    writer.finish()


def near_waves(model: onnx.ModelProto) -> set[str]:
    """Return all values between a wave and the product before it, that product's own, and the same after. [control]"""
    produced = {name: node for node in model.graph.node for name in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    waves = [node for node in model.graph.node if node.op_type in WAVES]
    before: set[str] = set()
    todo = [name for node in waves for name in node.input]
    while todo:
        name = todo.pop()
        if name in before or (maker := produced.get(name)) is None:
            continue
        before.add(name)
        if maker.op_type not in PRODUCTS and maker.op_type not in NORMS:
            todo += maker.input
    after: set[str] = set()
    todo = [name for node in waves for name in node.output]
    while todo:
        name = todo.pop()
        if name in after:
            continue
        after.add(name)
        if produced[name].op_type not in (*PRODUCTS, *NORMS):
            todo += [out for user in users.get(name, ()) for out in user.output]
    return before | after


def _without_products(model: onnx.ModelProto, values: Iterable[str]) -> set[str]:
    products = {name for node in model.graph.node if node.op_type in PRODUCTS for name in node.output}
    return set(values) - products


class _Writer:
    """Rewrites nodes one by one, with a cast wherever a value is wanted in another type than it has."""

    def __init__(self, model: onnx.ModelProto, types: dict[str, int]) -> None:
        self.model, self.types = model, dict(types)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.outputs = {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
        self.nodes: list[onnx.NodeProto] = []
        self.casts: dict[tuple[str, int], str] = {}

    def keep(self, node: onnx.NodeProto) -> None:
        """Keep a node that reads no floats; what it makes has the type that it had."""
        self.nodes.append(node)

    def typed(self, node: onnx.NodeProto, dtype: int) -> None:
        """Compute a node in `dtype`."""
        for index, name in enumerate(node.input):
            if name and self.types.get(name) in (FLOAT, HALF):
                node.input[index] = self.as_type(name, dtype)
        self.nodes.append(node)
        for index, name in enumerate(node.output):
            if self.types.get(name) != FLOAT:
                continue
            if name in self.outputs and self.outputs[name] != dtype:
                inner = f"{name}/computed"
                node.output[index] = inner
                self.nodes.append(helper.make_node("Cast", [inner], [name], name=f"{name}/cast", to=self.outputs[name]))
            else:
                self.types[name] = dtype

    def as_type(self, name: str, dtype: int) -> str:
        """Return the name of a value in a type: itself, a constant rewritten, or a cast made once."""
        if self.types[name] == dtype:
            return name
        if (name, dtype) not in self.casts:
            new = f"{name}/{'half' if dtype == HALF else 'float'}"
            if name in self.constants:
                # beyond its range float16 has the largest number there is, not infinity
                value = numpy_helper.to_array(self.constants[name]).astype(np.float32)
                limit = float(np.finfo(np.float16).max)
                narrow = np.asarray(np.clip(value, -limit, limit), np.float16)
                self.constants[new] = numpy_helper.from_array(narrow, new)
            else:
                self.nodes.append(helper.make_node("Cast", [name], [new], name=f"{new}/cast", to=dtype))
            self.types[new] = dtype
            self.casts[name, dtype] = new
        return self.casts[name, dtype]

    def finish(self) -> None:
        """Put the nodes back, with the constants that they still name."""
        graph = self.model.graph
        used = {name for node in self.nodes for name in node.input} | set(self.outputs)
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(tensor for name, tensor in sorted(self.constants.items()) if name in used)
        infer_shapes(self.model)


def with_rounding_kept(model: bytes) -> bytes:
    """Return a model that ONNX Runtime rounds as a card does, when it is run without graph optimisation. [control]

    The CPU has few float16 kernels: ONNX Runtime computes in float32 between casts, and drops the pair of casts between
    two such operators, with the rounding in it. Two in a row of an operator that it has in float16 (`Max`, of one)
    keep the pair apart; one alone it would compute in float32.
    """
    whole = onnx.load_from_string(model)
    infer_shapes(whole)
    types = types_of(whole)
    outputs = {value.name for value in whole.graph.output}
    renamed: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for node in whole.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
        nodes.append(node)
        for name in node.output:
            if types.get(name) == HALF and name not in outputs:
                once, renamed[name] = f"{name}/once", f"{name}/rounded"
                nodes.append(helper.make_node("Max", [name], [once], name=once))
                nodes.append(helper.make_node("Max", [once], [renamed[name]], name=renamed[name]))
    del whole.graph.node[:], whole.graph.value_info[:]
    whole.graph.node.extend(nodes)
    rewritten: bytes = whole.SerializeToString(deterministic=True)
    return rewritten
