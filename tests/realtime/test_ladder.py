"""The quality ladder: never late if any rung fits, down at once, up with patience. Clocks and costs are simulated."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.errors import RigError
from legando.realtime.ladder import HOLD_CHUNKS, REMEMBER_CHUNKS, Ladder, LadderCosts, check_steps, rungs_of

MS = 1_000_000
CHUNK_NS = 80 * MS
COSTS = st.lists(st.integers(1 * MS, 200 * MS), min_size=4, max_size=4).map(lambda costs: sorted(costs, reverse=True))


@pytest.mark.parametrize(
    ("steps", "rungs"),
    [(1, (1,)), (2, (2,)), (3, (3, 2)), (4, (4, 3, 2)), (5, (5, 4, 2)), (8, (8, 6, 4, 2)), (64, (64, 48, 32, 16))],
)
def test_a_ladder_has_at_most_four_rungs_and_begins_at_the_top(steps: int, rungs: tuple[int, ...]) -> None:
    assert rungs_of(steps) == rungs


def test_steps_that_are_noise_are_refused_but_for_a_bundle_that_was_made_for_them() -> None:
    for steps, usual in ((2, 4), (None, 4), (1, 1), (2, 1), (64, 8)):
        check_steps(steps, usual)
    with pytest.raises(RigError, match=r"^steps = 1 is noise with a bundle made for 4; choose 2 or more$"):
        check_steps(1, 4)


@given(costs=COSTS, slacks=st.lists(st.integers(-10 * MS, 200 * MS), min_size=1, max_size=60))
def test_it_is_never_late_if_any_rung_fits(costs: list[int], slacks: list[int]) -> None:
    ladder = Ladder((4, 3, 2, 1))
    for slack_ns in slacks:
        planned = ladder.plan(costs, CHUNK_NS)
        taken = ladder.take(costs, slack_ns)
        assert taken >= planned, "no better than what was planned for"
        if costs[-1] <= slack_ns:
            assert costs[taken] <= slack_ns
            assert taken == planned or costs[taken - 1] > slack_ns, "the best of those that fit"
        else:
            assert taken == 3, "late by the least that is possible"


@given(costs=COSTS, late=st.lists(st.integers(0, 30 * MS), min_size=50, max_size=300))
def test_started_in_time_for_its_rung_no_chunk_is_late(costs: list[int], late: list[int]) -> None:
    """The deadlines come every 80 ms; a timer wakes late; costs are true. Late only where even the last rung is."""
    ladder, margin_ns, free_ns = Ladder((4, 3, 2, 1)), 5 * MS, 0
    for number, late_ns in enumerate(late, start=2):
        due_ns = number * CHUNK_NS
        rung = ladder.plan(costs, round(0.9 * CHUNK_NS))
        now_ns = max(free_ns, due_ns - costs[rung] - margin_ns) + late_ns
        taken = ladder.take(costs, due_ns - now_ns)
        free_ns = now_ns + costs[taken]
        if now_ns + costs[-1] <= due_ns:
            assert free_ns <= due_ns


def run(ladder: Ladder, costs: Sequence[int], slack_ns: int, chunks: int) -> list[int]:
    taken = []
    for _ in range(chunks):
        ladder.plan(costs, CHUNK_NS)
        taken.append(ladder.take(costs, slack_ns))
    return taken


def test_it_goes_down_at_once_and_up_a_rung_at_a_time_after_a_hold() -> None:
    ladder, costs = Ladder((4, 3, 2, 1)), [40 * MS, 35 * MS, 30 * MS, 25 * MS]
    assert run(ladder, costs, 50 * MS, 3) == [0, 0, 0]
    assert run(ladder, costs, 31 * MS, 1) == [2]
    after = run(ladder, costs, 50 * MS, 4 * HOLD_CHUNKS)
    assert after[: HOLD_CHUNKS - 1] == [2] * (HOLD_CHUNKS - 1)
    assert after == sorted(after, reverse=True) and after[-1] == 0
    assert after.count(1) == HOLD_CHUNKS


def test_climbs_that_fail_make_it_more_patient_and_success_forgives() -> None:
    ladder, costs = Ladder((4, 3, 2, 1)), [40 * MS, 35 * MS, 30 * MS, 25 * MS]
    taken = run(ladder, costs, 36 * MS, 4000)  # the first rung never fits in time
    climbs = [n for n in range(1, len(taken)) if ladder.rungs and taken[n] < taken[n - 1]]
    assert len(climbs) < 12, "it does not flutter"
    assert set(taken) == {1}, "what does not fit is not taken, whatever was planned"
    assert run(ladder, costs, 50 * MS, 4000)[-1] == 0


def test_rungs_learn_their_own_costs_and_guess_what_they_have_not_tried() -> None:
    costs = LadderCosts((4, 2, 1), guess_ns=30 * MS)
    assert list(costs.p99_ns) == sorted(costs.p99_ns, reverse=True) and costs.p99_ns[0] == 30 * MS
    for _ in range(10):
        costs.add(0, 20 * MS)
    assert costs.p99_ns[0] == 20 * MS and 12 * MS <= costs.p99_ns[2] < costs.p99_ns[1] < 20 * MS
    costs.add(1, 17 * MS)
    costs.add(1, 19 * MS)
    assert costs.p99_ns[:2] == [20 * MS, 19 * MS]
    for _ in range(REMEMBER_CHUNKS):  # long after, the machine is slower: the first rung is guessed afresh
        costs.add(1, 40 * MS)
    assert costs.p99_ns[0] == pytest.approx(40 * MS / 0.8, rel=0.01)


@given(
    uses=st.lists(st.tuples(st.integers(0, 3), st.integers(1 * MS, 90 * MS)), min_size=1, max_size=400),
)
def test_whatever_is_learned_the_rung_in_use_is_covered_by_its_own_costs(uses: list[tuple[int, int]]) -> None:
    costs = LadderCosts((8, 6, 4, 2), guess_ns=30 * MS, capacity=64)
    for rung, cost_ns in uses:
        costs.add(rung, cost_ns)
        assert costs.p99_ns[rung] >= cost_ns, "with 64 costs, the 99th percentile is the largest"
