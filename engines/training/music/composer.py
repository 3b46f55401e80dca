"""The composer: a seed becomes a piece of score tokens, true to its genre. [any]

Pure functions of a seed. Everything random comes from one generator made from it, so a seed is a piece for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import LIVE_FORMS, SECTION_BARS, Band, Bar, section_bars
from legando.engines.score import BASS, CHORD, DRUMS, HOLD, LEAD, REST, TEXTURE, TICKS_PER_BAR, Score
from legando.engines.training.music.genres import DIATONIC, MODES, RECIPES, Genre
from legando.engines.training.music.players import (
    LEAD_RANGE,
    Chord,
    pick,
    play_bass,
    play_chords,
    play_drums,
    play_lead,
)
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS, PARTS, STYLE_DIM

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
    """One composed piece: `score` (ticks, 5) as in `legando.engines.score`; odd sixteenths come swing * tick late.

    `bars` is the arrangement that it was written to, empty where it is not known.
    """

    score: Score
    tempo_bpm: float
    swing: float
    style: tuple[float, ...]
    genre: str
    key: tuple[int, str]
    seed: int
    bars: tuple[Bar, ...] = ()


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
    mode, *tokens = pick(rng, recipe.progressions).split()
    phrases: list[list[Chord]] = []
    for index in range(2):
        if (index == 1 or rng.random() < 0.35) and rng.random() < 0.5:
            # a progression of our own from the chords of the mode: covers more than the recipes
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
    bars_each = pick(rng, recipe.bars_a_chord)
    halves = max(1, round(bars_each * 2))
    timeline: list[Chord] = []
    turn = 0
    while len(timeline) < 2 * bars + 2:
        phrase = phrases[1] if turn % 4 == 3 and bars_each <= 1 else phrases[0]
        for chord in phrase:
            timeline += [chord] * halves
        turn += 1
    return mode, [[timeline[2 * b], timeline[2 * b + 1]] for b in range(bars + 1)]


def _arrange(rng: np.random.Generator, recipe: Genre, bars: int) -> list[Bar]:
    """Lay out sections of four bars, by the rules that the arranger has in live play."""
    form = pick(rng, FORMS + LIVE_FORMS)
    sections = -(-bars // SECTION_BARS)
    band = Band(
        home=pick(rng, recipe.textures),
        away=pick(rng, recipe.break_textures),
        has_drums=rng.random() < recipe.drums_chance,
        has_lead=rng.random() < recipe.lead_chance,
        has_risers=recipe.risers,
    )
    out: list[Bar] = []
    for index in range(sections):
        name = form[index * len(form) // sections] if sections > 2 else form[(index + 2) % len(form)]
        out += section_bars(name, band, min(SECTION_BARS, bars - SECTION_BARS * index), rng.random)
    return out


def compose(
    seed: int,
    *,
    genre: str | None = None,
    style: tuple[float, ...] | None = None,
    bars: int = 24,
    tempo_bpm: float | None = None,
    density: float | None = None,
) -> Piece:
    """Compose a piece from a seed. [any]

    `genre` names one of `GENRES`; `style` gives all weights and moods (a genre then replaces only its weights); either
    is drawn when None. A quarter of the pieces take any tempo from 60 to 180 bpm, the others their genre's.
    `density` plays the piece that the seed would be, same plan, chords and motifs, more or less densely.
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
    levels = [level]  # played again at another level, each player starts from the same random state
    if density is not None:
        drawn = (*drawn[:GENRE_SLOTS], density, *drawn[GENRE_SLOTS + 1 :])
        levels.append(10.0 * density)

    mode, harmony = _harmony(rng, by_part["chord"], tonic, bars)
    plan = _arrange(rng, by_part["texture"] if main != "ambient" else recipe, bars)
    scale = [p for p in range(LEAD_RANGE[0], LEAD_RANGE[1] + 1) if (p - tonic) % 12 in MODES[mode]]
    score = np.zeros((bars * TICKS_PER_BAR, len(PARTS)), np.int16)
    players: tuple[tuple[int, Callable[[float, NDArray[np.int16]], None]], ...] = (
        (DRUMS, lambda level, out: play_drums(rng, by_part["drums"], plan, level, out)),
        (CHORD, lambda level, out: play_chords(rng, by_part["chord"], plan, harmony, level, out)),
        (BASS, lambda level, out: play_bass(rng, by_part["bass"], plan, harmony, level, out)),
        (LEAD, lambda level, out: play_lead(rng, by_part["lead"], plan, harmony, scale, level, out)),
    )
    for column, player in players:
        start = rng.bit_generator.state
        player(levels[0], score[:, column])
        end = rng.bit_generator.state
        for other in levels[1:]:
            rng.bit_generator.state = start
            score[:, column] = 0
            player(other, score[:, column])
        rng.bit_generator.state = end
    for index, bar in enumerate(plan):
        score[index * TICKS_PER_BAR : (index + 1) * TICKS_PER_BAR, TEXTURE] = bar.texture
    for column in (CHORD, BASS, LEAD):  # nothing can be held before it was struck
        sounding = False
        for tick in range(len(score)):
            token = score[tick, column]
            if token == HOLD and not sounding:
                score[tick, column] = REST
            sounding = token >= 2 or (token == HOLD and sounding)
    return Piece(
        score=score,
        tempo_bpm=tempo,
        swing=swing,
        style=drawn,
        genre=main,
        key=(tonic, mode),
        seed=seed,
        bars=tuple(plan),
    )
