"""The keys of the screen: what each does, once, for the interface, its footer and its help page. [any]

A key either looks after the screen (an action) or moves a control, by name, as a knob would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from legando.realtime.controls import LOOP_BARS, SECTIONS
from legando.realtime.rigs.controlnames import LOOP, find_control, loop_of
from legando.realtime.screen.status import KNOBS, Status

SCENE_KEYS = "1234567890"
PART_KEYS = {"drums": "d", "bass": "b", "chord": "c", "lead": "l", "texture": "x"}
PANIC = "exclamation_mark"
_IDEAS = {"n": "seed.next", "N": "seed.back"}
_TRIGGERS = {PANIC: "panic", "t": "tap", "w": "keep", **_IDEAS, "plus": "like", "minus": "dislike"}
STEP, FINE_STEP = 0.05, 0.01
"""How far one key press moves a knob, as a share of its range."""

HELP: tuple[tuple[str, str], ...] = (
    ("1 .. 9, 0", "the first ten scenes"),
    ("[  ]", "the scene before, the scene after"),
    ("p", "type a prompt, which becomes a new scene"),
    ("w", "keep what plays as a scene of the rig file"),
    ("n  N", "another idea; the one before"),
    ("up  down", "choose a control"),
    ("left  right", "move it by 5 % of its range"),
    (",  .", "move it by 1 %"),
    ("home  end", "move it to its least, its most"),
    ("d b c l x", "mute drums, bass, chord, lead, texture"),
    ("m", "mute all"),
    ("f", "freeze: repeat the last beat; again: go on"),
    ("s", "hold the next section in turn, then none"),
    ("o", "loop the last 1, 2, 4, 8 bars, then none"),
    ("t", "tap the tempo"),
    ("r", "record a take; again: end it"),
    ("+  -", "you like what is heard, or do not"),
    ("!", "panic: end all notes"),
    ("z", "put out the clip lamps"),
    ("v", "dark or light"),
    ("?", "this page"),
    ("q", "stop the music; it asks first"),
    ("Ctrl-C", "stop the music at once"),
)

FOOTER = (
    "1-0 scene", "p prompt", "n idea", "o loop", "w keep", "r record", "! panic", "q stop", "t tap", "m mute all"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Move:
    """A control, and the value that a key gives it."""

    control: str
    value: float


def moves_of(key: str, status: Status, chosen: int, values: Mapping[str, float]) -> tuple[Move, ...]:
    """Return what a key moves, none for a key that moves nothing. [any]

    `key` as Textual names it; `chosen` is the place of a knob in `KNOBS`; `values` has what is set now.
    """
    if key in tuple(SCENE_KEYS):
        return _scene(SCENE_KEYS.index(key), status)
    if key in ("left_square_bracket", "right_square_bracket"):
        return _scene(status.scene + (1 if key.startswith("right") else -1), status)
    name = KNOBS[chosen]
    control = find_control(name)
    steps = {
        "left": -STEP,
        "right": STEP,
        "comma": -FINE_STEP,
        "full_stop": FINE_STEP,
        "shift+left": -FINE_STEP,
        "shift+right": FINE_STEP,
    }
    if key in steps:
        value = values.get(name, control.low) + steps[key] * (control.high - control.low)
        middle = round((value - control.low) / (control.high - control.low) / FINE_STEP) * FINE_STEP
        value = control.low + middle * (control.high - control.low)  # whole steps, so that 0 is met again
        return (Move(name, round(min(max(value, control.low), control.high), 6)),)
    if key in ("home", "end"):
        return (Move(name, control.low if key == "home" else control.high),)
    for part, letter in PART_KEYS.items():
        if key == letter:
            return (_flip(f"mute.{part}", values),)
    if key in ("m", "f"):
        return (_flip("mute" if key == "m" else "freeze", values),)
    if key in _TRIGGERS:
        return (Move(_TRIGGERS[key], 1.0),)
    if key == "s":
        held = SECTIONS.index(status.section) + 1 if status.section_held and status.section in SECTIONS else 0
        return (Move("section", float((held + 1) % (len(SECTIONS) + 1))),)
    if key == "o":
        lengths = (0, *LOOP_BARS, 0)
        return (Move(LOOP, float(lengths[lengths.index(loop_of(values.get(LOOP, 0.0))) + 1])),)
    return ()


def _scene(index: int, status: Status) -> tuple[Move, ...]:
    return (Move(f"scene.{index + 1}", 1.0),) if 0 <= index < len(status.scenes) else ()


def _flip(name: str, values: Mapping[str, float]) -> Move:
    return Move(name, 0.0 if values.get(name, 0.0) >= 0.5 else 1.0)
