"""Which networks a card runs, of which of the bundle's graphs, and in which types. [any]

| network | of | does | precision |
|---|---|---|---|
| `language` | language | one tick of the score, sampled inside | fp32: a take must be the same music as on the CPU |
| `denoiser` | denoiser | one step of the flow, to its velocity | mixed |
| `memory` | denoiser | the pass over the finished chunk at t = 1: what it adds to the past | mixed |
| `decoder` | decoder | latents to sound | mixed |

Names and shapes are those of the bundle's graphs, with the number of streams where these have 1. Where the precision is
not fp32, what `HALVES` names is float16. State comes in under its name and goes out as NAME_out, to another address;
`memory` needs no t and gives the newest places of its past alone: fine 4 (as many as latents), coarse 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BATCHES = (1, 2, 4, 8, 16, 32)
PAST = ("fine_keys", "fine_values", "coarse_keys", "coarse_values")
SOURCE = {"language": "language", "denoiser": "denoiser", "memory": "denoiser", "decoder": "decoder"}
NETWORKS = tuple(SOURCE)
CHOSEN = {"language": "fp32", "denoiser": "mixed", "memory": "mixed", "decoder": "mixed"}
"""The precision of each network, by the errors in README.md."""
HALVES = {
    "language": (),
    "denoiser": ("latents", "frames", "style", *PAST, "velocity"),
    "memory": ("latents", "frames", "style", *PAST, *(f"{name}_out" for name in PAST)),
    "decoder": ("latents", "frames", "excitation", "state", "state_out"),
}
TOLERANCES = {"fp32": 2e-3, "mixed": 6e-3, "half": 2e-2, "int8": 8e-2}
"""How far an output may lie from the CPU's, as a share of its largest value (of 1 at least)."""

Sizes = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A network as a compiler takes it: the bytes of an ONNX model, and what it is."""

    network: str
    batch: int
    precision: str
    model: bytes
    inputs: Sizes
    outputs: Sizes


def label_of(network: str, batch: int, precision: str) -> str:
    """Return what to call a network in a line of text. [any]"""
    return f"{network} for {batch} stream{'s' * (batch > 1)}, {precision}"
