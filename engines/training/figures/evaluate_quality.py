"""What a bundle's music is worth: genre, realism, chords, time, breakdowns and controls, over prompts of all genres.

One set of takes, three prompts of each genre in its own tempo, serves all figures but the last two. [any]
"""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass

import numpy as np

from legando.engines.lexicon import examples
from legando.engines.score import DRUMS
from legando.engines.training.figures.control_effects import MEASURES, measure_effects
from legando.engines.training.figures.desk import Desk, Figure, piece_of
from legando.engines.training.figures.evaluate_takes import HELD_OUT_SEED
from legando.engines.training.figures.takes import Take
from legando.engines.training.measures.metrics_chords import chord_agreement, chord_labels
from legando.engines.training.measures.metrics_embedding import (
    CLIP_WIDTH,
    Floats,
    halves_distance,
    kernel_bandwidth,
    kernel_distance,
    tagger_point,
)
from legando.engines.training.measures.metrics_failure import failure
from legando.engines.training.measures.metrics_rhythm import beat_phase, stroke_errors, stroke_times
from legando.engines.training.measures.tagger import Tagger, accuracy
from legando.engines.training.music.clips import CLIP_S, genre_tempo_bpm, render_clip
from legando.engines.training.music.renderer import render
from legando.realtime.controls import GENRES, Controls

