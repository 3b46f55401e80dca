"""`GpuInsert`: what drive and room have in common: in place, between decoder and seam, B streams at once. [engine]

Inserts, as on a desk, of which each stream has an amount of its own; it moves in a straight line over a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from legando.kernels.device import Device, Memory
from legando.kernels.layout import INSERT_CONTROLS
from legando.realtime.errors import LegandoError


class GpuInsert:
    """The overlap and the amounts at fixed addresses; one launch a chunk changes a decoder's output in place."""

    latency_frames = 0

    def __init__(
        self, device: Device, name: str, threads: int, *, streams: int, frames: int, overlap_frames: int
    ) -> None:
        """Allocate for chunks of just `frames`, of which each overlaps the next by `overlap_frames`.

        The kernel takes what is in `_memory` and `_sizes`, in that order. Whoever adds to them calls `reset`.
        """
        if streams < 1 or overlap_frames < 0 or frames < max(overlap_frames, 1):
            raise LegandoError(
                f"the {name} got streams={streams}, frames={frames}, overlap_frames={overlap_frames}; use at least 1 "
                "stream, no negative overlap, and chunks no shorter than the overlap"
            )
        self._device, self._kernel, self._threads = device, device.kernel(name, name), threads
        self.streams, self.frames = streams, frames
        self._tail: Memory = device.array((streams, 2, overlap_frames), np.float32)
        self._controls = device.mapped((streams,), INSERT_CONTROLS)
        self._memory: list[Any] = [self._tail, self._controls]
        self._sizes = [np.int32(frames), np.int32(overlap_frames)]

    def reset(self) -> None:
        """Forget overlap and amounts. [control]"""
        self._device.sync()
        self._tail.write(np.zeros((), np.float32))
        self._controls.host[...] = np.zeros((), INSERT_CONTROLS)
        self._amounts = [0.0] * self.streams

    def write_controls(self, amounts: Sequence[float]) -> None:
        """Say, for each stream, which amount the next chunk reaches, from the last one's. [engine]"""
        for control, last, amount in zip(self._controls.host, self._amounts, amounts, strict=True):
            control["gain_from"] = last
            control["gain_step"] = (amount - last) / self.frames
            control["open"], control["sends"] = bool(amount or last), bool(amount)
        self._amounts = [float(amount) for amount in amounts]

    def enqueue(self, y_pointer: int, stream: Any = None) -> None:
        """Launch, or record a graph. y_pointer: device address of float32 [streams, 2, frames + overlap]. [engine]"""
        memory = (y_pointer, *self._memory)
        self._device.launch(self._kernel, self.streams, self._threads, *memory, *self._sizes, stream=stream)
