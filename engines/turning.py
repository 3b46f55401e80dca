"""Turning: the ticks of a chunk, each with the controls that hold on it, when a scene comes in at a bar line. [engine]

The score turns on the very tick: ticks before it are written with the old controls, from it on with the new ones, and
the tempo changes at its frame. The sound of a chunk has one style: the new one from the chunk on in which the tick
falls, so that the first stroke of the bar has it; the end of the bar before may sound new for less than a chunk.
"""

from __future__ import annotations

import math
from dataclasses import replace

from legando.engines.groove import swing_of
from legando.engines.timeline import SAMPLE_RATE_HZ, Clock, tick_seconds
from legando.realtime.controls import Controls

Begun = tuple[int, int, Controls]
"""A tick that begins in a chunk, its offset in frames, the controls that hold on it."""


def take_ticks(clock: Clock, frames: int, controls: Controls) -> tuple[list[Begun], Controls]:
    """Move the clock over a chunk; return the ticks that begin in it, and the controls of its sound. [engine]"""
    turn = controls.turn
    if turn is None:
        begun = clock.advance(frames, controls.tempo_bpm, swing_of(controls.style))
        return [(tick, offset, controls) for tick, offset in begun], controls
    later = replace(turn.controls, notes=controls.notes, steps=controls.steps, turn=None)
    ahead = (turn.tick - clock.position_ticks) * tick_seconds(controls.tempo_bpm) * SAMPLE_RATE_HZ
    first = min(max(0, math.ceil(ahead - 1e-6)), frames)
    ticks: list[Begun] = []
    if first:
        begun = clock.advance(first, controls.tempo_bpm, swing_of(controls.style))
        ticks = [(tick, offset, controls) for tick, offset in begun]
    if first < frames:
        begun = clock.advance(frames - first, later.tempo_bpm, swing_of(later.style))
        ticks += [(tick, first + offset, later) for tick, offset in begun]
    return ticks, later if first < frames else controls
