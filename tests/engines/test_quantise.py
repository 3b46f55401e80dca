"""Int8 weights and the lean graphs: what they stand for, how near they stay, and that eco plays the same twice."""

from __future__ import annotations

import functools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from legando.engines.backend import TOLERANCE, Network, open_session
from legando.engines.bundle import Bundle, describe_files
from legando.engines.codec import Decoder
from legando.engines.denoiser import Denoiser
from legando.engines.export import PAST_NAMES, example_inputs
from legando.engines.generator import ECO_STEPS, Generator
from legando.engines.graph import Graph
from legando.engines.lean import MODULATIONS, LeanDecoder, LeanDenoiser
from legando.engines.quantise import BLOCK, dense, dequantise, quantise
from legando.realtime.controls import PARTS, Controls, NoteEvent
from legando.realtime.errors import BundleError
from tests.engines.networks import small_bundle, small_codec, small_denoiser
from tests.engines.test_generator import forged

HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@functools.cache
def _models() -> tuple[Decoder, Denoiser]:
    decoder = small_codec().decoder
    for weight in decoder.parameters():
        weight.data = weight.data.half().float()  # as in a bundle
    return decoder, small_denoiser()


def example(seed: int) -> dict[str, dict[str, torch.Tensor]]:
    """Return the plausible random inputs of one step of each network."""
    return example_inputs(*_models(), 4, seed)


