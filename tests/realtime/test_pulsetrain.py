"""MIDI clock out: which pulse belongs to which frame, and when that frame leaves."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.midi.clockout import PlayClock
from legando.realtime.midi.midiclock import CLOCK, CONTINUE, SONG_POSITION, START, STOP
from legando.realtime.midi.pulsetrain import PulseTrain

RATE = 48_000
CHUNK = 3840


def drain(train: PulseTrain) -> list[tuple[float, bytes]]:
    sent = []
    while (pulse := train.next()) is not None:
        sent += [(pulse.frame, message) for message in pulse.messages]
        train.sent(pulse)
    return sent


def ticks_a_chunk(bpm: float) -> float:
    return CHUNK * bpm / 15.0 / RATE


def test_the_first_tick_starts_and_24_pulses_a_beat_follow_at_their_frames() -> None:
    train = PulseTrain(RATE)
    for k in range(101):
        train.add(k * CHUNK, k * ticks_a_chunk(120.0))
    sent = drain(train)
    assert [m for _, m in sent[:2]] == [bytes((START,)), bytes((CLOCK,))] and sent[0][0] == 0.0
    frames = [frame for frame, message in sent if message[0] == CLOCK]
    assert frames == pytest.approx([n * 1000.0 for n in range(len(frames))]), "24 000 frames a beat / 24"
    assert frames[-1] == pytest.approx(100 * CHUNK)


def test_a_change_of_tempo_is_followed_chunk_by_chunk() -> None:
    train = PulseTrain(RATE)
    tick = 0.0
    for k in range(61):
        train.add(k * CHUNK, tick)
        tick += ticks_a_chunk(90.0 if k < 30 else 180.0)
    frames = [frame for frame, _ in drain(train)]
    turn = 30 * CHUNK
    before = [b - a for a, b in itertools.pairwise(frames) if b < turn]
    after = [b - a for a, b in itertools.pairwise(frames) if a > turn]
    assert max(before) == pytest.approx(RATE * 60 / 90 / 24) and min(after) == pytest.approx(RATE * 60 / 180 / 24)


def test_music_that_begins_in_the_middle_says_where_on_a_whole_sixteenth() -> None:
    train = PulseTrain(RATE)
    for k in range(10):
        train.add(k * CHUNK, 200.3 + k * ticks_a_chunk(120.0))
    sent = drain(train)
    assert [m for _, m in sent[:3]] == [bytes((SONG_POSITION, 201 & 0x7F, 1)), bytes((CONTINUE,)), bytes((CLOCK,))]
    assert sent[0][0] == pytest.approx(0.7 / ticks_a_chunk(120.0) * CHUNK)


def test_a_jump_stops_and_goes_on_from_its_new_place() -> None:
    train = PulseTrain(RATE)
    for k in range(10):
        train.add(k * CHUNK, (0.0 if k < 5 else 64.0) + k * ticks_a_chunk(120.0))
    sent = drain(train)
    kinds = [m[0] for _, m in sent if m[0] != CLOCK]
    assert kinds == [START, STOP, SONG_POSITION, CONTINUE]
    stop = next(f for f, m in sent if m[0] == STOP)
    assert stop == 5 * CHUNK
    assert next(m for _, m in sent if m[0] == SONG_POSITION) == bytes((SONG_POSITION, 68, 0)), "64 + 3.2, rounded up"
    frames = [f for f, _ in sent]
    assert frames == sorted(frames)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(40.0, 240.0), st.sampled_from([0.0] * 9 + [-50.0, 70.0])), max_size=40))
def test_however_tempo_and_place_move_pulses_come_in_order_and_none_is_left_out(
    chunks: list[tuple[float, float]],
) -> None:
    train, tick = PulseTrain(RATE), 0.0
    sent: list[tuple[float, bytes]] = []
    for k, (bpm, jump) in enumerate(chunks):
        tick = max(0.0, tick + jump)
        train.add(k * CHUNK, tick)
        sent += drain(train)
        tick += ticks_a_chunk(bpm)
    frames = [frame for frame, _ in sent]
    assert all(later >= earlier - 1e-6 for earlier, later in itertools.pairwise(frames))
    longest = RATE * 60 / 40 / 24 * 1.001
    running = False
    for (before, _), (frame, message) in itertools.pairwise(sent):
        if message[0] == CLOCK and running:
            assert frame - before <= longest
        running = message[0] not in (STOP, SONG_POSITION)


def test_the_play_clock_sees_through_late_callbacks_and_begins_anew_after_a_gap() -> None:
    clock, rng = PlayClock(RATE), random.Random(5)
    for n in range(1, 200):
        late_ns = round(rng.expovariate(1 / 0.4e6)) + (8_000_000 if n % 17 == 0 else 0)
        clock.observe(n * 256, n * 256 * 1_000_000_000 // RATE + late_ns)
    told = clock.time_ns(48_000)
    assert told is not None and abs(told - 1_000_000_000) < 600_000
    for n in range(200, 210):
        clock.observe(n * 256, n * 256 * 1_000_000_000 // RATE + 500_000_000)
    moved = clock.time_ns(48_000)
    assert moved is not None and abs(moved - 1_500_000_000) < 600_000
