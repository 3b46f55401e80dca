"""Publisher: sends each chunk of sound to whoever listens, and never waits for anybody. [control]

Owned by one thread of the host; `close` may come from another. libzmq's own thread does the sending. A subscriber that
does not keep up loses its own messages once `QUEUE_MESSAGES` wait for it; the publisher and the others do not notice.
The subscriber sees and counts what it lost by sequence and frame position.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import zmq
from numpy.typing import NDArray

from legando.bridge import endpoint as endpoints
from legando.bridge import wire
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


class Publisher:
    """Publish float32 audio on one endpoint as stream `stream`. [control]

    Raises `LegandoError` at once if the endpoint is not allowed, in use or cannot be opened.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        stream: str = "main",
        sample_rate_hz: int = 48_000,
        channels: int = 2,
        sample_format: wire.SampleFormat = wire.SampleFormat.FLOAT32,
    ) -> None:
        self.stream = stream
        self.sample_rate_hz = sample_rate_hz
        self.channels = channels
        self.sample_format = sample_format
        self.stream_id = secrets.token_bytes(wire.STREAM_ID_BYTES)
        self.blocks = 0
        self.frames = 0
        self._packer = wire.Packer(
            stream, self.stream_id, sample_rate_hz=sample_rate_hz, channels=channels, sample_format=sample_format
        )
        self._lock = threading.Lock()
        parsed = endpoints.parse_endpoint(endpoint, bind=True)
        # A context of its own: its term() waits until libzmq has let go of the port, so that a successor can take it.
        self._context = zmq.Context(io_threads=1)
        self._socket = self._context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES)
        self._socket.setsockopt(zmq.SNDBUF, KERNEL_BUFFER_BYTES)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_SUBSCRIPTION_BYTES)
        self._file: Path | None = None
        try:
            self.endpoint = endpoints.bind(self._socket, parsed)
        except LegandoError:
            self.close()
            raise
        self._file = parsed.path

    def publish(self, frames: NDArray[np.float32], frame_position: int, timestamp_ns: int | None = None) -> None:
        """Send one chunk without waiting; the array may be reused at once. [control]

        `frames` is float32 (frames, channels), `frame_position` the place of its first frame, `timestamp_ns` when it
        was made, as `time.perf_counter_ns()` (now if None). Raises `LegandoError` for anything else, or once closed.
        """
        now_ns = time.perf_counter_ns()
        made_ns = now_ns if timestamp_ns is None else timestamp_ns
        if not -MAX_TIMESTAMP_DISTANCE_NS <= now_ns - made_ns <= MAX_TIMESTAMP_DISTANCE_NS:
            raise LegandoError(
                f"timestamp {made_ns} ns is {(now_ns - made_ns) / 1e9:.0f} s away from now; use time.perf_counter_ns()"
            )
        with self._lock:
            if self._socket.closed:
                raise LegandoError(f"the publisher on {self.endpoint} is closed; open a new one")
            message = self._packer.pack(
                frames,
                sequence=self.blocks,
                frame_position=frame_position,
                timestamp_ns=made_ns,
                wall_ns=time.time_ns() - (now_ns - made_ns),
            )
            # PUB drops for a full subscriber instead of answering EAGAIN; NOBLOCK is for the day that this changes.
            with contextlib.suppress(zmq.Again):
                self._socket.send(message, zmq.NOBLOCK)
            self.blocks += 1
            self.frames += len(frames)

    def close(self) -> None:
        """Stop at once, dropping what is not yet sent, and remove the socket file; may be called twice. [control]"""
        with self._lock:
            # The file goes first: while the socket still answers, no successor can have put its own there.
            if self._file is not None:
                self._file.unlink(missing_ok=True)
                self._file = None
            self._socket.close(linger=0)
            self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
