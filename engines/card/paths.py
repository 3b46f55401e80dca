"""How sound comes from a card to the host, two paths compared; and the copy bandwidth of floors. [control]"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from legando.engines.card.sections import spread
from legando.kernels.device import Device
from legando.kernels.launcher import GpuSeam

FRAMES, OVERLAP = 3840, 480
COPY_BYTES = 256 << 20


def copy_bandwidth(device: Any, *, size: int = COPY_BYTES, times: int = 50) -> dict[str, float]:
    """Return bytes read and written in a second by a copy inside the card; the median of some. Needs a clock."""
    source, target = device.array((size,), np.uint8), device.array((size,), np.uint8)
    took_us = device.microseconds(lambda: device.copy(target.address, source.address, size), times)
    if not took_us:  # the shim: the host's own copy, so that what comes after has a number to show
        start = time.perf_counter()
        device.copy(target.address, source.address, size)
        took_us = [(time.perf_counter() - start) * 1e6]
    return {"bytes": size, "bytes_per_s": 2e6 * size / float(np.median(took_us))}


def compare_paths(device: Device, *, times: int = 500) -> dict[str, Any]:
    """Return how long after its launch a chunk's sound is with the host: mapped memory, or copy and wait. [control]

    Both make the same chunk with the seam kernel in a captured graph. `mapped`: the kernel writes into mapped memory
    and the host polls the sequence word. `copied`: into the card's memory, then a copy into pinned memory and a wait.
    """
    decoded = device.array((2, FRAMES + OVERLAP), np.float32)
    decoded.write(np.zeros((), np.float32))
    seam = GpuSeam(device, overlap_frames=OVERLAP, max_frames=FRAMES, slots=1)
    mapped = device.capture(lambda: seam.enqueue(decoded.address, FRAMES))
    on_card, pinned = device.array((FRAMES, 2), np.float32), device.mapped((FRAMES, 2), np.float32)

    def record_copied() -> None:
        seam.enqueue(decoded.address, FRAMES, out=on_card)
        device.copy(pinned.address, on_card.address, FRAMES * 8)

    copied = device.capture(record_copied)

    def by_word() -> None:
        sequence = seam.write_controls(1.0)
        mapped.launch()
        seam.wait(sequence)

    def by_copy() -> None:
        seam.write_controls(1.0)
        copied.launch()
        device.sync()

    return {"mapped_ms": _times(by_word, times), "copied_ms": _times(by_copy, times)}


def _times(step: Callable[[], None], times: int) -> dict[str, float]:
    taken = []
    for index in range(times + 20):
        start = time.perf_counter_ns()
        step()
        if index >= 20:
            taken.append((time.perf_counter_ns() - start) / 1e6)
    return spread(taken)
