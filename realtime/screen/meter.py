"""Meter: levels in dBFS, and one line of text that shows them. [any]

Peak is the largest sample, RMS the root of the mean square, both against full scale 1.0 (a full-scale sine reads
0 dBFS peak and -3 dBFS RMS, as in AES17 without its 3 dB correction). The ballistics are a digital peak meter's
(after IEC 60268-18): instant rise, a fall of 20 dB in 1.7 s, and a held mark.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TextIO

import numpy as np
import numpy.typing as npt

FLOOR_DB = -60.0
FALL_DB_PER_S = 20.0 / 1.7
HOLD_NS = 1_500_000_000
BAR_MIN = 6
METER_MIN, METER_MAX = 24, 60
NAME_MIN = 6
CHORD_WIDTH = 6

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Peak and RMS of a block, one value for each channel, in dBFS, `FLOOR_DB` at least."""

    peak_db: tuple[float, ...]
    rms_db: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterState:
    """What a meter shows: the falling peak, RMS, the held mark and its age, for each channel."""

    peak_db: tuple[float, ...]
    rms_db: tuple[float, ...]
    held_db: tuple[float, ...]
    held_ns: tuple[int, ...]
    clipped: bool = False


def to_db(linear: float) -> float:
    """Return 20 log10 of a level, at least `FLOOR_DB`. [any]"""
    return max(FLOOR_DB, 20.0 * math.log10(linear)) if linear > 0.0 else FLOOR_DB


def measure(frames: npt.NDArray[np.float32]) -> Levels:
    """Return the levels of a block of float32 (frames, channels). [any]"""
    channels = frames.shape[1]
    if not len(frames):
        return Levels(peak_db=(FLOOR_DB,) * channels, rms_db=(FLOOR_DB,) * channels)
    peaks = np.max(np.abs(frames), axis=0)
    squares = np.mean(np.square(frames, dtype=np.float64), axis=0)
    return Levels(
        peak_db=tuple(to_db(float(peak)) for peak in peaks),
        rms_db=tuple(to_db(math.sqrt(float(square))) for square in squares),
    )


def rest(channels: int = 2) -> MeterState:
    """Return a meter that has heard nothing. [any]"""
    floor = (FLOOR_DB,) * channels
    return MeterState(peak_db=floor, rms_db=floor, held_db=floor, held_ns=(0,) * channels)


def step_meter(levels: Levels, state: MeterState, elapsed_ns: int) -> MeterState:
    """Return the meter after a block: it rises at once, falls slowly, and holds its highest mark. [any]"""
    fall_db = FALL_DB_PER_S * elapsed_ns / 1e9
    peak = tuple(max(new, old - fall_db, FLOOR_DB) for new, old in zip(levels.peak_db, state.peak_db, strict=True))
    rms = tuple(max(new, old - fall_db, FLOOR_DB) for new, old in zip(levels.rms_db, state.rms_db, strict=True))
    held, ages = [], []
    for new, mark, age in zip(peak, state.held_db, state.held_ns, strict=True):
        fresh = new >= mark or age + elapsed_ns > HOLD_NS
        held.append(new if fresh else mark)
        ages.append(0 if fresh else age + elapsed_ns)
    clipped = state.clipped or any(new >= 0.0 for new in levels.peak_db)
    return MeterState(peak_db=peak, rms_db=rms, held_db=tuple(held), held_ns=tuple(ages), clipped=clipped)


def shows_unicode(stream: TextIO) -> bool:
    """Say whether block characters can be shown: a terminal with a Unicode encoding. [control]"""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "").replace("_", "")
    return encoding.startswith("utf") and stream.isatty()


def bar(db: float, held_db: float, width: int, *, unicode: bool) -> str:
    """Return a bar of `width` characters from `FLOOR_DB` to 0 dBFS, with the held mark. [any]"""
    position = _place(db) * width
    whole = min(width, int(position))
    if unicode:
        part = _EIGHTHS[int((position - whole) * 8)] if whole < width else ""
        cells = list(("█" * whole + part).ljust(width))
        mark = "▕"
    else:
        cells = list(("#" * whole).ljust(width, "."))
        mark = "|"
    at = min(width - 1, int(_place(held_db) * width))
    if held_db > max(db, FLOOR_DB) and at >= whole and width:
        cells[at] = mark
    return "".join(cells)


def render_meter(state: MeterState, width: int = 80, *, unicode: bool = True) -> str:
    """Return one line of at most `width` characters: a bar for each channel and the held peak in dBFS. [any]

    Where the channels have no room each, one bar shows the loudest; where not even that has, the figure stands alone.
    """
    channels = len(state.peak_db)
    names = ("L", "R") if channels == 2 else tuple(str(index + 1) for index in range(channels))
    loudest = max(state.held_db)
    figure = f"{loudest:6.1f} dB" if loudest > FLOOR_DB else ("    -∞ dB" if unicode else "  -inf dB")
    tail = figure + (" CLIP" if state.clipped else "     ")
    edges = ("▐", "▌") if unicode else ("[", "]")
    room = width - len(tail) - 1
    each = room // channels - sum(map(len, (names[0], *edges))) - 1
    peaks, holds = state.peak_db, state.held_db
    if each < BAR_MIN:
        tail = tail.rstrip()
        names, peaks, holds, each = ("",), (max(peaks),), (loudest,), width - len(tail) - 1 - sum(map(len, edges))
    if each < BAR_MIN:
        return tail.strip()[:width]
    bars = [
        f"{name}{edges[0]}{bar(db, held, each, unicode=unicode)}{edges[1]}"
        for name, db, held in zip(names, peaks, holds, strict=True)
    ]
    return f"{' '.join(bars)} {tail}".rstrip()


def clock(seconds: float) -> str:
    """Return minutes and seconds as `1:05`, with hours if there are any. [any]"""
    whole = max(0, math.ceil(seconds - 1e-6))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def render_progress(
    state: MeterState, *, done_seconds: float, total_seconds: float, elapsed_ns: int, width: int = 80, unicode: bool
) -> str:
    """Return one line: how much is made, time left at the speed so far, and the meter. [any]"""
    share = min(1.0, done_seconds / total_seconds) if total_seconds > 0 else 1.0
    left_seconds = elapsed_ns / 1e9 * (1.0 - share) / share if share > 1e-9 else math.inf
    left = clock(left_seconds) if left_seconds < 360_000 else "--:--"
    head = f"{share:4.0%}  {clock(done_seconds)}/{clock(total_seconds)}  {left} left  "
    return (head + render_meter(state, max(0, width - len(head)), unicode=unicode))[:width]


def render_live(
    state: MeterState, *, when: str, scene: str, chord: str, tempo_bpm: float, faults: str, width: int, unicode: bool
) -> str:
    """Return one line: time, scene, chord, tempo, what went wrong, and the meter; a long scene name gives way. [any]"""
    music = f"{chord:{CHORD_WIDTH}}  {tempo_bpm:5.1f} bpm  " + (f"{faults}  " if faults else "")
    room = max(NAME_MIN, width - len(when) - len(music) - METER_MIN - 4)
    name = scene if len(scene) <= room else scene[: room - 1] + ("…" if unicode else "~")
    head = f"{when}  {name}  {music}"
    return (head + render_meter(state, max(0, min(METER_MAX, width - len(head))), unicode=unicode))[:width]


def _place(db: float) -> float:
    """Return where a level lies on the bar, 0 to 1, linear in dB."""
    return min(1.0, max(0.0, 1.0 - db / FLOOR_DB))
