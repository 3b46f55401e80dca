"""The players: each writes one part of a score, bar by bar, from its genre's recipe. [any]

They take the plan of the sections, the chords and a density level (ten times the control), and fill their column.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import BIT, Bar
from legando.engines.score import (
    BASS_HIGH,
    BASS_LOW,
    HOLD,
    LEAD_LOW,
    QUALITIES,
    REST,
    TICKS_PER_BAR,
    chord_token,
)
from legando.engines.training.music.genres import Genre

T = TypeVar("T")
Chord = tuple[int, str]  # root pitch class, quality
LEAD_RANGE = (60, 88)


def pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
    """Return one of the options. [any]"""
    return options[int(rng.integers(len(options)))]


def _thin(pattern: str, level: float, noise: NDArray[np.float64]) -> str:
    """Resolve the digits of a rhythm at a density level (0..10): strike, or else hold or rest like the tick before."""
    out = []
    for index, char in enumerate(pattern):
        if char.isdigit():
            dropped = "-" if index and pattern[index - 1] == "-" else "."
            char = "x" if level + noise[index % len(noise)] >= int(char) else dropped
        out.append(char)
    return "".join(out)


_FILLS: dict[str, tuple[tuple[str, str], ...]] = {
    "snare": (("snare", "........x..xx.xx"), ("snare", "..........x.xxxx"), ("snare", "............x.xx")),
    "snare_roll": (("snare", "x.x.x.x.xxxxxxxx"), ("snare", "........x.x.xxxx"), ("clap", "............x.x.")),
    "breaks": (("snare", "....x..x..x.x.xx"), ("snare", "..x...x..x..x.x."), ("tom", "........x.xxx.x.")),
    "toms": (("tom", "........xxxxxxxx"), ("tom", "............xxxx"), ("tom", "........x.x.xx.x")),
    "hat_roll": (("hat", "........xxxxxxxx"), ("hat", "xxx.xxx.xxxxxxxx"), ("snare", "............xxxx")),
    "drop": (("kick", "................"), ("snare", "..............xx")),
    "none": (),
}


def play_drums(rng: np.random.Generator, recipe: Genre, plan: list[Bar], level: float, out: NDArray[np.int16]) -> None:
    """Strike grooves from two alternating bars, fills where a section ends, a crash where one begins. [any]"""
    grid: dict[str, tuple[str, str]] = {}
    lanes = [(n, getattr(recipe, n)) for n in ("kick", "snare", "ghost", "clap", "hat", "open_hat", "tom")]
    lanes.append(("cymbal", recipe.ride))
    for voice, options in lanes:
        if options:
            first = pick(rng, options)
            grid[voice] = (first, pick(rng, options) if rng.random() < 0.4 else first)
    fills = _FILLS[recipe.fill]
    crash = rng.random() < recipe.crash_chance
    for index, bar in enumerate(plan):
        if "drums" not in bar.parts:
            continue
        at = index * TICKS_PER_BAR
        lane = out[at : at + TICKS_PER_BAR]
        for voice, pair in grid.items():
            bit = BIT[voice]
            pattern = pair[index % 2]
            if not bar.drum_mask & bit or not pattern:
                continue
            noise = rng.normal(0.0, 0.7, 16)
            struck = _thin(pattern, level, noise)
            for tick, char in enumerate(struck):
                sparse = voice == "hat" and tick % 2 == 1 and level + noise[tick] < 2.0
                crowded = voice == "hat" and "x" in struck and level + noise[tick] > 9.3
                if (char == "x" and not sparse) or crowded:
                    lane[tick] |= bit
        lane[(lane & BIT["open_hat"]) > 0] &= ~BIT["hat"]
        if bar.last and fills and not bar.calm and rng.random() < 0.75:
            voice, fill = pick(rng, fills)
            start = 16 - len(fill.lstrip("."))
            if start < 16:
                lane[start:] &= BIT["kick"] | BIT["clap"] | BIT["cymbal"]
            else:
                lane[8:] = 0
            for tick, char in enumerate(fill):
                if char == "x" and (level > 2 or tick % 2 == 0):
                    lane[tick] |= BIT[voice]
        if bar.first and crash and not bar.calm:
            lane[0] |= BIT["cymbal"]


def play_chords(
    rng: np.random.Generator,
    recipe: Genre,
    plan: list[Bar],
    harmony: list[list[Chord]],
    level: float,
    out: NDArray[np.int16],
) -> None:
    """Comp in the genre\'s rhythm; a `>` strikes the next chord early and holds it over the bar line. [any]"""
    rhythm = pick(rng, recipe.comping)
    other = pick(rng, recipe.comping)
    if level < 3 and rng.random() < 0.6:
        rhythm = other = "x---------------"
    early: Chord | None = None
    for index, bar in enumerate(plan):
        at = index * TICKS_PER_BAR
        if "chord" not in bar.parts:
            early = None
            continue
        pattern = "x---------------" if bar.calm else (other if index % 4 == 3 else rhythm)
        pattern = _thin(pattern, level, rng.normal(0.0, 0.8, 16))
        halves = harmony[index]
        if halves[0] != halves[1]:  # a change in the middle of the bar must be struck
            pattern = pattern[:8] + ("x" if pattern[8] in "-." else pattern[8]) + pattern[9:]
        if "x" not in pattern and early is None:
            pattern = "x" + pattern[1:]
        sounding = -1
        if early is not None:
            if pattern[0] == "x" and early == halves[0]:
                pattern = "-" + pattern[1:]
            sounding = 0
        early = None
        for tick, char in enumerate(pattern):
            if char in "x>":
                chord = harmony[index + 1][0] if char == ">" else halves[tick // 8]
                out[at + tick] = chord_token(*chord)
                early = chord if char == ">" and index + 1 < len(plan) else None
                sounding = tick
            elif char == "-" and sounding >= 0:
                out[at + tick] = HOLD
            else:
                out[at + tick] = REST
                sounding = -1


def play_bass(
    rng: np.random.Generator,
    recipe: Genre,
    plan: list[Bar],
    harmony: list[list[Chord]],
    level: float,
    out: NDArray[np.int16],
) -> None:
    """Follow the chords with a figure of roots, fifths, octaves and approach notes, or walk. [any]"""
    pattern, other = pick(rng, recipe.bass), pick(rng, recipe.bass)
    shift = recipe.bass_low + int(rng.integers(0, 3))

    def low(pitch_class: int) -> int:
        return shift + (pitch_class - shift) % 12

    for index, bar in enumerate(plan):
        if "bass" not in bar.parts:
            continue
        at = index * TICKS_PER_BAR
        halves, coming = harmony[index], low(harmony[index + 1][0][0])
        figure = other if index % 4 == 3 and other != "walk" and pattern != "walk" else pattern
        if figure == "walk":
            figure = "R---T---F---A---" if halves[0] == halves[1] else "R---A---R---A---"
            if rng.random() < 0.4:
                figure = figure.replace("T", "F", 1) if rng.random() < 0.5 else figure.replace("F", "S", 1)
            if level < 3:
                figure = "R-------F-------"
            elif rng.random() < level / 20:
                figure = figure[:6] + "f-" + figure[8:]
        if bar.calm:
            figure = "R---------------" if halves[0] == halves[1] else "R-------R-------"
        noise = rng.normal(5.0, 1.5, 16)
        held = False
        for tick, char in enumerate(figure):
            root, quality = halves[tick // 8]
            pitch = low(root)
            changed = tick == 8 and halves[0] != halves[1]
            if char.islower() and level < noise[tick]:
                char = "-" if tick and figure[tick - 1] == "-" else "."
            if changed and char in "-.":
                char = "R"
            if char == ".":
                held = False
            elif char == "-":
                if held:
                    out[at + tick] = HOLD
            else:
                steps = QUALITIES[quality]
                kind = char.upper()
                if kind == "O":
                    pitch += 12
                elif kind == "F":
                    pitch += steps[2]
                elif kind == "T":
                    pitch += steps[1]
                elif kind == "S":
                    pitch += steps[3] if len(steps) > 3 else 10
                elif kind == "A":
                    goal = coming if tick >= 8 or halves[0] == halves[1] else low(halves[1][0])
                    pitch = goal + (1 if rng.random() < 0.4 else -1)
                out[at + tick] = 2 + min(max(pitch, BASS_LOW), BASS_HIGH) - BASS_LOW
                held = True


def _contour(rng: np.random.Generator, count: int) -> list[int]:
    """Return melodic steps (in scale degrees, from the anchor) that wander but come back."""
    steps = [0]
    for _ in range(count - 1):
        move = int(rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3, 4]))
        if abs(steps[-1] + move) > 6:
            move = -move
        steps.append(steps[-1] + move)
    return steps


