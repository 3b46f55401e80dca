"""A RECORDING STAND-IN for the CUDA driver: it computes nothing, writes down all that is asked of it, and finds fault.

What it refuses a real driver refuses, or lets pass at a cost that nobody sees: memory and waits inside a recording.
Two kernels it does play: the seam and the ticks' publisher set their sequence words, unless the card is `hung`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.engines.card.network import Declared
from legando.kernels.launcher import GpuSeam
from legando.kernels.ticks import GpuTicks


class Block:
    """Memory that stays where it is."""

    def __init__(self, driver: RecordingDriver, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._driver, self.shape = driver, shape
        self.host: NDArray[Any] = np.zeros(shape, dtype)
        self.address = self.host.ctypes.data

    def write(self, values: NDArray[Any]) -> None:
        self._driver.note("sync")
        self.host[...] = values

    def read(self) -> NDArray[Any]:
        self._driver.note("sync")
        return self.host.copy()


class Graph:
    """What was recorded."""

    def __init__(self, driver: RecordingDriver, calls: list[tuple[Any, ...]]) -> None:
        self._driver, self.calls, self.nodes = driver, calls, len(calls)
        self.launched = 0

    def launch(self) -> None:
        self.launched += 1
        self._driver.note("graph")
        self._driver.launched.append(self)
        for call in self.calls:
            self._driver.play(call)

    def close(self) -> None:
        self.calls = []


class RecordingDriver:
    """The face of `kernels.device.Device`. `log` holds the names of calls made outside recordings."""

    name = "recording stand-in"

    def __init__(self) -> None:
        self.log: list[str] = []
        self.launched: list[Graph] = []
        self.hung = False
        self.seam: GpuSeam | None = None
        self.ticks: GpuTicks | None = None
        self._recording: list[tuple[Any, ...]] | None = None

    def note(self, what: str) -> None:
        assert self._recording is None, f"{what} inside a recording"
        self.log.append(what)

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> Block:
        self.note("allocate")
        return Block(self, shape, dtype)

    def mapped(self, shape: tuple[int, ...], dtype: DTypeLike) -> Block:
        self.note("allocate")
        return Block(self, shape, dtype)

    def share(self, address: int, size: int) -> Any:
        raise AssertionError("nothing is shared in these tests")

    def kernel(self, source: str, name: str) -> str:
        self.note("kernel")
        return name

    def launch(self, kernel: str, grid: int, block: int, *arguments: Any, stream: Any = None) -> None:
        assert stream is None, "everything goes to the device's own stream"
        values = tuple(a.address if hasattr(a, "address") else a for a in arguments)
        self._do(("launch", kernel, grid, block, *values))

    def copy(self, target: int, source: int, size: int) -> None:
        self._do(("copy", target, source, size))

    def enqueue(self, network: Any) -> None:
        self._do(("enqueue", network.name, tuple(network.bound.items())))

    def capture(self, record: Callable[[], None]) -> Graph:
        self.note("capture")
        self._recording = []
        try:
            record()
            return Graph(self, self._recording)
        finally:
            self._recording = None

    def _do(self, call: tuple[Any, ...]) -> None:
        if self._recording is not None:
            self._recording.append(call)
        else:
            self.note(call[0])
            self.play(call)

    def play(self, call: tuple[Any, ...]) -> None:
        if call[0] != "launch" or self.hung:
            return
        if call[1] == "seam" and self.seam is not None:
            slot = int(self.seam.controls["sequence"][0]) % self.seam.slots
            self.seam.reports["frames"][:, slot] = self.seam.max_frames
            self.seam.reports["sequence"][:, slot] = self.seam.controls["sequence"]
        if call[1] == "publish_tokens" and self.ticks is not None:
            self.ticks.word.host[0] = self.ticks.wanted.host[0]

    def sync(self) -> None:
        self.note("sync")

    def close(self) -> None:
        self.note("close")


class Network:
    """A network that only knows its shapes, and notes where it was bound."""

    def __init__(self, name: str, like: Any) -> None:
        self.name = name
        self.inputs: Declared = like.inputs
        self.outputs: Declared = like.outputs
        self.bound: dict[str, int] = {}

    def bind(self, name: str, address: int) -> None:
        self.bound[name] = address

    def enqueue(self, stream: int) -> None:
        raise AssertionError("the device notes it, and does not run it")
