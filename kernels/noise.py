"""`GpuNoise`: the numbers of `engines/counter_rng.py`, made on the device for B streams at once. [engine]

The reference is `counter_rng` itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.kernels.device import Device, Memory
from legando.kernels.layout import COUNTED
from legando.realtime.errors import LegandoError

THREADS = 256
KINDS = ("integers", "uniform", "normal", "gumbel")
"""As the functions of `counter_rng`; their order is that of `noise.cu`."""


class GpuNoise:
    """n numbers of one kind for each of B streams, in `out` (B, n)."""

    def __init__(self, device: Device, *, streams: int, n: int, kind: str, stream: int) -> None:
        """`stream` is the stream of `counter_rng`: SCORE, LATENT, NOISE or FORM."""
        if streams < 1 or n < 1 or kind not in KINDS:
            raise LegandoError(
                f"{streams} streams of {n} numbers of kind {kind!r} cannot be made; use at least one of each, and one "
                f"of: {', '.join(KINDS)}"
            )
        self._device, self._kernel = device, device.kernel("noise", "random_numbers")
        self._grid = streams * -(-n // (4 * THREADS))
        self._sizes = (np.int32(n), np.uint32(stream), np.int32(KINDS.index(kind)))
        self.out: Memory = device.array((streams, n), np.uint32 if kind == "integers" else np.float32)
        self._which = device.mapped((streams,), COUNTED)

    def make(self, seeds: Sequence[int], counters: Sequence[int], stream: Any = None) -> None:
        """Fill `out`; seeds and counters count modulo 2**64. [engine]"""
        self.write_controls(seeds, counters)
        self.enqueue(stream)

    def write_controls(self, seeds: Sequence[int], counters: Sequence[int]) -> None:
        """Say, for each stream, which numbers come next. [engine]"""
        which = self._which.host
        which["seed"] = [seed % 2**64 for seed in seeds]
        which["counter"] = [counter % 2**64 for counter in counters]

    def enqueue(self, stream: Any = None) -> None:
        """Launch, or record a graph. [engine]"""
        self._device.launch(self._kernel, self._grid, THREADS, self._which, self.out, *self._sizes, stream=stream)


def gumbel_values(device: Device, first: int, n: int) -> NDArray[np.float32]:
    """Return the Gumbels first .. first + n - 1 of the 2**23 that there are, for checks. [control]"""
    out = device.array((n,), np.float32)
    kernel = device.kernel("noise", "gumbel_values")
    device.launch(kernel, -(-n // THREADS), THREADS, out, np.uint32(first), np.int32(n))
    return out.read()
