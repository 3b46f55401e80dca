"""The three networks of a generator, whatever runs them: what a back end must bring. [engine]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from legando.engines.bundle import Bundle

Array = NDArray[Any]


class Stage(Protocol):
    """One network: fill `inputs`, `run`, read `outputs`; its state goes on by itself. `backend.Network` is one."""

    @property
    def inputs(self) -> Mapping[str, Array]: ...
    @property
    def outputs(self) -> Mapping[str, Array]: ...
    def run(self, *, keep: bool = True) -> None: ...
    def current(self, name: str) -> Array: ...
    def reset(self) -> None: ...
    def check(self, reference: Path, prefix: str) -> None: ...


class LanguageStage(Stage, Protocol):
    """The language model, which can have a second memory: that of the idea to come."""

    def twin(self) -> LanguageStage: ...


class DenoiserStage(Stage, Protocol):
    """The denoiser: `run(keep=False)` makes a velocity, `run()` writes the past; `hold` is the anchor's move."""

    def hold(self, mode: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Networks:
    """All that sounds, and the name of what runs it."""

    engine: str
    language: LanguageStage
    denoiser: DenoiserStage
    decoder: Stage


def cpu_networks(bundle: Bundle, *, eco: bool) -> Networks:
    """Return the networks on ONNX Runtime, allocated but not yet checked. Raises BundleError. [engine]"""
    from legando.engines.backend import ECO_ENGINE_NAME, ENGINE_NAME, Network
    from legando.engines.lean import LeanDecoder, LeanDenoiser

    return Networks(
        ECO_ENGINE_NAME if eco else ENGINE_NAME,
        Network(bundle.file("language.onnx"), {}),
        LeanDenoiser(bundle, int8=eco),
        LeanDecoder(bundle, int8=eco),
    )
