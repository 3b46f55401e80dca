"""The room: streaming equals whole, off is not there, it decays, and it is sent what the knob says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.room import DECAY_S, SEND, Room, room_send
from legando.realtime.controls import Controls

RATE_HZ = 48_000
HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)

F32 = NDArray[np.float32]


def noise(frames: int) -> F32:
    return np.random.default_rng(0).standard_normal((2, frames)).astype(np.float32)


def through(audio: F32, size: int, send: float, *, overlap: int = 0) -> F32:
    """Run audio (2, frames) through a room in chunks, as a decoder would give them."""
    room = Room(size, overlap)
    out = []
    for start in range(0, audio.shape[1], size):
        y = np.zeros((2, size + overlap), np.float32)
        y[:, :size] = audio[:, start : start + size]
        room.process(y, send)
        out.append(y[:, :size])
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("size", [1920, 7680])
def test_streaming_equals_offline_whatever_the_chunk(size: int) -> None:
    audio = noise(4 * 7680)
    audio[:, :7680] = 0.0  # the send rises over the first chunk, which is longer or shorter
    np.testing.assert_array_equal(through(audio, size, 0.3), through(audio, 3840, 0.3))


def test_where_chunks_overlap_their_sum_is_sent() -> None:
    whole = noise(8 * 3840)
    plain = through(whole, 3840, 0.3) - whole
    room = Room(3840, 480)
    out = []
    tail = np.zeros((2, 480), np.float32)
    fade = np.linspace(0.0, 1.0, 480, dtype=np.float32)
    for start in range(0, whole.shape[1] - 3840, 3840):
        y = whole[:, start : start + 4320].copy()
        y[:, :480] -= tail
        y[:, 3840:] *= fade  # some of what overlaps comes with one chunk, the rest with the next
        tail = y[:, 3840:].copy()
        dry = y.copy()
        room.process(y, 0.3)
        np.testing.assert_array_equal(y[:, 3840:], dry[:, 3840:])
        out.append((y - dry)[:, :3840])
    wet = np.concatenate(out, axis=1)
    np.testing.assert_allclose(wet, plain[:, : wet.shape[1]], atol=2e-5)


def test_nothing_sent_changes_no_bit_and_a_tail_dies_away() -> None:
    audio = noise(3840)
    np.testing.assert_array_equal(through(audio, 3840, 0.0), audio)
    room = Room(3840, 0)
    room.process(audio.copy(), 0.3)
    silent = np.zeros_like(audio)
    sounds = 0
    for _ in range(round(3 * DECAY_S * RATE_HZ / 3840)):
        y = silent.copy()
        room.process(y, 0.0)
        sounds += bool(np.any(y))
    assert RATE_HZ * DECAY_S / 2 < 3840 * sounds < RATE_HZ * 2.5 * DECAY_S
    y = audio.copy()
    room.process(y, 0.0)
    np.testing.assert_array_equal(y, audio)


def test_the_tail_falls_evenly_and_differs_between_the_ears() -> None:
    stroke = np.zeros((2, 3840 * 26), np.float32)
    stroke[:, 3840] = 1.0
    wet = through(stroke, 3840, 1.0) - stroke
    level = [10 * np.log10((wet[:, a : a + 4800] ** 2).sum()) for a in range(3840 + 4800, len(wet[0]) - 4800, 4800)]
    falls = np.diff(level)
    assert (falls < 0.0).all()
    assert falls.mean() == pytest.approx(-60.0 * 0.1 / DECAY_S, rel=0.25)
    assert abs(np.corrcoef(wet)[0, 1]) < 0.2


def test_a_broken_chunk_does_not_ring_for_ever() -> None:
    room = Room(3840, 0)
    y = noise(3840)
    y[0, 7] = np.nan
    room.process(y, 0.3)
    later = np.zeros((2, 3840), np.float32)
    room.process(later, 0.3)
    assert np.isfinite(later).all()


def test_the_send_is_what_space_is_turned_up_by() -> None:
    assert room_send(HOUSE) == 0.0
    assert room_send(replace(HOUSE, space=0.3)) == 0.0
    assert room_send(replace(HOUSE, space=0.75)) == pytest.approx(0.5 * SEND)
    assert room_send(replace(HOUSE, space=1.0)) == SEND
    assert room_send(Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 1.0, 0.5), space=1.0)) == 0.0
