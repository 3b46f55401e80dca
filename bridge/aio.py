"""The clients for asyncio: the same audio and the same steering, awaited. [control]

Each is owned by one event loop. They share all but the waiting with `Subscriber` and `Remote`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import zmq
import zmq.asyncio

from legando.bridge import controlmessages as say
from legando.bridge import session as sessions
from legando.bridge.intake import MAX_AGE_MS, AudioBlock, Intake
from legando.bridge.keys import ClientKeys
from legando.bridge.publisher import QUEUE_MESSAGES
from legando.bridge.session import PING_S, Event, Session, State
from legando.bridge.subscriber import open_listener


class AsyncSubscriber:
    """Receive a stream in an event loop: `async for block in subscriber`. [control]"""

    def __init__(
        self,
        endpoint: str = "ipc://audio",
        *,
        stream: str = "main",
        max_age_ms: float | None = MAX_AGE_MS,
        keys: ClientKeys | None = None,
        same_clock: bool = True,
    ) -> None:
        self._context = zmq.asyncio.Context(io_threads=1)
        self._socket = self._context.socket(zmq.SUB)
        try:
            self.endpoint = open_listener(self._socket, endpoint, stream, QUEUE_MESSAGES, keys).url
        except BaseException:
            self.close()
            raise
        self.account = Intake(self.endpoint, max_age_ms=max_age_ms, same_clock=same_clock)

    async def receive(self) -> AudioBlock:
        """Return the next block. [control]"""
        while True:
            block = self.account.accept(await self._socket.recv())
            if block is not None:
                return block

    def close(self) -> None:
        """Stop receiving; may be called twice. [control]"""
        self._socket.close(linger=0)
        self._context.term()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioBlock:
        return await self.receive()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRemote:
    """Steer a server from an event loop; one task at a time asks. Enter it with `async with`. [control]"""

    def __init__(
        self,
        endpoint: str = "ipc://control",
        *,
        name: str = "python",
        events: int = say.ALL_EVENTS,
        keys: ClientKeys | None = None,
        timeout_ms: float = 2000.0,
    ) -> None:
        self._timeout_s = timeout_ms / 1e3
        self._session = Session(name, events)
        self._context = zmq.asyncio.Context(io_threads=1)
        self._socket = self._context.socket(zmq.DEALER)
        self._asking = asyncio.Lock()
        try:
            self.endpoint = sessions.open_control(self._socket, endpoint, keys)
        except BaseException:
            self.close()
            raise

    @property
    def state(self) -> State:
        """What is known of the music now."""
        return self._session.state

    @property
    def streams(self) -> list[say.StreamInfo]:
        """The streams that the server offers."""
        return self._session.streams

    async def set(self, name: str, value: float) -> None:
        """Move a control, by its name in the rig. [control]"""
        await self._ask(say.Set(float(value), name))

    async def scene(self, number: int) -> None:
        """Recall a scene, counted from 1. [control]"""
        await self.set(f"scene.{number}", 1.0)

    async def get(self, name: str) -> float:
        """Return what a control is set to. [control]"""
        answer = await self._ask(say.Get(name))
        assert isinstance(answer, say.Value), "the server answers a name with its value"
        return answer.value

    async def midi(self, message: bytes, *, offset_ms: float = 0.0) -> None:
        """Play one MIDI message. [control]"""
        await self._socket.send(self._session.pack(sessions.midi(message, offset_ms)))

    async def transport(
        self, tempo_bpm: float, tick: float, *, playing: bool = True, frame_position: int | None = None
    ) -> None:
        """Lead the time, as `Remote.transport` does. [control]"""
        body = sessions.transport(tempo_bpm, tick, playing=playing, frame_position=frame_position)
        await self._socket.send(self._session.pack(body))

    async def events(self) -> AsyncIterator[Event]:
        """Yield what happens, for ever. [control]"""
        while True:
            async with self._asking:
                while await self._socket.poll(0):
                    self._session.take(await self._socket.recv())
                event = self._session.next_event()
                if event is None and self._session.must_greet:
                    await self._greet_if_there()
            if event is not None:
                yield event
            elif not await self._socket.poll(round(PING_S * 1e3)):
                async with self._asking:
                    await self._send_if_there(self._session.pack(say.Ping()))

    def close(self) -> None:
        """Leave; may be called twice. [control]"""
        self._socket.close(linger=0)
        self._context.term()

    async def __aenter__(self) -> Self:
        async with self._asking:
            await self._await(self._session.greet())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._send_if_there(self._session.pack(say.Bye()))
        self._socket.close(linger=100)
        self._context.term()

    async def _ask(self, body: say.FromClient) -> say.FromServer:
        async with self._asking:
            try:
                return await self._await(self._session.ask(body))
            except sessions.ServerError:
                if not self._session.must_greet:
                    raise
                await self._await(self._session.greet())
                return await self._await(self._session.ask(body))

    async def _await(self, message: bytes) -> say.FromServer:
        deadline = time.monotonic() + self._timeout_s
        try:
            await asyncio.wait_for(self._socket.send(message), self._timeout_s)
            while self._session.answer is None:
                left_ms = round(1e3 * (deadline - time.monotonic()))
                if left_ms <= 0 or not await self._socket.poll(left_ms):
                    raise sessions.nobody(self.endpoint)
                self._session.take(await self._socket.recv())
        except TimeoutError as error:
            raise sessions.nobody(self.endpoint) from error
        return sessions.checked(self._session.answer)

    async def _greet_if_there(self) -> None:
        await self._send_if_there(self._session.greet())

    async def _send_if_there(self, message: bytes) -> None:
        try:
            await self._socket.send(message, zmq.NOBLOCK)
        except zmq.ZMQError:
            self._session.must_greet = True
