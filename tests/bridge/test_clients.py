"""Clients whose clock is another one: their notes keep their distances, however long each message was on its way."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from legando.bridge.clients import STALE_MS, OtherClock

MS = 1_000_000
BEHIND_NS = 123_456_789_000_000


def test_distances_are_kept_though_the_network_is_uneven() -> None:
    chance, clock, drift = random.Random(3), OtherClock(), 200e-6
    errors_ns = []
    for step in range(6000):
        sent_ns = step * 10 * MS
        came_ns = sent_ns + MS // 2 + int(chance.expovariate(1 / (3 * MS)))
        timestamp_ns = int(sent_ns * (1 + drift)) - BEHIND_NS
        said_ns = clock.sent_ns(timestamp_ns, came_ns)
        assert said_ns <= came_ns
        errors_ns.append(said_ns - sent_ns)
    settled = errors_ns[200:]
    assert max(settled) - min(settled) < 3 * MS, "the clocks part by 2 ms while a message counts"
    steps = [b - a for a, b in pairwise(settled)]
    assert sum(abs(step) < MS // 20 for step in steps) > 0.98 * len(steps), "neighbours keep their distance to 50 us"


def test_a_clock_that_stood_still_is_believed_at_once() -> None:
    clock = OtherClock()
    assert clock.sent_ns(0, 1000 * MS) == 1000 * MS
    slept_ns = 60_000 * MS
    assert clock.sent_ns(100 * MS, 1100 * MS + slept_ns) == 1100 * MS + slept_ns
    assert clock.sent_ns(200 * MS, 1207 * MS + slept_ns) == 1200 * MS + slept_ns, "7 ms late"


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**62)), max_size=40))
def test_nothing_that_a_client_says_leads_far_away(said: list[tuple[int, int]]) -> None:
    clock = OtherClock()
    for timestamp_ns, now_ns in said:
        assert 0 <= now_ns - clock.sent_ns(timestamp_ns, now_ns) <= STALE_MS * MS
