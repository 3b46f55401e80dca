"""Publisher: sends each chunk of sound to whoever listens, and never waits for anybody. [control]

Owned by one thread of the host; `close` may come from another. libzmq's own thread does the sending, with real-time
priority where that is asked for and allowed; a gate's thread answers new connections. A subscriber that does not keep
up loses its own messages once `QUEUE_MESSAGES` wait for it; the publisher and the others do not notice. The subscriber
sees and counts what it lost by sequence and frame position.

One socket can carry several streams: `add` another one, and each subscriber is sent those that it has asked for.
"""

from __future__ import annotations

import secrets
import threading
import time
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
import zmq
from numpy.typing import NDArray

from legando.bridge import wire
from legando.bridge.gate import MAX_CONNECTIONS
from legando.bridge.keys import ServerKeys
from legando.bridge.sockets import ServerSocket, bare_send
from legando.realtime.closing import Closing
from legando.realtime.errors import LegandoError

QUEUE_MESSAGES = 192
"""What may wait for one slow subscriber, on each side: 0.5 s of 128-frame chunks at 48 kHz.

Long enough for a stall of the subscriber's interpreter or disk, short enough to bound memory: 6 MB for a subscriber of
80 ms chunks. How old a block may be when it is handed out is bounded by `Subscriber`, not by this.
"""

KERNEL_BUFFER_BYTES = 1 << 18
"""The system's own buffer on each side of a TCP connection; left alone it grows to megabytes, 20 s of sound."""

MAX_SUBSCRIPTION_BYTES = 1024
"""Subscribers send nothing but topics; libzmq cuts off a peer that sends more than this in one frame."""

MAX_TIMESTAMP_DISTANCE_NS = 60_000_000_000
MAX_STREAMS = 16

_OPTIONS = {
    zmq.SNDHWM: QUEUE_MESSAGES,
    zmq.SNDBUF: KERNEL_BUFFER_BYTES,
    zmq.MAXMSGSIZE: MAX_SUBSCRIPTION_BYTES,
}


class Stream(NamedTuple):
    """What a subscriber may choose by its name. [any]"""

    name: str
    stream_id: bytes
    sample_rate_hz: int
    channels: int
    sample_format: wire.SampleFormat


class Track:
    """One stream of a publisher: its format, and how much of it was sent. [control]"""

    def __init__(self, publisher: Publisher, about: Stream) -> None:
        self.about = about
        self.blocks = 0
        self.frames = 0
        self._publisher = publisher
        self.packer = wire.Packer(
            about.name,
            about.stream_id,
            sample_rate_hz=about.sample_rate_hz,
            channels=about.channels,
            sample_format=about.sample_format,
        )

    def publish(self, frames: NDArray[np.float32], frame_position: int, timestamp_ns: int | None = None) -> None:
        """Send one chunk of this stream, as `Publisher.publish` does. [control]"""
        self._publisher.publish(frames, frame_position, timestamp_ns, self)


class Publisher(Closing):
    """Publish float32 audio on one endpoint as stream `stream`. [control]

    Raises `LegandoError` at once if the endpoint is not allowed, in use or cannot be opened. With `keys` only their
    clients can connect, and the endpoint may be any address. `io_priority` is a real-time priority for the sending
    thread, 0 for none.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        stream: str = "main",
        sample_rate_hz: int = 48_000,
        channels: int = 2,
        sample_format: wire.SampleFormat = wire.SampleFormat.FLOAT32,
        keys: ServerKeys | None = None,
        io_priority: int = 0,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._lock = threading.Lock()
        self._tracks: dict[str, Track] = {}
        self._main = self.add(stream, sample_rate_hz=sample_rate_hz, channels=channels, sample_format=sample_format)
        self.stream, self.stream_id = stream, self._main.about.stream_id
        self._server = ServerSocket(
            zmq.PUB, "audio", endpoint, _OPTIONS, keys=keys, max_connections=max_connections, io_priority=io_priority
        )
        self._send = bare_send(self._server.zmq)
        self._wall_ahead_ns = time.time_ns() - perf_counter_ns()
        self._closed = False
        self.endpoint, self.refusals = self._server.endpoint, self._server.refusals

    @property
    def blocks(self) -> int:
        """How many chunks of the main stream were sent."""
        return self._main.blocks

    @property
    def frames(self) -> int:
        """How many frames of the main stream were sent."""
        return self._main.frames

    @property
    def connections(self) -> int:
        """How many listeners are connected."""
        return self._server.gate.connections

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What a subscriber may choose from."""
        return tuple(track.about for track in self._tracks.values())

    def add(
        self,
        stream: str,
        *,
        sample_rate_hz: int = 48_000,
        channels: int = 2,
        sample_format: wire.SampleFormat = wire.SampleFormat.FLOAT32,
    ) -> Track:
        """Offer one more stream on the same endpoint and return what publishes it. [control]

        Raises LegandoError for a name that is taken or not allowed, or one stream too many.
        """
        if stream in self._tracks or len(self._tracks) >= MAX_STREAMS:
            raise LegandoError(f"stream {stream!r} is there already, or there are {MAX_STREAMS}; choose another name")
        stream_id = secrets.token_bytes(wire.STREAM_ID_BYTES)
        track = Track(self, Stream(stream, stream_id, sample_rate_hz, channels, sample_format))
        self._tracks[stream] = track
        return track

    def publish(
        self,
        frames: NDArray[np.float32],
        frame_position: int,
        timestamp_ns: int | None = None,
        track: Track | None = None,
    ) -> None:
        """Send one chunk of a stream (the main one) without waiting; the array may be reused at once. [control]

        `frames` is float32 (frames, channels), `frame_position` the place of its first frame, `timestamp_ns` when it
        was made, as `time.perf_counter_ns()` (now if None). Raises `LegandoError` for anything else, or once closed.
        """
        now_ns = perf_counter_ns()
        made_ns = now_ns if timestamp_ns is None else timestamp_ns
        if not -MAX_TIMESTAMP_DISTANCE_NS <= now_ns - made_ns <= MAX_TIMESTAMP_DISTANCE_NS:
            away_s = (now_ns - made_ns) / 1e9
            raise LegandoError(f"timestamp {made_ns} ns is {away_s:.0f} s away from now; use perf_counter_ns()")
        if track is None:
            track = self._main
        with self._lock:
            if self._closed:
                raise LegandoError(f"the publisher on {self.endpoint} is closed; open a new one")
            # PUB drops for a full subscriber and never waits; the message is copied before `send` returns.
            self._send(track.packer.write(frames, track.blocks, frame_position, made_ns, made_ns + self._wall_ahead_ns))
            track.blocks += 1
            track.frames += len(frames)
            self._wall_ahead_ns = time.time_ns() - perf_counter_ns()  # for the next one: this one is on its way

    def close(self) -> None:
        """Stop at once, dropping what is not yet sent, and remove the socket file; may be called twice. [control]"""
        with self._lock:
            self._closed = True
            self._server.close()
