"""The timeline: ticks fall where the tempo says, features do not depend on how time is cut into chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.engines.score import HOLD, ROLL_LOW, Score, chord_token
from legando.engines.timeline import (
    LATENT_FRAMES,
    SAMPLE_RATE_HZ,
    SLOTS,
    Clock,
    FeatureTrack,
    Stroke,
    piece_features,
    swung,
    tick_seconds,
)


@settings(max_examples=40, deadline=None)
@given(tempo=st.floats(40, 240), swing=st.floats(0, 0.33), chunk=st.sampled_from([960, 3840, 7680]))
def test_ticks_begin_at_their_time_whatever_the_chunk(tempo: float, swing: float, chunk: int) -> None:
    clock = Clock()
    at = {}
    for index in range(4 * SAMPLE_RATE_HZ // chunk):
        for tick, offset in clock.advance(chunk, tempo, swing):
            at[tick] = index * chunk + offset
    assert sorted(at) == list(range(len(at)))
    for tick, frame in at.items():
        exact = swung(tick, swing) * tick_seconds(tempo) * SAMPLE_RATE_HZ
        assert exact - 0.1 <= frame <= exact + 1.1


def test_a_change_of_tempo_neither_drops_nor_doubles_a_tick() -> None:
    clock = Clock()
    ticks = []
    for chunk in range(400):
        ticks += [tick for tick, _ in clock.advance(3840, 60.0 + 170.0 * (chunk % 2), 0.2)]
    assert ticks == list(range(len(ticks)))
    assert clock.position_ticks == pytest.approx(ticks[-1], abs=1.5)


def test_following_a_clock_leans_when_near_and_jumps_when_far() -> None:
    clock = Clock()
    clock.advance(48_000, 120.0, 0.0)
    clock.follow(8.5)
    assert 8.0 < clock.position_ticks < 8.5
    clock.follow(64.25)
    assert clock.position_ticks == 64.25
    assert clock.advance(48_000, 120.0, 0.0)[0][0] == 65


def score() -> Score:
    rows: Score = np.zeros((48, 5), np.int16)
    rows[:, 0] = HOLD
    rows[::16, 0] = [chord_token(0, "min"), chord_token(8, "maj7"), chord_token(7, "7")]
    rows[:, 1] = [1, 0, 16, 0] * 12
    rows[::3, 2] = 12
    rows[:, 4] = [1] * 24 + [0] * 24
    return rows


@pytest.mark.parametrize("tempo", [97.0, 124.0, 171.3])
def test_features_do_not_depend_on_the_chunk(tempo: float) -> None:
    small, large = piece_features(score(), tempo, 0.1, 2), piece_features(score(), tempo, 0.1, 8)
    n = len(large.frames)
    # the texture row is told once for each chunk, as are the ticks
    np.testing.assert_allclose(small.frames[:n, :448], large.frames[:, :448], atol=1e-6)
    np.testing.assert_allclose(small.frames[:n, 454:], large.frames[:, 454:], atol=1e-4)
    np.testing.assert_allclose(small.voices[: 2 * n], large.voices, atol=1e-6)


def test_a_drum_is_told_with_its_place_inside_the_frame() -> None:
    track = FeatureTrack(4)
    frames = track.chunk(4, [Stroke(2 * LATENT_FRAMES + 240, "drums", 1, 0.8)], 1e-4, 0.0).frames
    assert frames[2, 1] == np.float32(0.8)
    assert frames[2, 9] == pytest.approx(0.25)
    assert np.count_nonzero(frames[:, :16]) == 2


def test_a_note_sounds_at_its_grain_ends_and_leaves_its_pitch_to_the_release() -> None:
    track = FeatureTrack(4)
    slot = SLOTS["lead"][0]
    first = track.chunk(4, [Stroke(1000, "lead", 72, 0.7)], 1e-4, 0.0)
    np.testing.assert_array_equal(first.voices[:, slot, 1], [0, 0, 1, 1, 1, 1, 1, 1])
    assert first.voices[2, slot, 3] == 0.0
    roll = 16 + 2 * 72 + 72 - ROLL_LOW
    np.testing.assert_allclose(first.frames[:, roll], [0, 0.7, 0.7, 0.7], atol=1e-6)
    second = track.chunk(4, [Stroke(0, "lead", 72, 0.0)], 1e-4, 0.0)
    assert second.voices[0, slot, 1] == 0.0
    assert second.voices[7, slot, 0] == 72.0
    assert second.voices[7, slot, 4] == pytest.approx(0.07)
    assert not second.frames[:, roll].any()


def test_phase_runs_on_through_chunks() -> None:
    track = FeatureTrack(4)
    slot = SLOTS["lead"][0]
    blocks = [track.chunk(4, [Stroke(0, "lead", 69, 1.0)] if i == 0 else [], 1e-4, 0.0).voices.copy() for i in range(3)]
    phase = np.concatenate(blocks)[:, slot, 5]
    np.testing.assert_allclose(phase, np.arange(24) * 4.4 % 1.0, atol=1e-5)


def test_a_seventh_note_of_the_lead_takes_the_oldest_slot() -> None:
    track = FeatureTrack(4)
    strokes = [Stroke(i, "lead", 60 + i, 1.0) for i in range(7)]
    voices = track.chunk(4, strokes, 1e-4, 0.0).voices
    first, count = SLOTS["lead"]
    assert sorted(voices[-1, first : first + count, 0]) == [61, 62, 63, 64, 65, 66]


def test_a_note_beyond_the_rolls_is_folded_where_it_begins_and_where_it_ends() -> None:
    track = FeatureTrack(4)
    slot = SLOTS["lead"][0]
    voices = track.chunk(4, [Stroke(0, "lead", 18, 0.7), Stroke(1920, "lead", 18, 0.0)], 1e-4, 0.0).voices
    np.testing.assert_array_equal(voices[:, slot, 1], [1, 1, 1, 1, 0, 0, 0, 0])
    assert voices[0, slot, 0] == 30.0
