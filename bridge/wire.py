"""The wire format of the bridge, version 1: pack and parse, no sockets, no clock. [any]

An audio message is one ZeroMQ frame, little-endian, without padding: 104 bytes of header, then interleaved samples.

| offset | type | field          | meaning                                                                         |
|-------:|------|----------------|---------------------------------------------------------------------------------|
|      0 | 32 B | stream         | name in ASCII, filled up with zero bytes; it is what a subscription matches     |
|     32 | 4 B  | magic          | `LGND`                                                                          |
|     36 | u8   | version        | 1                                                                               |
|     37 | u8   | kind           | 1 = audio from legando (2 = audio to legando, reserved)                         |
|     38 | u8   | format         | 1 = float32, 2 = int16 (32768 is full scale)                                    |
|     39 | u8   | channels       | 1 to 32                                                                         |
|     40 | u32  | sample_rate_hz | 8,000 to 384,000                                                                |
|     44 | u32  | flags          | none yet: writers send 0, readers ignore bits that they do not know             |
|     48 | 16 B | stream_id      | random for each run of the publisher: a new one means that it has restarted     |
|     64 | u64  | sequence       | message number in this run, from 0, one more each time                          |
|     72 | u64  | frame_position | place of the first frame on the stream's own time line                          |
|     80 | u64  | timestamp_ns   | when the chunk was made, on the machine's monotonic clock                       |
|     88 | u64  | wall_ns        | the same moment in nanoseconds since 1970-01-01 UTC                             |
|     96 | u32  | frames         | samples per channel in this message, at least 1                                 |
|    100 | u32  | reserved       | writers send 0, readers ignore it                                               |
|    104 |      | samples        | `frames * channels * bytes per sample` bytes, to the end of the message         |

A subscription compares the beginning of a message, so the name comes first; a topic frame of its own would cost two
more calls at each end. A subscriber to `main` asks for `main` and one zero byte, so that `main2` is another stream. The
first 64 bytes are the same for a whole run.

Both clocks travel because each fails where the other works: the monotonic clock (`CLOCK_MONOTONIC` on Linux,
`time.perf_counter_ns()` in Python) never jumps but means nothing on another machine; the wall clock is comparable
between machines as far as NTP keeps them together, but it can jump. Latency on one machine uses the monotonic one.

This code runs once for each chunk with cold caches, where every extra call into NumPy costs 5 to 20 us; hence arrays
made in one call from ready dtypes, and a search for a zero byte where `.all()` would read better.

Parsing trusts no length and no field: whatever does not fit raises `WireError`, and nothing else is ever raised.
"""

from __future__ import annotations

import re
import struct
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import WireError

MAGIC = b"LGND"
VERSION = 1
KIND_AUDIO = 1
RUN = struct.Struct("<32s4sBBBBII16s")
"""The first 64 bytes: who sends, and how the samples are written."""
BLOCK = struct.Struct("<QQQQII")
"""The next 40 bytes: what this message holds."""
HEADER = struct.Struct("<32s4sBBBBII16sQQQQII")
HEADER_BYTES = HEADER.size

MAX_SAMPLES_BYTES = 1 << 20
"""One message at most: 2.7 s of stereo float32 at 48 kHz, eight times the longest chunk that can be configured."""
MAX_MESSAGE_BYTES = HEADER_BYTES + MAX_SAMPLES_BYTES

STREAM_BYTES = 32
STREAM_ID_BYTES = 16
MAX_CHANNELS = 32
MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 384_000
INT16_FULL_SCALE = 32768.0

_STREAM_NAME = re.compile(r"[A-Za-z0-9_.-]{1,31}", re.ASCII)
_STREAM_FIELD = re.compile(rb"[A-Za-z0-9_.-]{1,31}\0+")


class SampleFormat(IntEnum):
    """How one sample is written. [any]"""

    FLOAT32 = 1
    INT16 = 2


_SAMPLE_BYTES = {1: 4, 2: 2}
_FLOAT32 = np.dtype("<f4")
_INT16 = np.dtype("<i2")
_FORMATS = {int(member): member for member in SampleFormat}


class AudioHeader(NamedTuple):
    """Everything that a message says about its samples. [any]"""

    stream: str
    stream_id: bytes
    sequence: int
    frame_position: int
    frames: int
    channels: int
    sample_rate_hz: int
    timestamp_ns: int
    wall_ns: int
    sample_format: SampleFormat
    flags: int


