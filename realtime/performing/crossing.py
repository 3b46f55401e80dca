"""A crossing: the way from one scene to the next, in style, moods and tempo. [any]

Pure functions of a tick: the same desk, crossing and tick give the same snapshot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from legando.realtime.controls import Controls
from legando.realtime.performing.desk import Desk
from legando.realtime.performing.recall import TICKS_PER_BAR, TICKS_PER_BEAT, Glide, between, ticks_in
from legando.realtime.rigs.scene import SceneChanges


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where it comes from, and how it goes: style and moods in one glide, the tempo in another."""

    fade: Glide
    style: tuple[float, ...]
    ramp: Glide
    tempo_bpm: float
    aim_bpm: float


def crossing_to(desk: Desk, before: Controls, tick: float, rules: SceneChanges) -> Crossing:
    """Return the way from a snapshot to the scene of a desk, from a tick on; the scene's own rules go first. [any]"""
    scene = desk.styled.scene
    beats = rules.fade_beats if scene.fade_beats is None else scene.fade_beats
    bars = rules.tempo_ramp_bars if scene.tempo_ramp_bars is None else scene.tempo_ramp_bars
    return Crossing(
        fade=Glide(tick, beats * TICKS_PER_BEAT),
        style=before.style_now(),
        ramp=Glide(tick, bars * TICKS_PER_BAR),
        tempo_bpm=before.tempo_bpm,
        aim_bpm=desk.value_of("tempo_bpm"),
    )


def ramped(desk: Desk, crossing: Crossing | None, tick: float) -> float | None:
    """Return the tempo on its way to the scene's; None when it is there, or a hand has set another. [any]"""
    if crossing is None or desk.value_of("tempo_bpm") != crossing.aim_bpm:
        return None
    share = crossing.ramp.share(tick)
    return between(crossing.tempo_bpm, crossing.aim_bpm, share) if share < 1.0 else None


def snapshot(
    desk: Desk, crossing: Crossing | None, tick: float, *, held: tuple[int, ...], outside_bpm: float | None
) -> Controls:
    """Return what a desk says at a tick, on the way from the scene before; an outside tempo goes first. [any]"""
    controls = desk.controls(held=held, tempo_bpm=outside_bpm or ramped(desk, crossing, tick))
    share = crossing.fade.share(tick) if crossing is not None else 1.0
    if crossing is None or share >= 1.0:
        return controls
    pairs = zip(crossing.style, controls.style_now(), strict=True)
    style = tuple(between(before, after, share) for before, after in pairs)
    return replace(controls, style=style, density=None, brightness=None, space=None, drive=None)


def end_tick(controls: Controls, tick: float, frames: int, sample_rate_hz: int) -> float:
    """Return where the chunk after this one begins, if it begins at a tick and a scene may turn inside it. [any]"""
    turn, end = controls.turn, tick + ticks_in(frames, controls.tempo_bpm, sample_rate_hz)
    if turn is None or turn.tick >= end:
        return end
    first = math.ceil((turn.tick - tick) / ticks_in(1, controls.tempo_bpm, sample_rate_hz) - 1e-6)
    line = tick + ticks_in(first, controls.tempo_bpm, sample_rate_hz)
    return line + ticks_in(frames - first, turn.controls.tempo_bpm, sample_rate_hz)
