"""Controls as JSON: what crosses from the host to the engine, and what a journal can keep. [any]

Floats are written so that they read back bit for bit (Python's shortest round-trip form), and no value is code.
"""

from __future__ import annotations

from typing import Any

from legando.realtime.controls import Controls, Idea, NoteEvent, Turn

_MOVED = ("tempo_bpm", "density", "brightness", "space", "drive", "temperature", "guidance", "section")
_PLAIN = (*_MOVED, "position_ticks", "steps", "key", "click")


def controls_to_plain(controls: Controls) -> dict[str, Any]:
    """Return a snapshot as numbers, texts and lists. [any]"""
    idea = controls.idea
    return {
        **{name: getattr(controls, name) for name in _PLAIN},
        "style": list(controls.style),
        "muted": sorted(controls.muted),
        "held": list(controls.held),
        "notes": [[note.offset_frames, note.pitch, note.velocity] for note in controls.notes],
        "loop": controls.loop,
        **({} if idea is None else {"idea": [idea.seed, idea.origin]}),  # the run's own needs no words
        "turn": None if controls.turn is None else [controls.turn.tick, controls_to_plain(controls.turn.controls)],
    }


def controls_from_plain(plain: dict[str, Any]) -> Controls:
    """Return the snapshot that `controls_to_plain` wrote. [any]"""
    turn, idea = plain["turn"], plain.get("idea")
    return Controls(
        **{name: plain[name] for name in _PLAIN},
        style=tuple(plain["style"]),
        muted=frozenset(plain["muted"]),
        held=tuple(plain["held"]),
        notes=tuple(NoteEvent(offset_frames=o, pitch=p, velocity=v) for o, p, v in plain["notes"]),
        loop=plain.get("loop", 0),  # which old journals have not
        idea=None if idea is None else Idea(seed=idea[0], origin=idea[1]),
        turn=None if turn is None else Turn(tick=turn[0], controls=controls_from_plain(turn[1])),
    )
