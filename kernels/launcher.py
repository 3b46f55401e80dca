"""Launch the seam on a stream. Imports without CUDA.

The engine process owns `GpuSeam`: controls, audio and reports lie in mapped pinned memory, so a chunk reaches the host
without a copy call or a device synchronisation; the host polls the sequence word that the kernel writes last. [engine]
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.kernels.device import Device, Gpu
from legando.kernels.layout import CONTROLS, REPORT
from legando.kernels.seam import DEFAULT_LIMITER, LARGEST_GAIN, THREADS, Limiter
from legando.realtime.errors import LegandoError
from legando.realtime.ring import Ring
from legando.realtime.ringheader import HEADER_BYTES

SPIN_NS = 200_000
SLEEP_S = 50e-6


class SharedRing:
    """The memory of a ring (`realtime/ringheader.py`), so that the GPU can write into it.

    `device.share` makes it visible to the device: page-locked and mapped. The player and all others read it as ever.
    """

    def __init__(self, device: Device, ring: Ring) -> None:
        if ring.channels != 2:
            raise LegandoError(f"the GPU writes stereo; this ring has {ring.channels} channels: make one with 2")
        self.capacity_frames, self._ring = ring.capacity_frames, ring
        self._shared = device.share(ring.address, HEADER_BYTES + ring.capacity_frames * 8)
        self.address, self.host = self._shared.address, self._shared.host
        self._audio = self.host[HEADER_BYTES:].view(np.float32).reshape(-1, 2)

    def newest(self, frames: int) -> NDArray[np.float32]:
        """Return a copy of the last frames written. [engine]"""
        end = self._ring.written_frames
        newest: NDArray[np.float32] = self._audio[np.arange(end - frames, end) % self.capacity_frames]
        return newest

    def close(self) -> None:
        """Let the memory go; before the ring is closed. [control]"""
        self._shared.close()


class GpuSeam:
    """The seam kernel with its memory, stream and sequence count: `submit` a chunk, then `wait` for its audio. [engine]

    One chunk is in flight at a time, since the kernel reads `controls` while it runs. A chunk's audio stays valid until
    `slots` chunks later. For a captured CUDA graph, call `enqueue` once with the graph builder as the stream, and per
    chunk `write_controls`, then launch the graph, then `wait`.
    """

    latency_frames = 0

    def __init__(
        self,
        device: Device | None = None,
        *,
        overlap_frames: int = 480,
        max_frames: int = 7680,
        slots: int = 3,
        streams: int = 1,
        limiter: Limiter = DEFAULT_LIMITER,
        ring: SharedRing | None = None,
    ) -> None:
        """Compile and allocate on `device`, by default the first GPU; with a `ring`, audio goes there.

        With more `streams` than one, y is [streams, 2, ...], and `wait` returns audio and reports of all of them.
        """
        if overlap_frames < 0 or max_frames < max(overlap_frames, 1) or min(slots, streams) < 1:
            raise LegandoError(
                f"the seam got overlap_frames={overlap_frames}, max_frames={max_frames}, slots={slots}, "
                f"streams={streams}; use no negative overlap, max_frames no shorter than the overlap, and at least 1 "
                "slot and stream"
            )
        if ring is not None and streams != 1:
            raise LegandoError(f"a ring is one stream's, and the seam got {streams}; give each its own seam")
        if ring is not None and ring.capacity_frames < 2 * max_frames:
            raise LegandoError(
                f"a ring of {ring.capacity_frames} frames cannot take chunks of {max_frames}; make it twice as long"
            )
        self.overlap_frames, self.max_frames, self.slots = overlap_frames, max_frames, slots
        self.streams = streams
        self._device: Device = Gpu() if device is None else device
        self._owns_device = device is None
        self._kernel = self._device.kernel("seam", "seam" if ring is None else "seam_to_ring")
        self._tail = self._device.array((streams, 2, overlap_frames), np.float32)
        self._controls = self._device.mapped((streams,), CONTROLS)
        self._reports = self._device.mapped((streams, slots), REPORT)
        self._ring = ring
        self._out = ring or self._device.mapped((streams, slots, max_frames, 2), np.float32)
        self.controls, self.reports = self._controls.host, self._reports.host
        self.controls["knee"], self.controls["ceiling"] = limiter.knee, limiter.ceiling
        self.reset()

    def reset(self) -> None:
        """Forget the tail, the gain and the sequence: the next chunk starts a new stream. [control]"""
        self._device.sync()
        self._tail.write(np.zeros((), np.float32))
        self.reports["sequence"] = 0
        self._sequence = 0
        self._gain: float | None = None

    def _check(self, frames: int) -> None:
        if not max(self.overlap_frames, 1) <= frames <= self.max_frames:
            raise LegandoError(
                f"the seam got a chunk of {frames} frames with an overlap of {self.overlap_frames}; give at least as "
                f"many frames as the overlap and at most max_frames={self.max_frames}"
            )

    def write_controls(self, gain: float) -> int:
        """Set gain and sequence for the next launch; return its sequence. The last chunk must have arrived. [engine]"""
        if not abs(gain) <= LARGEST_GAIN:
            raise LegandoError(f"the seam's gain is {gain}; give a linear gain of at most {LARGEST_GAIN:g} (+120 dB)")
        if self._sequence and not self._arrived(self._sequence):
            raise LegandoError(f"chunk {self._sequence} is still on the GPU; wait for it before you submit the next")
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        self.controls["gain_from"] = gain if self._gain is None else self._gain
        self.controls["gain_to"] = gain
        self.controls["sequence"] = self._sequence
        self._gain = gain
        return self._sequence

    def _arrived(self, sequence: int) -> bool:
        return bool((self.reports["sequence"][:, sequence % self.slots] == sequence).all())

    def enqueue(self, y_pointer: int, frames: int, stream: Any = None, out: Any = None) -> None:
        """Launch on `stream` (a cuda.core Stream or GraphBuilder; default: the device's), or record a graph. [engine]

        y_pointer: device address of float32 [2, frames + overlap_frames], channel-major. `out` is memory that takes the
        audio instead.
        """
        self._check(frames)
        self._device.launch(
            self._kernel,
            self.streams,
            THREADS,
            y_pointer,
            self._tail,
            self._controls,
            self._out if out is None else out,
            self._reports,
            np.int32(frames),
            np.int32(self.overlap_frames),
            np.int32(self.max_frames) if self._ring is None else np.uint32(self._ring.capacity_frames),
            np.int32(self.slots),
            stream=stream,
        )

    def submit(self, y_pointer: int, frames: int, gain: float = 1.0, stream: Any = None) -> int:
        """Start one chunk and return its sequence, for `wait`. [engine]"""
        self._check(frames)
        sequence = self.write_controls(gain)
        self.enqueue(y_pointer, frames, stream)
        return sequence

    def wait(self, sequence: int, timeout_ms: float = 1000.0) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return a chunk's (frames, 2) audio and its REPORT record once the GPU has published them. [engine]

        Spins for a fifth of a millisecond, then sleeps between looks. Raises LegandoError after `timeout_ms`.
        """
        slot = sequence % self.slots
        start_ns = time.perf_counter_ns()
        while not self._arrived(sequence):
            waited_ns = time.perf_counter_ns() - start_ns
            if waited_ns > timeout_ms * 1e6:
                raise LegandoError(
                    f"the GPU has not finished chunk {sequence} after {timeout_ms} ms; restart the engine"
                )
            if waited_ns > SPIN_NS:
                time.sleep(SLEEP_S)
        report = self.reports[:, slot]
        frames = int(report["frames"][0])
        if self._ring is not None:
            return self._ring.newest(frames), report
        audio = self._out.host[:, slot, :frames]
        return audio[0] if self.streams == 1 else audio, report

    def close(self) -> None:
        """Free the device, if it was opened here; arrays handed out before are dead. [control]"""
        self._device.sync()
        if self._owns_device:
            self._device.close()
