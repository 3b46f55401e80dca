"""The pacer: when the next chunk must start, and with how many denoising steps; the engine's sense of time. [engine]

It joins the pure parts (`schedule`, `ladder`) to the ring's counters: what the player has played or, without a player,
what the clock would have played. One `plan` before the wait, one `take` when the controls are there, one `done` after.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from legando.realtime.enginelink import EngineSettings, prefill_frames
from legando.realtime.ladder import Ladder, LadderCosts, rungs_of
from legando.realtime.ring import PlayerState, Ring
from legando.realtime.schedule import MARGIN_NS, CostWindow, deadline_ns, frames_to_ns

BUDGET_SHARE = 0.9
"""How much of a chunk's length making it may cost for good: beyond that the ladder goes down."""

GUESS_NS = 30_000_000
FILL_WAIT_NS = 10_000_000
MAX_SLEEP_S = 0.02


class Pacer:
    """Owned by the engine's one thread."""

    def __init__(self, ring: Ring, settings: EngineSettings, *, chunk_frames: int, steps: int) -> None:
        self._ring = ring
        self._settings = settings
        self._prefill_frames = prefill_frames(settings.lead_frames, chunk_frames)
        self._rungs = rungs_of(steps)
        self._ladder = Ladder(self._rungs)
        self._costs = LadderCosts(self._rungs, guess_ns=GUESS_NS)
        self._overheads = CostWindow()  # from the planned start to the controls: a late timer, a slow answer
        self._chunk_ns = frames_to_ns(chunk_frames, ring.sample_rate_hz)
        self._budget_ns = round(BUDGET_SHARE * self._chunk_ns)
        self._origin_ns = 0  # clock: when frame 0 would have been played
        self._fresh = ring.written_frames == 0  # nobody has played before
        self._planned_ns = self._taken_ns = self._rung = 0
        self._host = os.getppid()

    @property
    def started_late_ns(self) -> int:
        """How long after its planned start the last chunk had its controls."""
        return self._taken_ns - self._planned_ns

    def learn(self, costs_ns: Iterable[int]) -> None:
        """Take over what chunks have cost while another engine led."""
        for cost_ns in costs_ns:
            self._costs.add(0, cost_ns)

    def wait(self, ahead_ns: int = 0) -> None:
        """Sleep until the next chunk must start, or until so long before. Raises EOFError when the host has ended.

        A player that is gone with its host never asks for more, and nothing else would end the wait.
        """
        self._ladder.plan(self._costs.p99_ns, self._budget_ns - self._overheads.p99_ns)
        while True:
            now_ns = time.perf_counter_ns()
            start_ns = self.next_start_ns(now_ns) - ahead_ns
            if start_ns <= now_ns:
                self._planned_ns = start_ns
                return
            if os.getppid() != self._host:
                raise EOFError("the host has ended")
            time.sleep(min((start_ns - now_ns) / 1e9, MAX_SLEEP_S))

    def take(self) -> int:
        """Return the number of steps for the chunk that starts now, its controls being there."""
        self._taken_ns = now_ns = time.perf_counter_ns()
        due_ns = self._due_ns(now_ns)
        slack_ns = self._costs.p99_ns[0] if due_ns is None else due_ns - now_ns
        self._rung = self._ladder.take(self._costs.p99_ns, slack_ns)
        return self._rungs[self._rung]

    def done(self) -> int:
        """Learn what the chunk cost that has just been written, and return that."""
        cost_ns = time.perf_counter_ns() - self._taken_ns
        self._costs.add(self._rung, cost_ns)
        self._overheads.add(max(0, self.started_late_ns))
        return cost_ns

    def next_start_ns(self, now_ns: int) -> int:
        """Return when to start the next chunk; asked again and again while waiting, since the player may stall."""
        due_ns = self._due_ns(now_ns)
        if due_ns is None:
            filling = self._ring.written_frames - self._ring.played_frames < self._prefill_frames
            return now_ns if filling else now_ns + FILL_WAIT_NS
        expected_ns = self._costs.p99_ns[self._ladder.rung] + self._overheads.p99_ns
        # One that takes longer than it lasts cannot be had in time by starting still earlier: that would only fill the
        # ring, past what the player keeps, and make every hand wait, for as long as one bad moment is remembered.
        return max(now_ns, due_ns - min(expected_ns, self._chunk_ns) - MARGIN_NS)

    def _due_ns(self, now_ns: int) -> int | None:
        """Return when the next chunk must be written; None while the player does not play."""
        ring, settings = self._ring, self._settings
        written = ring.written_frames
        if settings.paced_by == "player":
            if ring.player_state not in (PlayerState.PLAYING, PlayerState.STARVED):
                return None
            played, at_ns = ring.played_frames, ring.played_at_ns
        else:
            if not self._origin_ns:
                if written < self._prefill_frames:
                    return None  # the clock stands until there is as much as a player begins with
                ahead = self._prefill_frames if self._fresh else 0
                self._origin_ns = now_ns - frames_to_ns(written - ahead, ring.sample_rate_hz)
            at_ns = now_ns
            played = (now_ns - self._origin_ns) * ring.sample_rate_hz // 1_000_000_000
            if played > written:  # fell behind: do not rush after it
                self._origin_ns = now_ns - frames_to_ns(written, ring.sample_rate_hz)
                played = written
        return deadline_ns(
            written_frames=written,
            played_frames=played,
            now_ns=at_ns,
            lead_frames=settings.lead_frames,
            sample_rate_hz=ring.sample_rate_hz,
        )
