"""`legando learn`: move a knob, choose what it shall move, and the rig file knows. [control]

Plain lines in and out, so that it works over ssh and in any terminal.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from legando.realtime.errors import RigError
from legando.realtime.exits import EXIT_OK
from legando.realtime.midi.learning import Guess, Listener
from legando.realtime.rigs.checks import nearest
from legando.realtime.rigs.controlnames import CONTROLS, find_control
from legando.realtime.rigs.rig import MidiRig, Rig, read_rig, rig_text
from legando.realtime.rigs.rigedit import OWN_RIG, bind_in, own_rig_text, save_rig

_COLUMNS = 3


def learn_command(arguments: argparse.Namespace) -> int:
    """Learn bindings until the performer has enough. [control]"""
    from legando.realtime.midi.midiinput import MidiInput
    from legando.realtime.midi.portwatch import PortWatch

    path: Path = arguments.rig or OWN_RIG
    text = text_of(path)
    rig = read_rig() if text is None else read_rig(path)
    midi = MidiInput()
    midi.open(MidiRig(inputs=rig.midi.inputs or ("*",), virtual_input=rig.midi.virtual_input, api=rig.midi.api))
    watch = PortWatch(midi.look)
    watch.start()
    listener = Listener()

    def listen() -> Guess:
        for _ in midi.take():
            pass  # what moved while a question was open
        listener.clear()
        while True:
            for news in midi.take_news():
                say(news)
            for live in midi.take():
                listener.feed(live.message, live.time_ns / 1e9)
            guess = listener.guess(time.perf_counter_ns() / 1e9)
            if guess is not None:
                return guess
            time.sleep(0.02)

    try:
        say(f"listening to {', '.join(midi.names) or 'no port yet; connect a controller'}")
        if text is None:
            say(f"{path} will be a copy of the shipped rig, for you to change")
        learnt = learn(path, listen, ask, say)
    finally:
        watch.close()
        midi.close()
    say(f"{learnt} binding{'s' * (learnt != 1)} saved" + (f" in {path}" if learnt else ""))
    return EXIT_OK


def learn(path: Path, listen: Callable[[], Guess], ask: Callable[[str], str | None], say: Callable[[str], None]) -> int:
    """Learn one binding after another; return how many were saved. `ask` returns None when nobody answers any more."""
    learnt = 0
    try:
        while True:
            say("turn a knob both ways, or press a pad; Ctrl-C ends")
            guess = listen()
            say(f"{guess.source} on channel {guess.channel}: {guess.thing}")
            if guess.kind == "encoder" and not guess.both_ways:
                say(f"only one way was seen, so {guess.encoding} is a guess; turn it both ways if it goes wrong")
            answer = _choose(path, guess, ask, say)
            if answer is None:
                return learnt
            learnt += answer
    except KeyboardInterrupt:
        return learnt


def _choose(path: Path, guess: Guess, ask: Callable[[str], str | None], say: Callable[[str], None]) -> bool | None:
    """Ask what the source shall move, and save it. Return whether that was done; None ends the session."""
    text = rig_text(path) if path.exists() else own_rig_text()
    rig = read_rig(path if path.exists() else None)
    names = names_of(rig)
    for line in listing(names, rig):
        say(line)
    while True:
        answer = ask("which one (number or name; Enter for none, q to end)? ")
        if answer is None or answer in ("q", "quit"):
            return None
        if not answer:
            return False
        try:
            values = guess.binding_values(find_control(chosen(answer, names)))
            text, before = bind_in(text, values)
            save_rig(path, text)
        except RigError as error:
            say(f"{error}")
            continue
        instead = f" instead of {before}" if before and before != values["control"] else ""
        say(f"{guess.source} moves {values['control']}{instead}; saved in {path}")
        return True


def names_of(rig: Rig) -> list[str]:
    """Return the controls that can be chosen for a rig, in the order of their numbers from 1. [any]"""
    weights = max(len(scene.prompts) for scene in rig.scenes)
    scenes = [f"scene.{n}" for n in range(1, len(rig.scenes) + 1)]
    return [*CONTROLS, *scenes, *(f"weight.{n}" for n in range(1, weights + 1))]


def listing(names: list[str], rig: Rig) -> list[str]:
    """Return the numbered list as lines of columns. [any]"""
    shown = []
    for number, name in enumerate(names, 1):
        family, _, index = name.partition(".")
        about = f" ({rig.scenes[int(index) - 1].name})" if family == "scene" else ""
        shown.append(f"{number:3} {name}{about}")
    rows = -(-len(shown) // _COLUMNS)
    columns = [shown[start : start + rows] for start in range(0, len(shown), rows)]
    wide = [max(map(len, column)) for column in columns]
    return [
        "  ".join(column[row].ljust(wide[n]) for n, column in enumerate(columns) if row < len(column)).rstrip()
        for row in range(rows)
    ]


def chosen(answer: str, names: list[str]) -> str:
    """Return the control that a number or a name means; raise RigError with what would do. [any]"""
    if answer.isascii() and answer.isdigit():
        if 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        raise RigError(f"there is no number {answer}; choose 1 to {len(names)}")
    name = find_control(answer.lower()).name
    if name not in names:
        raise RigError(f"this rig has no {name}{nearest(name, names)}; choose 1 to {len(names)}")
    return name


def say(text: str) -> None:
    """Tell the performer something; results alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def ask(question: str) -> str | None:
    """Return a line without its end, None when nobody types any more."""
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    return line.strip() if line else None


def text_of(path: Path) -> str | None:
    """Return a rig file's text; None for one that is still to be made. [control]"""
    if not path.exists() and not path.parent.is_dir():
        raise RigError(f"the rig file {path} cannot be made: there is no folder {path.parent}; check the name")
    return rig_text(path) if path.exists() else None
