"""Ideas: which seed is composed from which bar line on, and the one that waits for its line. [control]

Seeds are counted, so that there is a way back: `seed.next` and `seed.back` go to the next number and the one before. An
idea comes in at the first bar line for which the engine has the time to compose the bars before it.
"""

from __future__ import annotations

from legando.realtime.controls import Idea
from legando.realtime.performing.recall import TICKS_PER_BAR, TICKS_PER_BEAT, next_line
from legando.realtime.performing.steering import Setting
from legando.realtime.rigs.controlnames import SEED, SEED_MAX, SEED_MOVES

NOTICE_CHUNKS = 5
"""How many chunks before its line an engine must know of an idea: it writes a quarter of the bars before in each."""
_NEAR = 1e-6


class Ideas:
    """State: the idea that plays and the one that comes. Owned by one thread.

    `seed` is the run's own, which is composed until an idea comes; `begun` that of the first scene, which plays from
    `first_tick` on. `notice_ticks` is `NOTICE_CHUNKS` long at the tempo of now.
    """

    def __init__(self, seed: int, *, begun: int | None = None, first_tick: int = 0) -> None:
        self._own, self._first_tick = seed, first_tick
        self.playing = None if begun is None else Idea(seed=begun, origin=first_tick)
        self.coming: Idea | None = None
        self._of_scene = False  # whether it comes with a scene
        self.notice_ticks = 0.0

    @property
    def seed(self) -> int:
        """The seed of what plays."""
        return self._own if self.playing is None else self.playing.seed

    @property
    def aim(self) -> int:
        """The seed that was asked for last: of what comes, else of what plays."""
        return self.seed if self.coming is None else self.coming.seed

    def value_of(self, name: str) -> float:
        """Return what a control of `SEED_MOVES` or the seed is set to."""
        return float(self.aim) if name == SEED else 0.0

    def apply(self, setting: Setting, tick: float) -> None:
        """Do what a hand wants; the seed that is composed anyway changes nothing."""
        if setting.control in SEED_MOVES and not setting.pressed:
            return
        by = SEED_MOVES.get(setting.control)
        seed = round(setting.value) if by is None else self.aim + by
        if not 0 <= seed <= SEED_MAX or seed == self.aim:
            return
        self._of_scene = False
        self.coming = None if seed == self.seed else Idea(seed=seed, origin=self.line(tick))

    def line(self, tick: float, at: str = "bar") -> int:
        """Return the first bar line or line of phrases at which an idea can come in."""
        line = next_line(max(tick + self.notice_ticks, self._first_tick), at)
        assert line is not None
        return line

    def recall(self, seed: int | None, line: int) -> None:
        """Let the idea of a scene come in at a line; one that waits with another scene does not come."""
        if seed is not None:
            self.coming, self._of_scene = Idea(seed=seed, origin=line), True
        elif self._of_scene:
            self.coming, self._of_scene = None, False

    def arrive(self, tick: float) -> None:
        """Let the idea that waits come in, if its line has come; an outside clock that leaps gives it another line."""
        coming = self.coming
        if coming is None:
            return
        passed = tick + _NEAR - coming.origin
        if 0.0 <= passed < TICKS_PER_BEAT:
            self.playing, self.coming, self._of_scene = coming, None, False
        elif passed > 0.0 or (not self._of_scene and -passed > TICKS_PER_BAR + self.notice_ticks + 1.0):
            self.coming = Idea(seed=coming.seed, origin=self.line(tick))

    def at(self, tick: float) -> Idea | None:
        """Return what will play at a tick."""
        return self.coming if self.coming is not None and self.coming.origin <= tick else self.playing
