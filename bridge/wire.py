"""The audio format of the bridge, version 2: pack and parse, no sockets, no clock. [any]

An audio message is one ZeroMQ frame, little-endian, without padding: 104 bytes of header, then interleaved samples.

| offset | type | field          | meaning                                                                         |
|-------:|------|----------------|---------------------------------------------------------------------------------|
|      0 | 32 B | stream         | name in ASCII, filled up with zero bytes; it is what a subscription matches     |
|     32 | 4 B  | magic          | `LGND`                                                                          |
|     36 | u8   | version        | 2                                                                               |
|     37 | u8   | kind           | 1 = audio from legando (2 = audio to legando, reserved)                         |
|     38 | u8   | format         | 1 = float32, 2 = int16 (32768 is full scale), 3 = FLAC, reserved                |
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

This code runs once for each chunk with cold caches, where every call costs 3 to 20 us, ten times of what it does in a
loop; hence arrays made in one call from ready dtypes, a search for a zero byte where `.all()` would read better, and
one buffer for all messages of a run. `Intake` has the shortest way to read one.

Parsing trusts no length and no field: whatever does not fit raises `WireError`, and nothing else is ever raised.
"""

from __future__ import annotations

import re
import struct
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import WireError

MAGIC = b"LGND"
VERSION = 2
KIND_AUDIO = 1
RUN = struct.Struct("<32s4sBBBBII16s")
"""The first 64 bytes: who sends, and how the samples are written."""
RUN_BYTES = RUN.size
BLOCK = struct.Struct("<QQQQII")
"""The next 40 bytes: what this message holds."""
USUAL = struct.Struct("<64sQQQ8xI4x")
"""Both at once, the run as it stands, without what a listener on the same machine needs not know."""
HEADER_BYTES = USUAL.size

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
FLOAT32 = np.dtype("<f4")
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
        self._is_float = sample_format is SampleFormat.FLOAT32
        self._buffer = memoryview(b"")
        self._samples: NDArray[Any] = np.zeros((0, channels), FLOAT32)
        self._shape: tuple[int, ...] = ()

    def pack(
        self, frames: NDArray[np.float32], *, sequence: int, frame_position: int, timestamp_ns: int, wall_ns: int
    ) -> bytes:
        """Return one message with float32 (frames, channels); raise `WireError` for what does not fit. [any]"""
        return bytes(self.write(frames, sequence, frame_position, timestamp_ns, wall_ns))

    def write(
        self, frames: NDArray[np.float32], sequence: int, frame_position: int, timestamp_ns: int, wall_ns: int
    ) -> memoryview:
        """Return one message in a buffer that the next call writes over; otherwise as `pack`. [any]"""
        if frames.shape != self._shape or frames.dtype is not FLOAT32:
            self._prepare(frames)
        try:
            BLOCK.pack_into(self._buffer, RUN_BYTES, sequence, frame_position, timestamp_ns, wall_ns, self._shape[0], 0)
        except struct.error as error:
            raise WireError(
                f"sequence {sequence}, frame position {frame_position} and times {timestamp_ns} and {wall_ns} ns "
                "must each fit 64 unsigned bits; start again from 0"
            ) from error
        if self._is_float:
            self._samples[...] = frames
        else:
            self._samples[...] = to_int16(frames)
        return self._buffer

    def _prepare(self, frames: NDArray[np.float32]) -> None:
        """Make the buffer of messages like this one; the run's 64 bytes are in it for good."""
        if frames.ndim != 2 or frames.shape[1] != self.channels or frames.dtype != FLOAT32:
            raise WireError(
                f"a message takes float32 (frames, {self.channels}), this is {frames.dtype} {frames.shape}; "
                "convert it first"
            )
        count = len(frames)
        size_bytes = count * self._frame_bytes
        if not 0 < size_bytes <= MAX_SAMPLES_BYTES:
            raise WireError(
                f"{count} frames of {self.channels} channels do not fit a message; "
                f"send 1 to {MAX_SAMPLES_BYTES // self._frame_bytes}"
            )
        if frames.shape != self._shape:
            self._buffer = memoryview(bytearray(HEADER_BYTES + size_bytes))
            self._buffer[:RUN_BYTES] = self._run
            kind = FLOAT32 if self._is_float else _INT16
            self._samples = np.ndarray(frames.shape, kind, self._buffer, HEADER_BYTES)
            self._shape = frames.shape