class Packer:
    """Write the messages of one run of a publisher; the part that never changes is packed once. [any]

    Raises `WireError` for a name, rate or number of channels that the format cannot carry.
    """

    def __init__(
        self,
        stream: str,
        stream_id: bytes,
        *,
        sample_rate_hz: int = 48_000,
        channels: int = 2,
        sample_format: SampleFormat = SampleFormat.FLOAT32,
    ) -> None:
        if len(stream_id) != STREAM_ID_BYTES:
            raise WireError(f"a stream id has {STREAM_ID_BYTES} bytes, this one has {len(stream_id)}; draw a new one")
        _check_layout(channels, sample_rate_hz)
        self.channels = channels
        self.sample_format = sample_format
        self._frame_bytes = channels * _SAMPLE_BYTES[sample_format]
        self._run = RUN.pack(
            subscription(stream), MAGIC, VERSION, KIND_AUDIO, sample_format, channels, sample_rate_hz, 0, stream_id
        )

    def pack(
        self, frames: NDArray[np.float32], *, sequence: int, frame_position: int, timestamp_ns: int, wall_ns: int
    ) -> bytes:
        """Return one message with float32 (frames, channels); raise `WireError` for what does not fit. [any]"""
        if frames.ndim != 2 or frames.shape[1] != self.channels or frames.dtype != np.float32:
            raise WireError(
                f"a message takes float32 (frames, {self.channels}), this is {frames.dtype} {frames.shape}; "
                "convert it first"
            )
        count = len(frames)
        if not 0 < count * self._frame_bytes <= MAX_SAMPLES_BYTES:
            raise WireError(
                f"{count} frames of {self.channels} channels do not fit a message; "
                f"send 1 to {MAX_SAMPLES_BYTES // self._frame_bytes}"
            )
        try:
            block = BLOCK.pack(sequence, frame_position, timestamp_ns, wall_ns, count, 0)
        except struct.error as error:
            raise WireError(
                f"sequence {sequence}, frame position {frame_position} and times {timestamp_ns} and {wall_ns} ns "
                "must each fit 64 unsigned bits; start again from 0"
            ) from error
        return b"".join((self._run, block, encode_samples(frames, self.sample_format)))


def subscription(stream: str) -> bytes:
    """Return the bytes to subscribe to: the name (1 to 31 of `A-Z a-z 0-9 _ . -`) and one zero byte. [any]"""
    if not _STREAM_NAME.fullmatch(stream):
        raise WireError(
            f"stream name {stream!r} is not usable; take 1 to {STREAM_BYTES - 1} letters, digits or any of _ . -"
        )
    return stream.encode("ascii") + b"\0"


def parse_audio(message: bytes) -> tuple[AudioHeader, NDArray[np.float32]]:
    """Read one message; raise `WireError` unless every field is as the table says. [any]

    Returns the header and float32 (frames, channels): a read-only view of the message if it carries float32. A sample
    that is not a finite number is refused too: it would ruin any filter behind it.
    """
    if not HEADER_BYTES < len(message) <= MAX_MESSAGE_BYTES:
        raise WireError(
            f"an audio message has {HEADER_BYTES + 1} to {MAX_MESSAGE_BYTES} bytes, this one has {len(message)}; "
            "is the sender legando?"
        )
    (
        name, magic, version, kind, format_code, channels, sample_rate_hz, flags, stream_id,
        sequence, frame_position, timestamp_ns, wall_ns, frames, _reserved,
    ) = HEADER.unpack_from(message)  # fmt: skip
    if magic != MAGIC:
        raise WireError(f"the mark {MAGIC!r} is missing, {magic!r} is in its place; is the sender legando?")
    if version != VERSION:
        raise WireError(f"the message has wire version {version}, this side reads {VERSION}; update the older side")
    if kind != KIND_AUDIO:
        raise WireError(f"the message is of kind {kind}, this side reads {KIND_AUDIO} (audio); update this side")
    if format_code not in _FORMATS:
        raise WireError(f"sample format {format_code} is not known; send 1 (float32) or 2 (int16)")
    _check_layout(channels, sample_rate_hz)
    size_bytes = frames * channels * _SAMPLE_BYTES[format_code]
    if size_bytes != len(message) - HEADER_BYTES:
        raise WireError(
            f"the header promises {size_bytes} bytes of samples, {len(message) - HEADER_BYTES} came; "
            "the message is damaged"
        )
    sample_format = _FORMATS[format_code]
    samples = decode_samples(message, frames, channels, sample_format)
    if np.isfinite(samples).tobytes().find(0) >= 0:
        raise WireError(f"message {sequence} holds samples that are not finite numbers; it is not played")
    header = AudioHeader(
        _stream_name(name), stream_id, sequence, frame_position, frames, channels, sample_rate_hz, timestamp_ns,
        wall_ns, sample_format, flags,
    )  # fmt: skip
    return header, samples


def encode_samples(frames: NDArray[np.float32], sample_format: SampleFormat) -> bytes:
    """Return float32 (frames, channels) as it goes on the wire; int16 is rounded and clipped. [any]"""
    if sample_format is SampleFormat.FLOAT32:
        return frames.astype(_FLOAT32, copy=False).tobytes()
    scaled: NDArray[np.float32] = np.rint(frames * INT16_FULL_SCALE).clip(-INT16_FULL_SCALE, INT16_FULL_SCALE - 1)
    return scaled.astype(_INT16).tobytes()


def decode_samples(message: bytes, frames: int, channels: int, sample_format: SampleFormat) -> NDArray[np.float32]:
    """Return what follows the header as float32 (frames, channels); float32 is a view, not a copy. [any]"""
    shape = (frames, channels)
    if sample_format is SampleFormat.FLOAT32:
        return np.ndarray(shape, _FLOAT32, message, HEADER_BYTES)
    return np.ndarray(shape, _INT16, message, HEADER_BYTES).astype(np.float32) / np.float32(INT16_FULL_SCALE)


def _check_layout(channels: int, sample_rate_hz: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise WireError(f"{channels} channels is outside 1 to {MAX_CHANNELS}; send fewer or more")
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise WireError(
            f"sample rate {sample_rate_hz} Hz is outside {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ}; "
            "resample before sending"
        )


@lru_cache(maxsize=64)
def _stream_name(field: bytes) -> str:
    if not _STREAM_FIELD.fullmatch(field):
        raise WireError(f"the stream field {field!r} is not a name and zero bytes; is the sender legando?")
    return field.rstrip(b"\0").decode("ascii")
