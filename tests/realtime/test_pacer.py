"""The pacer reads the ring: when to start, and how many steps there is time for."""

import time
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter_ns

import pytest

from legando.realtime.enginelink import EngineSettings
from legando.realtime.ladder import HOLD_CHUNKS
from legando.realtime.pacer import FILL_WAIT_NS, GUESS_NS, Pacer
from legando.realtime.ring import PlayerState, Ring
from legando.realtime.schedule import MARGIN_NS, frames_to_ns
from tests.realtime.test_playback import tone

CHUNK, LEAD = 3840, 736
SETTINGS = EngineSettings(
    ring="",
    instrument="",
    bundle=None,
    seed=0,
    chunk_latents=None,
    steps=None,
    eco=False,
    lead_frames=LEAD,
    paced_by="player",
)
COUNTERS = {"underruns": 0, "concealed_frames": 0, "skipped_frames": 0}


@pytest.fixture
def ring() -> Iterator[Ring]:
    with Ring.create() as ring:
        yield ring


def test_it_fills_at_once_and_then_waits_for_the_player(ring: Ring) -> None:
    pacer = Pacer(ring, SETTINGS, chunk_frames=CHUNK, steps=4)
    assert pacer.next_start_ns(1000) == 1000
    ring.write(tone(0, CHUNK))
    assert pacer.next_start_ns(1000) == 1000, "the lead is missing"
    ring.write(tone(0, LEAD))
    assert pacer.next_start_ns(1000) == 1000 + FILL_WAIT_NS


def test_it_starts_as_late_as_cost_and_margin_allow(ring: Ring) -> None:
    pacer = Pacer(ring, SETTINGS, chunk_frames=CHUNK, steps=4)
    ring.write(tone(0, 2 * CHUNK))
    ring.publish(played_frames=CHUNK, state=PlayerState.PLAYING, **COUNTERS)
    due_ns = ring.played_at_ns + frames_to_ns(CHUNK - LEAD, 48_000)
    assert pacer.next_start_ns(ring.played_at_ns) == due_ns - GUESS_NS - MARGIN_NS


def test_with_little_left_it_takes_fewer_steps_and_holds_them(ring: Ring) -> None:
    pacer = Pacer(ring, SETTINGS, chunk_frames=CHUNK, steps=4)
    ring.write(tone(0, 2 * CHUNK))
    ring.publish(played_frames=0, state=PlayerState.PLAYING, **COUNTERS)
    assert pacer.take() == 4
    ring.publish(played_frames=2 * CHUNK - LEAD - 48, state=PlayerState.PLAYING, **COUNTERS)  # a millisecond
    assert pacer.take() == 2
    ring.publish(played_frames=CHUNK, state=PlayerState.PLAYING, **COUNTERS)
    assert [pacer.take() for _ in range(HOLD_CHUNKS)] == [2] * HOLD_CHUNKS
    began_ns = perf_counter_ns()
    assert 0 <= pacer.done() <= perf_counter_ns() - began_ns + 1_000_000_000


def test_where_the_clock_paces_it_fills_first_with_all_steps_as_for_a_player(ring: Ring) -> None:
    pacer = Pacer(ring, replace(SETTINGS, paced_by="clock"), chunk_frames=CHUNK, steps=4)
    for written in (0, CHUNK):
        assert ring.written_frames == written and pacer.next_start_ns(1000) == 1000
        assert pacer.take() == 4
        ring.write(tone(0, CHUNK))
    now_ns = perf_counter_ns()
    wait_ns = pacer.next_start_ns(now_ns) - now_ns
    assert wait_ns == pytest.approx(frames_to_ns(CHUNK, 48_000) - GUESS_NS - MARGIN_NS, abs=frames_to_ns(2, 48_000))
    assert pacer.take() == 4


def test_where_the_clock_paces_another_engine_goes_on_where_the_ring_ends(ring: Ring) -> None:
    ring.write(tone(0, 3 * CHUNK))
    pacer = Pacer(ring, replace(SETTINGS, paced_by="clock"), chunk_frames=CHUNK, steps=4)
    now_ns = perf_counter_ns()
    assert pacer.next_start_ns(now_ns) == now_ns, "no pause on top of that which was"


def test_one_bad_moment_does_not_make_every_hand_wait(ring: Ring) -> None:
    """An answer that took half a second would start all later chunks so early that the player skips."""
    pacer = Pacer(ring, SETTINGS, chunk_frames=CHUNK, steps=4)
    ring.write(tone(0, 2 * CHUNK))
    ring.publish(played_frames=2 * CHUNK - LEAD, state=PlayerState.PLAYING, **COUNTERS)
    pacer.wait()
    time.sleep(0.5)
    pacer.take()
    pacer.done()
    ring.publish(played_frames=CHUNK, state=PlayerState.PLAYING, **COUNTERS)
    due_ns = ring.played_at_ns + frames_to_ns(CHUNK - LEAD, 48_000)
    earliest_ns = due_ns - frames_to_ns(CHUNK, 48_000) - MARGIN_NS
    assert pacer.next_start_ns(0) == earliest_ns


def test_what_followed_chunks_have_cost_is_known_at_once(ring: Ring) -> None:
    pacer = Pacer(ring, SETTINGS, chunk_frames=CHUNK, steps=4)
    pacer.learn([2_000_000, 3_000_000])
    ring.write(tone(0, 2 * CHUNK))
    ring.publish(played_frames=2 * CHUNK - LEAD - 480, state=PlayerState.PLAYING, **COUNTERS)  # 10 ms
    assert pacer.take() == 4


def test_an_engine_whose_host_has_ended_waits_no_longer(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    pacer = Pacer(ring, SETTINGS, chunk_frames=CHUNK, steps=4)
    ring.write(tone(0, CHUNK + LEAD))
    monkeypatch.setattr("os.getppid", lambda: 1)
    with pytest.raises(EOFError, match="host"):
        pacer.wait()
