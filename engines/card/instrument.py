"""legando's own instrument on other back ends than ONNX Runtime. [control]

`--backend torch` names `torch_instrument`, which takes the card if torch sees one, else the CPU. `--backend card` names
`card_instrument`: one captured graph for each chunk. A back end that cannot be trusted says so in a line on standard
error, and the next one plays.
"""

from __future__ import annotations

import sys
from pathlib import Path

from legando.engines.bundle import Bundle
from legando.engines.card.modules import need_torch
from legando.engines.card.trust import first_trusted
from legando.realtime.errors import RigError
from legando.realtime.instrument import Generator, Shipped, shipped
from legando.realtime.ladder import check_steps


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
        check_steps(steps, bundle.default_steps)
        networks = torch_networks(bundle, device=self._device)
        return ChunkGenerator(bundle, seed=seed, chunk_latents=chunk_latents, steps=steps, networks=networks)


def torch_instrument(bundle: Path | None) -> TorchInstrument:
    """Read and verify a bundle for the torch back end; raises LegandoError, one sentence. [control]"""
    return TorchInstrument(bundle)


class CardInstrument(Shipped):
    """A bundle whose chunks are one graph each; without a card, or when it is not to be trusted, the CPU plays."""

    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> Generator:
        """Return the first generator that can be trusted: the card's graph, else the CPU's. [control]"""
        if eco:
            raise RigError("a card has no eco mode; leave out --eco or --backend card")
        check_steps(steps, self._bundle.default_steps)

        def on_cpu() -> Generator:
            return shipped(self._bundle.path).generator(seed=seed, chunk_latents=chunk_latents, steps=steps)

        def on_card() -> Generator:
            from legando.engines.card.opening import open_card
            from legando.engines.card.steadfast import Steadfast
            from legando.engines.generator import Generator as ChunkGenerator
            from legando.engines.generator import checked_latents

            checked_latents(self._bundle, chunk_latents)
            card = open_card(self._bundle, [seed], steps=steps, say=_say)
            return Steadfast(card, lambda: ChunkGenerator(self._bundle, seed=seed, steps=steps), _say)

        return first_trusted([("the card", on_card), ("ONNX Runtime on the CPU", on_cpu)], _say)


def card_instrument(bundle: Path | None) -> CardInstrument:
    """Read and verify a bundle for a card. [control]"""
    return CardInstrument(bundle)


def _say(text: str) -> None:
    print(f"legando: {text}", file=sys.stderr, flush=True)  # noqa: T201
