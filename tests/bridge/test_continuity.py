"""Gap, repeat and restart accounting, from headers alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from legando.bridge.continuity import Arrival, Continuity
from legando.bridge.wire import AudioHeader, SampleFormat

ONE = b"1" * 16
TWO = b"2" * 16


def header(sequence: int, position: int, frames: int = 128, stream_id: bytes = ONE) -> AudioHeader:
    return AudioHeader(
        stream="main",
        stream_id=stream_id,
        sequence=sequence,
        frame_position=position,
        frames=frames,
        channels=2,
        sample_rate_hz=48_000,
        timestamp_ns=0,
        wall_ns=0,
        sample_format=SampleFormat.FLOAT32,
        flags=0,
    )


def test_a_late_subscriber_starts_without_a_gap() -> None:
    follow = Continuity()
    assert follow.observe(header(1000, 128_000)) == Arrival(fresh=True)
    assert (follow.gaps, follow.lost_frames, follow.restarts) == (0, 0, 0)


def test_missing_frames_are_counted_before_the_block_that_follows() -> None:
    follow = Continuity()
    follow.observe(header(0, 0))
    assert follow.observe(header(3, 384)).gap_frames == 256
    assert follow.observe(header(4, 512)).gap_frames == 0
    assert (follow.gaps, follow.lost_frames) == (1, 256)


def test_audio_that_the_server_never_sent_is_a_gap_too() -> None:
    follow = Continuity()
    follow.observe(header(0, 0))
    assert follow.observe(header(1, 1000)).gap_frames == 872


def test_a_repeated_or_overtaken_message_is_thrown_away_and_counted() -> None:
    follow = Continuity()
    for sequence in (4, 5):
        follow.observe(header(sequence, sequence * 128))
    assert not follow.observe(header(5, 640)).fresh
    assert not follow.observe(header(4, 512)).fresh
    assert follow.observe(header(6, 768)) == Arrival(fresh=True)
    assert (follow.repeats, follow.gaps) == (2, 0)


def test_a_new_stream_id_is_a_restart_and_not_a_gap() -> None:
    follow = Continuity()
    follow.observe(header(50, 6400))
    assert follow.observe(header(0, 0, stream_id=TWO)) == Arrival(fresh=True, restarted=True)
    assert follow.observe(header(1, 128, stream_id=TWO)) == Arrival(fresh=True)
    assert (follow.restarts, follow.lost_frames) == (1, 0)


def test_a_time_line_that_goes_back_is_a_restart() -> None:
    follow = Continuity()
    follow.observe(header(0, 48_000))
    assert follow.observe(header(1, 0)).restarted
    assert follow.restarts == 1


@given(sizes=st.lists(st.integers(1, 4096), min_size=2, max_size=60), data=st.data())
def test_received_and_lost_frames_add_up_whatever_is_dropped(sizes: list[int], data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.integers(0, len(sizes) - 1), min_size=1))
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    follow = Continuity()
    arrivals = [follow.observe(header(index, starts[index], sizes[index])) for index in sorted(kept)]
    span = starts[max(kept)] + sizes[max(kept)] - starts[min(kept)]
    assert follow.lost_frames + sum(sizes[index] for index in kept) == span
    assert follow.lost_frames == sum(arrival.gap_frames for arrival in arrivals)
    assert follow.gaps == sum(arrival.gap_frames > 0 for arrival in arrivals)
