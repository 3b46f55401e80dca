"""Requests: what one message of a client asks, done, answered or refused. No socket, no clock. [any]

What clients want waits in a queue for the host. Nothing that they say is believed: each number is within its limits
before it goes on, each time within what a message may be late or early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge.clients import MAX_MESSAGES_PER_S, SILENCE_MS, STALE_MS, Client, Clients
from legando.bridge.machine import clock_id, same_clock
from legando.realtime.controls import TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import RigError, WireError
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import control_event
from legando.realtime.rigs.controlnames import find_control

WAITING_MAX = 4096
TICK_MAX = 1e9
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
    """A message that is not done: for what reason, and what its sender is told. `number` is the message's."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.number = 0


class Requests:
    """State: who is there, what waits for the host, and what all controls are set to.

    `on_set` hears of each control that is immediate, at once; `on_prompt` of each prompt, and raises RigError for what
    it cannot use. `values` is replaced whole by the host's thread.
    """

    def __init__(
        self,
        streams: Sequence[say.StreamInfo],
        on_set: Callable[[str, float], None] | None,
        on_prompt: Callable[[str], None] | None,
        server: str,
    ) -> None:
        self.clients = Clients()
        self.accepted = 0
        self.values: Mapping[str, float] = {}
        self._streams = tuple(streams)
        self._on_set, self._on_prompt = on_set, on_prompt
        self._server = server
        self._waiting: deque[LiveMessage | Lead] = deque(maxlen=WAITING_MAX)

    def take(self) -> Iterator[LiveMessage | Lead]:
        """Yield what clients want and nobody has taken yet, oldest first. [control]"""
        while self._waiting:
            yield self._waiting.popleft()

    def do(self, identity: bytes, frame: bytes, now_ns: int) -> tuple[int, list[say.FromServer]]:
        """Do what one message says; return its number and the answers. Raises `Refused` for what is not done. [any]"""
        client = self.clients.of(identity)
        if client is not None and not client.may_speak(now_ns):
            raise Refused("fast", f"more than {MAX_MESSAGES_PER_S} messages a second; send fewer")
        try:
            came = wire.parse(frame)
        except WireError as error:
            old = isinstance(error, wire.WireVersionError)
            raise Refused("version" if old else "malformed", str(error)) from error
        try:
            answers = self._obey(identity, client, came, now_ns)
        except Refused as refusal:
            refusal.number = came.number
            raise
        self.accepted += 1
        return came.number, answers

    def leave(self, identity: bytes) -> None:
        """Forget a client; if it has led the time, nobody does now. [any]"""
        if self.clients.leave(identity):
            self._waiting.append(Lead(tempo_bpm=0.0))

    def look_after(self, now_ns: int) -> None:
        """Forget who has gone; nobody leads who has fallen silent. [any]"""
        for identity in self.clients.silent(now_ns):
            self.leave(identity)
        if self.clients.lead_is_over(now_ns):
            self._release(None)

    def _obey(self, identity: bytes, client: Client | None, came: wire.Envelope, now_ns: int) -> list[say.FromServer]:
        body = came.body
        if isinstance(body, say.Hello):
            return self._greet(identity, body, came.number, now_ns)
        if client is None:
            raise Refused("stranger", "say hello first")
        if not client.is_new(came.number):
            raise Refused("repeat", f"message {came.number} came twice")
        client.heard_ns = now_ns
        sent_ns = client.sent_ns(came.timestamp_ns, now_ns)
        if now_ns - sent_ns > STALE_MS * 1_000_000:
            raise Refused("stale", f"sent {(now_ns - sent_ns) / 1e9:.1f} s ago; its moment has passed")
        if isinstance(body, say.Set):
            self._set(body, sent_ns)
            return [say.Done()]
        if isinstance(body, say.Get):
            return self._get(body)
        if isinstance(body, say.Midi):
            self._waiting.append(LiveMessage(_near(sent_ns + body.offset_ns, now_ns), _midi(body)))
            return []  # notes come in numbers; only those that are refused are answered
        if isinstance(body, say.Transport):
            self._transport(identity, body, sent_ns, now_ns)
            return []
        if isinstance(body, say.Ping):
            return [say.Pong(came.timestamp_ns, now_ns)]
        if isinstance(body, say.Prompt):
            self._prompt(body)
            return [say.Done()]
        if isinstance(body, say.Bye):
            self.leave(identity)
            return [say.Done()]
        raise Refused("malformed", f"{type(body).__name__} is for a server to say")

    def _greet(self, identity: bytes, hello: say.Hello, number: int, now_ns: int) -> list[say.FromServer]:
        known = self.clients.of(identity)
        client = Client(
            identity=identity,
            name=hello.name,
            events=hello.events & say.OFFERED_EVENTS,
            same_clock=same_clock(hello.clock_id),
            heard_ns=now_ns,
            number=number,
            allowance=known.allowance if known else MAX_MESSAGES_PER_S,  # hello again is no way to a new allowance
            allowance_ns=now_ns,
        )
        if not self.clients.admit(client):
            raise Refused("full", f"{len(self.clients)} clients are here; try again later")
        count = len(self._streams)
        welcome = say.Welcome(say.OFFERED_EVENTS, MAX_MESSAGES_PER_S, SILENCE_MS, count, clock_id(), self._server)
        return [welcome, *self._streams]

    def _set(self, body: say.Set, sent_ns: int) -> None:
        try:
            message = control_event(body.name, body.value)
            control = find_control(body.name)
        except RigError as error:
            raise Refused("unknown", str(error)) from error
        if self._on_set is not None and control.immediate:
            self._on_set(control.name, min(max(body.value, control.least), control.most))
        self._waiting.append(LiveMessage(sent_ns, message))

    def _prompt(self, body: say.Prompt) -> None:
        try:
            if self._on_prompt is None:
                raise RigError("this server takes no prompts; recall a scene")
            self._on_prompt(body.text)
        except RigError as error:
            raise Refused("prompt", str(error)) from error

    def _get(self, body: say.Get) -> list[say.FromServer]:
        values = self.values
        if not body.name:
            return [*(value_of(name, value) for name, value in values.items()), say.Done()]
        try:
            name = find_control(body.name).name
        except RigError as error:
            raise Refused("unknown", str(error)) from error
        return [value_of(name, values.get(name, 0.0))]

    def _transport(self, identity: bytes, body: say.Transport, sent_ns: int, now_ns: int) -> None:
        if body.flags & say.RELEASE:
            self._release(identity)
            return
        if not TEMPO_MIN_BPM <= body.tempo_bpm <= TEMPO_MAX_BPM or not -TICK_MAX < body.tick < TICK_MAX:
            raise Refused("range", f"tempo {body.tempo_bpm:g} bpm at {body.tick:g} sixteenths is not followed")
        if not self.clients.lead(identity, now_ns):
            raise Refused("led", "another client leads the time; let it release it first")
        self._waiting.append(
            Lead(
                tempo_bpm=body.tempo_bpm,
                tick=body.tick,
                playing=bool(body.flags & say.PLAYING),
                frame_position=None if body.frame_position == say.NOWHERE else body.frame_position,
                time_ns=_near(sent_ns + body.offset_ns, now_ns),
            )
        )

    def _release(self, identity: bytes | None) -> None:
        if self.clients.release(identity):
            self._waiting.append(Lead(tempo_bpm=0.0))


def value_of(name: str, value: float) -> say.Value:
    """Return what is said of a control: its value and its limits. [any]"""
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
