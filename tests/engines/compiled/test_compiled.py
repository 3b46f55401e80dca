"""Loading and running, against a stand-in for the library's Python module that records what is asked of it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.compiled.compiled import Loaded, kernels_path, open_engine, read_kernels
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.library import Card, EngineError, Library
from legando.engines.compiled.store import Store
from tests.engines.compiled.conftest import StandInLibrary

CARD = Card(name="NVIDIA GeForce RTX 4090", arch="sm_89", driver="13.0")


class StandInModule(SimpleNamespace):
    """Stands in for tensorrt_rtx: loads what `StandInLibrary` built, and makes machine code of 100 bytes a context."""

    __version__ = "1.0"

    class ILogger:
        Severity = SimpleNamespace(ERROR=1)

    CudaGraphStrategy = SimpleNamespace(DISABLED="disabled")
    TensorIOMode = SimpleNamespace(INPUT="in")

    def __init__(self, written: Written) -> None:
        super().__init__(refused=[], bound=[], run=[], deserialised=[], written=written, fits=True)

    @staticmethod
    def nptype(dtype: Any) -> Any:
        return dtype

    def Runtime(self, _: Any) -> Any:
        return SimpleNamespace(deserialize_cuda_engine=self._load)

    def _load(self, engine: bytes) -> Any:
        if not engine.startswith(b"stand-in") or len(self.refused) < 0 or engine in self.refused:
            return None
        values = {**self.written.inputs, **self.written.outputs}
        names = list(values)
        made = bytearray()
        cache = SimpleNamespace(deserialize=self._deserialise(made), serialize=lambda: bytes(made))
        config = SimpleNamespace(create_runtime_cache=lambda: cache, set_runtime_cache=lambda _: True)

        def context(*given: Any) -> Any:
            assert given == (config,) and config.cuda_graph_strategy == "disabled"
            if not self.fits:
                return None
            if len(made) < 100:
                made.extend(b"k" * 100)
            return SimpleNamespace(
                set_tensor_address=lambda name, at: self.bound.append((name, at)) or at % 256 == 0,
                execute_async_v3=lambda stream: self.run.append(stream) or stream != 13,
            )

        return SimpleNamespace(
            num_io_tensors=len(names),
            get_tensor_name=lambda i: names[i],
            get_tensor_shape=lambda name: values[name][0],
            get_tensor_dtype=lambda name: values[name][1],
            get_tensor_mode=lambda name: "in" if name in self.written.inputs else "out",
            create_runtime_config=lambda: config,
            create_execution_context=context,
        )

    def _deserialise(self, made: bytearray) -> Any:
        def deserialise(data: bytes) -> bool:
            self.deserialised.append(data)
            made.extend(data)
            return True

        return deserialise


@pytest.fixture
def module(written: Any, monkeypatch: pytest.MonkeyPatch) -> StandInModule:
    stand_in = StandInModule(written("language"))
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", stand_in)
    return stand_in


def open_one(bundle: Bundle, library: Library, folder: Path, said: list[str] | None = None) -> Loaded:
    loaded, _ = open_engine(
        bundle,
        "language",
        batch=1,
        library=library,
        card=CARD,
        store=Store(folder),
        say=(said if said is not None else []).append,
    )
    return loaded


def test_a_network_binds_addresses_and_runs_on_the_stream_it_is_given(
    module: StandInModule, shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    loaded = open_one(shipped, library, tmp_path)
    network, other = loaded.network(), loaded.network()
    assert network.inputs["style"] == ((1, 24), np.dtype(np.float32)) and "tokens" in network.outputs
    network.bind("style", 0x1000)
    other.bind("style", 0x2000)
    network.enqueue(7)
    assert module.bound == [("style", 0x1000), ("style", 0x2000)] and module.run == [7]
    with pytest.raises(EngineError, match="does not take address 0x1001 for style"):
        network.bind("style", 0x1001)
    with pytest.raises(EngineError, match="cannot run"):
        network.enqueue(13)


def test_machine_code_is_kept_beside_the_engine_and_damage_to_it_is_a_miss(
    module: StandInModule, shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    loaded = open_one(shipped, library, tmp_path)
    loaded.network()
    loaded.keep_kernels()
    (kept,) = tmp_path.glob("*.kernels")
    data = kept.read_bytes()
    assert data == hashlib.sha256(b"k" * 100).digest() + b"k" * 100
    open_one(shipped, library, tmp_path)
    assert module.deserialised == [b"k" * 100]
    for spoilt in (data[:-1], b"\x00" + data[1:], b"", data[:10]):
        kept.write_bytes(spoilt)
        assert read_kernels(kept) == b""
        open_one(shipped, library, tmp_path)
    assert module.deserialised == [b"k" * 100]
    other = Card(name=CARD.name, arch=CARD.arch, driver="13.1")
    paths = {kernels_path(Store(tmp_path), "stem", library, card) for card in (CARD, other)}
    assert len(paths) == 2


def test_an_engine_of_the_cache_that_does_not_load_is_built_again_once(
    module: StandInModule, shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    open_one(shipped, library, tmp_path)
    key_engine = next(tmp_path.glob("*.engine"))
    module.refused.append(key_engine.read_bytes())
    said: list[str] = []
    with pytest.raises(EngineError, match="cannot load the engine"):
        open_one(shipped, library, tmp_path, said)
    assert len(library.builds) == 2 and said[0].endswith("it is built again")
    module.refused.clear()
    assert open_one(shipped, library, tmp_path).inputs


def test_an_engine_with_other_inputs_than_its_sidecar_says_is_built_again(
    module: StandInModule, shipped: Bundle, library: StandInLibrary, tmp_path: Path, written: Any
) -> None:
    open_one(shipped, library, tmp_path)
    module.written = written("decoder")
    with pytest.raises(EngineError, match="has other inputs than its sidecar says"):
        open_one(shipped, library, tmp_path)
    assert len(library.builds) == 2


def test_a_full_card_is_a_sentence(
    module: StandInModule, shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    module.fits = False
    loaded = open_one(shipped, library, tmp_path)
    with pytest.raises(EngineError, match="no room for the network"):
        loaded.network()
