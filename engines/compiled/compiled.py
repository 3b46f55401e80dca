"""Compiled networks on a card: fixed addresses in, work on a stream out. [engine]

TensorRT for RTX takes its last step to machine code when the context is made and at the first run; what it makes goes
to a file beside the engine, named after card and driver, so that the next start takes a fraction of a second. That file
has its own SHA-256 in front: one that is damaged is as if it were not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from legando.engines.bundle import Bundle
from legando.engines.compiled.kinds import CHOSEN, NETWORKS, Sizes, label_of
from legando.engines.compiled.library import Card, EngineError, Library, Progress, find_card, find_library, make_logger
from legando.engines.compiled.proof import Bench, Device, Proven, prove
from legando.engines.compiled.provide import Made, provide
from legando.engines.compiled.store import KERNELS, SIDECAR, Say, Store, read_sidecar, write_whole

_DIGEST_BYTES = 32


class Loaded:
    """An engine on a card; `network` gives as many networks over its one copy of the weights as are asked for."""

    def __init__(self, library: Library, engine: bytes, *, kernels: Path | None = None) -> None:
        """Load an engine; `kernels` is the file of machine code. Raises EngineError. [control]"""
        module: Any = library.module()
        self._logger: Any = make_logger(module)
        self._runtime: Any = module.Runtime(self._logger)
        self._engine: Any = self._runtime.deserialize_cuda_engine(engine)
        if self._engine is None:
            raise EngineError(f"{library.name} {library.version} cannot load the engine: {self._why()}")
        self._kernels, self._cache, self._config = kernels, None, None
        if library.name == "tensorrt_rtx":
            self._config = self._engine.create_runtime_config()
            self._config.cuda_graph_strategy = module.CudaGraphStrategy.DISABLED  # the chunk is captured as a whole
            self._cache = self._config.create_runtime_cache()
            kept = read_kernels(kernels)
            if kept:
                self._cache.deserialize(kept)
            self._config.set_runtime_cache(self._cache)
        self._kept_digest = hashlib.sha256(self._serialised()).digest()
        self.inputs: Sizes
        self.outputs: Sizes
        self.inputs, self.outputs = declared(module, self._engine)

    def network(self) -> CompiledNetwork:
        """Return a network with its own addresses and working memory. Raises EngineError. [control]"""
        made = self._engine.create_execution_context(*([self._config] if self._config is not None else []))
        if made is None:
            raise EngineError(f"the card has no room for the network: {self._why()}; free its memory, or fewer streams")
        return CompiledNetwork(self, made)

    def keep_kernels(self) -> None:
        """Write the machine code that was made since loading; a folder that takes none costs time only. [control]"""
        data = self._serialised()
        if self._kernels is None or not data or hashlib.sha256(data).digest() == self._kept_digest:
            return
        try:
            write_whole(self._kernels, hashlib.sha256(data).digest() + data)
            self._kept_digest = hashlib.sha256(data).digest()
        except OSError:
            return

    def _serialised(self) -> bytes:
        made = self._cache.serialize() if self._cache is not None else None
        return bytes(made) if made is not None else b""

    def _why(self) -> str:
        return "; ".join(self._logger.said[-2:]) or "it gives no reason"


class CompiledNetwork:
    """One network; satisfies `legando.engines.card.network.DeviceNetwork`."""

    def __init__(self, loaded: Loaded, context: Any) -> None:
        self._loaded, self._context = loaded, context
        self.inputs, self.outputs = loaded.inputs, loaded.outputs

    def bind(self, name: str, address: int) -> None:
        """Say where an input or output lies, a device pointer. Raises EngineError. [control]"""
        if not self._context.set_tensor_address(name, address):
            raise EngineError(f"the network does not take address {address:#x} for {name}; align it to 256 bytes")

    def enqueue(self, stream: int) -> None:
        """Put one run on a stream (cudaStream_t as int): no synchronisation, no allocation. [engine]"""
        if not self._context.execute_async_v3(stream):
            raise EngineError(f"the network cannot run: {self._loaded._why()}")


def declared(module: Any, engine: Any) -> tuple[Sizes, Sizes]:
    """Return names, shapes and types of an engine's inputs and outputs. [control]"""
    inputs: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    outputs: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for index in range(engine.num_io_tensors):
        name = str(engine.get_tensor_name(index))
        about = tuple(engine.get_tensor_shape(name)), np.dtype(module.nptype(engine.get_tensor_dtype(name)))
        (inputs if engine.get_tensor_mode(name) == module.TensorIOMode.INPUT else outputs)[name] = about
    return inputs, outputs


