"""Opening a card: its networks, proven one by one, and the graphs that are made of them. [control]"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from legando.engines.agreement import CALLS
from legando.engines.bundle import Bundle
from legando.engines.card.cardgenerator import CardGenerator
from legando.engines.card.modules import load_modules
from legando.engines.card.network import CardNetworks
from legando.engines.card.trust import first_trusted
from legando.engines.generator import checked_latents
from legando.kernels.device import Device, Gpu

Maker = Callable[[Bundle, int, Device], CardNetworks]
"""Makes the networks of a bundle for B streams on a device, or raises LegandoError."""


def torch_on_card(bundle: Bundle, streams: int, device: Device) -> CardNetworks:
    """Return the networks in torch on the card. Raises LegandoError without torch, or where it sees no card."""
    modules = load_modules(bundle, "cuda")
    from legando.engines.card.torchnetwork import torch_card_networks

    return torch_card_networks(modules, streams=streams, latents=checked_latents(bundle, None), device="cuda")


def compiled_on_card(bundle: Bundle, streams: int, device: Device, *, precision: str | None = None) -> CardNetworks:
    """Return TensorRT's engines, from the cache or built into it, each of them proven. Raises LegandoError.

    `precision` is another than the one chosen for the denoiser.
    """
    from legando.engines.compiled.compiled import proven_networks
    from legando.engines.compiled.kinds import CHOSEN

    library, engines, _ = proven_networks(bundle, device, batch=streams, precision=precision)
    precision = precision or CHOSEN["denoiser"]
    return CardNetworks(
        engine=f"{library.name} {library.version} {precision}, captured",
        precision=precision,
        language=engines["language"].network(),
        denoiser=engines["denoiser"].network(),
        memory=engines["memory"].network(),
        decoder=engines["decoder"].network(),
        proven=True,
    )


MAKERS: dict[str, Maker] = {"tensorrt": compiled_on_card, "torch": torch_on_card}
"""Back ends of a card by name, the best first."""


def open_card(
    bundle: Bundle,
    seeds: Sequence[int],
    *,
    steps: int | None = None,
    say: Callable[[str], None],
    makers: dict[str, Maker] | None = None,
    open_device: Callable[[], Device] = Gpu,
    calls: int = CALLS,
) -> CardGenerator:
    """Return the card's generator on the first back end that can be trusted. Raises LegandoError. [control]

    With fewer `calls` than `CALLS` only one graph is proven: for the shim, which is slow.
    """
    from legando.engines.card.probe import prove_graph, prove_networks

    def opened(make: Maker) -> Callable[[], CardGenerator]:
        def open_it() -> CardGenerator:
            device = open_device()
            try:
                networks = make(bundle, len(seeds), device)
                if not networks.proven:
                    prove_networks(networks, device, bundle.file("reference.safetensors"), calls=calls)
                card = CardGenerator(bundle, seeds, device=device, networks=networks, steps=steps)
                graphs = list(card.graph.graphs)
                for variant in graphs if calls >= CALLS else graphs[-1:]:
                    prove_graph(card.graph, variant)
                card.reset()
                return card
            except BaseException:
                device.close()
                raise

        return open_it

    chosen = MAKERS if makers is None else makers
    return first_trusted([(name, opened(make)) for name, make in chosen.items()], say)
