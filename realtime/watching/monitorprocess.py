"""The monitor's process: hears the host on standard input and the sound in the ring, answers who asks. [control]

It is one thread, nice to all others. It ends with its host; a scraper that stalls, a thousand connections, or its own
death cost the music nothing, since the host only writes a line a second into a pipe, and leaves it if there is no room.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from legando.realtime.errors import LegandoError
from legando.realtime.ring import ReadStatus, Ring
from legando.realtime.watching.costs import Costs
from legando.realtime.watching.families import Known, families
from legando.realtime.watching.metricserver import MetricServer
from legando.realtime.watching.reading import Reading, reading_from_line
from legando.realtime.watching.soundwatch import SoundWatch

HEAR_S = 0.5
"""How often the ring is read: it holds 2.7 s."""

PIECE_FRAMES = 4800
NICE = 10
MINUTE = 60


class Monitor(Collector):
    """Owned by the process's one thread. State: the last reading and what was found out beside it."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._position = ring.written_frames
        self._block = np.zeros((PIECE_FRAMES, ring.channels), dtype=np.float32)
        self._pending = b""
        self._heard_s = time.monotonic()
        self._spent: deque[tuple[float, float]] = deque(maxlen=MINUTE)  # joules and seconds of sound made, each second
        self._known = Known(
            reading=Reading(version="", bundle="", bundle_sha256="", engine=""),
            sound=SoundWatch(ring.sample_rate_hz),
            costs=Costs(),
        )
        self.server = MetricServer(self._page)
        self._known.requests = self.server.outcomes
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, for the registry."""
        self._known.age_s = time.monotonic() - self._heard_s
        return families(self._known)

    def describe(self) -> Iterator[Metric]:
        """Promise nothing, so that the registry does not collect before anything is known."""
        return iter(())

    def _page(self, accepts: str) -> tuple[bytes, str]:
        encode, kind = choose_encoder(accepts)
        return encode(self._registry), kind

    def take(self, data: bytes) -> None:
        """Take in what the host wrote; of several readings the last counts."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        if not lines:
            return
        known = self._known
        known.reading = reading_from_line(lines[-1])
        self._heard_s = time.monotonic()
        known.sound.scene((known.reading.scene, known.reading.bundle))
        known.costs.look(known.reading.pids.get("host", 0), known.reading.pids)
        self._spent.append((known.costs.joules, known.reading.made_s))
        joules, made_s = (self._spent[-1][n] - self._spent[0][n] for n in (0, 1))
        known.joules_per_s = joules / made_s if made_s > 1.0 and joules > 0.0 else None

    def hear(self) -> None:
        """Judge what has been written since the last call."""
        ring = self._ring
        while (status := ring.read_into(self._block, self._position)) is not ReadStatus.EMPTY:
            if status is ReadStatus.LOST:
                now = ring.written_frames
                self._known.unheard_s += (now - self._position) / ring.sample_rate_hz
                self._position = now
                continue
            self._known.sound.hear(self._block)
            self._position += PIECE_FRAMES


async def run(ring: Ring, listening: socket.socket, from_host: int) -> None:
    """Serve until the host has gone. [control]"""
    loop, monitor, gone = asyncio.get_running_loop(), Monitor(ring), asyncio.Event()

    def on_host() -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(from_host, 1 << 16)
            if not data:
                gone.set()
            monitor.take(data)

    os.set_blocking(from_host, False)
    loop.add_reader(from_host, on_host)
    monitor.server.start(listening)
    while not gone.is_set():
        monitor.hear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), HEAR_S)


def main() -> int:
    """Read the arguments that the host gives, and run. [control]"""
    parser = argparse.ArgumentParser(description="Tell how a legando host is (started by it).")
    parser.add_argument("--listening-fd", type=int, required=True)
    parser.add_argument("--ring", required=True)
    arguments = parser.parse_args()
    with contextlib.suppress(OSError):
        os.nice(NICE)
    try:
        with contextlib.closing(Ring.attach(arguments.ring)) as ring:
            listening = socket.socket(fileno=arguments.listening_fd)
            asyncio.run(run(ring, listening, sys.stdin.fileno()))
    except LegandoError:  # the host has ended meanwhile
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