GENRE_PROMPTS: dict[str, tuple[str, str, str]] = {
    "house": ("house", "warm deep house with a steady kick", "a house track for a summer night"),
    "techno": ("techno", "dark warehouse techno", "relentless Detroit techno"),
    "drum_and_bass": ("drum and bass", "liquid drum and bass with fast breaks", "dark neurofunk drum and bass"),
    "ambient": ("ambient", "slow ambient drones without a beat", "calm ambient music for sleeping"),
    "lofi": ("lofi hip hop", "dusty lofi beats to study to", "sleepy lofi with vinyl crackle"),
    "trap": ("trap", "Atlanta trap with booming 808s", "dark trap beat with rolling hi-hats"),
    "disco": ("disco", "seventies disco with strings", "glittering nu disco"),
    "synthwave": ("synthwave", "neon synthwave for a night drive", "eighties retrowave"),
    "funk": ("funk", "tight funk with slap bass", "sweaty seventies funk band"),
    "jazz": ("jazz", "a smoky jazz trio", "bebop with walking bass"),
    "dub": ("dub", "roots dub reggae with tape echo", "deep dub with spring reverb"),
    "breakbeat": ("breakbeat", "big beat breakbeat", "funky breaks for a breakdance battle"),
    "downtempo": ("downtempo", "smooth trip hop downtempo", "slow downtempo electronica"),
    "orchestral": ("orchestral", "a grand orchestral film score", "symphony orchestra with strings and horns"),
    "rock": ("rock", "indie rock band with guitars", "driving hard rock"),
    "afrobeat": ("afrobeat", "Lagos afrobeat with horns", "polyrhythmic afrobeat groove"),
}
_DRUMMED = 40
"""Drum strokes from which a take can be judged for time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """A take with the prompt that it was made from and the genre that was meant."""

    genre: str
    prompt: str
    controls: Controls
    take: Take
    seed: int

    @property
    def point(self) -> Floats:
        """What the tagger hears of it."""
        return tagger_point(self.take.audio, self.take.tempo_bpm, self.take.start_s)


_TAKES: weakref.WeakKeyDictionary[Desk, dict[bool, list[Prompted]]] = weakref.WeakKeyDictionary()
_POINTS: weakref.WeakKeyDictionary[Desk, dict[bool, tuple[Floats, Floats]]] = weakref.WeakKeyDictionary()


def genre_takes(desk: Desk, *, quick: bool) -> list[Prompted]:
    """Return takes of 12 s of three prompts of each genre (quick: 8 s of one), played once for each desk. [any]"""
    kept = _TAKES.setdefault(desk, {})
    if quick not in kept:
        kept[quick] = []
        for genre in GENRES:
            for seed, prompt in enumerate(GENRE_PROMPTS[genre][: 1 if quick else 3]):
                tempo = genre_tempo_bpm(genre)
                take = desk.take(8.0 if quick else CLIP_S, prompt=prompt, seed=seed, tempo_bpm=tempo)
                controls = desk.controls(prompt, tempo_bpm=tempo)
                kept[quick].append(Prompted(genre=genre, prompt=prompt, controls=controls, take=take, seed=seed))
    return kept[quick]


def points(desk: Desk, *, quick: bool) -> tuple[Floats, Floats]:
    """Return what the tagger hears of the takes, (n, width), and of two renders for each, (2 n, width). [any]

    A take's renders are pieces that no bundle was trained on, composed for the very style and tempo of the take and
    played with the instruments that bundles are trained on.
    """
    kept = _POINTS.setdefault(desk, {})
    if quick not in kept:
        takes = genre_takes(desk, quick=quick)
        rendered = []
        for turn in range(2):
            for index, one in enumerate(takes):
                seed = HELD_OUT_SEED + 1000 * (turn + 1) + index
                tempo, seconds = one.take.tempo_bpm, one.take.seconds
                rendered.append(tagger_point(render_clip(seed, one.controls.style, tempo, seconds=seconds), tempo))
        kept[quick] = np.array([one.point for one in takes]), np.array(rendered)
    return kept[quick]


def genre_figures(desk: Desk, *, quick: bool) -> list[Figure]:
    """Is the genre recognised from its prompt, by a tagger that has learned from other sounds?"""
    tagger = Tagger.load()
    heard, rendered = points(desk, quick=quick)
    meant = np.array([GENRES.index(one.genre) for one in genre_takes(desk, quick=quick)])
    read = [int(np.argmax(one.controls.style[: len(GENRES)])) for one in genre_takes(desk, quick=quick)]
    return [
        Figure(name="genre recognised, top 1 of 16", value=accuracy(tagger, heard, meant), at_least=0.75, bound=0.0),
        Figure(name="genre of renders recognised, the ceiling", value=accuracy(tagger, rendered, np.tile(meant, 2))),
        Figure(
            name="genre that the style encoder reads from the prompt", value=float(np.mean(np.array(read) == meant))
        ),
    ]


def realism_figures(desk: Desk, *, quick: bool) -> list[Figure]:
    """How far are the takes from renders of the same styles, against two halves of those renders?"""
    heard, rendered = (both[:, :CLIP_WIDTH] for both in points(desk, quick=quick))
    mean, scale = rendered.mean(0), rendered.std(0) + 1e-3
    takes, renders = (heard - mean) / scale, (rendered - mean) / scale
    n, width = len(takes), kernel_bandwidth(renders)
    apart = float(np.mean([kernel_distance(takes, half, width) for half in (renders[:n], renders[n:])]))
    chance = halves_distance(renders, width)
    return [
        Figure(name="kernel distance / that of halves of renders", value=apart / chance, at_most=3.0, bound=np.inf),
        Figure(name=f"kernel distance of {n} takes to {n} renders", value=apart),
        Figure(name=f"kernel distance of halves of the renders, {n} each, root mean square", value=chance),
    ]


def chord_figures(desk: Desk, *, quick: bool) -> list[Figure]:
    """Are the score's chords heard in the takes, as well as in renders of the same scores? One prompt a genre."""
    heard, rendered = [], []
    takes = genre_takes(desk, quick=quick)
    for one in takes[:: 2 if quick else 3]:
        labels = chord_labels(one.take.score, one.take.tempo_bpm, one.take.swing)
        if not labels:
            continue
        shifted = [(a + one.take.start_s, b + one.take.start_s, root, triad) for a, b, root, triad in labels]
        heard.append(chord_agreement(one.take.audio, shifted))
        rendered.append(chord_agreement(render(piece_of(one.take, one.controls, one.seed)), labels))
    take, piece = float(np.nanmean(heard)), float(np.nanmean(rendered))
    return [
        Figure(name="chords, takes / renders of their scores", value=take / max(piece, 1e-9), at_least=0.8, bound=0.0),
        Figure(name=f"chords heard in {len(heard)} takes", value=take),
        Figure(name="chords heard in renders of their scores", value=piece),
    ]


