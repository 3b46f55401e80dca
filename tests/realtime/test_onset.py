"""Onsets and breaks are found in waveforms to the frame, whatever lies before them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.ring import Frames
from legando.realtime.trials.bench_soak import ServerLog
from legando.realtime.trials.comparison import Break, Comparison
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.onset import (
    BLOCK,
    breaks,
    first_difference,
    first_of_pitch,
    heard_at_us,
    offsets,
    percentiles,
    place,
)

RATE_HZ = 48_000


def noise(frames: int, seed: int = 1) -> Frames:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (frames, 2)).astype(np.float32)


def test_a_piece_is_found_where_it_lies_and_nowhere_else() -> None:
    stream = noise(20_000)
    assert place(stream[7_000:7_048], stream) == 7_000
    assert place(stream[7_000:7_048], stream, near=7_100, reach=200) == 7_000
    assert place(stream[7_000:7_048], stream, near=100, reach=200) is None
    assert place(noise(48, 2), stream) is None
    assert place(np.zeros((48, 2), np.float32), stream) is None


@settings(max_examples=20, deadline=None)
@given(silence=st.integers(0, 3000), skip=st.integers(0, 3000), dip=st.integers(0, 20))
def test_a_recording_is_aligned_through_silence_and_a_moved_fader(silence: int, skip: int, dip: int) -> None:
    stream = noise(40_000)
    recorded = np.concatenate([np.zeros((silence, 2), np.float32), stream[skip : skip + 24_000]])
    recorded[12_000 : 12_000 + dip * BLOCK] *= 0.5
    found = offsets(recorded, stream)
    known = found[found >= 0] if skip >= silence else found[found != -1]
    assert set(known.tolist()) <= {skip - silence} and len(known) > 70
    assert breaks(found) == 0
    times = 1000 + np.arange(len(recorded)) * 21
    if skip >= silence:
        assert heard_at_us(skip + 9_000, found, times) == times[silence + 9_000]
    assert heard_at_us(39_999, found, times) is None


def test_breaks_are_counted() -> None:
    stream = noise(60_000)
    recorded = np.concatenate([stream[1_000:11_000], stream[12_000:30_000], np.zeros((2_000, 2), np.float32)])
    recorded = np.concatenate([recorded, stream[30_000:50_000]])
    assert breaks(offsets(recorded, stream)) == 2


def test_a_pitch_is_found_in_the_difference_beside_other_changes() -> None:
    t = np.arange(7_680) / RATE_HZ
    without = noise(7_680)
    made = without + (0.05 * np.sin(2 * np.pi * 262.0 * t))[:, None].astype(np.float32)  # a chord that came too
    tone = 0.05 * np.sin(2 * np.pi * 1046.5 * t) * np.clip((np.arange(7_680) - 4_000) / 480, 0.0, 1.0)
    made = made + tone[:, None].astype(np.float32)
    onset = first_of_pitch(made, without, 1046.5, RATE_HZ)
    assert onset is not None and abs(onset - 4_000) < 200
    assert first_of_pitch(without, without, 1046.5, RATE_HZ) is None
    assert first_difference(made, without) is not None and first_difference(without, without) is None


def test_times_cross_the_ring_as_bits() -> None:
    block = np.zeros((3, 4), dtype=np.float32)
    wanted = np.array([5, (7 << 32) + 0xFFC00001, (1 << 40) + 3], dtype=np.uint64)  # the middle one is no number
    block.view(np.uint32)[:, 2:] = wanted.view(np.uint32).reshape(-1, 2)
    assert times_us(block.copy()).tolist() == wanted.astype(np.int64).tolist()


def test_percentiles_are_nearest_ranks() -> None:
    assert percentiles(list(range(1, 101))) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([]) == {"p50": 0.0, "p95": 0.0, "p99": 0.0}


def timed(sound: Frames, late_us: dict[int, int] | None = None) -> Frames:
    """Return sound as a recorder writes it; `late_us` says by how much all is later from a frame on."""
    times = 1_000_000 + np.arange(len(sound), dtype=np.int64) * 1_000_000 // RATE_HZ
    for frame, by_us in (late_us or {}).items():
        times[frame:] += by_us
    halves = times.astype(np.uint64).view(np.uint32).reshape(-1, 2).view(np.float32)
    return np.concatenate([sound, halves], axis=1)


@pytest.mark.parametrize(
    ("fault", "wanted", "of_the_server"),
    [
        ("none", 0, 0),
        ("gap", 1, 0),
        ("lost", 1, 0),
        ("wrong", 1, 0),
        ("silent", 1, 0),
        ("a lost cycle", 1, 1),
        ("a cycle twice", 1, 1),
        ("a skip", 1, 0),
        ("a stall", 0, 0),
        ("silent in a stall", 1, 0),
    ],
)
def test_a_soak_counts_each_break_and_says_whose_it_is(fault: str, wanted: int, of_the_server: int) -> None:
    stream = noise(10 * RATE_HZ)
    recorded = stream[5_000:].copy()
    middle = 256 * 800
    late_us: dict[int, int] = {}
    if fault == "gap":
        recorded = np.concatenate([recorded[:middle], np.zeros((900, 2), np.float32), recorded[middle:]])
    elif fault == "lost":
        recorded = np.concatenate([recorded[: middle + 50], recorded[middle + 150 :]])
    elif fault == "wrong":
        recorded[middle] += 0.25
    elif fault.startswith("silent"):
        recorded[middle : middle + 4 * BLOCK] = 0.0
    elif fault in ("a lost cycle", "a skip"):  # the times tell one from the other
        recorded = np.concatenate([recorded[:middle], recorded[middle + BLOCK :]])
    elif fault == "a cycle twice":
        recorded = np.concatenate([recorded[:middle], recorded[middle - BLOCK :]])
    if fault in ("a lost cycle", "a stall", "silent in a stall"):
        late_us = {middle: 5_333}
    elif fault == "a cycle twice":
        late_us = {middle: -5_333}
    comparison, heard = Comparison(), timed(recorded, late_us)
    for at in range(0, len(stream), 4_800):
        comparison.add_stream(stream[at : at + 4_800], at)
        comparison.add_recorded(heard[at : at + 4_800])
        comparison.compare()
    assert len(comparison.breaks) == wanted, comparison.breaks
    assert sum(one.of_the_server for one in comparison.breaks) == of_the_server, comparison.breaks
    assert comparison.uneven_cycles == len(late_us)
    assert comparison.same_frames > 7 * RATE_HZ and comparison.lost_frames == 0
    jump = {"a lost cycle": BLOCK, "a skip": BLOCK, "a cycle twice": -BLOCK, "gap": -900, "lost": 100}
    if wanted:
        assert comparison.breaks[0].jump_frames == jump.get(fault, 0)
        assert comparison.breaks[0].at_s == pytest.approx(middle / RATE_HZ, abs=0.006)


def test_a_break_beside_a_late_player_is_the_players() -> None:
    log = ServerLog()
    log.add(["JackEngine::XRun: client = PortAudio was not finished, state = Running"], 9_000_000)
    log.add(["JackEngine::XRun: client = legando-recorder was not finished, state = Triggered", "hello"], 12_000_000)
    log.add(["JackTimedDriver::Process XRun = 1234 usec"], 13_000_000)
    log.add(["JackTimedDriver::Process XRun = 6000 usec"], 20_000_000)
    log.add(["JackEngine::XRun: client = PortAudio was not finished, state = Triggered"], 20_100_000)
    assert not log.blames_the_player(Break(at_s=0.0, time_us=20_050_000)), "the machine stood still"
    log.add(["JackEngine::XRun: client = PortAudio was not finished, state = Triggered"], 30_000_000)
    log.add(["JackEngine::XRun: client = bench was not finished, state = Triggered"], 30_000_000)
    assert not log.blames_the_player(Break(at_s=0.0, time_us=30_050_000)), "a MIDI port was late as well"
    near, far = (Break(at_s=0.0, time_us=us, uneven_us=5_000) for us in (9_200_000, 12_000_000))
    assert log.blames_the_player(near) and not log.blames_the_player(far)
    assert near.of_the_server and log.counts == {"PortAudio": 3, "legando-recorder": 1, "bench": 1, "driver": 2}
    near.player_late = True
    assert not near.of_the_server
