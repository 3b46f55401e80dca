"""A network on a device, as a captured chunk needs it: fixed addresses in, work on a stream out. [engine]

`legando.engines.card.chunkgraph` captures these together with the kernels, whoever made them. For B streams there are
four, with the names and types of the bundle's graphs (language.onnx and so on) and B where those have 1; `t` is (B,):

| network | reads | must write |
|---|---|---|
| language | previous, style, position, held, plan, noise, mask, temperature, keys, values, length, sounding | tokens, keys_out, values_out |
| denoiser | latents, t, frames, style, tick_tokens, tick_ages_s, the four pasts | velocity |
| memory | as denoiser; t is 1 | fine_keys_out, fine_values_out, coarse_keys_out, coarse_values_out |
| decoder | latents, frames, voices, excitation, state | audio, state_out |

`denoiser` and `memory` may share weights, but not addresses. A network may write more than it must: that goes to memory
that nobody reads; it need not read all. The pasts that `memory` writes may hold all places or only the new
ones. Latents, frames, style, pasts, velocity, excitation and the decoder's state may be half precision, all of them
alike; everything else is as in the bundle's graphs, and audio is float32.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from legando.realtime.errors import LegandoError

Declared = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]


class DeviceNetwork(Protocol):
    """One network with fixed shapes, whose inputs and outputs lie where they were bound."""

    inputs: Declared
    outputs: Declared

    def bind(self, name: str, address: int) -> None:
        """Say where an input or output lies, a device pointer; once for each, before the first `enqueue`."""

    def enqueue(self, stream: int) -> None:
        """Put one run on a stream (cudaStream_t as int): no synchronisation, no allocation. [engine]"""


@dataclass(frozen=True, slots=True)
class CardNetworks:
    """The four networks of B streams, and the name and precision of what runs them.

    `proven` says that whoever made them has put each to the proof already.
    """

    engine: str
    precision: str
    language: DeviceNetwork
    denoiser: DeviceNetwork
    memory: DeviceNetwork
    decoder: DeviceNetwork
    proven: bool = False


def bind_all(
    network: DeviceNetwork, places: Mapping[str, int], spare: Callable[[tuple[int, ...], Any], int], what: str
) -> None:
    """Bind all inputs and outputs of a network; outputs that nobody asked for go to spare memory. [control]"""
    for name in network.inputs:
        if name not in places:
            raise LegandoError(f"the {what} network reads {name}, which a chunk does not have; build it again")
        network.bind(name, places[name])
    for name, (shape, dtype) in network.outputs.items():
        network.bind(name, places[name] if name in places else spare(shape, dtype))
