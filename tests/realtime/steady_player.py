"""What a player says in a ring's header that hands over a block of 256 frames at a time, without fault."""

from __future__ import annotations

import time

from legando.realtime.ring import PlayerState

BLOCK_FRAMES = 256
LATENCY_NS = 10_000_000


class SteadyPlayer:
    """The words of the header that clock and notes out read, by the clock of now; a test may set the others."""

    def __init__(self) -> None:
        self.began_ns = time.perf_counter_ns()
        self.latency_ns = LATENCY_NS
        self.player_state = PlayerState.PLAYING
        self.panics = self.flags = 0
        self.immediates = {"mute": 0.0, "freeze": 0.0}

    @property
    def played_frames(self) -> int:
        return (time.perf_counter_ns() - self.began_ns) * 48 // 1_000_000 // BLOCK_FRAMES * BLOCK_FRAMES

    @property
    def played_at_ns(self) -> int:
        return self.began_ns + self.played_frames * 1_000_000 // 48

    def immediate(self, name: str) -> float:
        return self.immediates[name]

    def handed_ns(self, frame: int) -> int:
        """When a frame is handed over: with its block, from the block's first frame on."""
        return self.began_ns + (frame + BLOCK_FRAMES) * 1_000_000 // 48
