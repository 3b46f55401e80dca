"""The memory floor of a chunk: how fast it could be if only memory took time. [control]

A chunk of one stream multiplies every weight with a handful of vectors, so reading weights is what it cannot avoid.
The floor is what must be read and written at least once, divided by the card's measured copy bandwidth (which counts
reading and writing). Weights stay in the level 2 cache from pass to pass where they fit; so there are two floors:

- `once`: every weight, input, output and state once a chunk;
- `passes`: the denoiser's once for every pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from legando.engines.bundle import Bundle
from legando.engines.card.network import CardNetworks

BYTES = {"fp32": 4, "mixed": 2, "fp16": 2, "half": 2, "bf16": 2, "int8": 1, "fp8": 1}


def weight_counts(bundle: Bundle) -> dict[str, int]:
    """Return how many weights the parts of a chunk read. The codec's encoder is not among them. [control]"""
    from safetensors import safe_open

    counts = {"language": 0, "denoiser": 0, "decoder": 0}
    prefixes = {"language.": "language", "denoiser.": "denoiser", "codec.decoder.": "decoder"}
    with safe_open(bundle.file("weights.safetensors"), framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118
            for prefix, network in prefixes.items():
                if name.startswith(prefix):
                    counts[network] += int(np.prod(file.get_slice(name).get_shape()))
    return counts


def declared_bytes(networks: CardNetworks, name: str) -> int:
    """Return the bytes of all inputs and outputs of one network. [control]"""
    network = getattr(networks, name)
    return sum(
        int(np.prod(shape)) * dtype.itemsize for shape, dtype in [*network.inputs.values(), *network.outputs.values()]
    )


def floor_of(bundle: Bundle, networks: CardNetworks, *, steps: int, bytes_per_s: float) -> Mapping[str, Any]:
    """Return bytes and floors in ms of a chunk of so many steps, with a tick written ahead. [control]"""
    size = BYTES[networks.precision]
    rest = max(size, 2)  # of 8 bits is the denoiser alone
    weights = weight_counts(bundle)
    moved = {name: declared_bytes(networks, name) for name in ("language", "denoiser", "memory", "decoder")}
    held = {"language": 4 * weights["language"], "decoder": rest * weights["decoder"]}  # the language model is fp32
    denoiser = size * weights["denoiser"]
    once = sum(held.values()) + denoiser + sum(moved.values())
    passes = (
        sum(held.values())
        + steps * denoiser
        + rest * weights["denoiser"]
        + sum(moved.values())
        + (steps - 1) * moved["denoiser"]
    )
    return {
        "steps": steps,
        "once_bytes": once,
        "passes_bytes": passes,
        "once_ms": round(1e3 * once / bytes_per_s, 5),
        "passes_ms": round(1e3 * passes / bytes_per_s, 5),
    }