def fill(network: Network, kind: str, seed: int, *, past: bool = True) -> None:
    """Give a network the plausible random inputs of one step."""
    for name, value in example(seed)[kind].items():
        if name in network.inputs:
            network.inputs[name][...] = value.numpy()
        elif past:
            network.current(name)[...] = value.numpy()


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 5), columns=st.integers(1, 100), seed=st.integers(0, 99), loud=st.floats(1e-4, 1e3))
def test_a_weight_moves_by_at_most_half_a_step_of_its_block(rows: int, columns: int, seed: int, loud: float) -> None:
    weight = (loud * np.random.default_rng(seed).standard_normal((rows, columns))).astype(np.float32)
    weight[0] = 0.0
    blocks, scales = quantise(weight)
    assert blocks.shape == (rows, -(-columns // BLOCK), BLOCK)
    back = dequantise(blocks, scales, columns)
    half_a_step = np.repeat(scales, BLOCK, axis=1)[:, :columns] / 2
    assert (np.abs(back - weight) <= half_a_step * 1.001).all()
    assert not back[0].any()


@pytest.mark.parametrize("columns", [32, 88, 320])
def test_a_product_with_int8_weights_is_the_product_to_one_percent(columns: int) -> None:
    rng = np.random.default_rng(columns)
    weight, bias = rng.standard_normal((96, columns)).astype(np.float32), rng.standard_normal(96).astype(np.float32)
    x = rng.standard_normal((1, 4, columns)).astype(np.float32)
    graph = Graph("product")
    y = dense(graph, graph.input("x", x.shape), weight, bias, int8=True)
    graph.output(y, "y", (1, 4, 96))
    (made,) = open_session(graph.encode(), "a product").run(None, {"x": x})
    true = x @ weight.T + bias
    assert 0.0 < np.linalg.norm(made - true) < 0.015 * np.linalg.norm(true)


def test_the_graph_writer_speaks_onnx() -> None:
    graph = Graph("all kinds")
    x = graph.input("x", (2, "columns"))
    scaled = graph.node("LeakyRelu", x, alpha=0.5)
    left, right = graph.nodes("Split", scaled, outputs=2, axis=0, num_outputs=2)
    turned = graph.node("Transpose", graph.node("Concat", right, left, axis=0), perm=[1, 0])
    picked = graph.node("Gather", turned, graph.constant([2, -1]), axis=0)
    graph.output(graph.node("Cast", graph.node("Less", picked, graph.constant(0.0)), to=7), "y", (2, 2), np.int64)
    session = ort.InferenceSession(graph.encode(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.array([[1, 2, 3, -4], [5, -6, -7, 8]], np.float32)})
    np.testing.assert_array_equal(y, [[1, 0], [0, 1]])
    (y,) = session.run(None, {"x": np.array([[1, 2, -3], [5, 6, 7]], np.float32)})
    np.testing.assert_array_equal(y, [[0, 1], [0, 1]])


@pytest.mark.parametrize(("int8", "tolerance"), [(False, 2e-4), (True, 0.03)])
def test_the_lean_denoiser_equals_the_exported_one_chunk_after_chunk(
    bundle: Bundle, int8: bool, tolerance: float
) -> None:
    plain, lean = Network(bundle.file("denoiser.onnx"), {}), LeanDenoiser(bundle, int8=int8)
    for chunk in range(4):
        for t in (0.0, 0.25, 1.0):
            for network in (plain, lean):
                fill(network, "denoiser", seed=chunk, past=chunk == 0 and t == 0.0)
                network.inputs["t"][0] = t
                network.run(keep=False)
            true, made = plain.outputs["velocity"], lean.outputs["velocity"]
            assert np.linalg.norm(made - true) < tolerance * np.linalg.norm(true)
        for network in (plain, lean):
            network.run()
        for name in PAST_NAMES:
            true, made = plain.current(name), lean.current(name)
            assert made.shape == true.shape
            assert np.linalg.norm(made - true) < tolerance * np.linalg.norm(true), name


@pytest.mark.parametrize(("int8", "tolerance"), [(False, 2e-4), (True, 0.03)])
def test_the_lean_decoder_equals_the_eager_one_however_many_voices_sound(
    bundle: Bundle, int8: bool, tolerance: float
) -> None:
    decoder, _ = _models()
    lean, state = LeanDecoder(bundle, int8=int8), decoder.initial_state()
    for chunk, sounding in enumerate((20, 3, 0, 1, 11)):
        inputs = example(chunk)["decoder"]
        voices = inputs["voices"]
        silent = torch.randperm(20, generator=torch.Generator().manual_seed(chunk))[sounding:]
        voices[:, :, silent, 1], voices[:, :, silent, 4] = 0.0, 1.0 + voices[:, :, silent, 4]
        for name, array in lean.inputs.items():
            array[...] = inputs[name].numpy()
        lean.run()
        with torch.no_grad():
            z = inputs["latents"].transpose(1, 2)
            audio, state = decoder.step((z, inputs["frames"], voices, inputs["excitation"]), state)
        true: NDArray[np.float32] = audio.numpy()
        assert np.linalg.norm(lean.outputs["audio"] - true) < tolerance * np.linalg.norm(true), sounding
        after = state.numpy()
        assert np.linalg.norm(lean.current("state") - after) < tolerance * np.linalg.norm(after)


def test_what_a_chunk_shares_between_its_passes_is_never_stale(bundle: Bundle) -> None:
    network = LeanDenoiser(bundle, int8=False)
    fill(network, "denoiser", seed=1)
    network.run(keep=False)
    first = network.outputs["velocity"].copy()

    def again() -> NDArray[np.float32]:
        network.run(keep=False)
        return network.outputs["velocity"].copy()

    for name, change in (("frames", 0.5), ("style", 0.3), ("tick_tokens", 1), ("tick_ages_s", 0.2), ("t", 0.1)):
        kept = network.inputs[name].copy()
        network.inputs[name] += np.asarray(change, kept.dtype)
        assert np.abs(again() - first).max() > 1e-5, name
        network.inputs[name][...] = kept
        np.testing.assert_array_equal(again(), first)
    for index in range(2 * MODULATIONS):  # more times than are remembered
        network.inputs["t"][0] = index / (2 * MODULATIONS)
        network.run(keep=False)
    fill(network, "denoiser", seed=1)
    np.testing.assert_array_equal(again(), first)


def test_eco_plays_the_same_score_and_the_same_bytes_again(bundle: Bundle) -> None:
    eco, normal = Generator(bundle, seed=4, eco=True), Generator(bundle, seed=4)
    assert eco.default_steps == min(ECO_STEPS, bundle.default_steps)
    assert "int8" in eco.engine and "int8" not in normal.engine
    first = [eco.step(HOUSE) for _ in range(20)]
    played = [chunk.frames.copy() for chunk in (eco.step(HOUSE) for _ in range(10))]
    assert [chunk.tokens for chunk in first] == [normal.step(HOUSE).tokens for _ in range(20)]
    eco.reset()
    for _ in range(20):
        eco.step(HOUSE)
    np.testing.assert_array_equal(played, [eco.step(HOUSE).frames.copy() for _ in range(10)])
    assert np.std(played) > 1e-3


def test_eco_makes_nothing_where_nothing_sounds_and_wakes_with_the_next_note(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("legando.engines.generator.ECO_QUIET_PEAK", 1e3)  # untrained networks hum in silence
    muted = replace(HOUSE, muted=frozenset(PARTS))
    eco, normal = Generator(bundle, seed=4, eco=True), Generator(bundle, seed=4)
    for generator in (eco, normal):
        for _ in range(40):
            generator.step(muted)
    past = eco._denoiser.current("fine_keys").copy()
    assert not eco.step(muted).frames.any()
    np.testing.assert_array_equal(eco._denoiser.current("fine_keys"), past)
    assert normal.step(muted).frames.any()
    note = NoteEvent(offset_frames=0, pitch=67, velocity=0.8)
    assert eco.step(replace(muted, notes=(note,))).frames.any()
    assert eco.step(replace(muted, held=(67,))).frames.any()  # it is still down


@pytest.mark.parametrize("eco", [False, True])
def test_eco_and_normal_both_refuse_weights_that_miss_the_reference(bundle: Bundle, tmp_path: Path, eco: bool) -> None:
    path = tmp_path / "copy"
    shutil.copytree(bundle.path, path)
    weights = load_file(path / "weights.safetensors")
    weights["denoiser.layers.0.up.weight"] = -weights["denoiser.layers.0.up.weight"]
    save_file(weights, path / "weights.safetensors")
    forged(path, files={**describe_files(path)})
    with pytest.raises(BundleError, match=r"reference|loaded"):
        Generator(Bundle.load(path), eco=eco)
    del weights["denoiser.layers.0.up.weight"]
    save_file(weights, path / "weights.safetensors")
    forged(path, files={**describe_files(path)})
    with pytest.raises(BundleError, match=r"layers\.0\.up\.weight"):
        LeanDenoiser(Bundle.load(path), int8=eco)


def test_int8_passes_the_self_test_that_is_stricter_for_float(bundle: Bundle) -> None:
    reference = bundle.file("reference.safetensors")
    lean = LeanDenoiser(bundle, int8=True)
    lean.check(reference, "denoiser")
    lean.tolerance = TOLERANCE
    with pytest.raises(BundleError, match="differs from its reference"):
        lean.check(reference, "denoiser")
