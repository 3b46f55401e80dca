"""The wire format of the bridge, version 1: pack and parse, no sockets, no clock. [any]

An audio message has three ZeroMQ frames: topic, header, payload.

- Topic: the stream's name in ASCII, then one zero byte. The zero ends the name, so that a prefix subscription to
  `main` does not also match `main2`.
- Payload: the samples, interleaved, little-endian, nothing else: `frames * channels * bytes per sample` bytes.
- Header: 72 bytes, little-endian, no padding, 8-byte fields on 8-byte offsets:

| offset | type | field          | meaning                                                                       |
|-------:|------|----------------|-------------------------------------------------------------------------------|
|      0 | 4 B  | magic          | `LGND`                                                                        |
|      4 | u8   | version        | 1                                                                             |
|      5 | u8   | kind           | 1 = audio from legando (2 = audio to legando, reserved)                       |
|      6 | u8   | format         | 1 = float32, 2 = int16 (32768 is full scale)                                  |
|      7 | u8   | channels       | 1 to 32                                                                       |
|      8 | u32  | sample_rate_hz | 8,000 to 384,000                                                              |
|     12 | u32  | frames         | samples per channel in the payload, at least 1                                |
|     16 | 16 B | stream_id      | random for each run of the publisher: a new one means that it has restarted   |
|     32 | u64  | sequence       | message number in this run, from 0, one more each time                        |
|     40 | u64  | frame_position | place of the first frame on the stream's own time line                        |
|     48 | u64  | timestamp_ns   | when the chunk was made, on the machine's monotonic clock                     |
|     56 | u64  | wall_ns        | the same moment in nanoseconds since 1970-01-01 UTC                           |
|     64 | u32  | flags          | none yet: writers send 0, readers ignore bits that they do not know           |
|     68 | u32  | reserved       | writers send 0, readers ignore it                                             |

Both clocks travel because each fails where the other works: the monotonic clock (`CLOCK_MONOTONIC` on Linux,
`time.perf_counter_ns()` in Python) never jumps but means nothing on another machine; the wall clock is comparable
between machines as far as NTP keeps them together, but it can jump. Latency on one machine uses the monotonic one.

Parsing trusts no length and no field: whatever does not fit raises `WireError`, and nothing else is ever raised.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import WireError

MAGIC = b"LGND"
VERSION = 1
KIND_AUDIO = 1
PARTS = 3
MAX_PAYLOAD_BYTES = 1 << 20
"""One message at most: 2.7 s of stereo float32 at 48 kHz, eight times the longest chunk that can be configured."""

HEADER = struct.Struct("<4sBBBBII16sQQQQII")
STREAM_ID_BYTES = 16
MAX_CHANNELS = 32
MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 384_000
MAX_STREAM_BYTES = 32
INT16_FULL_SCALE = 32768.0

_STREAM_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)
_U32 = 1 << 32
_U64 = 1 << 64


class SampleFormat(IntEnum):
    """How one sample is written in the payload. [any]"""

    FLOAT32 = 1
    INT16 = 2

    @property
    def sample_bytes(self) -> int:
        """Return the size of one sample. [any]"""
        return 4 if self is SampleFormat.FLOAT32 else 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioHeader:
    """Everything that a message says about its samples; checked when made, whoever makes it. [any]"""

    stream_id: bytes
    sequence: int
    frame_position: int
    frames: int
    timestamp_ns: int
    wall_ns: int
    channels: int = 2
    sample_rate_hz: int = 48_000
    sample_format: SampleFormat = SampleFormat.FLOAT32
    flags: int = 0

    def __post_init__(self) -> None:
        if len(self.stream_id) != STREAM_ID_BYTES:
            raise WireError(f"a stream id has {STREAM_ID_BYTES} bytes, this one has {len(self.stream_id)}")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise WireError(f"{self.channels} channels is outside 1 to {MAX_CHANNELS}; send fewer or more")
        if not MIN_SAMPLE_RATE_HZ <= self.sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise WireError(
                f"sample rate {self.sample_rate_hz} Hz is outside {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ}; "
                "resample before sending"
            )
        if self.frames < 1 or self.payload_bytes > MAX_PAYLOAD_BYTES:
            raise WireError(
                f"{self.frames} frames of {self.channels} channels do not fit a message; "
                f"send at least one frame and at most {MAX_PAYLOAD_BYTES} bytes"
            )
        for name in ("sequence", "frame_position", "timestamp_ns", "wall_ns"):
            if not 0 <= getattr(self, name) < _U64:
                raise WireError(f"{name} {getattr(self, name)} does not fit 64 unsigned bits; start again from 0")
        if not 0 <= self.flags < _U32:
            raise WireError(f"flags {self.flags} do not fit 32 unsigned bits; send 0")

    @property
    def payload_bytes(self) -> int:
        """Return the exact size of the payload that belongs to this header. [any]"""
        return self.frames * self.channels * self.sample_format.sample_bytes


@dataclass(frozen=True, slots=True)
class AudioMessage:
    """One parsed message: `frames` is float32 (frames, channels), a read-only view of the payload if float32. [any]"""

    stream: str
    header: AudioHeader
    frames: NDArray[np.float32]


def topic(stream: str) -> bytes:
    """Return the topic frame of a stream; a name has 1 to 32 of `A-Z a-z 0-9 _ . -`. [any]"""
    if not _STREAM_NAME.fullmatch(stream):
        raise WireError(
            f"stream name {stream!r} is not usable; take 1 to {MAX_STREAM_BYTES} letters, digits or any of _ . -"
        )
    return stream.encode("ascii") + b"\0"


def pack_header(header: AudioHeader) -> bytes:
    """Return the 72 bytes of the header frame. [any]"""
    return HEADER.pack(
        MAGIC,
        VERSION,
        KIND_AUDIO,
        header.sample_format,
        header.channels,
        header.sample_rate_hz,
        header.frames,
        header.stream_id,
        header.sequence,
        header.frame_position,
        header.timestamp_ns,
        header.wall_ns,
        header.flags,
        0,
    )


def parse_header(data: bytes | memoryview) -> AudioHeader:
    """Read a header frame; raise `WireError` for any other bytes. [any]"""
    if len(data) != HEADER.size:
        raise WireError(f"a header has {HEADER.size} bytes, this one has {len(data)}; is the sender legando?")
    fields = HEADER.unpack(data)
    magic, version, kind, format_code, channels, sample_rate_hz, frames, stream_id = fields[:8]
    if magic != MAGIC:
        raise WireError(f"a message starts with {MAGIC!r}, this one with {magic!r}; is the sender legando?")
    if version != VERSION:
        raise WireError(f"the message has wire version {version}, this side reads {VERSION}; update the older side")
    if kind != KIND_AUDIO:
        raise WireError(f"the message is of kind {kind}, this side reads {KIND_AUDIO} (audio); update this side")
    if format_code not in _FORMATS:
        raise WireError(f"sample format {format_code} is not known; send 1 (float32) or 2 (int16)")
    sequence, frame_position, timestamp_ns, wall_ns, flags, _reserved = fields[8:]
    return AudioHeader(
        stream_id=stream_id,
        sequence=sequence,
        frame_position=frame_position,
        frames=frames,
        timestamp_ns=timestamp_ns,
        wall_ns=wall_ns,
        channels=channels,
        sample_rate_hz=sample_rate_hz,
        sample_format=_FORMATS[format_code],
        flags=flags,
    )


def parse_audio(parts: Sequence[bytes | memoryview]) -> AudioMessage:
    """Read one whole message; raise `WireError` unless every part is exactly as the table says. [any]

    A payload with a sample that is not a number is refused too: it would ruin any filter behind it.
    """
    if len(parts) != PARTS:
        raise WireError(f"an audio message has {PARTS} frames, this one has {len(parts)}; is the sender legando?")
    label, head, payload = parts
    if not 2 <= len(label) <= MAX_STREAM_BYTES + 1:
        raise WireError(f"a topic has 2 to {MAX_STREAM_BYTES + 1} bytes, this one has {len(label)}")
    stream = bytes(label[:-1]).decode("latin-1")
    if topic(stream) != label:
        raise WireError(f"the topic {bytes(label)!r} does not end with a zero byte; is the sender legando?")
    header = parse_header(head)
    if len(payload) != header.payload_bytes:
        raise WireError(f"the header promises {header.payload_bytes} bytes of samples, {len(payload)} came")
    frames = decode_samples(payload, header.channels, header.sample_format)
    if not np.isfinite(frames).all():
        raise WireError(f"message {header.sequence} holds samples that are not finite numbers; it is not played")
    return AudioMessage(stream, header, frames)


def encode_samples(frames: NDArray[np.float32], sample_format: SampleFormat) -> NDArray[np.float32] | NDArray[np.int16]:
    """Return the payload of float32 (frames, channels) as a contiguous array; int16 is rounded and clipped. [any]"""
    if sample_format is SampleFormat.FLOAT32:
        return np.ascontiguousarray(frames, dtype="<f4")
    scaled = np.rint(frames * INT16_FULL_SCALE)
    clipped: NDArray[np.float32] = np.clip(scaled, -INT16_FULL_SCALE, INT16_FULL_SCALE - 1)
    return clipped.astype("<i2")


def decode_samples(payload: bytes | memoryview, channels: int, sample_format: SampleFormat) -> NDArray[np.float32]:
    """Return the samples of a payload as float32 (frames, channels); float32 is a view, not a copy. [any]"""
    if sample_format is SampleFormat.FLOAT32:
        return np.frombuffer(payload, dtype="<f4").reshape(-1, channels)
    samples = np.frombuffer(payload, dtype="<i2").astype(np.float32)
    return (samples / np.float32(INT16_FULL_SCALE)).reshape(-1, channels)


_FORMATS = {int(member): member for member in SampleFormat}
