"""`GpuDrive`: the drive of `engines/drive.py` for B streams on a device, between decoder and room. [engine]

The reference is `engines.drive.Drive` itself, one for each stream.
"""

from __future__ import annotations

from legando.kernels.device import Device
from legando.kernels.insert import GpuInsert

THREADS = 1024


class GpuDrive(GpuInsert):
    """The drive of B streams; its amounts are gains."""

    def __init__(self, device: Device, *, streams: int, frames: int, overlap_frames: int) -> None:
        super().__init__(device, "drive", THREADS, streams=streams, frames=frames, overlap_frames=overlap_frames)
        self.reset()
