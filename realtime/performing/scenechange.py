"""Scene change: which scene comes in at which line, and the way that leads to it. [control]"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from legando.realtime.controls import Controls, Turn
from legando.realtime.performing.crossing import Crossing, crossing_to, ramped, snapshot
from legando.realtime.performing.desk import Desk
from legando.realtime.performing.ideas import Ideas
from legando.realtime.performing.recall import next_line
from legando.realtime.rigs.scene import Scene, SceneChanges

_NEAR = 1e-6


class SceneChange:
    """State: the scene that waits for its line, and the way from the last scene to this one. Owned by one thread.

    `ideas` says what is composed; `outside_bpm` says the tempo of whoever leads from outside, None when nobody does;
    until `count_in_ticks` a metronome plays.
    """

    def __init__(
        self,
        desk: Desk,
        ideas: Ideas,
        rules: SceneChanges,
        outside_bpm: Callable[[], float | None],
        *,
        count_in_ticks: int = 0,
    ) -> None:
        self._desk, self._ideas, self._rules, self._outside_bpm = desk, ideas, rules, outside_bpm
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
        """Let a scene come in when it is due, its idea with it at a bar line; one that is not there changes nothing."""
        scene = self._desk.scene_at(index)
        if scene is None:
            return
        at = scene.at or self._rules.at
        if scene.seed is not None and at in ("bar", "phrase"):
            line: int | None = self._ideas.line(tick, at)
        else:
            line = next_line(tick, at)
        self._ideas.recall(scene.seed, line if line is not None and at != "beat" else self._ideas.line(tick))
        if line is None:
            self._enter(index, tick)
        else:
            self._coming = (index, line)

    def arrive(self, tick: float) -> None:
        """Let the scene and the idea that wait come in, if their line has come."""
        self._ideas.arrive(tick)
        if self._coming is not None and self._coming[1] <= tick + _NEAR:
            self._enter(*self._coming)

    def snapshot(self, tick: float, held: tuple[int, ...]) -> Controls:
        """Return what the desk says at a tick, on the way from the scene before."""
        now = snapshot(self._desk, self._crossing, tick, held=held, outside_bpm=self._outside_bpm())
        return replace(now, idea=self._ideas.playing)

    def turn(self, controls: Controls, tick: float, soon: float) -> Turn | None:
        """Return what comes in before the tick `soon`, for an engine that may have to do without an answer.

        An idea is told as soon as it is known, so that the engine can prepare it.
        """
        counts = tick < self._count_in_ticks
        lines = [self._count_in_ticks] if counts else [] if self._coming is None else [self._coming[1]]
        idea = self._ideas.coming
        if idea is not None and not (lines and lines[0] < min(soon, idea.origin)):
            lines = [self._count_in_ticks if counts else idea.origin]
            soon = math.inf
        if not lines or not (counts or lines[0] < soon):
            return None
        return Turn(tick=lines[0], controls=self._later(lines[0], controls, counts=counts))

    def _later(self, line: int, controls: Controls, *, counts: bool) -> Controls:
        """Return what will hold at a line, when what waits for it has come in."""
        idea = self._ideas.at(line)
        if self._coming is not None and self._coming[1] <= line:
            desk = self._desk.after(self._coming[0])
            way = self._way(desk, line if counts else self._coming[1])
            outside_bpm = self._outside_bpm()
            return replace(snapshot(desk, way, line, held=controls.held, outside_bpm=outside_bpm), idea=idea)
        if counts:
            return replace(controls, notes=(), position_ticks=None, idea=idea)
        return replace(self.snapshot(line, controls.held), idea=idea)

    def _way(self, desk: Desk, tick: float) -> Crossing:
        """Return the way from what plays now to the scene of another desk."""
        return crossing_to(desk, self.snapshot(tick, ()), tick, self._rules)

    def _enter(self, index: int, tick: float) -> None:
        self._crossing = self._way(self._desk.after(index), tick)
        self._desk.recall(index)
        self._coming = None
