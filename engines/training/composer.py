"""The composer: a seed becomes a piece of score tokens, true to its genre. [any]

Pure functions of a seed. Everything random comes from one generator made from it, so a seed is a piece for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import (
    BASS_LOW,
    DRUM_VOICES,
    HOLD,
    QUALITIES,
    REST,
    TEXTURES,
    TICKS_PER_BAR,
    Score,
    chord_token,
)
from legando.engines.training.genres import DIATONIC, MODES, RECIPES, Genre
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS, PARTS, STYLE_DIM

T = TypeVar("T")
Chord = tuple[int, str]  # root pitch class, quality
CHORD, DRUMS, BASS, LEAD, TEXTURE = range(5)
BIT = {name: 1 << index for index, name in enumerate(DRUM_VOICES)}
LEAD_RANGE = (60, 88)

FORMS = (
    ("intro", "build", "full", "full", "break", "full"),
    ("full", "full", "break", "full", "full", "break"),
    ("intro", "full", "full", "break", "build", "full"),
    ("break", "build", "full", "full", "solo", "full"),
    ("full", "solo", "full", "break", "full", "full"),
    ("solo", "build", "full", "break", "full", "full"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One composed piece: `score` (ticks, 5) as in `legando.engines.score`; odd sixteenths come swing * tick late."""

    score: Score
    tempo_bpm: float
    swing: float
    style: tuple[float, ...]
    genre: str
    key: tuple[int, str]
    seed: int


@dataclass(frozen=True, slots=True)
class _Bar:
    """What sounds in one bar: parts, the drum voices let through (a bit mask), texture, place in the section."""

    parts: frozenset[str]
    drum_mask: int
    texture: int
    first: bool
    last: bool
    calm: bool


def _pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
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


def _style(rng: np.random.Generator, genre: str | None) -> tuple[float, ...]:
    """Draw a style: one genre, or in one piece of six a blend of two, with moods that suit it."""
    name = genre or GENRES[int(rng.integers(len(GENRES)))]
    weights = np.zeros(GENRE_SLOTS)
    weights[GENRES.index(name)] = 1.0
    if rng.random() < 1 / 6:
        other = int(rng.integers(len(GENRES)))
        share = float(rng.uniform(0.2, 0.5))
        weights *= 1.0 - share
        weights[other] += share
    low, high = RECIPES[name].density
    density = rng.uniform(low, high) if rng.random() < 0.6 else rng.random()
    return tuple(float(v) for v in (*weights, density, *rng.random(len(MOODS) - 1)))


def _harmony(rng: np.random.Generator, recipe: Genre, tonic: int, bars: int) -> tuple[str, list[list[Chord]]]:
    """Return the mode and, for each half bar, the chord (two phrases that alternate)."""
    mode, *tokens = _pick(rng, recipe.progressions).split()
    phrases: list[list[Chord]] = []
    for index in range(2):
        if index == 1 or rng.random() < 0.35:
            own = rng.random() < 0.5
        else:
            own = False
        if own:  # a progression of our own from the chords of the mode: covers more than the recipes
            rich = 2 if recipe.sevenths else 1
            steps = [int(s) for s in rng.integers(0, 7, 4)]
            if index == 0:
                steps[0] = 0
            chords = [(DIATONIC[mode][s][0], str(DIATONIC[mode][s][rich])) for s in steps]
        else:
            chords = []
            for token in tokens:
                step, quality = token.split(".")
                chords.append((int(step), quality))
        phrases.append([((tonic + step) % 12, quality) for step, quality in chords])
    bars_each = _pick(rng, recipe.bars_a_chord)
    halves = max(1, round(bars_each * 2))
    timeline: list[Chord] = []
    turn = 0
    while len(timeline) < 2 * bars + 2:
        phrase = phrases[1] if turn % 4 == 3 and bars_each <= 1 else phrases[0]
        for chord in phrase:
            timeline += [chord] * halves
        turn += 1
    return mode, [[timeline[2 * b], timeline[2 * b + 1]] for b in range(bars + 1)]


