"""The sampler step in NumPy: what `sampler.cu` must equal; and `GpuSampler`, which launches it. [engine]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.engines.counter_rng import LATENT, normal
from legando.kernels.device import Device, Memory
from legando.kernels.layout import SAMPLER_CONTROLS
from legando.realtime.errors import LegandoError

THREADS = 256
STEP, LAST, BEGIN = range(3)
"""Modes: a step inside a chunk; a chunk's last step; the first noise of a stream, without a step."""

F32 = NDArray[np.float32]


def guided(velocity: NDArray[Any], guidance: float) -> F32:
    """Return v0 + guidance (v - v0) of rows (with style, without), or the one row that there is. [engine]

    velocity: rows n. 1 and 0 give a row as it is. Classifier-free guidance (Ho and Salimans, arXiv 2207.12598).
    """
    with_style: F32 = velocity[0].astype(np.float32)
    if len(velocity) == 1 or guidance == 1.0:
        return with_style
    without: F32 = velocity[1].astype(np.float32)
    pushed: F32 = without if guidance == 0.0 else (with_style - without) * np.float32(guidance) + without
    return pushed


def euler_step(x: F32, velocity: NDArray[Any], guidance: float, dt: float) -> F32:
    """Return x + dt v for one stream. x: n; velocity: rows n. [engine]"""
    stepped: F32 = x + guided(velocity, guidance) * np.float32(dt)
    return stepped


def starting_noise(seed: int, chunk: int, n: int) -> F32:
    """Return the noise that a chunk starts from, as the generator makes it. [any]"""
    return normal(seed, LATENT, chunk, n)


class GpuSampler:
    """Latents of B streams, from noise to music, at fixed addresses.

    Once: `write_controls` with the first chunk of each stream, then `begin`. For each chunk: run the denoiser on
    `noisy` and `step`, again and again; before the last step `write_controls` with the number of the next chunk; after
    it `clean` holds the chunk and `noisy` the next one's noise. `noisy` and `velocity` have `rows` rows: two for
    classifier-free guidance, with the style and without, which no generator asks for now.
    """

    def __init__(self, device: Device, *, streams: int, n: int, rows: int = 1, dtype: DTypeLike = np.float32) -> None:
        kind = {np.dtype(np.float32): "float", np.dtype(np.float16): "half"}.get(np.dtype(dtype))
        if streams < 1 or n < 1 or rows not in (1, 2) or kind is None:
            raise LegandoError(
                f"the sampler got {streams} streams of {n} numbers, {rows} rows of {np.dtype(dtype)}; use at least one "
                "stream and number, 1 or 2 rows, float32 or float16"
            )
        self._device, self.streams, self.n, self.rows = device, streams, n, rows
        self._kernel = device.kernel("sampler", f"sampler_step_{kind}")
        self._grid = streams * -(-n // (4 * THREADS))
        self.x: Memory = device.array((streams, n), np.float32)
        self.velocity: Memory = device.array((rows, streams, n), dtype)
        self.noisy: Memory = device.array((rows, streams, n), dtype)
        self.clean: Memory = device.array((streams, n), dtype)
        self._controls = device.mapped((streams,), SAMPLER_CONTROLS)

    def write_controls(
        self, seeds: Sequence[int], chunks: Sequence[int], guidance: Sequence[float] | float = 1.0
    ) -> None:
        """Say, for each stream, which noise comes next; with two rows, how far to push towards the style. [engine]"""
        controls = self._controls.host
        controls["seed"], controls["chunk"], controls["guidance"] = seeds, chunks, guidance

    def begin(self, stream: Any = None) -> None:
        """Fill `x` and `noisy` with the first noise. [engine]"""
        self._launch(0.0, BEGIN, stream)

    def step(self, dt: float, *, last: bool, stream: Any = None) -> None:
        """Go one Euler step along `velocity`; `dt` and `last` are fixed in a captured graph. [engine]"""
        self._launch(dt, LAST if last else STEP, stream)

    def _launch(self, dt: float, mode: int, stream: Any) -> None:
        memory = (self.x, self.velocity, self.noisy, self.clean, self._controls)
        sizes = (np.int32(self.streams), np.int32(self.n), np.int32(self.rows))
        self._device.launch(
            self._kernel, self._grid, THREADS, *memory, *sizes, np.float32(dt), np.int32(mode), stream=stream
        )
