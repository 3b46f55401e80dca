"""The scenes that can be recalled: those of the rig, and behind them what was added while it plays. [control]"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from legando.realtime.errors import RigError
from legando.realtime.rigs.controlnames import COUNTED_MAX
from legando.realtime.rigs.scene import Scene, unlike


@dataclass(frozen=True, slots=True, kw_only=True)
class StyledScene:
    """A scene whose prompts have been turned into a style vector, off the real-time path, and the style's own tempo.

    `prompt_styles` are the styles of its prompts one by one, for `weight.N`; empty where weights cannot be moved.
    """

    scene: Scene
    style: tuple[float, ...]
    usual_tempo_bpm: float
    prompt_styles: tuple[tuple[float, ...], ...] = ()


class SceneList:
    """State: the scenes by index, and which of them were added. Owned by one thread."""

    def __init__(self, scenes: Sequence[StyledScene]) -> None:
        self._styled = tuple(scenes)
        self.scenes = tuple(styled.scene for styled in self._styled)
        """All scenes, in the order of their indices; another tuple when one is added."""
        self._added: list[int] = []  # the one that was asked for last at the end

    def __getitem__(self, index: int) -> StyledScene:
        """Return the scene of an index, styled."""
        return self._styled[index]

    def add(self, styled: StyledScene, *, keep: Collection[int] = ()) -> int:
        """Add a scene and return its index; the same one again has the index that it had.

        A name that another scene has is given a number. When there are as many as `scene.N` can count, the added one
        that was asked for longest ago makes room, but for those to `keep`. Raises RigError where none may go.
        """
        for index, scene in enumerate(self.scenes):
            if replace(styled.scene, name=scene.name) == scene:
                if index in self._added:
                    self._added.remove(index)
                    self._added.append(index)
                return index
        index = len(self.scenes)
        if index >= COUNTED_MAX:
            may_go = [one for one in self._added if one not in keep]
            if not may_go:
                raise RigError(f"{index} scenes leave no room for one more; take one out of the rig")
            index = may_go[0]
            self._added.remove(index)
        others = {scene.name for place, scene in enumerate(self.scenes) if place != index}
        self._put(index, replace(styled, scene=replace(styled.scene, name=unlike(styled.scene.name, others))))
        self._added.append(index)
        return index

    def keep(self, index: int, styled: StyledScene, *, keep: Collection[int] = ()) -> int:
        """Put a scene in the place of an added one, or else behind the others; return the index, which it has for good.

        Raises RigError where there is no room.
        """
        if index in self._added:
            self._put(index, styled)
        else:
            index = self.add(styled, keep={index, *keep})
        if index in self._added:
            self._added.remove(index)
        return index

    def _put(self, index: int, styled: StyledScene) -> None:
        self._styled = (*self._styled[:index], styled, *self._styled[index + 1 :])
        self.scenes = tuple(one.scene for one in self._styled)
