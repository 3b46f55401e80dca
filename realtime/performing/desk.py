"""The desk: what every control is set to now, whoever has moved it, and where a slewed one is on its way. [control]

A scene sets everything; what hands move afterwards holds until the next scene. Immediate controls, sections and loops
that pads hold down stay as they are, and so does `loop` unless the scene says it: a groove is held through scenes.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import replace

from legando.realtime.controls import (
    GENRE_SLOTS,
    MOODS,
    PARTS,
    SECTIONS,
    TEMPO_MAX_BPM,
    TEMPO_MIN_BPM,
    Controls,
    NoteEvent,
)
from legando.realtime.performing.scenelist import SceneList, StyledScene
from legando.realtime.performing.slew import Slew
from legando.realtime.performing.steering import Setting
from legando.realtime.rigs.controlnames import IMMEDIATE, KEEP, LOOP, MARKS, counted, loop_of
from legando.realtime.rigs.scene import Scene
from legando.realtime.tonality import key_number, key_of

_GUIDANCE = 1.0
"""As trained."""


class Desk:
    """State: the scenes and which one plays, what hands have moved since, slews, immediate controls.

    Owned by one thread. It begins with the scene of index `first`; `add` brings more scenes while it plays.
    """

    def __init__(
        self, scenes: Sequence[StyledScene], *, level: float = 1.0, tempo_bpm: float | None = None, first: int = 0
    ) -> None:
        self._scenes = SceneList(scenes)
        self._tempo_locked = tempo_bpm is not None
        self._tempo_bpm = tempo_bpm
        self._values: dict[str, float] = {}
        self._slews: dict[str, Slew] = {}
        self._mutes: dict[str, bool] = {}
        self._sections: list[str] = []  # pads that are down; the last one holds
        self._loops: list[str] = []  # likewise
        self._loop = 0.0
        self.immediate = dict.fromkeys(IMMEDIATE, 0.0) | {"level": level}
        self.scene_index = first
        self.recall(first)

    @property
    def styled(self) -> StyledScene:
        """The scene that plays."""
        return self._scenes[self.scene_index]

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All scenes, in the order of their indices; another tuple when one is added."""
        return self._scenes.scenes

    def scene_at(self, index: int) -> Scene | None:
        """Return the scene of an index; None where there is none."""
        return self.scenes[index] if 0 <= index < len(self.scenes) else None

    @property
    def tempo_bpm(self) -> float:
        """The tempo of now: what scenes, knobs and files last set, on its way there, else the style's own."""
        slew = self._slews.get("tempo_bpm")
        return slew.value if slew is not None else self.value_of("tempo_bpm")

    @property
    def given_tempo_bpm(self) -> float | None:
        """The tempo that a scene, knob, tap or file last gave; None before the first."""
        return self._tempo_bpm

    @property
    def section(self) -> str | None:
        """The section that pads or a knob hold."""
        return self._sections[-1] if self._sections else self._section_set

    @property
    def _section_set(self) -> str | None:
        """The section that a knob or the scene holds, whatever pads do."""
        if "section" not in self._values:
            return self.styled.scene.section
        number = round(self._values["section"])
        return SECTIONS[number - 1] if number else None

    @property
    def key(self) -> str | None:
        """The key that a knob or the scene holds the music in."""
        return key_of(self._values["key"]) if "key" in self._values else self.styled.scene.key

    @property
    def loop(self) -> int:
        """How many bars pads, a knob or a scene repeat; 0 for none."""
        return int(self._loops[-1]) if self._loops else loop_of(self._loop)

    @property
    def muted(self) -> frozenset[str]:
        """The parts that are silent."""
        muted = self.styled.scene.muted
        return frozenset(part for part in PARTS if self._mutes.get(part, part in muted))

    @property
    def style(self) -> tuple[float, ...]:
        """The style: the scene's, or its prompts' blended anew where a weight has been moved."""
        styled = self.styled
        prompts = styled.scene.prompts
        names = [f"weight.{n}" for n in range(1, len(prompts) + 1)]
        if len(styled.prompt_styles) != len(prompts) or not any(name in self._values for name in names):
            return styled.style
        weights = [self._now(name, prompt.weight) for name, prompt in zip(names, prompts, strict=True)]
        total = sum(weights)
        if total < 1e-6:
            return styled.style
        columns = zip(*styled.prompt_styles, strict=True)
        return tuple(sum(w * v for w, v in zip(weights, column, strict=True)) / total for column in columns)

    def add(self, styled: StyledScene, *, keep: Collection[int] = ()) -> int:
        """Add a scene while it plays and return its index; the one that plays and those to `keep` stay where they are.

        Raises RigError where there is no room.
        """
        return self._scenes.add(styled, keep={self.scene_index, *keep})

    def stored(self, tempo_bpm: float, seed: int | None = None) -> StyledScene:
        """Return what plays as a scene: its prompts as they weigh now, the controls where hands have put them."""
        scene = self.styled.scene
        weights = [self.value_of(f"weight.{n}") for n in range(1, len(scene.prompts) + 1)]
        if not sum(weights) > 0.0:  # then the scene's own hold
            weights = [prompt.weight for prompt in scene.prompts]
        kept = replace(
            scene,
            prompts=tuple(replace(p, weight=round(w, 3)) for p, w in zip(scene.prompts, weights, strict=True)),
            tempo_bpm=round(tempo_bpm, 1),
            density=self._mood_set("density"),
            brightness=self._mood_set("brightness"),
            space=self._mood_set("space"),
            drive=self._mood_set("drive"),
            temperature=round(self.value_of("temperature"), 3),
            muted=self.muted,
            section=self._section_set,
            key=self.key,
            loop=scene.loop if scene.loop == loop_of(self._loop) else None,  # what repeats is no scene's
            seed=seed,
        )
        return replace(self.styled, scene=kept, style=self.style)

    def keep(self, tempo_bpm: float, seed: int | None = None, *, keep: Collection[int] = ()) -> int:
        """Make a scene of what plays, for good, and return its index.

        It takes the place of one that was typed; one of the rig gets it beside it. Raises RigError where there is no
        room for one more.
        """
        return self._scenes.keep(self.scene_index, self.stored(tempo_bpm, seed), keep=keep)

    def recall(self, index: int) -> None:
        """Let a scene set everything; one that is not there changes nothing."""
        if not 0 <= index < len(self.scenes):
            return
        self.scene_index = index
        self._values, self._slews, self._mutes = {}, {}, {}  # new ones: `after` shares the old
        tempo = self.styled.scene.tempo_bpm
        if tempo is not None:
            self.set_tempo(tempo)
        if self.styled.scene.loop is not None:
            self._loop = float(self.styled.scene.loop)

    def after(self, index: int) -> Desk:
        """Return the desk as it would be after a scene; this one stays as it is."""
        desk = copy.copy(self)
        desk.recall(index)
        return desk

    def set_tempo(self, tempo_bpm: float) -> None:
        """Set the tempo at once, unless it is locked."""
        if not self._tempo_locked:
            self._tempo_bpm = min(max(tempo_bpm, TEMPO_MIN_BPM), TEMPO_MAX_BPM)
            self._slews.pop("tempo_bpm", None)

    def apply(self, setting: Setting) -> None:
        """Do what a hand wants; `panic` also lets go of pads, the notes are the caller's."""
        name, value = setting.control, setting.value
        family, _, rest = name.partition(".")
        if name in self.immediate:
            self.immediate[name] = value
            if name == "panic":
                self._sections.clear()
                self._loops.clear()
        elif family == "mute":
            self._mutes[rest] = value >= 0.5
        elif family in ("section", LOOP) and rest:
            pads = self._sections if family == "section" else self._loops
            if rest in pads:
                pads.remove(rest)
            if value >= 0.5:
                pads.append(rest)
        elif name == LOOP:
            self._loop = value
        elif name != "tempo_bpm" or not self._tempo_locked:
            here = self.tempo_bpm if name == "tempo_bpm" else self._now(name, self.value_of(name))
            if name == "tempo_bpm":
                self._tempo_bpm = value
            else:
                self._values[name] = value
            self._slews[name] = Slew(here, here).toward(value, setting.per_s)

    def step(self, seconds: float) -> None:
        """Let slewed controls go on for a time, to where they are in the chunk to come."""
        arrived = [name for name, slew in self._slews.items() if slew.done]
        for name in arrived:
            del self._slews[name]
        self._slews = {name: slew.after(seconds) for name, slew in self._slews.items()}

    def value_of(self, name: str) -> float:
        """Return what a control is set to: the target of one that is on its way, 0 or 1 for a switch."""
        family, _, rest = name.partition(".")
        styled = self.styled
        if name in self.immediate:
            return self.immediate[name]
        if name == "tempo_bpm":
            return self._tempo_bpm or styled.usual_tempo_bpm
        if name in self._values:
            return self._values[name]
        if name in MOODS:
            given: float | None = getattr(styled.scene, name)
            return styled.style[GENRE_SLOTS + MOODS.index(name)] if given is None else given
        if family == "mute":
            return float(rest in self.muted)
        if name == "section":
            return float(SECTIONS.index(self.section) + 1) if self.section else 0.0
        if family == "section":
            return float(self.section == rest)
        if name == LOOP:
            return float(self.loop) if self._loops else self._loop
        if family == LOOP:
            return float(self.loop == int(rest))
        if name == "key":
            return float(key_number(self.key))
        if name in ("tap", KEEP, *MARKS):
            return 0.0
        if family == "scene":
            return float(counted(name) == self.scene_index)
        if family == "weight":
            index = counted(name)
            return styled.scene.prompts[index].weight if index < len(styled.scene.prompts) else 0.0
        return styled.scene.temperature if name == "temperature" else _GUIDANCE

    def controls(
        self,
        *,
        held: tuple[int, ...] = (),
        notes: tuple[NoteEvent, ...] = (),
        tempo_bpm: float | None = None,
        position_ticks: float | None = None,
    ) -> Controls:
        """Return the snapshot of now; a clock's tempo and position go before the desk's own."""
        scene = self.styled.scene
        return Controls(
            style=self.style,
            tempo_bpm=min(max(tempo_bpm or self.tempo_bpm, TEMPO_MIN_BPM), TEMPO_MAX_BPM),
            density=self._mood("density"),
            brightness=self._mood("brightness"),
            space=self._mood("space"),
            drive=self._mood("drive"),
            temperature=self._now("temperature", scene.temperature),
            guidance=self._now("guidance", _GUIDANCE),
            section=self.section,
            key=self.key,
            muted=self.muted,
            loop=self.loop,
            held=held,
            notes=notes,
            position_ticks=position_ticks,
        )

    def _mood_set(self, name: str) -> float | None:
        """Return where a mood is going, None where only the prompts say it."""
        given: float | None = getattr(self.styled.scene, name)
        return round(self._values[name], 3) if name in self._values else given

    def _mood(self, name: str) -> float | None:
        given: float | None = getattr(self.styled.scene, name)
        return self._now(name, given or 0.0) if name in self._values else given

    def _now(self, name: str, otherwise: float) -> float:
        """Return where a knob's control is on its way, or what holds while nobody has moved it."""
        slew = self._slews.get(name)
        return slew.value if slew is not None else self._values.get(name, otherwise)
