"""Subscriber: pulls a stream's audio as NumPy arrays, block by block. [control]

One thread receives; any thread may close. The socket is touched only under a lock, and `close` wakes a receiver that
waits through a socket pair, because a ZeroMQ socket must not be used by two threads at once.

Current, not complete: a block older than `max_age_ms` when it is taken from the queue is thrown away and counted as
lost. A program that slept through ten seconds goes on with what is heard now, not with what was heard then. A recorder,
which wants everything, passes `max_age_ms=None` and a longer queue.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import zmq
from numpy.typing import NDArray

from legando.bridge import endpoint as endpoints
from legando.bridge import wire
from legando.bridge.continuity import Continuity
from legando.bridge.publisher import KERNEL_BUFFER_BYTES, QUEUE_MESSAGES
from legando.realtime.errors import LegandoError, WireError

MAX_AGE_MS = 500.0
"""Older audio than this is of no use to a listener: more than any lead that the server keeps, less than a bar."""

RECONNECT_MS = 50
"""How soon a publisher that comes back is noticed; an attempt on one machine costs microseconds."""

_log = logging.getLogger(__name__)


class AudioBlock(NamedTuple):
    """One block of audio as it arrived. [any]

    `frames` is float32 (frames, channels) and read-only. `gap_frames` are missing just before it; `restarted` tells
    that the publisher began anew, so that `frame_position` has no relation to the block before. `latency_ns` is from
    the moment the chunk was made to the moment it was taken from the queue.
    """

    frames: NDArray[np.float32]
    sequence: int
    frame_position: int
    sample_rate_hz: int
    timestamp_ns: int
    latency_ns: int
    gap_frames: int
    restarted: bool


class Subscriber:
    """Receive stream `stream` from an endpoint; iterate it, or call `receive`. [control]

    The publisher need not be there yet and may come and go. Raises `LegandoError` if the endpoint is not allowed.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        stream: str = "main",
        max_age_ms: float | None = MAX_AGE_MS,
        queue_messages: int = QUEUE_MESSAGES,
    ) -> None:
        parsed = endpoints.parse_endpoint(endpoint)
        label = wire.subscription(stream)
        self.endpoint = parsed.url
        self.stream = stream
        self.blocks = 0
        self.stale = 0
        self.malformed = 0
        self.last_refusal = ""
        self._continuity = Continuity()
        self._max_age_ns = None if max_age_ms is None else int(max_age_ms * 1e6)
        self._lock = threading.Lock()
        self._close_lock = threading.Lock()
        self._closing = threading.Event()
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, queue_messages)
        self._socket.setsockopt(zmq.RCVBUF, KERNEL_BUFFER_BYTES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES)
        self._socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._socket.setsockopt(zmq.SUBSCRIBE, label)
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._wake_receiver, zmq.POLLIN)
        try:
            endpoints.connect(self._socket, parsed)
        except LegandoError:
            self.close()
            raise

    @property
    def gaps(self) -> int:
        """Return how many times audio was missing so far. [any]"""
        return self._continuity.gaps

    @property
    def lost_frames(self) -> int:
        """Return how many frames were missing so far, by frame position. [any]"""
        return self._continuity.lost_frames

    @property
    def restarts(self) -> int:
        """Return how many times the publisher began anew. [any]"""
        return self._continuity.restarts

    @property
    def closed(self) -> bool:
        """Tell whether `close` was called. [any]"""
        return self._closing.is_set()

    def receive(self, timeout_ms: float | None = None) -> AudioBlock | None:
        """Return the next block, or None after `timeout_ms` (None waits for ever) or once closed. [control]"""
        deadline_ns = None if timeout_ms is None else time.perf_counter_ns() + int(timeout_ms * 1e6)
        with self._lock:
            while not self._closing.is_set():
                message = self._take()
                if message is None:
                    if not self._wait(deadline_ns):
                        return None
                elif block := self._accept(message):
                    self.blocks += 1
                    return block
        return None

    def close(self) -> None:
        """Stop receiving, from any thread; a waiting `receive` returns None. May be called twice. [control]"""
        with self._close_lock:
            if not self._closing.is_set():
                self._closing.set()
                self._wake_sender.send(b"\0")
        with self._lock:
            self._socket.close(linger=0)
            self._context.term()
            self._wake_sender.close()
            self._wake_receiver.close()

    def __iter__(self) -> Iterator[AudioBlock]:
        while (block := self.receive()) is not None:
            yield block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take(self) -> bytes | None:
        """Take one frame from the queue if there is one; each part of a foreign multi-part message counts as one."""
        try:
            return self._socket.recv(zmq.NOBLOCK)
        except zmq.Again:
            return None

    def _wait(self, deadline_ns: int | None) -> bool:
        """Sleep until a message, a close or the deadline; False once the deadline has passed."""
        if deadline_ns is None:
            self._poller.poll()
            return True
        left_ns = deadline_ns - time.perf_counter_ns()
        if left_ns <= 0:
            return False
        self._poller.poll(-(-left_ns // 1_000_000))  # rounded up: never spins through the last millisecond
        return True

    def _accept(self, message: bytes) -> AudioBlock | None:
        """Parse a message and account for it; None if it is refused, repeated or too old."""
        now_ns = time.perf_counter_ns()
        try:
            header, frames = wire.parse_audio(message)
        except WireError as error:
            self._refuse(error)
            return None
        latency_ns = now_ns - header.timestamp_ns
        if self._max_age_ns is not None and latency_ns > self._max_age_ns:
            self.stale += 1
            return None
        fresh, gap_frames, restarted = self._continuity.observe(header)
        if not fresh:
            return None
        return AudioBlock(
            frames,
            header.sequence,
            header.frame_position,
            header.sample_rate_hz,
            header.timestamp_ns,
            latency_ns,
            gap_frames,
            restarted,
        )

    def _refuse(self, error: WireError) -> None:
        """Count a refusal; log the 1st, 2nd, 4th, 8th ... so that a flood cannot fill the log."""
        self.malformed += 1
        self.last_refusal = str(error)
        if self.malformed & (self.malformed - 1) == 0:
            _log.warning("%s: refused message %d: %s", self.endpoint, self.malformed, error)
