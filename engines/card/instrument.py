"""legando's own instrument on other back ends than ONNX Runtime. [control]

`--backend torch` names `torch_instrument`, which takes the card if torch sees one, else the CPU.
"""

from __future__ import annotations

from pathlib import Path

from legando.engines.bundle import Bundle
from legando.engines.card.modules import need_torch
from legando.realtime.errors import RigError
from legando.realtime.instrument import Generator, Shipped


class TorchInstrument(Shipped):
    """A bundle whose networks run in torch."""

    def __init__(self, bundle: Path | None) -> None:
        torch = need_torch()
        super().__init__(bundle)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            torch.set_num_threads(1)  # one quiet thread, as with ONNX Runtime

    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> Generator:
        """Return a generator whose networks have been proven; there is no eco in torch. [control]"""
        from legando.engines.card.torchstage import torch_networks
        from legando.engines.generator import Generator as ChunkGenerator

        if eco:
            raise RigError("the torch back end has no eco mode; leave out --eco or --backend torch")
        bundle: Bundle = self._bundle
        networks = torch_networks(bundle, device=self._device)
        return ChunkGenerator(bundle, seed=seed, chunk_latents=chunk_latents, steps=steps, networks=networks)


def torch_instrument(bundle: Path | None) -> TorchInstrument:
    """Read and verify a bundle for the torch back end; raises LegandoError, one sentence. [control]"""
    return TorchInstrument(bundle)
