"""The quality ladder: fewer denoising steps when time is short, and what each number of steps costs. [engine]

No clock and no I/O: costs and slack come in as integer nanoseconds, rungs go out, so that all of it is tested with
simulated clocks and recorded costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from legando.realtime.errors import RigError
from legando.realtime.schedule import CostWindow

STEPS_SHARE = 0.4
"""What all steps are guessed to be of a chunk's cost, before a rung has costs of its own; rather less than it is."""

REMEMBER_CHUNKS = 128
"""A rung that was not used for so long is guessed afresh: the machine may be another one by now."""

HOLD_CHUNKS = 12
HOLD_CHUNKS_MAX = 768
"""How long the ladder stays down after a step down; it doubles with each climb that fails at once, up to a minute."""

STEPS_LEAST = 2
"""Where a ladder ends, unless it begins below: with one step the shipped model soon becomes louder by 7 LU and noisy,
and that saves a tenth of a chunk's cost; a late chunk is concealed."""


def rungs_of(steps: int) -> tuple[int, ...]:
    """Return the ladder below a number of steps, best first: at most four rungs, none below `STEPS_LEAST`. [any]"""
    assert steps >= 1, "a chunk takes at least one step"
    least = min(steps, STEPS_LEAST)
    return tuple(dict.fromkeys(max(least, round(steps * share)) for share in (1.0, 0.75, 0.5, 0.25)))


def check_steps(steps: int | None, usual: int) -> None:
    """Refuse fewer steps than a bundle can make music with. [any]

    usual: the bundle's own number; one that was distilled for a single step takes one. Raises RigError.
    """
    least = min(usual, STEPS_LEAST)
    if steps is not None and steps < least:
        raise RigError(f"steps = {steps} is noise with a bundle made for {usual}; choose {least} or more")


class LadderCosts:
    """What a chunk costs on each rung, learned separately. Allocated once. [engine]

    The costs of a rung that is not in use are its own while they are fresh; else they follow from the rung in use,
    the steps counting `STEPS_SHARE` of it.
    """

    def __init__(self, rungs: Sequence[int], *, guess_ns: int, capacity: int = 256) -> None:
        assert list(rungs) == sorted(set(rungs), reverse=True) and rungs[-1] >= 1, "rungs fall, and end at 1 or above"
        self.rungs = tuple(rungs)
        self._windows = [CostWindow(capacity) for _ in rungs]
        self._idle = [REMEMBER_CHUNKS] * len(rungs)
        self._costs = [round(guess_ns * self._guess(0, rung)) for rung in range(len(rungs))]

    def add(self, rung: int, cost_ns: int) -> None:
        """Remember what a chunk on rung number `rung` cost."""
        if self._idle[rung] >= REMEMBER_CHUNKS:
            self._windows[rung].clear()
        self._windows[rung].add(cost_ns)
        p99_ns = self._windows[rung].p99_ns
        for other in range(len(self.rungs)):
            self._idle[other] = 0 if other == rung else self._idle[other] + 1
            if self._idle[other] < REMEMBER_CHUNKS:
                self._costs[other] = self._windows[other].p99_ns
            else:
                self._costs[other] = round(p99_ns * self._guess(rung, other))

    @property
    def p99_ns(self) -> Sequence[int]:
        """What each rung is expected to cost at most, best quality first."""
        return self._costs

    def _guess(self, known: int, wanted: int) -> float:
        def relative(rung: int) -> float:
            return 1.0 - STEPS_SHARE * (1.0 - self.rungs[rung] / self.rungs[0])

        return relative(wanted) / relative(known)


@dataclass(slots=True)
class Ladder:
    """Which rung to plan for: down at once, up again only after a while. State: the rung, and how long to hold it.

    Rung 0 is the best. `plan` is asked before the wait, and says what to start in time for; `take` is asked when the
    controls are there, with the time that is left. After a step down the ladder stays for `HOLD_CHUNKS`, then climbs a
    rung at a time, if the chunk's length has room for it; a climb that fails within its hold doubles the next hold.
    """

    rungs: tuple[int, ...]
    rung: int = 0
    _held: int = 0
    _hold: int = HOLD_CHUNKS
    _since_climb: int = HOLD_CHUNKS_MAX

    def plan(self, costs_ns: Sequence[int], budget_ns: int) -> int:
        """Return the rung to start in time for. budget_ns: what a chunk may cost for good, less than it lasts."""
        best = _first_that_fits(costs_ns, budget_ns)
        best = len(self.rungs) - 1 if best is None else best
        if best > self.rung:
            self._down(best)
        elif best < self.rung and self._held <= 0:
            self.rung -= 1
            self._since_climb, self._held = 0, HOLD_CHUNKS
        return self.rung

    def take(self, costs_ns: Sequence[int], slack_ns: int) -> int:
        """Return the rung to take now: no better than planned, and the best that fits; the last if none does.

        slack_ns: time until the chunk must be written. When not even the last rung fits, the chunk is late by the
        least that is possible, and the player conceals the gap.
        """
        fits = _first_that_fits(costs_ns[self.rung :], slack_ns)
        taken = len(self.rungs) - 1 if fits is None else self.rung + fits
        self._held -= 1
        self._since_climb += 1
        if self._since_climb == 4 * self._hold:  # the climb has lasted: be quick again
            self._hold = HOLD_CHUNKS
        if taken > self.rung:
            self._down(taken)
        return taken

    def _down(self, rung: int) -> None:
        if self._since_climb <= HOLD_CHUNKS:
            self._hold = min(2 * self._hold, HOLD_CHUNKS_MAX)
        self.rung, self._held = rung, self._hold


def _first_that_fits(costs_ns: Sequence[int], slack_ns: int) -> int | None:
    """Return the index of the first cost that fits the slack, or None. [any]"""
    return next((rung for rung, cost_ns in enumerate(costs_ns) if cost_ns <= slack_ns), None)