def read_kernels(path: Path | None) -> bytes:
    """Return what a file of machine code holds, or nothing where it is missing or damaged. [control]"""
    try:
        data = path.read_bytes() if path is not None else b""
    except OSError:
        return b""
    digest, kept = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return kept if hashlib.sha256(kept).digest() == digest else b""


def kernels_path(store: Store, stem: str, library: Library, card: Card) -> Path:
    """Return where the machine code of an engine is kept: by card, driver and version of the library. [control]"""
    about = hashlib.sha256(f"{card.name}\0{card.arch}\0{card.driver}\0{library.version}".encode()).hexdigest()[:12]
    return store.folder / f"{stem}.{card.arch}-{about}{KERNELS}"


def open_engine(
    bundle: Bundle,
    network: str,
    *,
    batch: int,
    library: Library,
    card: Card,
    store: Store,
    target: str | None = None,
    precision: str | None = None,
    say: Say = lambda _: None,
    on_progress: Progress | None = None,
) -> tuple[Loaded, Made]:
    """Return an engine on the card. One of the cache that does not load is built again, once. Raises EngineError."""
    where = library.target(target, card)
    for again in (False, True):
        made = provide(
            bundle, network, batch=batch, library=library, target=where, store=store, precision=precision,
            say=say, on_progress=on_progress, again=again,
        )  # fmt: skip
        try:
            loaded = Loaded(library, made.engine, kernels=kernels_path(store, made.stem, library, card))
            _check_faces(store, made, loaded)
            return loaded, made
        except EngineError as error:
            if again or not made.hit:
                raise
            say(f"{error}; it is built again")
    raise AssertionError("the second try returns or raises")


def _check_faces(store: Store, made: Made, loaded: Loaded) -> None:
    """Hold the engine's own inputs and outputs against those that its sidecar states."""
    sidecar, _ = read_sidecar(store.folder / f"{made.stem}{SIDECAR}")
    for kind, have in (("inputs", loaded.inputs), ("outputs", loaded.outputs)):
        stated = sidecar.get(kind)
        plain = {name: [list(shape), str(dtype)] for name, (shape, dtype) in have.items()}
        if stated is not None and stated != plain:
            raise EngineError(f"{made.stem} has other {kind} than its sidecar says")


def proven_networks(
    bundle: Bundle,
    device: Device,
    *,
    batch: int,
    store: Store | None = None,
    library: str | None = None,
    names: tuple[str, ...] = NETWORKS,
    precision: str | None = None,
    say: Say = lambda _: None,
    on_progress: Progress | None = None,
) -> tuple[Library, dict[str, Loaded], Mapping[str, Proven]]:
    """Return engines for `batch` streams, each loaded and proven on the card; what a card generator opens. [control]

    Raises EngineError, one sentence, where there is no card, no library, or an engine is not to be trusted: the caller
    falls back. `Loaded.network()` gives networks to bind. `precision` is another than the one chosen for the denoiser,
    which does most of the work.
    """
    card = find_card()
    if card is None:
        raise EngineError("there is no CUDA card to run engines on; check nvidia-smi, or play on the CPU")
    chosen = find_library(library, card=card)
    engines: dict[str, Loaded] = {}
    findings: dict[str, Proven] = {}
    for name in names:
        as_type = precision if precision is not None and name == "denoiser" else CHOSEN[name]
        loaded, _ = open_engine(
            bundle, name, batch=batch, library=chosen, card=card, store=store or Store(), precision=as_type, say=say,
            on_progress=on_progress,
        )  # fmt: skip
        bench = Bench(loaded.network(), device)
        findings[name] = prove(bundle, name, bench, batch=batch, precision=as_type)
        loaded.keep_kernels()
        engines[name] = loaded
        say(f"{label_of(name, batch, as_type)}: within {findings[name].worst:.0%} of what is allowed")
    return chosen, engines, findings