def beat_figures(desk: Desk, *, quick: bool) -> list[Figure]:
    """Do the takes with drums keep the time that was asked for? Medians over takes, beside renders of the same scores.

    The median is that of all strong onsets against the grid; the 95th percentile that of the drum strokes asked for,
    since one onset in twenty is a swell or an echo that nobody asked for (see `metrics_rhythm`).
    """
    drummed = [
        one
        for one in genre_takes(desk, quick=quick)
        if sum(int((one.take.score[:, DRUMS] >> voice & 1).sum()) for voice in range(8))
        >= _DRUMMED * one.take.seconds / CLIP_S
    ]
    heard = [_beats(one.take.audio, one.take, one.take.start_s) for one in drummed]
    rendered = [
        _beats(render(piece_of(one.take, one.controls, one.seed))[: len(one.take.audio)], one.take, 0.0)
        for one in drummed[:: 1 if quick else 3]
    ]
    take, piece = (np.nanmedian(rows, 0) if rows else np.full(5, np.nan) for rows in (heard, rendered))
    over = f"over {len(drummed)} prompts with drums"
    return [
        Figure(name=f"beat error {over}, median", value=float(take[0]), unit="ms", at_most=10.0, bound=25.0),
        Figure(name=f"beat error {over}, 95 %", value=float(take[3]), unit="ms", at_most=25.0, bound=np.inf),
        Figure(name=f"beat error {over} / chance", value=float(take[2]), at_most=0.5),
        Figure(name=f"drum strokes heard {over}", value=float(take[4])),
        Figure(name=f"all onsets {over}, 95 %", value=float(take[1]), unit="ms"),
        Figure(name="beat error of renders of their scores, median", value=float(piece[0]), unit="ms"),
        Figure(name="beat error of renders of their scores, 95 %", value=float(piece[3]), unit="ms"),
        Figure(name="drum strokes heard in renders of their scores", value=float(piece[4])),
        Figure(name="all onsets of renders of their scores, 95 %", value=float(piece[1]), unit="ms"),
    ]


def _beats(audio: Floats, take: Take, start_s: float) -> tuple[float, float, float, float, float]:
    """Return median, 95th percentile and chance of all onsets; 95th percentile and share of drum strokes heard."""
    phase = beat_phase(audio, take.tempo_bpm, swing=take.swing, start_s=start_s)
    strokes = stroke_errors(audio, stroke_times(take.score, take.tempo_bpm, take.swing, start_s))
    return phase.median_ms, phase.p95_ms, phase.chance, strokes.p95_ms, strokes.heard


def failure_figures(desk: Desk, *, quick: bool) -> list[Figure]:
    """How many random prompts, tempi and seeds end in silence, noise or a stuck tone? 6 s each."""
    count = 8 if quick else 200
    rng = np.random.default_rng(HELD_OUT_SEED)
    texts = [text for text, _ in examples(seed=HELD_OUT_SEED, unseen=True)]
    seen: Counter[str] = Counter()
    cases = []
    for _ in range(count):
        prompt = texts[int(rng.integers(len(texts)))]
        seed, tempo = int(rng.integers(1 << 31)), float(rng.integers(60, 201))
        found = failure(desk.take(6.0, prompt=prompt, seed=seed, tempo_bpm=tempo).audio)
        if found is not None:
            seen[found] += 1
            cases.append(f"{found}: {prompt!r}, seed {seed}, {tempo:g} bpm")
    desk.show("failures", cases=cases)
    return [
        Figure(name=f"failures in {count} random prompts", value=float(seen.total()), at_most=0.0, bound=np.inf),
        *(Figure(name=f"of these {kind}", value=float(seen[kind])) for kind in ("silence", "noise", "stuck tone")),
    ]


def control_figures(desk: Desk, *, quick: bool) -> list[Figure]:
    """Does each control move its own measure by a standard deviation, and others by less than half of one?"""
    tagger = Tagger.load()
    if quick:
        found = measure_effects(desk, tagger, prompts=("deep house", "funk"), seeds=1, unmoved_seeds=2)
    else:
        found = measure_effects(desk, tagger)
    desk.show(
        "control effects",
        rows=[move.name for move in found.moves],
        columns=list(MEASURES),
        values=np.round(found.values, 2).tolist(),
        error=np.round(found.error, 2).tolist(),
    )
    out = []
    for index, move in enumerate(found.moves):
        own = found.own(index)
        out.append(Figure(name=f"{move.name} moves {move.own}", value=own, unit="sd", at_least=1.0, bound=-np.inf))
    still = [value for index in range(len(found.moves)) for value in found.others(index).values()]
    obeyed = sum(figure.met for figure in out)
    return [
        *out,
        Figure(name=f"controls of {len(out)} that move their own measure", value=float(obeyed)),
        Figure(name="other measures, median move", value=float(np.median(still)), unit="sd", at_most=0.5, bound=np.inf),
        Figure(name="other measures that move less than half", value=float(np.mean(np.array(still) < 0.5))),
        Figure(name="standard error of an effect, median", value=float(np.nanmedian(found.error)), unit="sd"),
    ]
