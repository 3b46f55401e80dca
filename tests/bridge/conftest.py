"""Signals and end points for the bridge's tests: real sockets, and audio that tells where it came from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.bridge.publisher import Publisher

FRAMES = 128


def audio_at(position: int, frames: int = FRAMES) -> NDArray[np.float32]:
    """Return stereo noise that is a pure function of the frame position, with every mantissa bit in use."""
    index = np.arange(position, position + frames, dtype=np.uint64)
    mixed = (index * np.uint64(2654435761) ^ (index << np.uint64(17))) % np.uint64(1 << 24)
    left = (mixed.astype(np.float64) / (1 << 23) - 1.0).astype(np.float32)
    return np.stack([left, -left / np.float32(3.0)], axis=1)


class Broadcast:
    """Publish `audio_at` chunks at a steady pace from a thread until stopped; `skip` leaves out chunks."""

    def __init__(self, publisher: Publisher, every_ms: float, skip: Callable[[int], bool]) -> None:
        self._publisher = publisher
        self._every_s = every_ms / 1e3
        self._skip = skip
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        position = 0
        while not self._stop.wait(self._every_s):
            if not self._skip(position // FRAMES):
                self._publisher.publish(audio_at(position), position, time.perf_counter_ns())
            position += FRAMES

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def signal() -> Callable[..., NDArray[np.float32]]:
    return audio_at


@pytest.fixture
def broadcast() -> Iterator[Callable[..., Broadcast]]:
    running: list[Broadcast] = []

    def start(publisher: Publisher, every_ms: float = 2.0, skip: Callable[[int], bool] = lambda _: False) -> Broadcast:
        running.append(Broadcast(publisher, every_ms, skip))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture(params=["ipc", "tcp"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publisher]:
    endpoint = f"ipc://{tmp_path}/audio.ipc" if request.param == "ipc" else "tcp://127.0.0.1:0"
    with Publisher(endpoint) as opened:
        yield opened
