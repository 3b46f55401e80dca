"""The sampler step in NumPy: what `sampler.cu` must equal; and `GpuSampler`, which launches it. [engine]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.engines.counter_rng import LATENT, normal
from legando.kernels.device import Device, Memory
from legando.kernels.layout import COUNTED
from legando.realtime.errors import LegandoError

THREADS = 256
STEP, LAST, BEGIN = range(3)
"""Modes: a step inside a chunk; a chunk's last step; the first noise of a stream, without a step."""

F32 = NDArray[np.float32]


def euler_step(x: F32, velocity: NDArray[Any], dt: float) -> F32:
    """Return x + dt v; x and velocity have any shape. [engine]"""
    stepped: F32 = x + velocity.astype(np.float32) * np.float32(dt)
    return stepped


def starting_noise(seed: int, chunk: int, n: int) -> F32:
    """Return the noise that a chunk starts from, as the generator makes it. [any]"""
    return normal(seed, LATENT, chunk, n)


class GpuSampler:
    """Latents of B streams, from noise to music, at fixed addresses.

    Once: `write_controls` with the first chunk of each stream, then `begin`. For each chunk: run the denoiser on
    `noisy` and `step`, again and again; before the last step `write_controls` with the number of the next chunk; after
    it `clean` holds the chunk and `noisy` the next one's noise.
    """

    def __init__(self, device: Device, *, streams: int, n: int, dtype: DTypeLike = np.float32) -> None:
        kind = {np.dtype(np.float32): "float", np.dtype(np.float16): "half"}.get(np.dtype(dtype))
        if streams < 1 or n < 1 or kind is None:
            raise LegandoError(
                f"the sampler got {streams} streams of {n} numbers of {np.dtype(dtype)}; use at least one stream and "
                "number, float32 or float16"
            )
        self._device, self.n = device, n
        self._kernel = device.kernel("sampler", f"sampler_step_{kind}")
        self._grid = streams * -(-n // (4 * THREADS))
        self.x: Memory = device.array((streams, n), np.float32)
        self.velocity: Memory = device.array((streams, n), dtype)
        self.noisy: Memory = device.array((streams, n), dtype)
        self.clean: Memory = device.array((streams, n), dtype)
        self._next = device.mapped((streams,), COUNTED)

    def write_controls(self, seeds: Sequence[int], chunks: Sequence[int]) -> None:
        """Say, for each stream, which noise comes next. [engine]"""
        self._next.host["seed"], self._next.host["counter"] = seeds, chunks

    def begin(self, stream: Any = None) -> None:
        """Fill `x` and `noisy` with the first noise. [engine]"""
        self._launch(0.0, BEGIN, stream)

    def step(self, dt: float, *, last: bool, stream: Any = None) -> None:
        """Go one Euler step along `velocity`; `dt` and `last` are fixed in a captured graph. [engine]"""
        self._launch(dt, LAST if last else STEP, stream)

    def _launch(self, dt: float, mode: int, stream: Any) -> None:
        memory = (self.x, self.velocity, self.noisy, self.clean, self._next)
        numbers = (np.int32(self.n), np.float32(dt), np.int32(mode))
        self._device.launch(self._kernel, self._grid, THREADS, *memory, *numbers, stream=stream)
