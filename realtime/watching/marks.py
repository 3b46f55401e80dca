"""Marks: what the performer thinks of what is heard, kept in the journal where it was heard. [control]"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from legando.realtime.outfit import Outfit
from legando.realtime.rigs.controlnames import MARKS
from legando.realtime.rigs.prompts import weighted
from legando.realtime.screen.meter import clock
from legando.realtime.screen.statusmaker import StatusMaker
from legando.realtime.show import SAMPLE_RATE_HZ

WORDS = {"like": "liked", "dislike": "not liked"}


class Marks:
    """Owned by the host's thread. State: how many there were, the scene that the journal knows."""

    def __init__(self, outfit: Outfit, shown: StatusMaker) -> None:
        self._outfit = outfit
        self._shown = shown
        self._scene = -1
        self.counts: Counter[str] = Counter(dict.fromkeys(MARKS, 0))

    def steered(self, position_frames: int) -> None:
        """Keep what has changed with the chunk at this frame: its scene, and what was thought since the last one."""
        out = self._outfit
        index = out.performance.scene_index
        if index != self._scene and out.journal is not None:
            scene = out.performance.scene
            out.journal.scene(position_frames, index + 1, scene.name, weighted(scene.prompts))
        self._scene = index
        if out.performance.marks:
            self._put(out.performance.marks)

    def _put(self, kinds: Iterable[str]) -> None:
        out = self._outfit
        frame = max(0, round(self._shown.heard_frame(out.ring, playing=out.player is not None)))
        for kind in kinds:
            self.counts[kind] += 1
            where = f"{clock(frame / SAMPLE_RATE_HZ)}, {out.performance.scene.name}"
            if out.journal is None:
                out.display.say(f"{WORDS[kind]}: {where}; but no journal is kept: play with --journal or --record")
                continue
            out.journal.mark(frame, kind)
            out.display.say(f"{WORDS[kind]}: {where}")
