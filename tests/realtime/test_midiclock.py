"""MIDI clock: a jittering pulse becomes a steady tempo and position."""

import numpy as np
import pytest

from legando.realtime.midi.midiclock import CLOCK, CONTINUE, SONG_POSITION, START, STOP, ClockFollower

RATE = 48_000


def pulses(bpm: float, count: int, start: int = 0, jitter_frames: int = 0) -> list[int]:
    rng = np.random.default_rng(1)
    ideal = start + np.arange(count) * RATE * 60 / (24 * bpm)
    return [round(float(f)) for f in ideal + rng.uniform(-jitter_frames, jitter_frames, count)]


def test_without_pulses_there_is_neither_tempo_nor_position() -> None:
    clock = ClockFollower(RATE)
    assert clock.tempo_bpm() is None and clock.position_ticks(0) is None


@pytest.mark.parametrize("bpm", [60.0, 112.0, 174.0])
def test_tempo_and_position_are_smooth_although_the_pulses_jitter(bpm: float) -> None:
    clock = ClockFollower(RATE)
    clock.feed(bytes((START,)), 0)
    for frame in pulses(bpm, 96, jitter_frames=RATE * 3 // 1000):
        clock.feed(bytes((CLOCK,)), frame)
    assert clock.tempo_bpm() == pytest.approx(bpm, rel=0.01)
    at = round(96 * RATE * 60 / (24 * bpm))
    assert clock.position_ticks(at) == pytest.approx(16.0, abs=0.1)


def test_stop_frees_the_position_and_continue_goes_on_where_it_stood() -> None:
    clock = ClockFollower(RATE)
    frames = pulses(120.0, 96)
    clock.feed(bytes((START,)), 0)
    for frame in frames[:24]:
        clock.feed(bytes((CLOCK,)), frame)
    clock.feed(bytes((STOP,)), frames[24] - 1)
    assert clock.position_ticks(frames[24]) is None
    for frame in frames[24:48]:
        clock.feed(bytes((CLOCK,)), frame)
    clock.feed(bytes((CONTINUE,)), frames[48] - 1)
    for frame in frames[48:54]:
        clock.feed(bytes((CLOCK,)), frame)
    assert clock.position_ticks(frames[54]) == pytest.approx(4.0 + 1.0, abs=0.05)
    assert clock.tempo_bpm() == pytest.approx(120.0, rel=0.01)


def test_song_position_sets_where_the_next_pulse_is() -> None:
    clock = ClockFollower(RATE)
    frames = pulses(100.0, 30)
    for frame in frames[:12]:
        clock.feed(bytes((CLOCK,)), frame)
    clock.feed(bytes((SONG_POSITION, 32, 1)), frames[12] - 1)  # 160 sixteenths
    clock.feed(bytes((CONTINUE,)), frames[12] - 1)
    for frame in frames[12:18]:
        clock.feed(bytes((CLOCK,)), frame)
    assert clock.position_ticks(frames[18]) == pytest.approx(161.0, abs=0.05)


def test_a_clock_that_was_away_is_followed_anew() -> None:
    clock = ClockFollower(RATE)
    for frame in pulses(60.0, 48) + pulses(150.0, 12, start=100 * RATE):
        clock.feed(bytes((CLOCK,)), frame)
    assert clock.tempo_bpm() == pytest.approx(150.0, rel=0.01)


def test_a_port_that_stalls_now_and_then_does_not_pull_the_tempo() -> None:
    clock = ClockFollower(RATE)
    clock.feed(bytes((START,)), 0)
    frames = pulses(120.0, 96, jitter_frames=48)
    for n, frame in enumerate(frames):
        clock.feed(bytes((CLOCK,)), frame + (15 * RATE // 1000 if n % 9 == 5 else 0))
        if n > 24:
            assert clock.tempo_bpm() == pytest.approx(120.0, rel=0.01), n
    assert clock.position_ticks(96 * 1000) == pytest.approx(16.0, abs=0.05)


@pytest.mark.parametrize("bpm", [70.0, 140.0, 180.0])
def test_a_new_tempo_is_believed_within_half_a_beat(bpm: float) -> None:
    clock = ClockFollower(RATE)
    clock.feed(bytes((START,)), 0)
    first = pulses(120.0, 96, jitter_frames=48)
    for frame in first + pulses(bpm, 12, start=96 * 1000, jitter_frames=48):
        clock.feed(bytes((CLOCK,)), frame)
    assert clock.tempo_bpm() == pytest.approx(bpm, rel=0.03)
    at = 96 * 1000 + 12 * RATE * 60 / 24 / bpm
    assert clock.position_ticks(round(at)) == pytest.approx(18.0, abs=0.1)


def test_song_position_while_it_runs_moves_the_bar() -> None:
    clock = ClockFollower(RATE)
    frames = pulses(100.0, 60)
    clock.feed(bytes((START,)), 0)
    for frame in frames[:24]:
        clock.feed(bytes((CLOCK,)), frame)
    clock.feed(bytes((SONG_POSITION, 16, 0)), frames[24] - 1)
    for frame in frames[24:48]:
        clock.feed(bytes((CLOCK,)), frame)
    assert clock.position_ticks(frames[48]) == pytest.approx(20.0, abs=0.05), "the second bar and a beat"
