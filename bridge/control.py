"""The control server: programs steer the music, and hear where it is. [control]

A thread of its own owns the socket. What clients want waits in a queue for the host's thread (`take`); what the host
has to tell is left as the newest of its kind (`tell`, `tell_values`) and sent from here to whoever asked for it, so
that nobody waits for anybody. It takes at most `TURN_MESSAGES` before it rests for a moment: a flood costs a bounded
share of one core, libzmq serves all connections in turn, and what does not fit waits at the sender's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zmq

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge import endpoint as endpoints
from legando.bridge.clients import MAX_MESSAGES_PER_S, SILENCE_MS, STALE_MS, Client, Clients
from legando.bridge.gate import MAX_CONNECTIONS, Gate
from legando.bridge.keys import ServerKeys
from legando.bridge.machine import clock_id, same_clock
from legando.bridge.refusals import Refusals
from legando.realtime.controlnames import find_control
from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import LegandoError, RigError, WireError
from legando.realtime.livemessage import LiveMessage
from legando.realtime.ownevent import control_event

TURN_MESSAGES = 64
REST_S = 0.002
LISTEN_MS = 20
QUEUE_MESSAGES = 64
WAITING_MAX = 4096
TICK_MAX = 1e9
STRANGERS_PER_S = 200
"""How many strangers get an answer; the rest is counted alone."""

ERRORS = {
    "malformed": 1, "version": 2, "stranger": 3, "unknown": 4, "range": 5, "full": 6, "fast": 7, "led": 8, "stale": 9,
}  # fmt: skip
_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Where a client's song is: at `tick` when the frame sounds, or at `time_ns` where there is none.

    `tempo_bpm` 0 says that nobody leads any more.
    """

    tempo_bpm: float
    tick: float = 0.0
    playing: bool = False
    frame_position: int | None = None
    time_ns: int = 0


