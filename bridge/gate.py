"""The gate: who may connect to a server's socket, and how many at once. [control]

libzmq asks an authenticator about each connection (RFC 27/ZAP) before it lets a single message through. This one
answers on a thread of its own: with keys, only those on the list; without, whoever can reach the endpoint, which is
private to the user (ipc) or to the machine (loopback). A monitor tells which connections are open, so that one more
than the limit is refused instead of served.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import zmq
from zmq.utils.monitor import parse_monitor_message
from zmq.utils.z85 import encode as z85

from legando.bridge.keys import ServerKeys
from legando.bridge.refusals import Refusals

MAX_CONNECTIONS = 64
"""Open at once on one socket; a listener is one, a steering client is one."""

HANDSHAKE_MS = 2000
"""A connection that has not said who it is by then is closed."""

_DOMAIN = b"legando"
_ZAP = "inproc://zeromq.zap.01"
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
_WATCHED = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | _FAILED


class Gate:
    """Guards one socket of a context that holds no other server. Make it before the socket is bound."""

    def __init__(
        self,
        context: zmq.Context[Any],
        guarded: zmq.Socket[Any],
        refusals: Refusals,
        *,
        keys: ServerKeys | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.refusals = refusals
        self._guarded = guarded
        self._keys = keys
        self._max = max_connections
        self._open: set[int] = set()
        self._authenticator = context.socket(zmq.REP)
        self._authenticator.linger = 0
        self._authenticator.bind(_ZAP)
        guarded.setsockopt(zmq.ZAP_DOMAIN, _DOMAIN)
        guarded.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        if keys is not None:
            keys.arm(guarded)
        self._monitor = guarded.get_monitor_socket(_WATCHED)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="legando-gate", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def close(self) -> None:
        """Answer nobody any more; call it before the guarded socket is closed, from that socket's thread. [control]"""
        self._wake.send(b"\0")
        self._thread.join()
        self._guarded.disable_monitor()
        for one in (self._authenticator, self._monitor):
            one.close(linger=0)
        self._wake.close()
        self._woken.close()

    def _run(self) -> None:
        poller = zmq.Poller()
        for one in (self._authenticator, self._monitor, self._woken):
            poller.register(one, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._woken.fileno() in ready:
                return
            self._take_events()
            if self._authenticator in ready:
                self._answer(self._authenticator.recv_multipart())

    def _take_events(self) -> None:
        """Bring the set of open connections up to date."""
        while self._monitor.poll(0):
            event = parse_monitor_message(self._monitor.recv_multipart())
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._open.add(event["value"])
            elif event["event"] & _FAILED:
                if event["event"] != zmq.EVENT_HANDSHAKE_FAILED_AUTH:  # `_answer` has counted those
                    self.refusals.count("key", "a connection did not finish its handshake (no key, or a foreign peer)")
            else:
                self._open.discard(event["value"])

    def _answer(self, request: list[bytes]) -> None:
        """Say yes or no to one connection."""
        version, number, mechanism, credentials = request[0], request[1], request[5], request[6:]
        status = b"200"
        if len(self._open) > self._max:
            self.refusals.count("full", f"connection {self._max + 1}; {self._max} are open")
            status = b"300"  # it may try again
        elif self._keys is not None and not (
            mechanism == b"CURVE" and len(credentials) == 1 and z85(credentials[0]) in self._keys.clients
        ):
            self.refusals.count("key", "a key that is not in the list of clients")
            status = b"400"
        self._authenticator.send_multipart([version, number, status, b"", b"", b""])
