"""What is written for a card: the bundle's own graphs, for many streams, float16 where it costs no accuracy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from legando.engines.bundle import Bundle
from legando.engines.compiled.host import HostNetwork
from legando.engines.compiled.kinds import HALVES, NETWORKS, Written
from legando.engines.compiled.networks import tensors_of
from legando.engines.compiled.precision import lower, near_waves, with_rounding_kept
from legando.engines.compiled.proof import Bench, prove, questions
from legando.kernels.shimdevice import Shim
from legando.realtime.errors import BundleError, LegandoError
from tests.engines.compiled.conftest import tiny_model

Write = Callable[..., Written]


@pytest.mark.parametrize("network", NETWORKS)
def test_three_streams_give_what_the_bundle_gives_each_alone(network: str, written: Write, shipped: Bundle) -> None:
    model = written(network, batch=3)
    bench = Bench(HostNetwork(model), Shim())
    proven = prove(shipped, network, bench, batch=3, precision=model.precision, calls=3)
    assert 0.0 <= proven.worst < 0.35, proven  # rounding leaves room for a card's order of sums


@pytest.mark.parametrize("network", ["denoiser", "decoder"])
def test_mixed_costs_less_than_a_thousandth_and_half_more(network: str, written: Write, shipped: Bundle) -> None:
    given, expected = questions(shipped, network, 1)
    name = next(iter(expected))
    errors = []
    for precision in ("mixed", "half"):
        made = Bench(HostNetwork(written(network, precision=precision)), Shim()).ask(given)[name].astype(np.float64)
        errors.append(float(np.sqrt(np.mean((made - expected[name]) ** 2) / np.mean(expected[name] ** 2))))
    assert 1e-5 < errors[0] < 8e-4 and errors[1] > 1.2 * errors[0], errors


@pytest.mark.parametrize("network", NETWORKS)
def test_names_shapes_and_types_are_those_that_are_documented(network: str, written: Write, shipped: Bundle) -> None:
    one, three = written(network), written(network, batch=3)
    values = {**one.inputs, **one.outputs}
    assert {name for name, (_, dtype) in values.items() if dtype == np.float16} == set(HALVES[network])
    for name, (shape, dtype) in {**three.inputs, **three.outputs}.items():
        assert dtype == values[name][1]
        assert [n for n, m in zip(values[name][0], shape, strict=True) if n != m] == [1]
    layers, heads = values["fine_keys"][0][0:3:2] if network == "memory" else (0, 0)
    if network == "memory":
        assert "t" not in one.inputs
        assert one.outputs["fine_keys_out"][0] == (layers, 1, heads, int(shipped.manifest["chunk_latents"]), 64)
        assert one.outputs["coarse_keys_out"][0] == (layers, 1, heads, 1, 64)


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_is_left_of_the_exporters_arithmetic_and_weights_are_as_shipped(
    network: str, written: Write, shipped: Bundle
) -> None:
    model = written(network)
    kinds = {node.op_type for node in onnx.load_from_string(model.model).graph.node}
    assert not kinds & {"Shape", "Constant", "DFT"}
    shipped_bytes = shipped.file("weights.safetensors").stat().st_size
    assert sum(tensor.nbytes for tensor in tensors_of(model).values()) < shipped_bytes


def test_the_same_bundle_gives_the_same_bytes(shipped: Bundle) -> None:
    from legando.engines.compiled.networks import write_network

    assert write_network(shipped, "language").model == write_network(shipped, "language").model


@pytest.mark.parametrize(
    ("network", "batch", "precision", "words"),
    [
        ("drummer", 1, None, "no network 'drummer'; choose one of: language"),
        ("decoder", 0, None, "for 0 streams"),
        ("decoder", 1, "int4", "'int4' is no precision; choose one of: mixed"),
    ],
)
def test_what_there_is_none_of_is_refused(
    network: str, batch: int, precision: str | None, words: str, shipped: Bundle
) -> None:
    from legando.engines.compiled.networks import write_network

    with pytest.raises(LegandoError, match=words):
        write_network(shipped, network, batch=batch, precision=precision)


def test_a_graph_whose_batch_is_not_where_it_belongs_is_refused() -> None:
    from legando.engines.compiled.fixed import fix_sizes

    with pytest.raises(BundleError, match="x has shape"):
        fix_sizes(tiny_model(helper.make_node("Sin", ["x"], ["y"])), latents=4, batch=2)


EYE = np.eye(8, dtype=np.float32)


def test_a_product_before_or_after_a_wave_stays_float32_and_others_do_not() -> None:
    model = tiny_model(
        helper.make_node("MatMul", ["x", "far"], ["a"]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "before"], ["c"]),
        helper.make_node("Add", ["c", "bias"], ["d"]),
        helper.make_node("Sin", ["d"], ["e"]),
        helper.make_node("MatMul", ["e", "after"], ["y"]),
        far=EYE, before=EYE, after=EYE, bias=np.ones(8, np.float32),
    )  # fmt: skip
    assert near_waves(model) == {"c", "d", "e", "y"}
    lower(model, "mixed")
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert types == {
        "far/half": TensorProto.FLOAT16,
        "before": TensorProto.FLOAT,
        "after": TensorProto.FLOAT,
        "bias": TensorProto.FLOAT,
    }


def test_a_constant_beyond_float16_becomes_its_largest_number_not_infinity() -> None:
    model = tiny_model(helper.make_node("MatMul", ["x", "w"], ["y"]), w=1e6 * EYE)
    lower(model, "half")
    onnx.checker.check_model(model)
    (weight,) = model.graph.initializer
    assert onnx.numpy_helper.to_array(weight).max() == np.finfo(np.float16).max


def test_the_host_rounds_where_float16_is_written_which_onnx_runtime_alone_does_not() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 8, 8)).astype(np.float32)
    nodes = helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["y"])
    model = tiny_model(*nodes, a=first, b=second)
    lower(model, "half")
    x = rng.standard_normal((2, 8)).astype(np.float32)

    def half(value: np.ndarray) -> np.ndarray:
        return value.astype(np.float16).astype(np.float32)

    truth = half(half(half(x) @ half(first)) @ half(second))  # sums in float32, as tensor cores have them
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL

    def run(given: bytes) -> np.ndarray:
        made: np.ndarray = ort.InferenceSession(given, options).run(None, {"x": x})[0]
        return made

    assert np.array_equal(run(with_rounding_kept(model.SerializeToString())), truth)
    assert not np.array_equal(run(model.SerializeToString()), truth)