class Refused(Exception):
    """A message that is not done: for what reason, and what its sender is told."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class ControlServer:
    """Serve one endpoint. `on_set` hears of each control that is set, at once, on this server's thread.

    `streams` are what the audio endpoint of the same server offers. Raises `LegandoError` for an endpoint that is not
    allowed or in use.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        streams: Sequence[say.StreamInfo] = (),
        on_set: Callable[[str, float], None] | None = None,
        keys: ServerKeys | None = None,
        server: str = "legando",
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        parsed = endpoints.parse_endpoint(endpoint, bind=True, encrypted=keys is not None)
        self.refusals = Refusals(f"control at {parsed}")
        self.accepted = 0
        self._streams = tuple(streams)
        self._on_set = on_set
        self._server = server
        self._clients = Clients()
        self._waiting: deque[LiveMessage | Lead] = deque(maxlen=WAITING_MAX)
        self._current: dict[int, tuple[int, say.FromServer]] = {}
        self._values: Mapping[str, float] = {}
        self._number = 0
        self._strangers = 0.0
        self._strangers_ns = 0
        self._context: zmq.Context[Any] = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.RCVHWM, QUEUE_MESSAGES),
            (zmq.SNDHWM, QUEUE_MESSAGES),
            (zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES),
            (zmq.ROUTER_MANDATORY, 1),  # says who is gone or full, instead of dropping in silence
        ):
            self._socket.setsockopt(option, value)
        self._gate = Gate(self._context, self._socket, self.refusals, keys=keys, max_connections=max_connections)
        self._wake, self._woken = socket.socketpair()
        self._file: Path | None = None
        self._thread = threading.Thread(target=self._run, name="legando-control", daemon=True)
        self._closed = False
        try:
            self.endpoint = endpoints.bind(self._socket, parsed)
        except LegandoError:
            self._shut()
            raise
        self._file = parsed.path
        self._thread.start()

    # For the host's thread.

    @property
    def clients(self) -> int:
        """How many clients have said hello and are still there."""
        return len(self._clients)

    def take(self) -> Iterator[LiveMessage | Lead]:
        """Yield what clients want and nobody has taken yet, oldest first. [control]"""
        while self._waiting:
            yield self._waiting.popleft()

    def tell(self, mask: int, event: say.FromServer) -> None:
        """Let those who asked for events of `mask` have this one; an older one of its kind is forgotten. [control]"""
        self._current[event.CODE] = (mask, event)

    def tell_values(self, values: Mapping[str, float]) -> None:
        """Say what all controls are set to; clients hear of those that have changed. [control]"""
        self._values = values

    def close(self) -> None:
        """Stop serving and remove the socket file; may be called twice. [control]"""
        if self._closed:
            return
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        self._wake.send(b"\0")
        self._thread.join()
        self._shut()

    def _shut(self) -> None:
        self._closed = True
        self._gate.close()
        self._socket.close(linger=0)
        self._context.term()
        self._wake.close()
        self._woken.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The server's own thread.

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        while self._woken.fileno() not in dict(poller.poll(LISTEN_MS if len(self._clients) else 10 * LISTEN_MS)):
            if self._turn() == TURN_MESSAGES:
                time.sleep(REST_S)
            self._look_after(time.perf_counter_ns())
            self._spread()

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
        """Do what one message says, or count why not; answer where that helps."""
        now_ns = time.perf_counter_ns()
        client = self._clients.of(identity)
        number = 0
        try:
            if client is not None and not client.may_speak(now_ns):
                raise Refused("fast", f"more than {MAX_MESSAGES_PER_S} messages a second; send fewer")
            try:
                came = wire.parse(frame)
            except WireError as error:
                old = isinstance(error, wire.WireVersionError)
                raise Refused("version" if old else "malformed", str(error)) from error
            number = came.number
            if isinstance(came.body, say.Hello):
                self._hello(identity, came, came.body, now_ns)
                return
            if client is None:
                raise Refused("stranger", "say hello first")
            if not client.is_new(number):
                raise Refused("repeat", f"message {number} came twice")
            client.heard_ns = now_ns
            sent_ns = client.sent_ns(came.timestamp_ns, now_ns)
            if now_ns - sent_ns > STALE_MS * 1_000_000:
                raise Refused("stale", f"sent {(now_ns - sent_ns) / 1e9:.1f} s ago; its moment has passed")
            self._obey(client, came, sent_ns, now_ns)
            self.accepted += 1
        except Refused as refusal:
            self._refuse(identity, number, refusal, now_ns, known=client is not None)

    def _hello(self, identity: bytes, came: wire.Envelope, hello: say.Hello, now_ns: int) -> None:
        known = self._clients.of(identity)
        client = Client(
            identity=identity,
            name=hello.name,
            events=hello.events & say.ALL_EVENTS,
            same_clock=same_clock(hello.clock_id),
            heard_ns=now_ns,
            number=came.number,
            allowance=known.allowance if known else MAX_MESSAGES_PER_S,  # hello again is no way to a new allowance
            allowance_ns=now_ns,
        )
        if not self._clients.admit(client):
            raise Refused("full", f"{len(self._clients)} clients are here; try again later")
        self.accepted += 1
        self._send(
            identity,
            say.Welcome(say.ALL_EVENTS, MAX_MESSAGES_PER_S, SILENCE_MS, len(self._streams), clock_id(), self._server),
            came.number,
        )
        for stream in self._streams:
            self._send(identity, stream, came.number)

    def _obey(self, client: Client, came: wire.Envelope, sent_ns: int, now_ns: int) -> None:
        """Do what a client says; raise `Refused` for what it may not."""
        body = came.body
        answer: say.FromServer = say.Done()
        if isinstance(body, say.Set):
            self._set(body, sent_ns)
        elif isinstance(body, say.Get):
            answer = self._get(client, body, came.number)
        elif isinstance(body, say.Midi):
            self._waiting.append(LiveMessage(_near(sent_ns + body.offset_ns, now_ns), _midi(body)))
            return  # notes come in numbers; only those that are refused are answered
        elif isinstance(body, say.Transport):
            self._transport(client, body, sent_ns, now_ns)
            return
        elif isinstance(body, say.Ping):
            answer = say.Pong(came.timestamp_ns, now_ns)
        elif isinstance(body, say.Bye):
            if self._clients.leave(client.identity):
                self._waiting.append(Lead(tempo_bpm=0.0))
        else:
            raise Refused("malformed", f"{type(body).__name__} is for a server to say")
        self._send(client.identity, answer, came.number)

    def _set(self, body: say.Set, sent_ns: int) -> None:
        try:
            message = control_event(body.name, body.value)
            control = find_control(body.name)
        except RigError as error:
            raise Refused("unknown", str(error)) from error
        if self._on_set is not None and control.immediate:
            self._on_set(control.name, min(max(body.value, control.least), control.most))
        self._waiting.append(LiveMessage(sent_ns, message))

    def _get(self, client: Client, body: say.Get, number: int) -> say.FromServer:
        values = self._values
        if not body.name:
            for name in values:
                self._send(client.identity, _value(name, values[name]), number)
            return say.Done()
        try:
            name = find_control(body.name).name
        except RigError as error:
            raise Refused("unknown", str(error)) from error
        return _value(name, values.get(name, 0.0))

    def _transport(self, client: Client, body: say.Transport, sent_ns: int, now_ns: int) -> None:
        if body.flags & say.RELEASE:
            if self._clients.release(client.identity):
                self._waiting.append(Lead(tempo_bpm=0.0))
            return
        if not TEMPO_MIN_BPM <= body.tempo_bpm <= TEMPO_MAX_BPM or not -TICK_MAX < body.tick < TICK_MAX:
            raise Refused("range", f"tempo {body.tempo_bpm:g} bpm at {body.tick:g} sixteenths is not followed")
        if not self._clients.lead(client.identity, now_ns):
            raise Refused("led", "another client leads the time; let it release it first")
        frame = None if body.frame_position == say.NOWHERE else body.frame_position
        self._waiting.append(
            Lead(
                tempo_bpm=body.tempo_bpm,
                tick=body.tick,
                playing=bool(body.flags & say.PLAYING),
                frame_position=frame,
                time_ns=_near(sent_ns + body.offset_ns, now_ns),
            )
        )

    def _look_after(self, now_ns: int) -> None:
        """Forget who has gone; nobody leads who has fallen silent."""
        ended = False
        for identity in self._clients.silent(now_ns):
            ended |= self._clients.leave(identity)
        if ended or (self._clients.lead_is_over(now_ns) and self._clients.release()):
            self._waiting.append(Lead(tempo_bpm=0.0))

    def _spread(self) -> None:
        """Send each client what it asked for and does not know yet; what a full one cannot take waits for its turn."""
        values = self._values
        for client in self._clients:
            for code, (mask, event) in tuple(self._current.items()):
                if client.events & mask and client.told.get(code) != event and self._send(client.identity, event):
                    client.told[code] = event
            if client.events & say.VALUES and client.values != values:
                for name, value in values.items():
                    if client.values.get(name) != value and self._send(client.identity, _value(name, value)):
                        client.values[name] = value

    def _refuse(self, identity: bytes, number: int, refusal: Refused, now_ns: int, *, known: bool) -> None:
        self.refusals.count(refusal.reason, str(refusal))
        if refusal.reason not in ERRORS or (refusal.reason == "fast" and self.refusals.of("fast") % 1000 != 1):
            return
        if not known:
            self._strangers = max(0.0, self._strangers - (now_ns - self._strangers_ns) * 1e-9 * STRANGERS_PER_S)
            self._strangers_ns = now_ns
            if self._strangers >= STRANGERS_PER_S:
                return
            self._strangers += 1.0
        self._send(identity, say.Error(ERRORS[refusal.reason], wire.clip(str(refusal), 192)), number)

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
            if self._clients.leave(identity):
                self._waiting.append(Lead(tempo_bpm=0.0))
            return False
        return True


def _value(name: str, value: float) -> say.Value:
    control = find_control(name)
    return say.Value(value, control.least, control.most, say.KINDS.index(control.kind), name)


def _near(time_ns: int, now_ns: int) -> int:
    """Keep a time that a client gives within what a message may be late or early."""
    return min(max(time_ns, now_ns - STALE_MS * 1_000_000), now_ns + STALE_MS * 1_000_000)


def _midi(body: say.Midi) -> bytes:
    """Return the MIDI message, or raise `Refused` unless it is a whole one for a channel."""
    message = body.data[: body.size]
    expected = _DATA_BYTES.get(message[0] & 0xF0) if message else None
    if expected is None or len(message) != expected + 1 or body.size > 3 or any(byte > 0x7F for byte in message[1:]):
        raise Refused("range", f"{body.data.hex()} of {body.size} bytes is no whole MIDI channel message")
    return message
