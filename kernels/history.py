"""The history roll in NumPy: what `history.cu` must equal; and `GpuHistory`, which launches it. [engine]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.kernels.device import Device, Memory
from legando.realtime.errors import LegandoError

THREADS = 256
UNIT_BYTES = 16
FREE, TAKE, HOLD = range(3)
"""What the oldest places of the coarse path do; see `history.cu`."""

Past = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
"""fine keys, fine values, coarse keys, coarse values: each layers streams heads places size, oldest place first."""


def roll(past: Past, fresh: Past, anchors: Sequence[int], anchor_places: int) -> Past:
    """Return the past after a chunk: the oldest places leave, those of `fresh` are appended. [engine]

    For the coarse path of stream b, `anchors[b]` says: `FREE`, all moves; `TAKE`, all moves, then the newest
    `anchor_places` are copied to the oldest; `HOLD`, the oldest `anchor_places` stay. As `Generator._hold_anchor`, with
    no copy of the anchor beside the past.
    """
    rolled = []
    for index, (old, new) in enumerate(zip(past, fresh, strict=True)):
        after = np.concatenate((old, new), axis=3)[:, :, :, new.shape[3] :].copy()
        if index >= 2:
            for b, mode in enumerate(anchors):
                if mode == TAKE:
                    after[:, b, :, :anchor_places] = after[:, b, :, -anchor_places:].copy()
                elif mode == HOLD:
                    after[:, b, :, :anchor_places] = old[:, b, :, :anchor_places]
        rolled.append(after)
    return rolled[0], rolled[1], rolled[2], rolled[3]


class GpuHistory:
    """The past of B streams at fixed addresses: `past`, and `fresh` where the denoiser's memory pass writes.

    Both are tuples in the order of `Past`.
    """

    def __init__(
        self,
        device: Device,
        *,
        streams: int,
        layers: int,
        heads: int,
        size: int,
        fine: int,
        fine_new: int,
        coarse: int,
        anchor: int,
        dtype: DTypeLike = np.float32,
        whole: bool = False,
    ) -> None:
        """With `whole`, `fresh` has as many places as `past`, and only the newest of them count."""
        units, rest = divmod(size * np.dtype(dtype).itemsize, UNIT_BYTES)
        if rest or min(streams, layers, heads, units, fine, fine_new) < 1 or not 0 < anchor < coarse:
            raise LegandoError(
                f"the history got sizes streams={streams}, layers={layers}, heads={heads}, size={size}, fine={fine}, "
                f"fine_new={fine_new}, coarse={coarse}, anchor={anchor}; use at least 1 each, heads of a multiple of "
                f"{UNIT_BYTES} bytes, and an anchor shorter than the coarse past"
            )
        self._device, self._kernel = device, device.kernel("history", "roll_history")
        lengths, news = (
            (fine, fine, coarse, coarse),
            ((fine, fine, coarse, coarse) if whole else (fine_new, fine_new, 1, 1)),
        )
        self.past: tuple[Memory, ...] = tuple(
            device.array((layers, streams, heads, length, size), dtype) for length in lengths
        )
        self.fresh: tuple[Memory, ...] = tuple(
            device.array((layers, streams, heads, length, size), dtype) for length in news
        )
        self._anchors = device.mapped((streams,), np.int32)
        sizes = (layers, streams, heads, units, fine, fine_new, coarse, anchor, news[0], news[2])
        self._sizes = tuple(np.int32(n) for n in sizes)
        self._grid = -(-4 * layers * streams * heads * units // THREADS)

    def reset(self) -> None:
        """Forget the past of all streams. [control]"""
        for memory in self.past:
            memory.write(np.zeros((), np.float32))

    def roll(self, anchors: Sequence[int], stream: Any = None) -> None:
        """Append `fresh` to `past`; `anchors` as in `roll`. The last launch must be over. [engine]"""
        self.write_anchors(anchors)
        self.enqueue(stream)

    def write_anchors(self, anchors: Sequence[int]) -> None:
        """Say, for each stream, what the next launch does with the anchor. [engine]"""
        self._anchors.host[...] = anchors

    def enqueue(self, stream: Any = None) -> None:
        """Launch, or record a graph. [engine]"""
        self._device.launch(
            self._kernel, self._grid, THREADS, *self.past, *self.fresh, self._anchors, *self._sizes, stream=stream
        )
