"""Conditioning in NumPy: records in, network inputs out; and `GpuConditioning`, which launches the kernel. [engine]

A record is what one stream's chunk is told about, in 4-byte words, as the kernel reads it:

| words | holds |
|---|---|
| latents x FEATURES | `ChunkFeatures.frames` |
| STYLE_DIM | style |
| 2 latents x VOICES x VOICE_FIELDS | `ChunkFeatures.voices` |
| TICK_WINDOW | `ChunkFeatures.tick_ages_s` |
| TICK_WINDOW x 5 | `ChunkFeatures.tick_tokens`, int32 |
| 1 | the chunk's first grain, uint32: which rows of the excitation's table |
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.engines.excitation import BINS, EXCITATION_GRAINS, excitation_rows, excitation_table
from legando.engines.timeline import FEATURES, TICK_WINDOW, VOICE_FIELDS, VOICES, ChunkFeatures
from legando.kernels.device import Device, Memory
from legando.realtime.controls import PARTS, STYLE_DIM
from legando.realtime.errors import LegandoError

THREADS, BLOCKS = 256, 32
_TOKENS = TICK_WINDOW * len(PARTS)
_ROW = 4 * BINS
"""Floats of one row of the excitation's table."""


def sizes_of(latents: int) -> dict[str, int]:
    """Return how many words each field of a record has, in order. [any]"""
    voices = 2 * latents * VOICES * VOICE_FIELDS
    fields = {"frames": latents * FEATURES, "style": STYLE_DIM, "voices": voices}
    return fields | {"ages": TICK_WINDOW, "tokens": _TOKENS, "first_grain": 1}


def write_record(
    out: NDArray[np.uint32], features: ChunkFeatures, style: NDArray[np.float32], first_grain: int
) -> None:
    """Pack what one chunk is told about into `out`, a row of words. [engine]"""
    at = 0
    for values in (features.frames, style, features.voices, features.tick_ages_s):
        out[at : at + values.size].view(np.float32)[:] = values.reshape(-1)
        at += values.size
    out[at : at + _TOKENS].view(np.int32)[:] = features.tick_tokens.reshape(-1)
    out[at + _TOKENS] = first_grain % EXCITATION_GRAINS


def assemble(
    features: list[ChunkFeatures],
    styles: NDArray[np.float32],
    first_grains: list[int],
    dtype: DTypeLike,
    table: NDArray[np.float32],
) -> dict[str, NDArray[Any]]:
    """Return the inputs of the networks for B streams: B .... [engine]"""
    grains = 2 * features[0].frames.shape[0]
    return {
        "frames": np.stack([f.frames for f in features]).astype(dtype),
        "style": styles.astype(dtype),
        "voices": np.stack([f.voices for f in features]),
        "ages": np.stack([f.tick_ages_s for f in features]),
        "tokens": np.stack([f.tick_tokens for f in features]),
        "excitation": np.stack([table[excitation_rows(grain, grains)] for grain in first_grains]).astype(dtype),
    }


class GpuConditioning:
    """The inputs of the networks at fixed addresses, in `inputs`: names and shapes as `assemble` returns them."""

    def __init__(self, device: Device, *, streams: int, latents: int, dtype: DTypeLike = np.float32) -> None:
        kind = {np.dtype(np.float32): "float", np.dtype(np.float16): "half"}.get(np.dtype(dtype))
        if streams < 1 or latents < 1 or kind is None:
            raise LegandoError(
                f"conditioning got {streams} streams of {latents} latents of {np.dtype(dtype)}; use at least one "
                "stream and latent, float32 or float16"
            )
        sizes = sizes_of(latents)
        self._device, self._kernel = device, device.kernel("conditioning", f"assemble_{kind}")
        self.records = device.mapped((streams, sum(sizes.values())), np.uint32)
        table = excitation_table()
        self._table: Memory = device.array(table.shape, np.float32)
        self._table.write(table)
        self.inputs: dict[str, Memory] = {
            "frames": device.array((streams, latents, FEATURES), dtype),
            "style": device.array((streams, STYLE_DIM), dtype),
            "voices": device.array((streams, 2 * latents, VOICES, VOICE_FIELDS), np.float32),
            "ages": device.array((streams, TICK_WINDOW), np.float32),
            "tokens": device.array((streams, TICK_WINDOW, len(PARTS)), np.int64),
            "excitation": device.array((streams, 2 * latents, *table.shape[1:]), dtype),
        }
        fields = (sizes[name] for name in ("frames", "style", "voices", "ages", "tokens"))
        numbers = (*fields, 2 * latents, _ROW, EXCITATION_GRAINS)
        self._sizes = tuple(np.int32(n) for n in numbers)
        self._grid = streams * BLOCKS

    def assemble(self, stream: Any = None) -> None:
        """Make `inputs` of `records`, which `write_record` has filled row by row. [engine]"""
        memory = (self.records, self._table, *self.inputs.values())
        self._device.launch(self._kernel, self._grid, THREADS, *memory, *self._sizes, stream=stream)
