"""`GpuRoom`: the room of `engines/room.py` for B streams on a device, between decoder and seam. [engine]

The reference is `engines.room.Room` itself, one for each stream.
"""

from __future__ import annotations

import numpy as np

from legando.engines.room import BRIGHT, GAINS, LINE_PAST, LINES
from legando.kernels.device import Device, Memory
from legando.kernels.insert import GpuInsert

THREADS = 960
"""Frames that a block makes at once: fewer than the shortest line has."""
_ROWS = 4 + len(LINES)


class GpuRoom(GpuInsert):
    """The room of B streams, with its delay lines; its amounts are gains of the send."""

    def __init__(self, device: Device, *, streams: int, frames: int, overlap_frames: int) -> None:
        super().__init__(device, "room", THREADS, streams=streams, frames=frames, overlap_frames=overlap_frames)
        capacity = 1 << (max(LINE_PAST + THREADS, frames) - 1).bit_length()
        self._states: Memory = device.array((streams, 2), np.uint32)
        self._rings: Memory = device.array((streams, _ROWS, capacity), np.float32)
        gains: Memory = device.array((2, len(LINES)), np.float32)
        gains.write(np.stack([GAINS * BRIGHT, GAINS * (1 - BRIGHT)]))
        self._memory += [self._states, self._rings, gains]
        self._sizes.append(np.int32(capacity))
        self.reset()

    def reset(self) -> None:
        """Forget all sound. [control]"""
        super().reset()
        self._states.write(np.zeros((), np.uint32))
        self._rings.write(np.zeros((), np.float32))
