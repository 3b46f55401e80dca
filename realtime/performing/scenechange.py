"""Scene change: which scene comes in at which line, and the way that leads to it. [control]"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from legando.realtime.controls import Controls, Turn
from legando.realtime.performing.crossing import Crossing, crossing_to, ramped, snapshot
from legando.realtime.performing.desk import Desk
from legando.realtime.performing.recall import next_line
from legando.realtime.rigs.scene import Scene, SceneChanges

_NEAR = 1e-6


class SceneChange:
    """State: the scene that waits for its line, and the way from the last scene to this one. Owned by one thread.

    `outside_bpm` says the tempo of whoever leads from outside, None when nobody does; until `count_in_ticks` a
    metronome plays.
    """

    def __init__(
        self, desk: Desk, rules: SceneChanges, outside_bpm: Callable[[], float | None], *, count_in_ticks: int = 0
    ) -> None:
        self._desk, self._rules, self._outside_bpm = desk, rules, outside_bpm
        self._count_in_ticks = count_in_ticks
        self._coming: tuple[int, int] | None = None  # a scene's index, and the tick at which it comes in
        self._crossing: Crossing | None = None

    @property
    def coming_index(self) -> int | None:
        """The index of the scene that waits for its line."""
        return self._coming[0] if self._coming is not None else None

    @property
    def coming(self) -> Scene | None:
        """The scene that waits for its line."""
        return self._desk.scene_at(self._coming[0]) if self._coming is not None else None

    def tempo_bpm(self, tick: float) -> float:
        """Return the tempo at a tick: that of whoever leads, else the desk's, or the way there."""
        return self._outside_bpm() or ramped(self._desk, self._crossing, tick) or self._desk.tempo_bpm

    def recall(self, index: int, tick: float) -> None:
        """Let a scene come in when it is due; one that is not there changes nothing."""
        scene = self._desk.scene_at(index)
        if scene is None:
            return
        line = next_line(tick, scene.at or self._rules.at)
        if line is None:
            self._enter(index, tick)
        else:
            self._coming = (index, line)

    def arrive(self, tick: float) -> None:
        """Let the scene that waits come in, if its line has come."""
        if self._coming is not None and self._coming[1] <= tick + _NEAR:
            self._enter(*self._coming)

    def snapshot(self, tick: float, held: tuple[int, ...]) -> Controls:
        """Return what the desk says at a tick, on the way from the scene before."""
        return snapshot(self._desk, self._crossing, tick, held=held, outside_bpm=self._outside_bpm())

    def turn(self, controls: Controls, tick: float, soon: float) -> Turn | None:
        """Return what comes in before the tick `soon`, for an engine that may have to do without an answer."""
        line, later = self._count_in_ticks, replace(controls, notes=(), position_ticks=None)
        counts = tick < self._count_in_ticks
        if self._coming is not None and (not counts or self._coming[1] <= line):
            index, line = self._coming[0], max(line, self._coming[1])
            desk = self._desk.after(index)
            crossing, outside_bpm = self._way(desk, line), self._outside_bpm()
            later = snapshot(desk, crossing, line, held=controls.held, outside_bpm=outside_bpm)
        elif not counts:
            return None
        return Turn(tick=line, controls=later) if counts or line < soon else None

    def _way(self, desk: Desk, tick: float) -> Crossing:
        """Return the way from what plays now to the scene of another desk."""
        return crossing_to(desk, self.snapshot(tick, ()), tick, self._rules)

    def _enter(self, index: int, tick: float) -> None:
        self._crossing = self._way(self._desk.after(index), tick)
        self._desk.recall(index)
        self._coming = None
