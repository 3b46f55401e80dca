"""An engine from the cache, or built into it: the one way to get one. [control]"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from legando.engines.bundle import Bundle
from legando.engines.compiled.key import Key, make_key, stem_of
from legando.engines.compiled.kinds import CHOSEN, NETWORKS, Written, label_of
from legando.engines.compiled.library import EngineError, Library, Progress
from legando.engines.compiled.store import Say, Store
from legando.realtime.errors import LegandoError


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An engine and where it came from."""

    engine: bytes
    key: Key
    hit: bool
    seconds: float

    @property
    def stem(self) -> str:
        """Return the name of its files."""
        return stem_of(self.key)


def provide(
    bundle: Bundle,
    network: str,
    *,
    batch: int,
    library: Library,
    target: str,
    store: Store,
    precision: str | None = None,
    say: Say = lambda _: None,
    on_progress: Progress | None = None,
    again: bool = False,
) -> Made:
    """Return the engine of a network for `batch` streams. Raises EngineError. [control]

    What the cache has is taken if it is whole and of this key; all else is a miss: it is built under the engine's lock,
    and kept if the folder takes it. `again` builds even so.
    """
    if network not in NETWORKS:
        raise EngineError(f"there is no network {network!r}; choose one of: {', '.join(NETWORKS)}")
    began = time.perf_counter()
    precision = CHOSEN[network] if precision is None else precision
    key = make_key(bundle, network, batch=batch, precision=precision, library=library, target=target)

    def found(tell: bool) -> Made | None:
        engine, wrong = store.find(key)
        if wrong and tell:
            say(f"{wrong}; it is built again")
        if engine is None:
            return None
        return Made(engine=engine, key=key, hit=True, seconds=time.perf_counter() - began)

    if not again and (made := found(tell=False)) is not None:
        return made
    waited: list[str] = []

    def tell_waiting(text: str) -> None:
        waited.append(text)
        say(text)

    with store.lock(stem_of(key), tell_waiting):
        if (not again or waited) and (made := found(tell=True)) is not None:
            return made
        written = write_for_card(bundle, network, batch=batch, precision=precision)
        engine = library.build(written.model, target, on_progress)
        seconds = time.perf_counter() - began
        note = store.put(key, engine, _about(bundle, written, seconds))
    if note:
        say(note)
    return Made(engine=engine, key=key, hit=False, seconds=seconds)


def write_for_card(bundle: Bundle, network: str, *, batch: int, precision: str) -> Written:
    """Return a network as `networks.write_network` does; a missing package `onnx` is an EngineError. [control]"""
    try:
        from legando.engines.compiled.networks import write_network
    except ImportError as error:
        raise EngineError(
            f"engines are built with the package onnx ({error}); run: pip install 'legando[tensorrt]'"
        ) from error
    try:
        return write_network(bundle, network, batch=batch, precision=precision)
    except EngineError:
        raise
    except LegandoError as error:
        raise EngineError(f"{label_of(network, batch, precision)} cannot be written: {error}") from error


def _about(bundle: Bundle, written: Written, seconds: float) -> dict[str, Any]:
    return {
        "label": label_of(written.network, written.batch, written.precision),
        "bundle": {"name": bundle.name, "hash": bundle.hash},
        "onnx_sha256": hashlib.sha256(written.model).hexdigest(),
        "inputs": {name: [list(shape), str(dtype)] for name, (shape, dtype) in written.inputs.items()},
        "outputs": {name: [list(shape), str(dtype)] for name, (shape, dtype) in written.outputs.items()},
        "build_s": round(seconds, 3),
    }