def _arrange(rng: np.random.Generator, recipe: Genre, bars: int) -> list[_Bar]:
    """Lay out sections of four bars: which parts and drum voices sound, textures, where fills belong."""
    form = _pick(rng, FORMS)
    sections = -(-bars // 4)
    has_drums = rng.random() < recipe.drums_chance
    has_lead = rng.random() < recipe.lead_chance
    home, away = _pick(rng, recipe.textures), _pick(rng, recipe.break_textures)
    out: list[_Bar] = []
    for index in range(sections):
        name = form[index * len(form) // sections] if sections > 2 else form[(index + 2) % len(form)]
        mask, texture, parts = 255, home, {"drums", "bass", "chord", "lead"}
        if name == "intro":
            parts = [{"drums", "chord"}, {"chord"}, {"drums", "bass"}, {"chord", "lead"}, {"drums"}][rng.integers(5)]
            mask, texture = (255 if rng.random() < 0.4 else BIT["hat"] | BIT["kick"] | BIT["cymbal"]), away
        elif name == "build":
            parts = {"drums", "bass", "chord"} if rng.random() < 0.7 else {"drums", "chord", "lead"}
            mask = 255 if rng.random() < 0.5 else 255 & ~BIT["open_hat"] & ~BIT["ghost"]
        elif name == "break":
            parts = (
                {"chord"} | ({"lead"} if rng.random() < 0.5 else set()) | ({"bass"} if rng.random() < 0.4 else set())
            )
            if rng.random() < 0.35:
                parts |= {"drums"}
            mask, texture = 255 & ~BIT["kick"] & ~BIT["snare"], away
        elif name == "solo":
            parts = [{"drums", "bass"}, {"bass"}, {"drums"}, {"lead", "chord"}, {"drums", "lead"}][rng.integers(5)]
        if not has_drums:
            parts = parts - {"drums"} | {"chord"}
        if not has_lead and name != "solo":
            parts = parts - {"lead"} | {"chord"}
        length = min(4, bars - 4 * index)
        rises = name in ("build", "break") and rng.random() < 0.4
        for bar in range(length):
            layer = "riser" if rises and bar >= length - 2 else texture
            calm = name in ("intro", "break")
            out.append(_Bar(frozenset(parts), mask, TEXTURES.index(layer), bar == 0, bar == length - 1, calm))
    return out


def _put(column: NDArray[np.int16], start: int, end: int, token: int) -> None:
    """Strike a token and hold it until `end`; whatever is there already after `start` is replaced."""
    column[start] = token
    column[start + 1 : end] = HOLD


_FILLS: dict[str, tuple[tuple[str, str], ...]] = {
    "snare": (("snare", "........x..xx.xx"), ("snare", "..........x.xxxx"), ("snare", "............x.xx")),
    "snare_roll": (("snare", "x.x.x.x.xxxxxxxx"), ("snare", "........x.x.xxxx"), ("clap", "............x.x.")),
    "breaks": (("snare", "....x..x..x.x.xx"), ("snare", "..x...x..x..x.x."), ("tom", "........x.xxx.x.")),
    "toms": (("tom", "........xxxxxxxx"), ("tom", "............xxxx"), ("tom", "........x.x.xx.x")),
    "hat_roll": (("hat", "........xxxxxxxx"), ("hat", "xxx.xxx.xxxxxxxx"), ("snare", "............xxxx")),
    "drop": (("kick", "................"), ("snare", "..............xx")),
    "none": (),
}


def _drums(rng: np.random.Generator, recipe: Genre, plan: list[_Bar], level: float, out: NDArray[np.int16]) -> None:
    grid: dict[str, tuple[str, str]] = {}
    lanes = [(n, getattr(recipe, n)) for n in ("kick", "snare", "ghost", "clap", "hat", "open_hat", "tom")]
    lanes.append(("cymbal", recipe.ride))
    for voice, options in lanes:
        if options:
            first = _pick(rng, options)
            grid[voice] = (first, _pick(rng, options) if rng.random() < 0.4 else first)
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
            voice, fill = _pick(rng, fills)
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


def _chords(
    rng: np.random.Generator,
    recipe: Genre,
    plan: list[_Bar],
    harmony: list[list[Chord]],
    level: float,
    out: NDArray[np.int16],
) -> None:
    rhythm = _pick(rng, recipe.comping)
    other = _pick(rng, recipe.comping)
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


def _bass(
    rng: np.random.Generator,
    recipe: Genre,
    plan: list[_Bar],
    harmony: list[list[Chord]],
    level: float,
    out: NDArray[np.int16],
) -> None:
    pattern, other = _pick(rng, recipe.bass), _pick(rng, recipe.bass)
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
                out[at + tick] = 2 + min(max(pitch, BASS_LOW), 60) - BASS_LOW
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


def _lead(
    rng: np.random.Generator,
    recipe: Genre,
    plan: list[_Bar],
    harmony: list[list[Chord]],
    scale: list[int],
    level: float,
    out: NDArray[np.int16],
) -> None:
    rhythms = [_pick(rng, recipe.lead), _pick(rng, recipe.lead)]
    shapes = [_contour(rng, 32), _contour(rng, 32)]
    order = _pick(rng, ("aaba", "abab", "aaab", "a.b.", "aab.", "a.a."))
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
                out[at] = 2 + pitch - 54
                last = pitch
                held = True
                note += 1


def compose(
    seed: int,
    *,
    genre: str | None = None,
    style: tuple[float, ...] | None = None,
    bars: int = 24,
    tempo_bpm: float | None = None,
) -> Piece:
    """Compose a piece from a seed. [any]

    `genre` names one of `GENRES`; `style` gives all weights and moods (a genre then replaces only its weights); either
    is drawn when None. A quarter of the pieces take any tempo from 60 to 180 bpm, the others their genre's.
    Raises ValueError for an unknown genre, a style of the wrong length or no bars.
    """
    if genre is not None and genre not in RECIPES:
        raise ValueError(f"unknown genre {genre}; choose one of {', '.join(GENRES)}")
    if style is not None and len(style) != STYLE_DIM:
        raise ValueError(f"a style has {STYLE_DIM} numbers, this one has {len(style)}")
    if bars < 1:
        raise ValueError(f"a piece has 1 bar or more, not {bars}")
    rng = np.random.default_rng(seed)
    drawn = _style(rng, genre)
    if style is not None:
        weights = tuple(float(g == genre) for g in GENRES) + (0.0,) * (GENRE_SLOTS - len(GENRES))
        drawn = (weights if genre else tuple(style[:GENRE_SLOTS])) + tuple(style[GENRE_SLOTS:])
    shares = np.clip(np.array(drawn[: len(GENRES)]), 0.0, None)
    shares = shares / shares.sum() if shares.sum() > 0 else np.full(len(GENRES), 1 / len(GENRES))
    main = GENRES[int(np.argmax(shares))]

    def source() -> Genre:
        return RECIPES[GENRES[int(np.searchsorted(np.cumsum(shares), rng.random() * 0.999999, side="right"))]]

    recipe = RECIPES[main]
    by_part = {part: source() for part in PARTS}
    tempo = rng.uniform(*recipe.tempo_bpm)
    if rng.random() < 0.25:
        tempo = rng.uniform(60.0, 180.0)
    tempo = round(float(tempo), 1) if tempo_bpm is None else float(tempo_bpm)
    swing = float(np.round(rng.uniform(*recipe.swing), 3)) if rng.random() < 0.8 else 0.0
    tonic = int(rng.integers(12))
    level = 10.0 * float(drawn[GENRE_SLOTS])

    mode, harmony = _harmony(rng, by_part["chord"], tonic, bars)
    plan = _arrange(rng, by_part["texture"] if main != "ambient" else recipe, bars)
    scale = [p for p in range(LEAD_RANGE[0], LEAD_RANGE[1] + 1) if (p - tonic) % 12 in MODES[mode]]
    score = np.zeros((bars * TICKS_PER_BAR, len(PARTS)), np.int16)
    _drums(rng, by_part["drums"], plan, level, score[:, DRUMS])
    _chords(rng, by_part["chord"], plan, harmony, level, score[:, CHORD])
    _bass(rng, by_part["bass"], plan, harmony, level, score[:, BASS])
    _lead(rng, by_part["lead"], plan, harmony, scale, level, score[:, LEAD])
    for index, bar in enumerate(plan):
        score[index * TICKS_PER_BAR : (index + 1) * TICKS_PER_BAR, TEXTURE] = bar.texture
    for column in (CHORD, BASS, LEAD):  # nothing can be held before it was struck
        sounding = False
        for tick in range(len(score)):
            token = score[tick, column]
            if token == HOLD and not sounding:
                score[tick, column] = REST
            sounding = token >= 2 or (token == HOLD and sounding)
    return Piece(score=score, tempo_bpm=tempo, swing=swing, style=drawn, genre=main, key=(tonic, mode), seed=seed)
