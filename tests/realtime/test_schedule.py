"""When chunks start: as late as is safe, never later. Clocks and costs are simulated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.schedule import CostWindow, NoteDelay, deadline_ns, frames_to_ns, next_start_ns

RATE_HZ = 48_000
CHUNK = 3840
MS = 1_000_000
COST_NS = st.integers(1 * MS, 60 * MS)


@given(
    played=st.integers(0, 1 << 40),
    unplayed=st.integers(0, 1 << 17),
    now_ns=st.integers(0, 1 << 60),
    cost_ns=COST_NS,
    margin_ns=st.integers(0, 20 * MS),
    lead=st.integers(0, 8192),
)
def test_a_start_is_neither_late_nor_early(
    played: int, unplayed: int, now_ns: int, cost_ns: int, margin_ns: int, lead: int
) -> None:
    state = {"written_frames": played + unplayed, "played_frames": played, "now_ns": now_ns, "lead_frames": lead}
    due = deadline_ns(**state, sample_rate_hz=RATE_HZ)
    start = next_start_ns(**state, cost_p99_ns=cost_ns, margin_ns=margin_ns, sample_rate_hz=RATE_HZ)
    assert start >= now_ns
    if due - cost_ns - margin_ns >= now_ns:  # it is possible to be in time, so it is, and to the nanosecond
        assert start + cost_ns + margin_ns == due
    else:
        assert start == now_ns
    # At the deadline, the frames that are left are the lead.
    assert abs((unplayed - lead) * 10**9 / RATE_HZ - (due - now_ns)) <= 1


def simulate(costs_ns: list[int], *, margin_ns: int, guess_ns: int, block: int = 256) -> tuple[int, list[int]]:
    """Return the underruns, and the frames left at each start, of a player that takes whole blocks on a clock."""
    window = CostWindow(64, guess_ns=guess_ns)
    block_ns = frames_to_ns(block, RATE_HZ)
    written, now_ns, underruns, waits = 2 * CHUNK, 0, 0, []

    def played_at(time_ns: int) -> int:
        return time_ns // block_ns * block

    for cost_ns in costs_ns:
        beat_ns = now_ns // block_ns * block_ns
        start_ns = max(
            now_ns,
            next_start_ns(
                written_frames=written,
                played_frames=played_at(now_ns),
                now_ns=beat_ns,
                cost_p99_ns=window.p99_ns,
                margin_ns=margin_ns,
                lead_frames=block,
                sample_rate_hz=RATE_HZ,
            ),
        )
        now_ns = start_ns + cost_ns
        underruns += played_at(now_ns) > written
        waits.append(written - played_at(start_ns))
        written += CHUNK
        window.add(cost_ns)
    return underruns, waits


@given(costs=st.lists(COST_NS, min_size=20, max_size=200))
def test_with_a_guess_that_covers_the_costs_the_ring_never_runs_dry(costs: list[int]) -> None:
    worst = max(costs)
    underruns, _ = simulate(costs, margin_ns=worst, guess_ns=worst)
    assert underruns == 0


def test_steady_costs_start_late_and_rare_peaks_are_remembered() -> None:
    random = np.random.default_rng(5)
    costs = [int(cost) for cost in random.normal(20 * MS, 1 * MS, 400)]
    underruns, unplayed = simulate(costs, margin_ns=5 * MS, guess_ns=40 * MS)
    assert underruns == 0
    # Cost, margin, lead and a block of rounding: no chunk starts with more than that left to play.
    assert max(unplayed[70:]) <= (24 + 5) * 48 + 256 + 256
    costs[200] = 45 * MS
    _, unplayed = simulate(costs, margin_ns=5 * MS, guess_ns=40 * MS)
    assert unplayed[205] > unplayed[195] + 15 * 48


@given(costs=st.lists(COST_NS, min_size=1, max_size=400), capacity=st.integers(1, 200))
def test_percentiles_are_those_of_the_newest_costs(costs: list[int], capacity: int) -> None:
    window = CostWindow(capacity, guess_ns=7)
    assert (window.p50_ns, window.p99_ns, len(window)) == (7, 7, 0)
    for cost in costs:
        window.add(cost)
    newest = sorted(costs[-capacity:])
    assert len(window) == len(newest)
    for percent, found in ((50, window.p50_ns), (99, window.p99_ns), (100, window.max_ns)):
        assert found == int(np.percentile(newest, percent, method="inverted_cdf"))
        assert sum(cost <= found for cost in newest) * 100 >= percent * len(newest)


@given(
    arrivals=st.lists(st.integers(0, 79 * MS), min_size=1, max_size=8),
    leads=st.lists(st.integers(30 * MS, 60 * MS), min_size=40, max_size=40),
)
def test_live_notes_keep_their_distance_and_sound_as_soon_as_a_constant_delay_allows(
    arrivals: list[int], leads: list[int]
) -> None:
    """Chunk n is asked for a lead before it sounds; keys struck since the last question come with the question."""
    delay, sounds_ns = NoteDelay(64), []
    asked_ns = 60 * MS - leads[0]
    for number, lead_ns in enumerate(leads, start=1):
        starts_ns = number * 80 * MS + 60 * MS  # when the chunk's first frame is played
        delay.add(starts_ns - asked_ns)
        before_ns, asked_ns = asked_ns, starts_ns - lead_ns
        if number < 10:
            continue
        for arrival in sorted(arrivals):
            struck_ns = before_ns + arrival
            if struck_ns < asked_ns:
                frame = delay.frame(
                    time_ns=struck_ns, position_frames=number * CHUNK, sounds_at_ns=starts_ns, sample_rate_hz=RATE_HZ
                )
                assert frame >= number * CHUNK
                heard_ns = starts_ns + frames_to_ns(frame - number * CHUNK, RATE_HZ)
                wanted_ns = max(delay.delay_ns, starts_ns - struck_ns)  # later only where the chunk begins later
                assert abs(heard_ns - struck_ns - wanted_ns) <= 21_000, "the same delay for all, to a frame"
                sounds_ns.append(delay.delay_ns)
    # A chunk, and the lead of one of the questions: what a key that comes just after a question has to wait.
    assert all(delay_ns <= 80 * MS + max(leads) for delay_ns in sounds_ns)


@pytest.mark.parametrize("frames", [0, 1, 48_000, 1 << 62])
def test_frames_become_nanoseconds_without_rounding_up_or_overflow(frames: int) -> None:
    assert frames_to_ns(frames, RATE_HZ) == frames * 10**9 // RATE_HZ
