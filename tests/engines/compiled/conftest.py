"""The shipped bundle; tiny graphs; a stand-in for a compiler, so that the cache is tested without compiling."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from legando.engines.bundle import Bundle
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.library import Library, Progress, installed
from legando.engines.compiled.networks import write_network


class StandInLibrary(Library):
    """Stands in for TensorRT: its engine is text that depends on model and target. Counts its builds."""

    __slots__ = ("builds",)
    builds: list[str]

    def __init__(self, version: str = "1.0") -> None:
        object.__setattr__(self, "name", "tensorrt_rtx")
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "builds", [])

    def build(self, model: bytes, target: str, on_progress: Progress | None = None) -> bytes:
        self.builds.append(target)
        if on_progress is not None:
            on_progress("Building", 1.0)
        return b"stand-in engine " * 4096 + f"{target} {hashlib.sha256(model).hexdigest()}".encode()


@pytest.fixture(scope="session")
def shipped() -> Bundle:
    return Bundle.load(None)


@pytest.fixture(scope="session")
def written(shipped: Bundle) -> Callable[..., Written]:
    """Return `write_network`, which remembers what it wrote."""
    known: dict[tuple[object, ...], Written] = {}

    def write(network: str, *, batch: int = 1, precision: str | None = None) -> Written:
        if (network, batch, precision) not in known:
            known[network, batch, precision] = write_network(shipped, network, batch=batch, precision=precision)
        return known[network, batch, precision]

    return write


@pytest.fixture(scope="session")
def rtx() -> Library:
    """Return TensorRT for RTX; it compiles without a card, so a machine that lacks it has not installed the tests."""
    version = installed("tensorrt_rtx")
    if version is None:
        pytest.fail("TensorRT for RTX is not installed; run: pip install 'legando[tensorrt]'")
    return Library(name="tensorrt_rtx", version=version)


def tiny_model(*nodes: onnx.NodeProto, outputs: tuple[str, ...] = ("y",), **constants: np.ndarray) -> onnx.ModelProto:
    """Return a model of float32 x (2, 8) to float32 outputs."""
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 8])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 8]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.fixture
def library() -> StandInLibrary:
    return StandInLibrary()


def only(folder: Path, suffix: str) -> Path:
    """Return the one file with a suffix."""
    (found,) = folder.glob(f"[!.]*{suffix}")
    return found
