"""CUDA graphs: what is launched between begin and end becomes one launch. Through the driver, whose names do not move.

`cuda.core` has a graph builder whose classes changed places between its versions; a stream that captures needs five
calls of the driver, the same since CUDA 12. Relaxed mode, so that a library that allocates once while it is recorded
does not break the recording; what the recording itself may do is checked by the tests' recording stand-in. [engine]
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

from legando.realtime.errors import LegandoError


class Captured(Protocol):
    """A recorded sequence of launches, ready to be launched as one."""

    nodes: int

    def launch(self) -> None:
        """Start it; returns at once. [engine]"""

    def close(self) -> None:
        """Let it go. [control]"""


def _ask(what: str, answer: tuple[Any, ...]) -> tuple[Any, ...]:
    if int(answer[0]):
        raise LegandoError(
            f"the CUDA graph could not be {what} ({answer[0].name}); update the driver, or use another back end"
        )
    return answer[1:]


class CudaGraph:
    """A graph on one stream of a `Gpu`."""

    def __init__(self, stream: int, record: Callable[[], None]) -> None:
        """Capture what `record` launches on the stream with this handle. Raises LegandoError."""
        self._driver: Any = importlib.import_module("cuda.bindings.driver")
        driver, self._stream = self._driver, self._handle(stream)
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        _ask("begun", driver.cuStreamBeginCapture(self._stream, mode))
        try:
            record()
        finally:
            ended = driver.cuStreamEndCapture(self._stream)
        (graph,) = _ask("recorded", ended)
        self.nodes = int(_ask("counted", driver.cuGraphGetNodes(graph))[-1])
        (self._graph,) = _ask("made", driver.cuGraphInstantiate(graph, 0))
        _ask("freed", driver.cuGraphDestroy(graph))
        _ask("uploaded", driver.cuGraphUpload(self._graph, self._stream))

    def _handle(self, stream: int) -> Any:
        return self._driver.CUstream(stream)

    def launch(self) -> None:
        """Start the whole graph with one call. [engine]"""
        _ask("launched", self._driver.cuGraphLaunch(self._graph, self._stream))

    def close(self) -> None:
        """Let it go. [control]"""
        self._driver.cuGraphExecDestroy(self._graph)


def copy_on_stream(stream: int, target: int, source: int, size: int) -> None:
    """Copy `size` bytes between any two addresses, in the order of the stream. [engine]"""
    driver: Any = importlib.import_module("cuda.bindings.driver")
    _ask("given a copy", driver.cuMemcpyAsync(target, source, size, driver.CUstream(stream)))
