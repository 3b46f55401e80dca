"""Remote: steer a legando from a program, and hear where its music is. [control]

Owned by one thread; there is no other. A server that was restarted is greeted again by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import zmq

from legando.bridge import controlmessages as say
from legando.bridge import session as sessions
from legando.bridge.controlclient import ControlClient
from legando.bridge.keys import ClientKeys
from legando.bridge.session import PING_S, Event
from legando.realtime.closing import Closing


class Remote(ControlClient[zmq.Socket[bytes]], Closing):
    """A connection to a server's control endpoint; raises LegandoError when nobody answers there. [control]"""

    def __init__(
        self,
        endpoint: str = "ipc://control",
        *,
        name: str = "python",
        events: int = say.ALL_EVENTS,
        keys: ClientKeys | None = None,
        timeout_ms: float = 2000.0,
    ) -> None:
        super().__init__(zmq.Context, endpoint, name=name, events=events, keys=keys, timeout_ms=timeout_ms)
        self._socket.setsockopt(zmq.SNDTIMEO, max(1, round(timeout_ms)))
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def set(self, name: str, value: float) -> None:
        """Move a control, by its name in the rig; raises ServerError for one that is not there. [control]"""
        self._ask(say.Set(float(value), name))

    def scene(self, number: int) -> None:
        """Recall a scene, counted from 1. [control]"""
        self.set(f"scene.{number}", 1.0)

    def prompt(self, *texts: str) -> None:
        """Play a new scene: one or more `TEXT[:WEIGHT]`; raises ServerError for what cannot be read. [control]

        It comes in when the rig's `[scenes] at` says; the event of its scene tells when, and its number.
        """
        self._ask(sessions.prompt(texts))

    def get(self, name: str) -> float:
        """Return what a control is set to. [control]"""
        answer = self._ask(say.Get(name))
        assert isinstance(answer, say.Value), "the server answers a name with its value"
        return answer.value

    def controls(self) -> list[say.Value]:
        """Return all controls with their values and limits. [control]"""
        self._ask(say.Get(""))
        return self._session.listed()

    def midi(self, message: bytes, *, offset_ms: float = 0.0) -> None:
        """Play one MIDI message, as if a keyboard had sent it `offset_ms` after now; no answer is awaited. [control]"""
        self._tell(sessions.midi(message, offset_ms))

    def transport(
        self,
        tempo_bpm: float,
        tick: float,
        *,
        playing: bool = True,
        frame_position: int | None = None,
        offset_ms: float = 0.0,
    ) -> None:
        """Lead the time: at `tick` (sixteenths since its start) your song is, or will be. [control]

        With `frame_position`: when the frame of the stream sounds that has it. Without: `offset_ms` after now. Say it
        again at least every second: whoever is silent for 2 s leads no more. No answer is awaited.
        """
        frame = frame_position
        self._tell(sessions.transport(tempo_bpm, tick, playing=playing, frame_position=frame, offset_ms=offset_ms))

    def release(self) -> None:
        """Lead the time no more. [control]"""
        self._tell(sessions.RELEASE)

    def clock(self) -> tuple[int, int]:
        """Return how far the server's clock is ahead of ours, and the way there and back, in ns. [control]

        Both ways are taken to be equally long, as NTP does (RFC 5905, section 8).
        """
        before_ns = time.perf_counter_ns()
        pong = self._ask(say.Ping())
        after_ns = time.perf_counter_ns()
        assert isinstance(pong, say.Pong), "the server answers a ping with a pong"
        return pong.received_ns - (before_ns + after_ns) // 2, after_ns - before_ns

    def events(self, timeout_ms: float | None = None) -> Iterator[Event]:
        """Yield what happens, until nothing has for `timeout_ms` (None: for ever). [control]"""
        while (event := self.event(timeout_ms)) is not None:
            yield event

    def event(self, timeout_ms: float | None = None) -> Event | None:
        """Return the next event; None when there is none within `timeout_ms`. [control]"""
        deadline = None if timeout_ms is None else time.monotonic() + timeout_ms / 1e3
        while True:
            self._pump(0.0)
            event = self._session.next_event()
            if event is not None:
                return event
            left_s = PING_S if deadline is None else min(PING_S, deadline - time.monotonic())
            if left_s <= 0.0:
                return None
            if not self._pump(left_s) and left_s == PING_S:
                self._send_if_there(self._session.pack(say.Ping()))
            if self._session.must_greet:
                self._send_if_there(self._session.greet())

    def close(self) -> None:
        """Leave; may be called twice. [control]"""
        if not self._socket.closed:
            self._send_if_there(self._session.pack(say.Bye()))
            self._socket.close(linger=100)  # ms, for the farewell
            self._context.term()

    def _greet(self) -> None:
        self._await(self._session.greet())

    def _tell(self, body: say.FromClient) -> None:
        self._pump(0.0)
        if self._session.must_greet:
            self._greet()
        self._send(self._session.pack(body))

    def _ask(self, body: say.FromClient) -> say.FromServer:
        """Return the answer; a server that does not know us any more is greeted and asked again."""
        try:
            return self._await(self._session.ask(body))
        except sessions.ServerError:
            if not self._session.must_greet:
                raise
            self._greet()
            return self._await(self._session.ask(body))

    def _await(self, message: bytes) -> say.FromServer:
        self._send(message)
        deadline = time.monotonic() + self._timeout_s
        while self._session.answer is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0.0:
                raise self._nobody()
            self._pump(left_s)
        return sessions.checked(self._session.answer)

    def _send(self, message: bytes) -> None:
        try:
            self._socket.send(message)
        except zmq.Again as error:
            raise self._nobody() from error

    def _send_if_there(self, message: bytes) -> None:
        try:
            self._socket.send(message, zmq.NOBLOCK)
        except zmq.ZMQError:  # not there: it will be greeted when it is
            self._session.must_greet = True

    def _pump(self, wait_s: float) -> bool:
        """Take all that has come, after waiting for the first; say whether there was any."""
        if not self._socket.poll(max(0, -(-int(wait_s * 1e6) // 1000))):
            return False
        while True:
            try:
                self._session.take(self._socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return True
