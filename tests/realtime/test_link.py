"""Ableton Link, with the real library and real peers: who is alone leads, who joins follows, the ear is what counts."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from legando.realtime.errors import DeviceError
from legando.realtime.linktime import LinkTime, folded
from legando.realtime.performing.ownevent import read_own_event
from legando.realtime.performing.recall import ticks_in
from legando.realtime.performing.songplace import SongPlace
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.stage import Stage
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

pytestmark = pytest.mark.alone

RATE = 48_000
CHUNK = 3840
STAYS_BEATS = 4
"""So many beats in a row are met: a machine that stands still makes music late, and the lean begins anew."""
library = pytest.importorskip("link", reason="the extra is not installed: pip install legando[link]")


@pytest.fixture
def peer() -> Iterator[Any]:
    one = library.Link(97.0)
    yield one
    one.enabled = False


@pytest.fixture
def ours() -> Iterator[LinkTime]:
    link = LinkTime(sample_rate_hz=RATE)
    yield link
    link.close()


def beat_of(peer: Any, at_ns: int) -> float:
    us = peer.clock().micros() + (at_ns - time.perf_counter_ns()) // 1000
    return float(peer.captureAppSessionState().beatAtTime(us, 4.0))


def told(link: LinkTime, position: int, heard_at_ns: int, tick: float, given_bpm: float | None) -> SongPlace | None:
    messages = link.take(
        position_frames=position, heard_at_ns=heard_at_ns, tick=tick, tempo_bpm=120.0, given_bpm=given_bpm
    )
    places = [read_own_event(live.message) for live in messages]
    assert len(places) <= 1
    assert not places or isinstance(places[0], SongPlace)
    return places[0] if places else None  # type: ignore[return-value]


def test_a_tempo_beyond_ours_is_doubled_or_halved() -> None:
    assert folded(120.0) == (120.0, 1.0)
    assert folded(30.0) == (60.0, 2.0)
    assert folded(300.0) == (150.0, 0.5)


def test_alone_our_time_is_the_sessions_and_who_joins_meets_our_beat(ours: LinkTime, peer: Any) -> None:
    heard_at_ns = time.perf_counter_ns() + 100_000_000
    assert told(ours, 0, heard_at_ns, 6.0, None) is None
    assert ours.tempo_bpm == pytest.approx(120.0)
    time.sleep(1.2)  # of two sessions less than half a second apart, Link takes either
    peer.enabled = True
    until(lambda: peer.numPeers() == 1 and peer.captureAppSessionState().tempo() == pytest.approx(120.0))
    in_bar = (beat_of(peer, heard_at_ns) - 6.0 / 4 + 2) % 4 - 2
    assert abs(in_bar) < 0.02, "10 ms"


def test_with_peers_their_beat_is_met_at_the_ear_and_the_form_goes_on(ours: LinkTime, peer: Any) -> None:
    peer.enabled = True
    until(lambda: ours.peers == 1)
    state = peer.captureAppSessionState()
    state.setTempo(97.0, peer.clock().micros())
    peer.commitAppSessionState(state)
    until(lambda: ours.tempo_bpm == pytest.approx(97.0))
    heard_at_ns = time.perf_counter_ns() + 130_000_000
    place = told(ours, 10 * CHUNK, heard_at_ns, 1603.0, None)
    assert place is not None and place.leads and place.playing and place.frame == 10 * CHUNK
    assert place.tempo_bpm == pytest.approx(97.0, abs=0.01)
    assert abs(place.tick - 1603.0) <= 8.0, "the nearest bar of our own form"
    assert abs((place.tick / 4 - beat_of(peer, heard_at_ns) + 2) % 4 - 2) < 0.005, "3 ms"
    later_ns = heard_at_ns + CHUNK * 1_000_000_000 // RATE
    tick = place.tick + ticks_in(CHUNK, place.tempo_bpm, RATE)
    assert told(ours, 11 * CHUNK, later_ns, tick, None) is None, "as expected: nothing new"
    # A hand's tempo is for all; and when the peer goes, nobody leads any more.
    changed = told(ours, 11 * CHUNK, later_ns, tick, 110.0)
    assert changed is not None and changed.tempo_bpm == pytest.approx(110.0, abs=0.01)
    until(lambda: peer.captureAppSessionState().tempo() == pytest.approx(110.0, abs=0.01))
    peer.enabled = False
    until(lambda: ours.peers == 0)
    last = told(ours, 12 * CHUNK, later_ns, tick, 110.0)
    assert last is not None and not last.leads


@pytest.mark.live
def test_what_is_heard_beats_with_the_session(bench: None, peer: Any) -> None:
    with Stage(instrument=SPEC) as stage:
        stage.write_rig(more="[clock]\nlink = true\n")
        stage.start_play()
        peer.enabled = True
        until(lambda: peer.numPeers() == 1)
        state = peer.captureAppSessionState()
        state.setTempo(133.0, peer.clock().micros())
        peer.commitAppSessionState(state)
        blocks = stage.listen(6.0)
        now_ns = time.perf_counter_ns()
        beat_now, told = beat_of(peer, now_ns), stage.said()
    assert "Link: 1 other at " in told
    heard = np.concatenate(blocks)
    clicks = 1 + np.flatnonzero(np.diff(heard[:, 0]) > 0.15)
    times_s = times_us(heard)[clicks] / 1e6
    beats = beat_now + (times_s - now_ns / 1e9) * 133.0 / 60.0
    off_ms = ((beats + 0.5) % 1.0 - 0.5) * 60_000.0 / 133.0
    met = np.convolve(np.abs(off_ms) < 8.0, np.ones(STAYS_BEATS), "valid")
    assert met.max(initial=0.0) == STAYS_BEATS, f"{off_ms} ms from the beat"


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(DeviceError, match=r"pip install \"legando\[link\]\""):
        LinkTime(sample_rate_hz=RATE)
