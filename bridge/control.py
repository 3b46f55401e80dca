"""The control server: programs steer the music, and hear where it is. [control]

A thread of its own owns the socket. What clients want (`requests`) waits for the host's thread (`take`); what the host
has to tell (`news`) is sent from here to whoever asked for it, so that nobody waits for anybody. It takes at most
`TURN_MESSAGES` before it rests for a moment: a flood costs a bounded share of one core, libzmq serves all connections
in turn, and what does not fit waits at the sender's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import zmq

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge.gate import MAX_CONNECTIONS
from legando.bridge.keys import ServerKeys
from legando.bridge.news import News
from legando.bridge.requests import Lead as Lead
from legando.bridge.requests import Refused, Requests
from legando.bridge.sockets import ServerSocket
from legando.realtime.closing import Closing
from legando.realtime.midi.livemessage import LiveMessage

TURN_MESSAGES = 64
REST_S = 0.002
LISTEN_MS = 20
QUEUE_MESSAGES = 64
STRANGERS_PER_S = 200
"""How many strangers get an answer; the rest is counted alone."""

ERRORS = {
    "malformed": 1, "version": 2, "stranger": 3, "unknown": 4, "range": 5, "full": 6, "fast": 7, "led": 8, "stale": 9,
    "prompt": 10,
}  # fmt: skip
_OPTIONS = {
    zmq.RCVHWM: QUEUE_MESSAGES,
    zmq.SNDHWM: QUEUE_MESSAGES,
    zmq.MAXMSGSIZE: wire.MAX_MESSAGE_BYTES,
    zmq.ROUTER_MANDATORY: 1,  # says who is gone or full, instead of dropping in silence
}


class ControlServer(Closing):
    """Serve one endpoint. `on_set` hears of each immediate control that is set, at once, on this server's thread, and
    `on_prompt` of each prompt: it raises RigError for one that cannot be used.

    `streams` are what the audio endpoint of the same server offers. Raises `LegandoError` for an endpoint that is not
    allowed or in use.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        streams: Sequence[say.StreamInfo] = (),
        on_set: Callable[[str, float], None] | None = None,
        on_prompt: Callable[[str], None] | None = None,
        keys: ServerKeys | None = None,
        server: str = "legando",
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._requests = Requests(streams, on_set, on_prompt, server)
        self._news = News()
        self._number = 0
        self._strangers = 0.0
        self._strangers_ns = 0
        self._server = ServerSocket(
            zmq.ROUTER, "control", endpoint, _OPTIONS, keys=keys, max_connections=max_connections
        )
        self._socket = self._server.zmq
        self.endpoint, self.refusals = self._server.endpoint, self._server.refusals
        self._wake, self._woken = socket.socketpair()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="legando-control", daemon=True)
        self._thread.start()

    # For the host's thread.

    @property
    def clients(self) -> int:
        """How many clients have said hello and are still there."""
        return len(self._requests.clients)

    @property
    def accepted(self) -> int:
        """How many messages were done."""
        return self._requests.accepted

    def take(self) -> Iterator[LiveMessage | Lead]:
        """Yield what clients want and nobody has taken yet, oldest first. [control]"""
        return self._requests.take()

    def tell(self, mask: int, event: say.FromServer) -> None:
        """Let those who asked for events of `mask` have this one; an older one of its kind is forgotten. [control]"""
        self._news.tell(mask, event)

    def play(self, frame: int, messages: Sequence[tuple[int, bytes]]) -> None:
        """Let those who asked for notes have what begins and ends in the chunk at `frame`: MIDI, by frame. [control]"""
        self._news.play(frame, messages)

    def tell_values(self, values: Mapping[str, float]) -> None:
        """Say what all controls are set to; clients hear of those that have changed. [control]"""
        self._requests.values = values

    def close(self) -> None:
        """Stop serving and remove the socket file; may be called twice. [control]"""
        if self._closed:
            return
        self._closed = True
        self._server.unlink()
        self._wake.send(b"\0")
        self._thread.join()
        self._server.close()
        self._wake.close()
        self._woken.close()

    # The server's own thread.

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        while self._woken.fileno() not in dict(poller.poll(LISTEN_MS if self.clients else 10 * LISTEN_MS)):
            if self._turn() == TURN_MESSAGES:
                time.sleep(REST_S)
            self._requests.look_after(time.perf_counter_ns())
            self._news.spread(self._requests.clients, self._requests.values, self._send)

    def _turn(self) -> int:
        """Take what waits, up to a bound, and return how much that was."""
        for count in range(TURN_MESSAGES):
            try:
                identity = self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return count
            parts = 1
            frame = b""
            while self._socket.getsockopt(zmq.RCVMORE):
                frame = self._socket.recv()
                parts += 1
            self._receive(identity, frame if parts == 2 else b"")
        return TURN_MESSAGES

    def _receive(self, identity: bytes, frame: bytes) -> None:
        """Let one message be done, or count why not; answer where that helps."""
        now_ns = time.perf_counter_ns()
        try:
            number, answers = self._requests.do(identity, frame, now_ns)
        except Refused as refusal:
            self._refuse(identity, refusal, now_ns)
            return
        for answer in answers:
            self._send(identity, answer, number)

    def _refuse(self, identity: bytes, refusal: Refused, now_ns: int) -> None:
        self.refusals.count(refusal.reason, str(refusal))
        if refusal.reason not in ERRORS or (refusal.reason == "fast" and self.refusals.of("fast") % 1000 != 1):
            return
        if self._requests.clients.of(identity) is None:
            self._strangers = max(0.0, self._strangers - (now_ns - self._strangers_ns) * 1e-9 * STRANGERS_PER_S)
            self._strangers_ns = now_ns
            if self._strangers >= STRANGERS_PER_S:
                return
            self._strangers += 1.0
        self._send(identity, say.Error(ERRORS[refusal.reason], wire.clip(str(refusal), 192)), refusal.number)

    def _send(self, identity: bytes, body: say.FromServer, answers: int = 0) -> bool:
        """Send without waiting; say whether it went. Who is not there any more is forgotten."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        message = wire.pack(body, number=self._number, answers=answers, timestamp_ns=time.perf_counter_ns())
        try:
            self._socket.send_multipart([identity, message], zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._requests.leave(identity)
            return False
        return True
