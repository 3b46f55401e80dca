"""Listener: what both subscribers are, the one that waits and the one for asyncio. [control]

A SUB socket set up for one stream, and the account of what came over it.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import Generic

import zmq

from legando.bridge import wire
from legando.bridge.endpoint import parse_endpoint
from legando.bridge.intake import Intake
from legando.bridge.keys import ClientKeys
from legando.bridge.publisher import KERNEL_BUFFER_BYTES
from legando.bridge.sockets import ContextType, S, connected, reconnect

KEEPALIVE = {zmq.TCP_KEEPALIVE: 1, zmq.TCP_KEEPALIVE_IDLE: 1, zmq.TCP_KEEPALIVE_INTVL: 1, zmq.TCP_KEEPALIVE_CNT: 3}
"""The system asks each second whether a silent connection lives: a cable that is pulled closes nothing.

Not ZeroMQ's own heartbeats: libzmq 4.3.5 ends the whole process ("Assertion failed: _input_stopped") when they run out
while the queue is full, that is, when a program sleeps for some seconds.
"""


SILENCE_MS = 2000
"""A server sends all the time; one that does not for so long is connected to anew."""


class Listener(Generic[S]):
    """Base of the subscribers. `account` and the counts are of what has come so far."""

    def __init__(
        self,
        contexts: ContextType[S],
        endpoint: str,
        stream: str,
        *,
        max_age_ms: float | None,
        queue_messages: int,
        keys: ClientKeys | None,
        same_clock: bool,
    ) -> None:
        topic = wire.subscription(stream)
        parsed = parse_endpoint(endpoint, encrypted=keys is not None)
        self.endpoint, self.stream = parsed.url, stream
        self.account = Intake(parsed.url, max_age_ms=max_age_ms, same_clock=same_clock)
        options = {
            zmq.RCVHWM: queue_messages,
            zmq.RCVBUF: KERNEL_BUFFER_BYTES,
            zmq.MAXMSGSIZE: wire.MAX_MESSAGE_BYTES,
        }
        if parsed.path is None:
            options |= KEEPALIVE
        self._context, self._socket = connected(contexts, zmq.SUB, parsed, options, keys)
        self._socket.setsockopt(zmq.SUBSCRIBE, topic)
        self._silent_since_ns = perf_counter_ns()
        self._came = 0

    @property
    def blocks(self) -> int:
        """How many blocks were handed out."""
        return self.account.blocks

    @property
    def stale(self) -> int:
        """How many blocks were too old."""
        return self.account.stale

    @property
    def malformed(self) -> int:
        """How many messages were refused."""
        return self.account.malformed

    @property
    def last_refusal(self) -> str:
        """Why the last one was."""
        return self.account.last_refusal

    @property
    def gaps(self) -> int:
        """How many times audio was missing."""
        return self.account.continuity.gaps

    @property
    def lost_frames(self) -> int:
        """How many frames were missing, by frame position."""
        return self.account.continuity.lost_frames

    @property
    def restarts(self) -> int:
        """How many times the publisher began anew."""
        return self.account.continuity.restarts

    def _nothing_came(self) -> None:
        """Take note that there is nothing to receive now; connect anew when it has been so for too long."""
        now_ns, came = perf_counter_ns(), self.account.messages
        if came != self._came:
            self._came, self._silent_since_ns = came, now_ns
        elif now_ns - self._silent_since_ns > SILENCE_MS * 1_000_000:
            reconnect(self._socket, self.endpoint)
            self._silent_since_ns = now_ns
