"""Ticks ahead in NumPy: what `ticks.cu` must equal; and `GpuTicks`, which launches it. [engine]"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.kernels.device import Device, Memory
from legando.realtime.errors import LegandoError

THREADS = 256
BLOCKS = 132
"""At most: enough to fill an H100 once; each thread goes on to the next unit."""
UNIT_BYTES = 16


def commit(state: NDArray[Any], after: NDArray[Any], taken: Sequence[bool]) -> NDArray[Any]:
    """Return the state that the next tick starts from. [engine]

    state, after: layers streams ...; taken: one for each stream.
    """
    flags = np.asarray(taken, np.bool_).reshape(1, -1, *[1] * (state.ndim - 2))
    return np.where(flags, after, state)


class GpuTicks:
    """State of the language model at fixed addresses, before (`keys`, `values`) and after a tick, and shown tokens."""

    def __init__(
        self, device: Device, *, streams: int, shape: tuple[int, ...], parts: int, dtype: DTypeLike = np.float32
    ) -> None:
        """`shape` is that of keys and of values: layers streams ...."""
        units, rest = divmod(int(np.prod(shape[2:])) * np.dtype(dtype).itemsize, UNIT_BYTES)
        if rest or shape[1] != streams or min(streams, units, parts, shape[0]) < 1:
            raise LegandoError(
                f"the ticks got {streams} streams and a state of shape {shape}; use layers x streams x a multiple of "
                f"{UNIT_BYTES} bytes"
            )
        self._device = device
        self._commit, self._publish = device.kernel("ticks", "commit_ticks"), device.kernel("ticks", "publish_tokens")
        self.keys, self.values, self.keys_after, self.values_after = (device.array(shape, dtype) for _ in range(4))
        self._ahead = device.array(shape, dtype), device.array(shape, dtype)
        self._bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.tokens: Memory = device.array((streams, parts), np.int64)
        self.shown = device.mapped((streams, parts), np.int64)
        self.taken = device.mapped((streams,), np.int32)
        self.wanted, self.word = device.mapped((1,), np.uint32), device.mapped((1,), np.uint32)
        self._grid = min(BLOCKS, -(-shape[0] * streams * units // THREADS))
        self._sizes = (np.int32(shape[0]), np.int32(streams), np.int32(units))

    def reset(self) -> None:
        """Forget the state of all streams. [control]"""
        for memory in (self.keys, self.values, self.keys_after, self.values_after, *self._ahead):
            memory.write(np.zeros((), np.float32))

    def commit(self, stream: Any = None) -> None:
        """Let the state after the ticks that `taken` says be the state. [engine]"""
        memory = (self.keys_after, self.values_after, self.keys, self.values, self.taken)
        self._device.launch(self._commit, self._grid, THREADS, *memory, *self._sizes, stream=stream)

    def swap(self) -> None:
        """Let `keys` and `values` change places with a second state; what was written ahead is lost. [engine]"""
        for state, after, ahead in self._states:
            for target, source in ((after, state), (state, ahead), (ahead, after)):
                self._device.copy(target.address, source.address, self._bytes)

    def take_second(self) -> None:
        """Let the second state be that of the streams that `taken` says; what was written ahead is lost. [engine]"""
        for _, after, ahead in self._states:
            self._device.copy(after.address, ahead.address, self._bytes)
        self.commit()

    @property
    def _states(self) -> tuple[tuple[Memory, Memory, Memory], ...]:
        keys, values = self._ahead
        return (self.keys, self.keys_after, keys), (self.values, self.values_after, values)

    def publish(self, stream: Any = None) -> None:
        """Show `tokens` in `shown`, then set `word` to what is `wanted`. [engine]"""
        n = np.int32(np.prod(self.tokens.shape))
        memory = (self.tokens, self.shown, self.word, self.wanted)
        self._device.launch(self._publish, 1, THREADS, *memory, n, stream=stream)
