"""The wire format: what is packed is parsed, and nothing else is."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from legando.bridge import wire
from legando.bridge.wire import AudioHeader, SampleFormat
from legando.realtime.errors import WireError

U64 = st.integers(0, 2**64 - 1)
HEADERS = st.builds(
    AudioHeader,
    stream_id=st.binary(min_size=16, max_size=16),
    sequence=U64,
    frame_position=U64,
    frames=st.integers(1, 512),
    timestamp_ns=U64,
    wall_ns=U64,
    channels=st.integers(1, 8),
    sample_rate_hz=st.integers(wire.MIN_SAMPLE_RATE_HZ, wire.MAX_SAMPLE_RATE_HZ),
    sample_format=st.sampled_from(SampleFormat),
    flags=st.integers(0, 2**32 - 1),
)
NAMES = st.from_regex(r"\A[A-Za-z0-9_.-]{1,32}\Z")


def samples_for(header: AudioHeader, seed: int) -> NDArray[np.float32]:
    """Return samples that the header's format carries without loss."""
    rng = np.random.default_rng(seed)
    shape = (header.frames, header.channels)
    if header.sample_format is SampleFormat.INT16:
        return rng.integers(-32768, 32768, shape).astype(np.float32) / np.float32(32768)
    return rng.standard_normal(shape).astype(np.float32)


def message_for(stream: str, header: AudioHeader, seed: int = 0) -> list[bytes]:
    payload = wire.encode_samples(samples_for(header, seed), header.sample_format).tobytes()
    return [wire.topic(stream), wire.pack_header(header), payload]


def plain_header(**changes: object) -> AudioHeader:
    values: dict[str, object] = {
        "stream_id": bytes(16),
        "sequence": 7,
        "frame_position": 896,
        "frames": 128,
        "timestamp_ns": 1,
        "wall_ns": 2,
    }
    return AudioHeader(**(values | changes))  # type: ignore[arg-type]


@given(stream=NAMES, header=HEADERS, seed=st.integers(0, 2**32))
def test_a_message_survives_the_round_trip_bit_by_bit(stream: str, header: AudioHeader, seed: int) -> None:
    message = wire.parse_audio(message_for(stream, header, seed))
    assert message.stream == stream
    assert message.header == header
    assert message.frames.dtype == np.float32
    assert np.array_equal(message.frames, samples_for(header, seed))


@given(parts=st.lists(st.binary(max_size=200), max_size=5))
def test_random_bytes_are_refused_and_never_crash(parts: list[bytes]) -> None:
    with pytest.raises(WireError):
        wire.parse_audio(parts)


@given(header=HEADERS, where=st.integers(0, wire.HEADER.size - 1), value=st.integers(0, 255))
def test_a_header_with_one_foreign_byte_is_refused_or_consistent(header: AudioHeader, where: int, value: int) -> None:
    parts = message_for("main", header)
    damaged = bytearray(parts[1])
    damaged[where] = value
    try:
        message = wire.parse_audio([parts[0], bytes(damaged), parts[2]])
    except WireError:
        return
    assert message.frames.shape == (message.header.frames, message.header.channels)
    assert message.header.payload_bytes == len(parts[2])


@given(header=HEADERS, which=st.integers(0, 2), cut=st.integers(1, 300))
def test_a_truncated_part_is_refused(header: AudioHeader, which: int, cut: int) -> None:
    parts = message_for("main", header)
    parts[which] = parts[which][:-cut]
    with pytest.raises(WireError):
        wire.parse_audio(parts)


@pytest.mark.parametrize(
    ("offset", "layout", "value", "says"),
    [
        (0, "<4s", b"RIFF", "is the sender legando"),
        (4, "<B", 2, "wire version 2"),
        (5, "<B", 9, "kind 9"),
        (6, "<B", 3, "sample format 3"),
        (7, "<B", 0, "0 channels"),
        (7, "<B", 255, "255 channels"),
        (8, "<I", 0, "sample rate 0"),
        (12, "<I", 0, "0 frames"),
        (12, "<I", 2**32 - 1, "do not fit a message"),
        (12, "<I", 129, "promises 1032 bytes"),
    ],
)
def test_each_wrong_field_is_named(offset: int, layout: str, value: object, says: str) -> None:
    topic, head, payload = message_for("main", plain_header())
    damaged = bytearray(head)
    struct.pack_into(layout, damaged, offset, value)
    with pytest.raises(WireError, match=says):
        wire.parse_audio([topic, bytes(damaged), payload])


def test_the_layout_is_the_one_in_the_table() -> None:
    header = plain_header(
        stream_id=bytes(range(16)), sequence=2, frame_position=3, timestamp_ns=4, wall_ns=5, flags=6, frames=1
    )
    assert wire.HEADER.size == 72
    assert wire.pack_header(header) == (
        b"LGND" + bytes([1, 1, 1, 2]) + (48_000).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(range(16))
        + b"".join(n.to_bytes(8, "little") for n in (2, 3, 4, 5)) + (6).to_bytes(4, "little") + bytes(4)
    )  # fmt: skip


def test_unknown_flags_and_reserved_bytes_are_ignored() -> None:
    topic, head, payload = message_for("main", plain_header())
    assert wire.parse_audio([topic, head[:64] + b"\xff" * 8, payload]).header.sequence == 7


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(bad: float) -> None:
    topic, head, payload = message_for("main", plain_header())
    samples = np.frombuffer(payload, "<f4").copy()
    samples[100] = bad
    with pytest.raises(WireError, match="not finite"):
        wire.parse_audio([topic, head, samples.tobytes()])


@pytest.mark.parametrize("name", ["", "a" * 33, "two words", "new\n", "naïve", "a\0b"])
def test_a_stream_name_that_cannot_be_a_topic_is_refused(name: str) -> None:
    with pytest.raises(WireError, match="stream name"):
        wire.topic(name)


def test_int16_is_rounded_and_clipped() -> None:
    loud = np.array([[2.0, -2.0], [0.6 / 32768, -0.6 / 32768]], np.float32)
    assert wire.encode_samples(loud, SampleFormat.INT16).tolist() == [[32767, -32768], [1, -1]]


def test_float32_samples_are_a_view_and_cannot_be_written() -> None:
    payload = bytes(64)
    frames = wire.decode_samples(payload, 2, SampleFormat.FLOAT32)
    assert np.shares_memory(frames, np.frombuffer(payload, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0] = 1.0
