"""int8 products: what is written, and what they cost on the shipped bundle."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from legando.engines.bundle import Bundle
from legando.engines.compiled.host import HostNetwork
from legando.engines.compiled.kinds import TOLERANCES, Written
from legando.engines.compiled.library import EngineError
from legando.engines.compiled.networks import write_network
from legando.engines.compiled.precision import lower
from legando.engines.compiled.proof import Bench, prove, questions
from legando.engines.compiled.quantised import quantise, scale_of, scales_of
from legando.engines.lean import INT8_TOLERANCE
from legando.kernels.shimdevice import Shim

RANDOM = np.random.default_rng(0)
WEIGHTS = (RANDOM.standard_normal((64, 48)) * np.geomspace(0.01, 1.0, 48)).astype(np.float32)
X = RANDOM.standard_normal((3, 64)).astype(np.float32)


def model(*, turned: bool) -> onnx.ModelProto:
    """Return a product of float32 x (3, 64), in half precision."""
    node = helper.make_node("Gemm", ["x", "w"], ["y"], name="product", transB=1) if turned else helper.make_node(
        "MatMul", ["x", "w"], ["y"], name="product"
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 48])],
        [numpy_helper.from_array(np.ascontiguousarray(WEIGHTS.T) if turned else WEIGHTS, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    lower(made, "int8")
    return made


def run(made: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(made)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    out: np.ndarray = ort.InferenceSession(made.SerializeToString(), options).run(None, {"x": X})[0]
    return out


@pytest.mark.parametrize("turned", [False, True])
def test_a_product_becomes_one_of_whole_numbers_with_a_scale_for_each_column(turned: bool) -> None:
    made = model(turned=turned)
    scale = np.float16(0.03)
    quantise(made, {"x/half": float(scale)})
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    assert {name for name, value in constants.items() if value.dtype == np.float16} == {"x/half/scale", "w/half/scales"}
    whole, scales = constants["w/half/int8"], constants["w/half/scales"].astype(np.float32)
    whole = whole.T if turned else whole
    assert whole.dtype == np.int8 and scales.shape == (48,) and np.abs(whole).max(axis=0).min() >= 126
    assert all(not value.any() for name, value in constants.items() if name.startswith("int8/") or "zeros" in name)
    np.testing.assert_allclose(whole * scales, WEIGHTS, atol=float(scales.max()) * 0.51)
    given = np.clip(np.rint(X / np.float32(scale)), -128, 127) * np.float32(scale)
    np.testing.assert_allclose(run(made), given @ (whole * scales), atol=0.1)  # a tie may fall the other way


def test_small_matrices_and_products_of_two_activations_are_left_alone() -> None:
    made = model(turned=False)
    made.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.ones((64, 8), np.float16), "w/half"))
    before = [node.op_type for node in made.graph.node]
    quantise(made, {})
    assert [node.op_type for node in made.graph.node] == before


def test_what_there_is_no_scale_for_stays_half() -> None:
    made = model(turned=False)
    before = [node.op_type for node in made.graph.node]
    quantise(made, {"another": 1.0})
    assert [node.op_type for node in made.graph.node] == before


def test_an_activation_whose_steps_would_be_too_coarse_gets_no_scale() -> None:
    written = Written(
        network="product", batch=1, precision="mixed", model=model(turned=False).SerializeToString(),
        inputs={"x": ((3, 64), np.dtype(np.float32))}, outputs={},
    )  # fmt: skip
    (scale,) = scales_of(written, [{"x": X}] * 50).values()
    assert np.abs(X).max() / 127 <= scale * 1.001 < 1.03 * np.abs(X).max() / 127
    outlier = X.copy()
    outlier[0, 0] = 60.0
    assert scales_of(written, [{"x": X}] * 500 + [{"x": outlier}]) == {}
    assert scale_of(np.zeros(8, np.float32)) == (1.0 / 127, 0.0)


def test_int8_of_the_denoiser_moves_it_by_a_few_hundredths_and_is_not_taken_for_mixed(shipped: Bundle) -> None:
    written = write_network(shipped, "denoiser", batch=2, precision="int8")
    kinds = [node.op_type for node in onnx.load_from_string(written.model).graph.node]
    assert kinds.count("QuantizeLinear") > 20 and len(written.model) < 0.9 * len(
        write_network(shipped, "denoiser", batch=2).model
    )
    assert TOLERANCES["int8"] == INT8_TOLERANCE, "a card is allowed what eco mode is on the CPU"
    bench = Bench(HostNetwork(written), Shim())
    given, expected = questions(shipped, "denoiser", 2)
    error = bench.ask(given)["velocity"] - expected["velocity"]
    share = float(
        np.sqrt(np.mean(error.astype(np.float64) ** 2) / np.mean(expected["velocity"].astype(np.float64) ** 2))
    )
    assert 2e-3 < share < 0.06, share
    with pytest.raises(EngineError, match="differs from the CPU's"):
        prove(shipped, "denoiser", bench, batch=2, precision="mixed", calls=2)
