"""Sockets of both sides: set up, armed with keys, bound or connected where the rules allow it. [control]

Each has a context of its own: its end waits until libzmq has let go of the address, so that a successor can take it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import zmq

from legando.bridge import endpoint as endpoints
from legando.bridge.gate import MAX_CONNECTIONS, Gate
from legando.bridge.keys import ClientKeys, ServerKeys
from legando.bridge.refusals import Refusals
from legando.realtime.errors import LegandoError

RECONNECT_MS = 50
"""How soon a server that comes back is noticed; an attempt on one machine costs microseconds."""

Options = Mapping[zmq.SocketOption, int]
S = TypeVar("S", bound=zmq.Socket[Any])
ContextType = Callable[..., zmq.Context[S]]
"""`zmq.Context` or `zmq.asyncio.Context`: which kind of sockets there will be."""


class ServerSocket:
    """A bound socket with its gate, its refusals and, for ipc, its file; one thread at a time uses it.

    `role` names it in the log. Raises LegandoError for an endpoint that is not allowed, in use, or cannot be opened.
    """

    def __init__(
        self,
        kind: int,
        role: str,
        endpoint: str,
        options: Options,
        *,
        keys: ServerKeys | None = None,
        max_connections: int = MAX_CONNECTIONS,
        io_priority: int = 0,
    ) -> None:
        parsed = endpoints.parse_endpoint(endpoint, bind=True, encrypted=keys is not None)
        self.refusals = Refusals(f"{role} at {parsed}")
        self._context = new_context(io_priority)
        self.zmq = self._context.socket(kind)
        for option, value in ((zmq.LINGER, 0), *options.items()):
            self.zmq.setsockopt(option, value)
        self.gate = Gate(self._context, self.zmq, self.refusals, keys=keys, max_connections=max_connections)
        self._file: Path | None = None
        try:
            self.endpoint = endpoints.bind(self.zmq, parsed)
        except LegandoError:
            self.close()
            raise
        self._file = parsed.path

    def unlink(self) -> None:
        """Remove the socket file: while the socket still answers, no successor can have put its own there. [control]"""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
            self._file = None

    def close(self) -> None:
        """Remove the file and stop at once, dropping what is not yet sent; may be called twice. [control]"""
        self.unlink()
        if not self.zmq.closed:
            self.gate.close()
            self.zmq.close(linger=0)
        self._context.term()


def connected(
    contexts: ContextType[S], kind: int, endpoint: endpoints.Endpoint, options: Options, keys: ClientKeys | None
) -> tuple[zmq.Context[S], S]:
    """Return a context and its socket, set up and connected; the server need not be there yet. [control]

    Raises LegandoError for an address that cannot be.
    """
    context = contexts(io_threads=1)
    sock = context.socket(kind)
    try:
        for option, value in ((zmq.LINGER, 0), (zmq.RECONNECT_IVL, RECONNECT_MS), *options.items()):
            sock.setsockopt(option, value)
        if keys is not None:
            keys.arm(sock)
        endpoints.connect(sock, endpoint)
    except BaseException:
        context.destroy(linger=0)
        raise
    return context, sock


def reconnect(sock: zmq.Socket[Any], url: str) -> None:
    """Give up a connection that is silent for too long and begin anew; what waits on it is lost. [control]

    libzmq itself does so after an error of the network, but not after one of the protocol (a frame that is too large):
    that connection it gives up for good.
    """
    with contextlib.suppress(zmq.ZMQError):  # it is given up already
        sock.disconnect(url)
    sock.connect(url)


def bare_send(sock: zmq.Socket[Any]) -> Callable[[memoryview], object]:
    """Return a socket's `send` without pyzmq's layer for options that are not used here, a third of its time. [any]"""
    send: Callable[[memoryview], object] = super(zmq.Socket, sock).send
    return send


def new_context(io_priority: int = 0) -> zmq.Context[Any]:
    """Return a context whose I/O thread has a real-time priority, if one is asked for and the system allows it. [any]

    Without it a busy machine lets the sound wait for milliseconds; libzmq aborts where it may not, so that is tried.
    """
    context: zmq.Context[Any] = zmq.Context(io_threads=1)
    if io_priority and hasattr(os, "SCHED_FIFO") and _may_have(io_priority):
        context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_FIFO)
        context.set(zmq.THREAD_PRIORITY, io_priority)
    return context


def _may_have(priority: int) -> bool:
    """Try a real-time priority on a thread that ends at once."""
    may: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        except OSError:
            return
        may.append(True)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return bool(may)
