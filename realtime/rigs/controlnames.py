"""The controls that a hand can move: their names, ranges and kinds, the same for MIDI, OSC and rig file. [any]

| kind | moves | examples |
|---|---|---|
| knob | through a range | `density`, `tempo_bpm`, `level`, `filter`, `weight.2` |
| switch | between 0 and 1 | `mute`, `freeze`, `mute.drums`, `section.break`, `loop.4` |
| trigger | acts when it is pressed | `scene.3`, `panic`, `tap`, `keep`, `like`, `seed.next` |

`scene.N` and `weight.N` count from 1: the first scene, the first prompt of the scene that plays. `section` and `key`
are numbers too, for knobs: 0 is none, then the places in `controls.SECTIONS` and `tonality.KEY_NAMES`. `loop` is a
number of bars, the nearest of `controls.LOOP_BARS` or 0. `seed` is a
whole number: another tune for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.controls import GUIDANCE_MAX, LOOP_BARS, MOODS, PARTS, SECTIONS, TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import RigError
from legando.realtime.rigs.checks import nearest
from legando.realtime.tonality import KEY_NAMES

IMMEDIATE = ("level", "mute", "filter", "freeze", "panic")
"""What the player does at its next block, ahead of the chunk."""

MARKS = ("like", "dislike")
"""What the performer thinks of what is heard: kept in the journal, and it changes nothing."""

LOOP = "loop"
"""Repeats the last bars of the score."""

KEEP = "keep"
"""Makes a scene of the rig file out of what plays."""

SEED = "seed"
SEED_MOVES = {"seed.next": 1, "seed.back": -1}
"""What is composed: the seed, and how far each trigger moves it."""
SEED_MAX = 2**53
"""The highest seed that a control can say exactly."""

COUNTED_MAX = 128
"""The highest N of `scene.N` and `weight.N`: as many as there are program numbers."""

_ALIASES = {"tempo": "tempo_bpm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One control. `low` to `high` is what a binding covers by default, `least` to `most` what it may reach.

    `mode` is how a knob or pad moves it when the rig does not say.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 1.0
    least: float = 0.0
    most: float = 1.0
    mode: str = "absolute"

    @property
    def immediate(self) -> bool:
        """Whether the player applies it."""
        return self.name in IMMEDIATE


def _switch(name: str, mode: str) -> Control:
    return Control(name=name, kind="switch", mode=mode)


CONTROLS: dict[str, Control] = {
    control.name: control
    for control in (
        *(Control(name=mood, kind="knob") for mood in MOODS),
        Control(name="temperature", kind="knob", low=0.4, high=1.6, least=0.05, most=4.0),
        Control(name="guidance", kind="knob", high=2.0, most=GUIDANCE_MAX),  # as trained in the middle
        Control(name="tempo_bpm", kind="knob", low=60.0, high=180.0, least=TEMPO_MIN_BPM, most=TEMPO_MAX_BPM),
        Control(name="section", kind="knob", high=float(len(SECTIONS)), most=float(len(SECTIONS))),
        Control(name="key", kind="knob", high=float(len(KEY_NAMES)), most=float(len(KEY_NAMES))),
        Control(name=LOOP, kind="knob", high=float(max(LOOP_BARS)), most=float(max(LOOP_BARS))),
        Control(name=SEED, kind="knob", high=127.0, most=float(SEED_MAX)),
        *(Control(name=move, kind="trigger", mode="momentary") for move in SEED_MOVES),
        *(_switch(f"section.{section}", "momentary") for section in SECTIONS),
        *(_switch(f"{LOOP}.{bars}", "momentary") for bars in LOOP_BARS),
        *(_switch(f"mute.{part}", "toggle") for part in PARTS),
        Control(name="level", kind="knob"),
        _switch("mute", "toggle"),
        Control(name="filter", kind="knob", low=-1.0, high=1.0, least=-1.0, most=1.0, mode="centred"),
        _switch("freeze", "momentary"),
        Control(name="panic", kind="trigger", mode="momentary"),
        Control(name="tap", kind="trigger", mode="momentary"),
        Control(name=KEEP, kind="trigger", mode="momentary"),
        *(Control(name=mark, kind="trigger", mode="momentary") for mark in MARKS),
    )
}
"""All controls but those that are counted: `scene.N` and `weight.N`."""


def find_control(name: str) -> Control:
    """Return the control of a name; raise RigError with the nearest name when there is none. [any]"""
    name = _ALIASES.get(name, name)
    if name in CONTROLS:
        return CONTROLS[name]
    family, dot, number = name.partition(".")
    if dot and family in ("scene", "weight"):
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= COUNTED_MAX):
            raise RigError(f"control = {name!r}: write {family}.1 for the first, up to {family}.{COUNTED_MAX}")
        if family == "scene":
            return Control(name=f"scene.{int(number)}", kind="trigger", mode="momentary")
        return Control(name=f"weight.{int(number)}", kind="knob")
    known = (*CONTROLS, *_ALIASES, "scene.1", "weight.1")
    raise RigError(f"control = {name!r} is not one of {', '.join(known)}{nearest(name, known)}")


def loop_of(value: float) -> int:
    """Return how many bars a value of `loop` repeats: the nearest of `LOOP_BARS`, or 0. [any]"""
    return min((0, *LOOP_BARS), key=lambda bars: abs(bars - value))


def counted(name: str) -> int:
    """Return the index from 0 of a `scene.N` or `weight.N`. [any]"""
    return int(name.partition(".")[2]) - 1
