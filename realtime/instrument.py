"""The instrument: one loaded bundle as the host sees it, words to style and controls to sound. [control]

The host and the command line know only the protocols here; which instrument plays is a name, `module:function`, that
crosses to the engine process as text. legando's own is `SHIPPED`; the tests bring a small one of theirs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from legando.realtime.controls import Controls
from legando.realtime.midi.voices import Struck

if TYPE_CHECKING:  # the command line names an instrument before it needs one
    import numpy as np
    from numpy.typing import NDArray

SHIPPED = "legando.realtime.instrument:shipped"
BACKENDS = {
    "onnxruntime": SHIPPED,
    "torch": "legando.engines.card.instrument:torch_instrument",
    "card": "legando.engines.card.instrument:card_instrument",
}
"""What `--backend` names: the same bundles and the same music, on another run time."""


class Chunk(Protocol):
    """What one step made; `frames` is a view that is valid until the next step."""

    @property
    def frames(self) -> NDArray[np.float32]: ...  # (chunk_frames, channels)
    @property
    def position_frames(self) -> int: ...
    @property
    def tick(self) -> float: ...
    @property
    def chord(self) -> str: ...
    @property
    def cost_ns(self) -> int: ...
    @property
    def tokens(self) -> Sequence[tuple[int, Sequence[int]]]: ...  # the ticks that began in it
    @property
    def struck(self) -> Sequence[Struck]: ...


class Generator(Protocol):
    """Controls to sound, chunk by chunk; allocated and warm when made. Owned by one thread."""

    @property
    def sample_rate_hz(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def chunk_frames(self) -> int: ...
    @property
    def latency_frames(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def default_steps(self) -> int: ...
    @property
    def tick(self) -> float: ...  # where the next chunk begins
    @property
    def section(self) -> str: ...  # where the form is; empty without one
    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]]) -> None: ...
    def step(self, controls: Controls) -> Chunk: ...


class Instrument(Protocol):
    """A bundle that has been read and verified."""

    @property
    def name(self) -> str: ...
    @property
    def hash(self) -> str: ...
    @property
    def licence(self) -> str: ...  # of the bundle
    def encode(self, prompts: Sequence[tuple[str, float]]) -> tuple[float, ...]: ...
    def usual_tempo_bpm(self, style: Sequence[float]) -> float: ...
    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> Generator: ...


def load_instrument(spec: str, bundle: Path | None) -> Instrument:
    """Read the instrument that `spec` (`module:function`) makes of a bundle; None is the shipped bundle. [control]"""
    module, _, name = spec.partition(":")
    make: Callable[[Path | None], Instrument] = getattr(importlib.import_module(module), name)
    return make(bundle)


class Shipped:
    """legando's own instrument. The encoder loads only when prompts are read, which the engine process never does."""

    def __init__(self, bundle: Path | None) -> None:
        from legando.engines.bundle import Bundle

        self._bundle = Bundle.load(bundle)
        self.name: str = self._bundle.name
        self.hash: str = self._bundle.hash
        self.licence: str = str(self._bundle.manifest.get("licence", "unknown"))

    def encode(self, prompts: Sequence[tuple[str, float]]) -> tuple[float, ...]:
        from legando.engines.style import StyleEncoder

        if not hasattr(self, "_encoder"):
            self._encoder = StyleEncoder(self._bundle)
        return self._encoder.encode(prompts)

    def usual_tempo_bpm(self, style: Sequence[float]) -> float:
        from legando.engines.groove import tempo_of

        return float(round(tempo_of(style)))

    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> Generator:
        from legando.engines.generator import Generator as ChunkGenerator
        from legando.realtime.ladder import check_steps

        check_steps(steps, self._bundle.default_steps)
        return ChunkGenerator(self._bundle, seed=seed, chunk_latents=chunk_latents, steps=steps, eco=eco)


def shipped(bundle: Path | None) -> Instrument:
    """Read and verify one of legando's bundles; raises BundleError, one sentence. [control]"""
    return Shipped(bundle)
