"""The wire format: what is packed is parsed, and nothing else is."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from legando.bridge import wire
from legando.bridge.wire import AudioHeader, Packer, SampleFormat
from legando.realtime.errors import WireError

U64 = st.integers(0, 2**64 - 1)
NAMES = st.from_regex(r"\A[A-Za-z0-9_.-]{1,31}\Z")
HEADERS = st.builds(
    AudioHeader,
    stream=NAMES,
    stream_id=st.binary(min_size=16, max_size=16),
    sequence=U64,
    frame_position=U64,
    frames=st.integers(1, 512),
    channels=st.integers(1, 8),
    sample_rate_hz=st.integers(wire.MIN_SAMPLE_RATE_HZ, wire.MAX_SAMPLE_RATE_HZ),
    timestamp_ns=U64,
    wall_ns=U64,
    sample_format=st.sampled_from(SampleFormat),
    flags=st.just(0),
)
MESSAGE = Packer("main", bytes(range(16))).pack(
    np.ones((128, 2), np.float32), sequence=7, frame_position=896, timestamp_ns=1, wall_ns=2
)


def samples_for(header: AudioHeader, seed: int) -> NDArray[np.float32]:
    """Return samples that the header's format carries without loss."""
    rng = np.random.default_rng(seed)
    shape = (header.frames, header.channels)
    if header.sample_format is SampleFormat.INT16:
        return rng.integers(-32768, 32768, shape).astype(np.float32) / np.float32(32768)
    return rng.standard_normal(shape).astype(np.float32)


def message_for(header: AudioHeader, seed: int = 0) -> bytes:
    packer = Packer(
        header.stream,
        header.stream_id,
        sample_rate_hz=header.sample_rate_hz,
        channels=header.channels,
        sample_format=header.sample_format,
    )
    return packer.pack(
        samples_for(header, seed),
        sequence=header.sequence,
        frame_position=header.frame_position,
        timestamp_ns=header.timestamp_ns,
        wall_ns=header.wall_ns,
    )


def refused_or_consistent(message: bytes) -> bool:
    """Parse; True if refused; if taken, the samples must agree with the header and be finite."""
    try:
        header, frames = wire.parse_audio(message)
    except WireError:
        return True
    assert frames.shape == (header.frames, header.channels)
    assert np.isfinite(frames).all()
    return False


@given(header=HEADERS, seed=st.integers(0, 2**32))
def test_a_message_survives_the_round_trip_bit_by_bit(header: AudioHeader, seed: int) -> None:
    parsed, frames = wire.parse_audio(message_for(header, seed))
    assert parsed == header
    assert frames.dtype == np.float32
    assert np.array_equal(frames, samples_for(header, seed))


@given(message=st.binary(max_size=300))
def test_random_bytes_are_refused_and_never_crash(message: bytes) -> None:
    assert refused_or_consistent(message)


@given(tail=st.binary(max_size=300))
def test_random_bytes_behind_a_true_name_and_mark_never_crash(tail: bytes) -> None:
    refused_or_consistent(MESSAGE[:38] + tail)


@given(samples=st.binary(min_size=1024, max_size=1024))
def test_random_samples_never_crash(samples: bytes) -> None:
    refused_or_consistent(MESSAGE[: wire.HEADER_BYTES] + samples)


@given(header=HEADERS, where=st.integers(0, wire.HEADER_BYTES - 1), value=st.integers(0, 255))
def test_a_header_with_one_foreign_byte_is_refused_or_consistent(header: AudioHeader, where: int, value: int) -> None:
    damaged = bytearray(message_for(header))
    damaged[where] = value
    refused_or_consistent(bytes(damaged))


