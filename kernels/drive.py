"""`GpuDrive`: the drive of `engines/drive.py` for B streams on a device, between decoder and room. [engine]

The reference is `engines.drive.Drive` itself, one for each stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from legando.kernels.device import Device, Memory
from legando.kernels.layout import DRIVE_CONTROLS
from legando.realtime.errors import LegandoError

THREADS = 1024


class GpuDrive:
    """The overlap and the gains at fixed addresses; one launch a chunk changes a decoder's output in place."""

    latency_frames = 0

    def __init__(self, device: Device, *, streams: int, frames: int, overlap_frames: int) -> None:
        """Allocate for chunks of just `frames`, of which each overlaps the next by `overlap_frames`."""
        if streams < 1 or overlap_frames < 0 or frames < max(overlap_frames, 1):
            raise LegandoError(
                f"the drive got streams={streams}, frames={frames}, overlap_frames={overlap_frames}; use at least 1 "
                "stream, no negative overlap, and chunks no shorter than the overlap"
            )
        self._device, self._kernel, self.streams, self.frames = device, device.kernel("drive", "drive"), streams, frames
        self._tail: Memory = device.array((streams, 2, overlap_frames), np.float32)
        self._controls = device.mapped((streams,), DRIVE_CONTROLS)
        self._sizes = np.int32(frames), np.int32(overlap_frames)
        self.reset()

    def reset(self) -> None:
        """Forget overlap and gains. [control]"""
        self._device.sync()
        self._tail.write(np.zeros((), np.float32))
        self._controls.host[...] = np.zeros((), DRIVE_CONTROLS)
        self._gains = [0.0] * self.streams

    def write_controls(self, gains: Sequence[float]) -> None:
        """Say, for each stream, which gain the next chunk reaches, from the last one's. [engine]"""
        for control, last, gain in zip(self._controls.host, self._gains, gains, strict=True):
            control["gain_from"] = last
            control["gain_step"] = (gain - last) / self.frames
            control["open"] = bool(gain or last)
        self._gains = [float(gain) for gain in gains]

    def enqueue(self, y_pointer: int, stream: Any = None) -> None:
        """Launch, or record a graph. y_pointer: device address of float32 [streams, 2, frames + overlap]. [engine]"""
        memory = (y_pointer, self._tail, self._controls)
        self._device.launch(self._kernel, self.streams, THREADS, *memory, *self._sizes, stream=stream)
