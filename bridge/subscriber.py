"""Subscriber: pulls a stream's audio as NumPy arrays, block by block. [control]

One thread receives; any thread may close. The socket is touched only under a lock. `close` lets the context end, which
is what wakes a receiver that waits, because a ZeroMQ socket must not be used by two threads at once.

Current, not complete: a block older than `max_age_ms` when it is taken from the queue is thrown away and counted as
lost. A program that slept through ten seconds goes on with what is heard now, not with what was heard then. A recorder,
which wants everything, passes `max_age_ms=None` and a longer queue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import zmq

from legando.bridge import endpoint as endpoints
from legando.bridge import wire
from legando.bridge.intake import MAX_AGE_MS as MAX_AGE_MS
from legando.bridge.intake import AudioBlock as AudioBlock
from legando.bridge.intake import Intake
from legando.bridge.keys import ClientKeys
from legando.bridge.publisher import KERNEL_BUFFER_BYTES, QUEUE_MESSAGES
from legando.realtime.errors import LegandoError

RECONNECT_MS = 50
"""How soon a publisher that comes back is noticed; an attempt on one machine costs microseconds."""

HEARTBEAT_MS = 1000
"""How often a connection over TCP is asked whether it lives: a cable that is pulled closes nothing."""


def open_listener(
    sock: zmq.Socket[Any], endpoint: str, stream: str, queue_messages: int, keys: ClientKeys | None
) -> endpoints.Endpoint:
    """Set up a SUB socket for one stream and connect it; raise LegandoError for what is not allowed. [control]"""
    parsed = endpoints.parse_endpoint(endpoint, encrypted=keys is not None)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.RCVHWM, queue_messages)
    sock.setsockopt(zmq.RCVBUF, KERNEL_BUFFER_BYTES)
    sock.setsockopt(zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES)
    sock.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    if parsed.path is None:
        sock.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
        sock.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3 * HEARTBEAT_MS)
    sock.setsockopt(zmq.SUBSCRIBE, wire.subscription(stream))
    if keys is not None:
        keys.arm(sock)
    endpoints.connect(sock, parsed)
    return parsed


class Subscriber:
    """Receive stream `stream` from an endpoint; iterate it, or call `receive`. [control]

    The publisher need not be there yet and may come and go. Raises `LegandoError` if the endpoint is not allowed.
    `same_clock=False` is for a server on another machine: latency and age then go by the clocks that NTP keeps.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        stream: str = "main",
        max_age_ms: float | None = MAX_AGE_MS,
        queue_messages: int = QUEUE_MESSAGES,
        keys: ClientKeys | None = None,
        same_clock: bool = True,
    ) -> None:
        wire.subscription(stream)
        self.endpoint = endpoints.parse_endpoint(endpoint, encrypted=keys is not None).url
        self.stream = stream
        self._intake = Intake(self.endpoint, max_age_ms=max_age_ms, same_clock=same_clock)
        self._lock = threading.Lock()
        self._close_lock = threading.Lock()
        self._closing = threading.Event()
        self._wait_ms = -1
        self._context: zmq.Context[Any] = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.SUB)
        try:
            open_listener(self._socket, endpoint, stream, queue_messages, keys)
        except LegandoError:
            self.close()
            raise

    @property
    def blocks(self) -> int:
        """Return how many blocks were handed out. [any]"""
        return self._intake.blocks

    @property
    def stale(self) -> int:
        """Return how many blocks were too old. [any]"""
        return self._intake.stale

    @property
    def malformed(self) -> int:
        """Return how many messages were refused. [any]"""
        return self._intake.malformed

    @property
    def last_refusal(self) -> str:
        """Return why the last one was. [any]"""
        return self._intake.last_refusal

    @property
    def gaps(self) -> int:
        """Return how many times audio was missing so far. [any]"""
        return self._intake.continuity.gaps

    @property
    def lost_frames(self) -> int:
        """Return how many frames were missing so far, by frame position. [any]"""
        return self._intake.continuity.lost_frames

    @property
    def restarts(self) -> int:
        """Return how many times the publisher began anew. [any]"""
        return self._intake.continuity.restarts

    @property
    def closed(self) -> bool:
        """Return whether `close` was called. [any]"""
        return self._closing.is_set()

    def receive(self, timeout_ms: float | None = None) -> AudioBlock | None:
        """Return the next block, or None after `timeout_ms` (None waits for ever) or once closed. [control]"""
        deadline_ns = None if timeout_ms is None else time.perf_counter_ns() + int(timeout_ms * 1e6)
        first = True
        with self._lock:
            while not self._closing.is_set():
                left_ms = -1
                if deadline_ns is not None:  # rounded up: never spins through the last millisecond
                    left_ms = max(0, -(-(deadline_ns - time.perf_counter_ns()) // 1_000_000))
                    if not left_ms and not first:
                        return None
                if left_ms != self._wait_ms:
                    self._socket.setsockopt(zmq.RCVTIMEO, left_ms)
                    self._wait_ms = left_ms
                first = False
                try:
                    block = self._intake.accept(self._socket.recv())
                except zmq.Again:
                    continue
                except zmq.ContextTerminated:  # closed from another thread
                    return None
                if block is not None:
                    return block
        return None

    def close(self) -> None:
        """Stop receiving, from any thread; a waiting `receive` returns None. May be called twice. [control]"""
        with self._close_lock:
            if self._closing.is_set():
                return
            self._closing.set()
            ending = threading.Thread(target=self._context.term)  # returns once the socket is closed
            ending.start()
            with self._lock:
                self._socket.close(linger=0)
            ending.join()

    def __iter__(self) -> Iterator[AudioBlock]:
        while (block := self.receive()) is not None:
            yield block

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
