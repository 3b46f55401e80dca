"""The clients for asyncio: the same audio and the same steering, awaited. [control]

Each is owned by one event loop. They share all but the waiting with `Subscriber` and `Remote`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Self

import zmq
import zmq.asyncio

from legando.bridge import controlmessages as say
from legando.bridge import session as sessions
from legando.bridge.controlclient import ControlClient
from legando.bridge.intake import MAX_AGE_MS, AudioBlock
from legando.bridge.keys import ClientKeys
from legando.bridge.listener import SILENCE_MS, Listener
from legando.bridge.publisher import QUEUE_MESSAGES
from legando.bridge.session import PING_S, Event


class _Closing:
    """What has a socket of asyncio's kind, which closes with its `async with` block."""

    _socket: zmq.asyncio.Socket
    _context: zmq.Context[zmq.asyncio.Socket]

    def close(self, *, linger_ms: int = 0) -> None:
        """Close at once; may be called twice. [control]"""
        self._socket.close(linger=linger_ms)
        self._context.term()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class AsyncSubscriber(Listener[zmq.asyncio.Socket], _Closing):
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
        super().__init__(
            zmq.asyncio.Context,
            endpoint,
            stream,
            max_age_ms=max_age_ms,
            queue_messages=QUEUE_MESSAGES,
            keys=keys,
            same_clock=same_clock,
        )

    async def receive(self) -> AudioBlock:
        """Return the next block. [control]"""
        while True:
            while not await self._socket.poll(SILENCE_MS):
                self._nothing_came()
            block = self.account.accept(await self._socket.recv())
            if block is not None:
                return block

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioBlock:
        return await self.receive()


class AsyncRemote(ControlClient[zmq.asyncio.Socket], _Closing):
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
        super().__init__(zmq.asyncio.Context, endpoint, name=name, events=events, keys=keys, timeout_ms=timeout_ms)
        self._asking = asyncio.Lock()

    async def set(self, name: str, value: float) -> None:
        """Move a control, by its name in the rig. [control]"""
        await self._ask(say.Set(float(value), name))

    async def scene(self, number: int) -> None:
        """Recall a scene, counted from 1. [control]"""
        await self.set(f"scene.{number}", 1.0)

    async def prompt(self, *texts: str) -> None:
        """Play a new scene, as `Remote.prompt` does. [control]"""
        await self._ask(sessions.prompt(texts))

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

    async def __aenter__(self) -> Self:
        async with self._asking:
            await self._await(self._session.greet())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._send_if_there(self._session.pack(say.Bye()))
        self.close(linger_ms=100)  # for the farewell

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
                    raise self._nobody()
                self._session.take(await self._socket.recv())
        except TimeoutError as error:
            raise self._nobody() from error
        return sessions.checked(self._session.answer)

    async def _greet_if_there(self) -> None:
        await self._send_if_there(self._session.greet())

    async def _send_if_there(self, message: bytes) -> None:
        try:
            await self._socket.send(message, zmq.NOBLOCK)
        except zmq.ZMQError:
            self._session.must_greet = True