def subscription(stream: str) -> bytes:
    """Return the bytes to subscribe to: the name (1 to 31 of `A-Z a-z 0-9 _ . -`) and one zero byte. [any]"""
    if not _STREAM_NAME.fullmatch(stream):
        raise WireError(
            f"stream name {stream!r} is not usable; take 1 to {STREAM_BYTES - 1} letters, digits or any of _ . -"
        )
    return stream.encode("ascii") + b"\0"


class Parser:
    """Read messages; what all of a run share is checked in the first one alone. [any]"""

    def __init__(self) -> None:
        self._run = b""
        self._known: AudioHeader
        self._frame_bytes = 0

    def parse(self, message: bytes) -> tuple[AudioHeader, NDArray[np.float32]]:
        """Read one message; raise `WireError` unless every field is as the table says. [any]

        Returns the header and float32 (frames, channels): a read-only view of the message if it carries float32. A
        sample that is not a finite number is refused too: it would ruin any filter behind it.
        """
        if not HEADER_BYTES < len(message) <= MAX_MESSAGE_BYTES:
            raise WireError(
                f"an audio message has {HEADER_BYTES + 1} to {MAX_MESSAGE_BYTES} bytes, this one has {len(message)}; "
                "is the sender legando?"
            )
        run = message[:RUN_BYTES]
        if run != self._run:
            self._known = _read_run(run)
            self._frame_bytes = self._known.channels * _SAMPLE_BYTES[self._known.sample_format]
            self._run = run
        known = self._known
        sequence, frame_position, timestamp_ns, wall_ns, frames, _reserved = BLOCK.unpack_from(message, RUN_BYTES)
        size_bytes = frames * self._frame_bytes
        if size_bytes != len(message) - HEADER_BYTES:
            raise WireError(
                f"the header promises {size_bytes} bytes of samples, {len(message) - HEADER_BYTES} came; "
                "the message is damaged"
            )
        shape = (frames, known.channels)
        samples: NDArray[np.float32]
        if known.sample_format is SampleFormat.FLOAT32:
            samples = np.ndarray(shape, FLOAT32, message, HEADER_BYTES)
            if not all_finite(samples):
                raise WireError(f"message {sequence} holds samples that are not finite numbers; it is not played")
        else:
            whole: NDArray[np.int16] = np.ndarray(shape, _INT16, message, HEADER_BYTES)
            samples = whole.astype(np.float32) / np.float32(INT16_FULL_SCALE)
        header = AudioHeader(
            known.stream, known.stream_id, sequence, frame_position, frames, known.channels, known.sample_rate_hz,
            timestamp_ns, wall_ns, known.sample_format, known.flags,
        )  # fmt: skip
        return header, samples


def all_finite(samples: NDArray[np.float32]) -> bool:
    """Say whether all samples are finite numbers. [any]"""
    return np.isfinite(samples).tobytes().find(0) < 0


def parse_audio(message: bytes) -> tuple[AudioHeader, NDArray[np.float32]]:
    """Read one message that stands alone, as `Parser.parse` does. [any]"""
    return Parser().parse(message)


def to_int16(frames: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return float32 samples as int16, rounded and clipped. [any]"""
    scaled: NDArray[np.float32] = np.rint(frames * INT16_FULL_SCALE).clip(-INT16_FULL_SCALE, INT16_FULL_SCALE - 1)
    return scaled.astype(_INT16)


def _read_run(run: bytes) -> AudioHeader:
    """Check what all messages of a run share; what differs is 0 in the header that is returned."""
    name, magic, version, kind, format_code, channels, sample_rate_hz, flags, stream_id = RUN.unpack(run)
    if magic != MAGIC:
        raise WireError(f"the mark {MAGIC!r} is missing, {magic!r} is in its place; is the sender legando?")
    if version != VERSION:
        raise WireError(f"the message has wire version {version}, this side reads {VERSION}; update the older side")
    if kind != KIND_AUDIO:
        raise WireError(f"the message is of kind {kind}, this side reads {KIND_AUDIO} (audio); update this side")
    if format_code not in _FORMATS:
        raise WireError(f"sample format {format_code} is not known; send 1 (float32) or 2 (int16)")
    _check_layout(channels, sample_rate_hz)
    return AudioHeader(
        _stream_name(name), stream_id, 0, 0, 0, channels, sample_rate_hz, 0, 0, _FORMATS[format_code], flags
    )


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
