"""What an OSC message does: addresses become the events that MIDI makes too, under the names of the rig file. [any]

| address | arguments | does |
|---|---|---|
| `/legando/control/NAME` | a number; to `key` and `section` a word | moves a control; `mute.drums` or `mute/drums` |
| `/legando/scene` | a name, or a number from 1 | recalls a scene |
| `/legando/prompt` | one or more of `TEXT[:WEIGHT]`; a number is the weight of the text before it | plays a new scene |
| `/legando/note` | pitch, velocity (0..127, or a fraction), channel from 1 | plays a note; velocity 0 ends it |
| `/legando/panic`, `.../tap`, `.../keep`, `.../like`, `.../dislike` | | the triggers of these names |
| `/legando/bundle/next` | none, or a candidate's number or name | rolls out a bundle of `[engine] candidates` |
| `/legando/bundle/back` | | rolls the one before back |
| `/legando/tempo`, `.../key`, `.../seed`, `.../loop` | bpm; a name such as `C minor`; a number; bars | short for them |
| `/legando/seed/next`, `/legando/seed/back` | | another idea, the one before |
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from legando.realtime.controls import SECTIONS
from legando.realtime.osc.oscwire import Argument, Message, OscError
from legando.realtime.performing.ownevent import control_event
from legando.realtime.rigs.checks import nearest
from legando.realtime.rigs.controlnames import KEEP, LOOP, MARKS, SEED, find_control
from legando.realtime.tonality import key_number, read_key

PREFIX = "/legando/"
PROMPT = "/legando/prompt"
_SHORT = ("panic", "tap", KEEP, *MARKS, "tempo", "key", LOOP, SEED, "seed/next", "seed/back")


def event_of(message: Message, scenes: Sequence[str]) -> bytes:
    """Return the event of an OSC message, given the scenes' names; RigError or OscError in one sentence. [any]"""
    address, arguments = message
    if not address.startswith(PREFIX):
        raise OscError(f"{address[:60]!r} does not begin with {PREFIX}")
    word, _, rest = address.removeprefix(PREFIX).partition("/")
    if word == "control" and rest:
        return _control(rest.replace("/", "."), arguments)
    if rest:
        word = f"{word}/{rest}"
    if word in _SHORT:
        return _control(word.replace("/", "."), arguments)
    if word == "scene":
        return _scene(arguments, scenes)
    if word == "note":
        return _note(arguments)
    known = ("control/NAME", "scene", "prompt", "note", *_SHORT)
    raise OscError(f"there is no {address[:60]!r}; known are {', '.join(known)}{nearest(word, known)}")


def line_of(arguments: Sequence[Argument]) -> str:
    """Return the line that a prompt's arguments say, as it would be typed; raises OscError, one sentence. [any]"""
    texts: list[str] = []
    weighted = True
    for argument in arguments:
        if isinstance(argument, str):
            texts.append(argument)
        elif weighted:
            raise OscError(f"{argument:g} is no prompt's weight; write a text, then its weight")
        else:
            texts[-1] += f":{argument:g}"
        weighted = not isinstance(argument, str)
    return "; ".join(texts)


def _control(name: str, arguments: Sequence[Argument]) -> bytes:
    control = find_control(name[:60])
    value = arguments[0] if arguments else (1.0 if control.kind == "trigger" else None)
    if value is None:
        raise OscError(f"{control.name} is given no value")
    if isinstance(value, str):
        if control.name == "key":
            value = key_number(read_key(value[:40]))
        elif control.name == "section" and value in ("none", *SECTIONS):
            value = ("none", *SECTIONS).index(value)
        else:
            raise OscError(f"{control.name} takes a number, not {value[:40]!r}")
    return control_event(control.name, float(value))


def _scene(arguments: Sequence[Argument], scenes: Sequence[str]) -> bytes:
    which = arguments[0] if arguments else ""
    if isinstance(which, str):
        if which not in scenes:
            raise OscError(f"there is no scene {which[:40]!r}{nearest(which[:40], scenes)}")
        which = scenes.index(which) + 1
    elif not math.isfinite(which) or not 1 <= round(which) <= len(scenes):
        raise OscError(f"there is no scene {which:g}; they count from 1 to {len(scenes)}")
    return control_event(f"scene.{round(which)}", 1.0)


def _note(arguments: Sequence[Argument]) -> bytes:
    numbers = [value for value in arguments if not isinstance(value, str) and math.isfinite(value)]
    if not 2 <= len(numbers) <= 3 or len(numbers) != len(arguments):
        raise OscError("a note needs pitch and velocity, and may name a channel")
    velocity = numbers[1] * 127 if isinstance(numbers[1], float) and 0 < numbers[1] <= 1 else numbers[1]
    pitch, hit, channel = round(numbers[0]), math.ceil(velocity), round(numbers[2]) if len(numbers) == 3 else 1
    if not (0 <= pitch <= 127 and 0 <= hit <= 127 and 1 <= channel <= 16):
        raise OscError(f"pitch {pitch}, velocity {hit} or channel {channel} is outside 0..127, 0..127, 1..16")
    return bytes((0x90 | channel - 1, pitch, hit))
