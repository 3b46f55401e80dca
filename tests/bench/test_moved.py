"""Medians of two runs: which are apart, and what the machine itself has to do with it."""

from __future__ import annotations

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


def test_a_long_list_is_cut() -> None:
    names = {f"n{number}": 1.0 for number in range(SHOWN + 3)}
    lines = moved_lines(run(ring=names), run(ring=dict.fromkeys(names, 2.0)))
    assert len(lines) == SHOWN + 2 and lines[-1] == "  and 3 more"
