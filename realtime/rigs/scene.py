"""Scenes: what a program change recalls, and when and how it comes in. [any]"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from legando.realtime.controls import LOOP_BARS, MOODS, PARTS, SECTIONS
from legando.realtime.errors import RigError
from legando.realtime.performing.recall import PLACES
from legando.realtime.rigs.checks import check_choice, check_range
from legando.realtime.rigs.controlnames import CONTROLS
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.tonality import read_key


def _check_change(at: str | None, fade_beats: float | None, tempo_ramp_bars: float | None) -> None:
    """Raise RigError unless these say when and how a scene comes in. [any]"""
    if at is not None:
        check_choice("at", at, tuple(PLACES))
    check_range("fade_beats", fade_beats, 0.0, 256.0)
    check_range("tempo_ramp_bars", tempo_ramp_bars, 0.0, 64.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneChanges:
    """When a scene comes in (`recall.PLACES`), over how many beats its style fades in, its tempo ramps over how many
    bars; and how many bars a metronome counts before the show.
    """

    at: str = "now"
    fade_beats: float = 0.0
    tempo_ramp_bars: float = 0.0
    count_in_bars: int = 0

    def __post_init__(self) -> None:
        _check_change(self.at, self.fade_beats, self.tempo_ramp_bars)
        check_range("count_in_bars", self.count_in_bars, 0, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Prompts and controls that a program change recalls.

    None leaves a control to the prompts, the last three to `[scenes]`, and `seed` as it is. Without `tempo_bpm` the
    tempo stays as it was given; where nobody has given one, it is the usual tempo of the prompts' style.
    """

    name: str
    prompts: tuple[Prompt, ...]
    tempo_bpm: float | None = None
    density: float | None = None
    brightness: float | None = None
    space: float | None = None
    drive: float | None = None
    temperature: float = 1.0
    muted: frozenset[str] = frozenset()
    section: str | None = None
    key: str | None = None
    loop: int | None = None
    seed: int | None = None
    at: str | None = None
    fade_beats: float | None = None
    tempo_ramp_bars: float | None = None

    def __post_init__(self) -> None:
        _check_change(self.at, self.fade_beats, self.tempo_ramp_bars)
        check_range("seed", self.seed, 0, 2**63 - 1)
        if self.section is not None:
            check_choice("section", self.section, SECTIONS)
        if self.loop not in (None, 0, *LOOP_BARS):
            raise RigError(f"loop = {self.loop} is not one of 0, {', '.join(map(str, LOOP_BARS))}")
        if self.key is not None:
            object.__setattr__(self, "key", read_key(self.key))
        if not self.prompts:
            raise RigError(f"scene {self.name!r} has no prompts; give it at least one, such as 'warm deep house'")
        if not sum(prompt.weight for prompt in self.prompts) > 0:
            raise RigError(f"the prompts of scene {self.name!r} weigh 0 in all; give at least one a positive weight")
        for name in (*MOODS, "tempo_bpm", "temperature"):
            check_range(name, getattr(self, name), CONTROLS[name].least, CONTROLS[name].most)
        for part in sorted(self.muted):
            check_choice("muted", part, PARTS)


def unlike(name: str, others: Collection[str]) -> str:
    """Return a name that no other has, with a number at its end where there is need. [any]"""
    number, new = 1, name
    while new in others:
        number += 1
        new = f"{name} ({number})"
    return new
