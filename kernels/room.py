"""`GpuRoom`: the room of `engines/room.py` for B streams on a device, between decoder and seam. [engine]

The reference is `engines.room.Room` itself, one for each stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from legando.engines.room import BRIGHT, GAINS, LINE_PAST, LINES
from legando.kernels.device import Device, Memory
from legando.kernels.layout import ROOM_CONTROLS
from legando.realtime.errors import LegandoError

THREADS = 960
"""Frames that a block makes at once: fewer than the shortest line has."""
_ROWS = 4 + len(LINES)


class GpuRoom:
    """Delay lines and controls at fixed addresses; one launch a chunk changes a decoder's output in place."""

    latency_frames = 0

    def __init__(self, device: Device, *, streams: int, frames: int, overlap_frames: int) -> None:
        """Allocate for chunks of just `frames`, of which each overlaps the next by `overlap_frames`."""
        if streams < 1 or overlap_frames < 0 or frames < max(overlap_frames, 1):
            raise LegandoError(
                f"the room got streams={streams}, frames={frames}, overlap_frames={overlap_frames}; use at least 1 "
                "stream, no negative overlap, and chunks no shorter than the overlap"
            )
        self._device, self._kernel, self.streams, self.frames = device, device.kernel("room", "room"), streams, frames
        capacity = 1 << (max(LINE_PAST + THREADS, frames) - 1).bit_length()
        self._tail: Memory = device.array((streams, 2, overlap_frames), np.float32)
        self._states: Memory = device.array((streams, 2), np.uint32)
        self._rings: Memory = device.array((streams, _ROWS, capacity), np.float32)
        self._gains: Memory = device.array((2, len(LINES)), np.float32)
        self._gains.write(np.stack([GAINS * BRIGHT, GAINS * (1 - BRIGHT)]))
        self._controls = device.mapped((streams,), ROOM_CONTROLS)
        self._sizes = np.int32(frames), np.int32(overlap_frames), np.int32(capacity)
        self.reset()

    def reset(self) -> None:
        """Forget all sound. [control]"""
        self._device.sync()
        for memory in (self._tail, self._rings):
            memory.write(np.zeros((), np.float32))
        self._states.write(np.zeros((), np.uint32))
        self._controls.host[...] = np.zeros((), ROOM_CONTROLS)
        self._sends = [0.0] * self.streams

    def write_controls(self, sends: Sequence[float]) -> None:
        """Say, for each stream, which gain the next chunk's send reaches, from the last one's. [engine]"""
        for control, last, send in zip(self._controls.host, self._sends, sends, strict=True):
            control["gain_from"] = last
            control["gain_step"] = (send - last) / self.frames
            control["open"], control["sends"] = bool(send or last), bool(send)
        self._sends = [float(send) for send in sends]

    def enqueue(self, y_pointer: int, stream: Any = None) -> None:
        """Launch, or record a graph. y_pointer: device address of float32 [streams, 2, frames + overlap]. [engine]"""
        memory = (y_pointer, self._tail, self._controls, self._states, self._rings, self._gains)
        self._device.launch(self._kernel, self.streams, THREADS, *memory, *self._sizes, stream=stream)
