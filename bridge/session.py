"""Session: a control client's side of the conversation, without its socket: what to send, what has come. [any]

What sync and asyncio clients share. A message goes in as bytes; out come answers, events, and the state of now.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge.machine import clock_id
from legando.realtime.errors import LegandoError, WireError

PING_S = 2.0
"""A client that has nothing to say pings so often, to stay and to notice a server that has come back."""

WAITING_MAX = 1024
_NEWEST_ALONE = (say.BeatEvent, say.LevelsEvent, say.BudgetEvent)
_SAY_HELLO = 3

Event = say.SceneEvent | say.BeatEvent | say.LevelsEvent | say.BudgetEvent | say.Value | say.NotesEvent
_EVENTS = (say.SceneEvent, say.BeatEvent, say.LevelsEvent, say.BudgetEvent, say.Value, say.NotesEvent)


@dataclass(slots=True)
class State:
    """What a client knows of the music now; None is what it has not heard yet."""

    scene: say.SceneEvent | None = None
    beat: say.BeatEvent | None = None
    levels: say.LevelsEvent | None = None
    budget: say.BudgetEvent | None = None
    values: dict[str, float] = field(default_factory=dict)


class ServerError(LegandoError):
    """The server has refused what was asked; `code` is the one in the protocol."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Session:
    """State: the number of the last message, answers that nobody has fetched, events that nobody has taken."""

    def __init__(self, name: str, events: int) -> None:
        self.state = State()
        self.welcome: say.Welcome | None = None
        self.streams: list[say.StreamInfo] = []
        self.refused = 0
        self.must_greet = True
        self._hello = say.Hello(events, clock_id(), name)
        self._number = 0
        self._asked: int | None = None
        self._answer: say.FromServer | None = None
        self._listed: list[say.Value] = []
        self._lists = False
        self._events: deque[Event] = deque(maxlen=WAITING_MAX)

    def pack(self, body: say.FromClient) -> bytes:
        """Return a message, numbered; raise WireError for what cannot be sent. [any]"""
        message = wire.pack(body, number=self._number + 1, timestamp_ns=time.perf_counter_ns())
        self._number += 1
        return message

    def greet(self) -> bytes:
        """Return the hello, which is also what to wait for an answer to. [any]"""
        self.streams = []
        return self.ask(self._hello)

    def ask(self, body: say.FromClient) -> bytes:
        """Return a message whose answer will be awaited. [any]"""
        message = self.pack(body)
        self._asked, self._answer, self._listed = self._number, None, []
        self._lists = isinstance(body, say.Get) and not body.name
        return message

    @property
    def answer(self) -> say.FromServer | None:
        """The answer to what was asked last; None until it has come whole."""
        if isinstance(self._answer, say.Welcome) and len(self.streams) < self._answer.streams:
            return None
        return self._answer

    def listed(self) -> list[say.Value]:
        """Return the values that came before the answer. [any]"""
        return self._listed

    def take(self, message: bytes) -> None:
        """Take what has come; what is damaged or foreign is counted and forgotten. [any]"""
        try:
            came = wire.parse(message)
        except WireError:
            self.refused += 1
            return
        body = came.body
        if not isinstance(body, say.FROM_SERVER):
            self.refused += 1
            return
        if isinstance(body, say.Error) and body.code == _SAY_HELLO:
            self.must_greet = True
        if came.answers == 0 and isinstance(body, _EVENTS):
            self._hear(body)
        elif came.answers == self._asked:
            self._fetch(body)

    def _fetch(self, body: say.FromServer) -> None:
        if isinstance(body, say.StreamInfo):
            self.streams.append(body)
        elif isinstance(body, say.Value):
            self.state.values[body.name] = body.value
            self._listed.append(body)
            if not self._lists:  # a list is whole when its end has come
                self._answer = body
        else:
            if isinstance(body, say.Welcome):
                self.welcome, self.must_greet = body, False
            self._answer = body

    def _hear(self, event: Event) -> None:
        state = self.state
        if isinstance(event, say.Value):
            state.values[event.name] = event.value
        elif isinstance(event, say.SceneEvent):
            state.scene = event
        elif isinstance(event, say.BeatEvent):
            state.beat = event
        elif isinstance(event, say.LevelsEvent):
            state.levels = event
        elif isinstance(event, say.BudgetEvent):
            state.budget = event
        if isinstance(event, _NEWEST_ALONE):  # who slept hears what is, not what was
            kept = [one for one in self._events if type(one) is not type(event)]
            if len(kept) < len(self._events):
                self._events.clear()
                self._events.extend(kept)
        self._events.append(event)

    def next_event(self) -> Event | None:
        """Return the oldest event that nobody has taken. [any]"""
        return self._events.popleft() if self._events else None


def checked(answer: say.FromServer) -> say.FromServer:
    """Return an answer, or raise what the server has refused. [any]"""
    if isinstance(answer, say.Error):
        raise ServerError(answer.code, answer.text)
    return answer


def transport(
    tempo_bpm: float, tick: float, *, playing: bool = True, frame_position: int | None = None, offset_ms: float = 0.0
) -> say.Transport:
    """Return where a song is, as `Remote.transport` says. [any]"""
    frame = say.NOWHERE if frame_position is None else frame_position
    return say.Transport(tempo_bpm, tick, frame, round(offset_ms * 1e6), say.PLAYING if playing else 0)


def prompt(texts: Sequence[str]) -> say.Prompt:
    """Return the message of one or more `TEXT[:WEIGHT]`. [any]"""
    return say.Prompt("; ".join(texts))


def midi(message: bytes, offset_ms: float = 0.0) -> say.Midi:
    """Return a MIDI message for the server. [any]"""
    if not 1 <= len(message) <= 3:
        raise WireError(f"a MIDI message has 1 to 3 bytes, this one has {len(message)}; leave out system exclusive")
    return say.Midi(round(offset_ms * 1e6), len(message), message.ljust(3, b"\0"))


RELEASE = say.Transport(120.0, 0.0, say.NOWHERE, 0, say.RELEASE)
