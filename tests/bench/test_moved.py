"""Medians of two runs: which are apart, and what the machine itself has to do with it."""

from __future__ import annotations

import pytest

from legando.bench.moved import SHOWN, medians, moved_lines
from legando.bench.samples import Outcome, Results, Series


def run(**suites: dict[str, float]) -> Results:
    outcomes = {
        suite: Outcome(
            suite=suite, series=[Series(name=name, unit="µs", values=[v, v, 9 * v]) for name, v in times.items()]
        )
        for suite, times in suites.items()
    }
    return Results(machine={}, outcomes=outcomes)


def test_what_is_apart_is_listed_the_furthest_first() -> None:
    earlier = run(ring={"read": 10.0, "write": 10.0, "player": 10.0, "gone": 1.0})
    now = run(ring={"read": 10.9, "write": 12.0, "player": 7.0, "new": 1.0}, midi={"way": 1.0})
    assert moved_lines(earlier, now) == [
        "1 of 3 medians are within 10% of the earlier run's",
        "  ring: player: 10 to 7 µs (-30%)",
        "  ring: write: 10 to 12 µs (+20%)",
    ]


def test_a_machine_that_moves_takes_both_along() -> None:
    earlier = run(bridge={"bridge, ipc": 50.0, "bare libzmq, ipc": 45.0, "bridge, tcp": 60.0, "bare libzmq, tcp": 50.0})
    now = run(bridge={"bridge, ipc": 65.0, "bare libzmq, ipc": 58.5, "bridge, tcp": 78.0, "bare libzmq, tcp": 51.0})
    ours = {one.name: one for one in medians(earlier, now)}
    assert ours["bridge, ipc"].beyond and not ours["bridge, ipc"].beyond_the_machine
    assert ours["bridge, tcp"].beyond_the_machine
    first, *_ = moved_lines(earlier, now)
    assert (
        first
        == "0 of 2 medians are within 10% of the earlier run's; 1 beside what holds no code of ours and moved with them"
    )


def test_ways_between_processes_have_what_is_bare_beside_them() -> None:
    ring, midi = "process to process, 128 frames", "stamped to the host"
    earlier = run(ring={ring: 100.0, f"bare memory, {ring}": 80.0}, midi={midi: 160.0, f"bare pipe, {midi}": 60.0})
    now = run(ring={ring: 115.0, f"bare memory, {ring}": 92.0}, midi={midi: 210.0, f"bare pipe, {midi}": 61.0})
    on_ring, on_midi = medians(earlier, now)
    assert on_ring.beyond and not on_ring.beyond_the_machine
    assert on_midi.beyond_the_machine


def test_work_is_told_in_bare_work_of_the_same_run() -> None:
    def work(pace: float, code: float) -> Results:
        times = {"as played": 15.0 * pace * code, "as played: seam": 0.2 * pace, "bare work": 1.5 * pace}
        return run(chunk=times, held={"cost of a chunk": 17.0 * pace}, memory={"playing": 300.0})

    slower = {one.name: one for one in medians(work(1.0, 1.0), work(1.4, 1.0))}
    assert "bare work" not in slower and slower["as played"].beside == pytest.approx(1.0)
    assert slower["cost of a chunk"].beyond and not slower["cost of a chunk"].beyond_the_machine
    assert slower["playing"].beside is None and not slower["playing"].beyond
    lines = moved_lines(work(1.0, 1.0), work(1.4, 1.0))
    assert lines[0].startswith("1 of 4") and "4 beside" in lines[0] and "bare work +40%" in lines[1]
    own = {one.name: one for one in medians(work(1.0, 1.0), work(1.4, 1.2))}
    assert own["as played"].beyond_the_machine and not own["as played: seam"].beyond_the_machine
    assert not any("the machine itself" in line for line in moved_lines(work(1.0, 1.0), work(1.0, 1.2)))


def test_a_machine_that_changes_within_a_run_changes_both_of_a_pair() -> None:
    def hops(slow: int) -> Results:
        bare = [45.0] * (10 - slow) + [90.0] * slow
        series = [Series(name="bridge, ipc", unit="µs", values=[1.2 * value for value in bare])]
        series.append(Series(name="bare libzmq, ipc", unit="µs", values=bare))
        return Results(machine={}, outcomes={"bridge": Outcome(suite="bridge", series=series)})

    (moved,) = medians(hops(3), hops(7))
    assert moved.ratio == pytest.approx(2.0) and moved.beside == pytest.approx(1.0)
    assert moved.beyond and not moved.beyond_the_machine


@pytest.mark.parametrize(("now_ms", "beyond"), [(-12.7, False), (-2.0, True), (1.0, True)])
def test_how_late_a_chunk_came_is_told_as_a_share_of_a_chunk(now_ms: float, beyond: bool) -> None:
    def held(late_ms: float) -> Results:
        late = Series(name="late", unit="ms", values=[late_ms])
        return Results(machine={}, outcomes={"held": Outcome(suite="held", series=[late], detail={"chunk_ms": 80.0})})

    (moved,) = medians(held(-11.2), held(now_ms))
    assert moved.beyond == beyond
    assert "of 80" in moved.line


def test_a_long_list_is_cut() -> None:
    names = {f"n{number}": 1.0 for number in range(SHOWN + 3)}
    lines = moved_lines(run(ring=names), run(ring=dict.fromkeys(names, 2.0)))
    assert len(lines) == SHOWN + 2 and lines[-1] == "  and 3 more"