def play_lead(
    rng: np.random.Generator,
    recipe: Genre,
    plan: list[Bar],
    harmony: list[list[Chord]],
    scale: list[int],
    level: float,
    out: NDArray[np.int16],
) -> None:
    """Play two motifs of two bars, repeated and varied; strong and long notes fall on chord tones. [any]"""
    rhythms = [pick(rng, recipe.lead), pick(rng, recipe.lead)]
    shapes = [_contour(rng, 32), _contour(rng, 32)]
    order = pick(rng, ("aaba", "abab", "aaab", "a.b.", "aab.", "a.a."))
    centre = recipe.lead_centre + int(rng.integers(-4, 5))
    last = centre
    for pair in range(0, len(plan), 2):  # a motif lasts two bars
        what = order[pair // 2 % 4]
        if what == ".":
            continue
        which = "ab".index(what)
        rhythm = _thin(rhythms[which], level, rng.normal(0.0, 0.8, 32))
        varied = rng.random() < 0.3
        note = 0
        held = False
        for tick, char in enumerate(rhythm):
            index = pair + tick // 16
            if index >= len(plan) or "lead" not in plan[index].parts:
                held = False
                continue
            at = index * TICKS_PER_BAR + tick % 16
            if char == "-":
                if held:
                    out[at] = HOLD
            elif char == ".":
                held = False
            else:
                root, quality = harmony[index][tick % 16 // 8]
                tones = {(root + s) % 12 for s in QUALITIES[quality]}
                step = shapes[which][note] + (int(rng.integers(-1, 2)) if varied and note > 3 else 0)
                anchor = min(range(len(scale)), key=lambda i: abs(scale[i] - centre))
                pitch = scale[min(max(anchor + step, 0), len(scale) - 1)]
                long_note = rhythm[tick + 1 : tick + 3] == "--"
                if tick % 8 == 0 or long_note or (pitch % 12 not in tones and rng.random() < 0.35):
                    pitch = min(
                        (p for p in range(*LEAD_RANGE) if p % 12 in tones),
                        key=lambda p: (abs(p - pitch), abs(p - last)),
                    )
                out[at] = 2 + pitch - LEAD_LOW
                last = pitch
                held = True
                note += 1
