"""TensorRT for RTX, for real: it compiles the shipped bundle without a card, and the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from legando.engines.compiled.compiled import Loaded
from legando.engines.compiled.kinds import NETWORKS, Written
from legando.engines.compiled.library import Card, EngineError, Library, find_card, find_library
from tests.engines.compiled.conftest import tiny_model

TINY = tiny_model(helper.make_node("MatMul", ["x", "w"], ["y"]), w=np.eye(8, dtype=np.float32)).SerializeToString()


@pytest.mark.parametrize("network", NETWORKS)
def test_the_shipped_bundle_compiles_without_a_card(
    network: str, rtx: Library, written: Callable[..., Written]
) -> None:
    told: list[tuple[str, float]] = []
    model = written(network)
    engine = rtx.build(model.model, "portable", lambda phase, done: told.append((phase, done)))
    assert len(model.model) * 0.9 < len(engine) < len(model.model) + 20_000_000
    assert told and all(0.0 <= done <= 1.0 for _, done in told)
    if network in ("language", "decoder"):
        assert rtx.build(model.model, "portable") == engine


@pytest.mark.soak
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("batch", [2, 4, 8, 16, 32])
def test_all_batches_compile_and_the_same_twice(
    network: str, batch: int, rtx: Library, written: Callable[..., Written]
) -> None:
    model = written(network, batch=batch).model
    assert rtx.build(model, "portable") == rtx.build(model, "portable")


@pytest.mark.soak
@pytest.mark.parametrize("target", ["sm_75", "sm_80", "sm_86", "sm_89", "sm_120", "sm_121"])
def test_every_target_compiles(target: str, rtx: Library, written: Callable[..., Written]) -> None:
    assert len(rtx.build(written("decoder").model, target)) > 1_000_000


def test_a_target_is_part_of_the_engine(rtx: Library) -> None:
    assert rtx.build(TINY, "portable") != rtx.build(TINY, "sm_89")


def test_what_the_parser_refuses_is_said(rtx: Library) -> None:
    model = tiny_model(
        helper.make_node("Reshape", ["x", "shape"], ["a"]),
        helper.make_node("DFT", ["a"], ["b"], axis=1),
        helper.make_node("ReduceSum", ["b"], ["c"], keepdims=0),
        helper.make_node("Add", ["x", "c"], ["y"]),
        shape=np.array([2, 8, 1], np.int64),
    )
    with pytest.raises(EngineError, match=r"cannot compile this network: .*DFT"):
        rtx.build(model.SerializeToString(), "portable")
    with pytest.raises(EngineError, match=r"[Pp]arse the ONNX model"):
        rtx.build(b"no model", "portable")


def test_a_compiler_that_crashes_is_an_error_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "crashing.py").write_text("import os\nos.abort()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EngineError, match=r"crashing 1 cannot compile this network: .*(status -6|abort)"):
        Library(name="crashing", version="1").build(TINY, "portable")


def test_without_a_card_loading_is_refused_in_one_sentence(rtx: Library) -> None:
    if find_card() is not None:
        pytest.skip("this machine has a card")
    with pytest.raises(EngineError, match="cannot load the engine: ") as refusal:
        Loaded(rtx, rtx.build(TINY, "portable"))
    assert "\n" not in str(refusal.value)


def test_targets_and_libraries_that_there_are_none_of_are_refused(rtx: Library) -> None:
    with pytest.raises(EngineError, match="no target of TensorRT for RTX; choose one of: portable"):
        rtx.target("sm_90", None)
    with pytest.raises(EngineError, match="no library 'tvm'; choose one of"):
        find_library("tvm")
    assert find_library() == rtx and rtx.target(None, None) == "portable"
    assert rtx.target(None, Card(name="NVIDIA GeForce RTX 2080", arch="sm_75", driver="13.0")) == "sm_75"
    card = Card(name="NVIDIA H100", arch="sm_90", driver="13.0")
    full = Library(name="tensorrt", version="11.0")
    assert full.target(None, card) == "NVIDIA H100 sm_90"
    with pytest.raises(EngineError, match="there is none; use tensorrt-rtx"):
        full.target(None, None)
    with pytest.raises(EngineError, match="for the card that is there"):
        full.target("sm_89", card)
