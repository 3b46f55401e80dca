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

import zmq

from legando.bridge.intake import MAX_AGE_MS as MAX_AGE_MS
from legando.bridge.intake import AudioBlock as AudioBlock
from legando.bridge.keys import ClientKeys
from legando.bridge.listener import SILENCE_MS, Listener
from legando.bridge.publisher import QUEUE_MESSAGES
from legando.bridge.sockets import RECONNECT_MS as RECONNECT_MS
from legando.realtime.closing import Closing


class Subscriber(Listener[zmq.Socket[bytes]], Closing):
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
        super().__init__(
            zmq.Context,
            endpoint,
            stream,
            max_age_ms=max_age_ms,
            queue_messages=queue_messages,
            keys=keys,
            same_clock=same_clock,
        )
        self._lock = threading.Lock()
        self._close_lock = threading.Lock()
        self._closing = threading.Event()
        self._wait_ms = -1

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
                left_ms = SILENCE_MS
                if deadline_ns is not None:  # rounded up: never spins through the last millisecond
                    left_ms = min(SILENCE_MS, max(0, -(-(deadline_ns - time.perf_counter_ns()) // 1_000_000)))
                    if not left_ms and not first:
                        return None
                if left_ms != self._wait_ms:
                    self._socket.setsockopt(zmq.RCVTIMEO, left_ms)
                    self._wait_ms = left_ms
                first = False
                try:
                    block = self.account.accept(self._socket.recv())
                except zmq.Again:
                    self._nothing_came()
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