@given(header=HEADERS, cut=st.integers(1, 300), extra=st.binary(min_size=1, max_size=20))
def test_a_truncated_or_padded_message_is_refused(header: AudioHeader, cut: int, extra: bytes) -> None:
    message = message_for(header)
    assert refused_or_consistent(message[:-cut])
    assert refused_or_consistent(message + extra)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "says"),
    [
        (0, "<4s", b"ma\0n", "not a name and zero bytes"),
        (31, "<B", 1, "not a name and zero bytes"),
        (0, "<5s", bytes(5), "not a name and zero bytes"),
        (32, "<4s", b"RIFF", "is the sender legando"),
        (36, "<B", 1, "wire version 1"),
        (37, "<B", 9, "kind 9"),
        (38, "<B", 3, "sample format 3"),
        (39, "<B", 0, "0 channels"),
        (39, "<B", 255, "255 channels"),
        (40, "<I", 0, "sample rate 0"),
        (96, "<I", 0, "promises 0 bytes"),
        (96, "<I", 2**32 - 1, "promises 34359738360 bytes"),
        (96, "<I", 129, "promises 1032 bytes of samples, 1024 came"),
    ],
)
def test_each_wrong_field_is_named(offset: int, layout: str, value: object, says: str) -> None:
    damaged = bytearray(MESSAGE)
    struct.pack_into(layout, damaged, offset, value)
    with pytest.raises(WireError, match=says):
        wire.parse_audio(bytes(damaged))


def test_an_oversized_message_is_refused() -> None:
    with pytest.raises(WireError, match="this one has 1048681"):
        wire.parse_audio(MESSAGE.ljust(wire.MAX_MESSAGE_BYTES + 1, b"\0"))


def test_the_layout_is_the_one_in_the_table() -> None:
    packer = Packer("main", bytes(range(16)), channels=1)
    sample = np.array([[0.5]], np.float32)
    assert packer.pack(sample, sequence=2, frame_position=3, timestamp_ns=4, wall_ns=5) == (
        b"main" + bytes(28) + b"LGND" + bytes([2, 1, 1, 1]) + (48_000).to_bytes(4, "little") + bytes(4)
        + bytes(range(16)) + b"".join(n.to_bytes(8, "little") for n in (2, 3, 4, 5))
        + (1).to_bytes(4, "little") + bytes(4) + struct.pack("<f", 0.5)
    )  # fmt: skip


def test_unknown_flags_and_reserved_bytes_are_ignored() -> None:
    later = bytearray(MESSAGE)
    later[44:48] = later[100:104] = b"\xff" * 4
    header, frames = wire.parse_audio(bytes(later))
    assert (header.sequence, header.flags, len(frames)) == (7, 2**32 - 1, 128)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(bad: float) -> None:
    frames = np.zeros((128, 2), np.float32)
    frames[100, 1] = bad
    message = Packer("main", bytes(16)).pack(frames, sequence=0, frame_position=0, timestamp_ns=0, wall_ns=0)
    with pytest.raises(WireError, match="not finite"):
        wire.parse_audio(message)


@pytest.mark.parametrize("name", ["", "a" * 32, "two words", "new\n", "naïve", "a\0b"])
def test_a_stream_name_that_cannot_be_subscribed_to_is_refused(name: str) -> None:
    with pytest.raises(WireError, match="stream name"):
        Packer(name, bytes(16))


def test_a_stream_id_of_another_length_is_refused() -> None:
    with pytest.raises(WireError, match="this one has 15"):
        Packer("main", bytes(15))


def test_int16_is_rounded_and_clipped() -> None:
    loud = np.array([[2.0, -2.0], [0.6 / 32768, -0.6 / 32768]], np.float32)
    assert struct.unpack("<4h", wire.to_int16(loud).tobytes()) == (32767, -32768, 1, -1)


def test_a_transposed_array_is_packed_in_frame_order() -> None:
    planar = np.arange(6, dtype=np.float32).reshape(2, 3)
    message = Packer("main", bytes(16)).pack(planar.T, sequence=0, frame_position=0, timestamp_ns=0, wall_ns=0)
    assert struct.unpack_from("<6f", message, wire.HEADER_BYTES) == (0, 3, 1, 4, 2, 5)


def test_float32_samples_are_a_view_and_cannot_be_written() -> None:
    _, frames = wire.parse_audio(MESSAGE)
    assert np.shares_memory(frames, np.frombuffer(MESSAGE, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 1.0
