"""Does each control do what it says, and only that? Controls moved alone, in the middle of a take. [any]

A take plays for 2 s, then one control is moved, low or high, all else equal and with the same seed; after half a second
the next 4 s are measured. An effect is the mean difference of high and low over prompts and seeds, in standard
deviations of the measure over unmoved takes of one prompt (spread over seeds, pooled over prompts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
from legando.engines.score import TICKS_PER_BAR, Score
from legando.engines.timeline import tick_seconds
from legando.engines.training.figures.desk import Desk
from legando.engines.training.measures.control_measures import FAST_BPM, HELD_HIGH, HELD_LOW, SLOW_BPM, measure
from legando.engines.training.measures.metrics_embedding import tagger_point
from legando.engines.training.measures.tagger import Tagger
from legando.realtime.controls import GENRES, PARTS, Controls

Floats = NDArray[np.floating[Any]]
Sample = dict[str, float]

BEFORE_S, SETTLE_S, MOVED_S = 2.0, 0.5, 4.0
BASE_TEMPO_BPM = 110.0
PROMPTS = ("deep house", "synthwave", "funk", "drum and bass")
GENRE_MEASURE = "genre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A control with the two places that it is moved to, its own measure, and measures that it moves by its nature.

    A place without changes is the unmoved take.
    """

    name: str
    own: str
    low: Mapping[str, Any]
    high: Mapping[str, Any]
    implied: tuple[str, ...] = ()


def _mood(name: str, own: str, *implied: str) -> Move:
    return Move(name=name, own=own, low={name: 0.1}, high={name: 0.9}, implied=implied)


def _mute(name: str, part: str, own: str) -> Move:
    # A part that leaves takes its events, its spectrum and its chords along: only the other parts should stay.
    implied = ("events a beat", "centroid", "gaps filled", "crest", "pulse", "variety", "held chord", GENRE_MEASURE)
    return Move(name=name, own=own, low={"muted": frozenset({part})}, high={}, implied=implied)


MOVES = (
    _mood("density", "events a beat", "strokes", "variety", "gaps filled"),  # more strokes leave fewer gaps
    _mood("brightness", "centroid", "strokes"),  # strokes are heard above 7 kHz
    _mood("space", "gaps filled", "crest"),  # what fills gaps is loud where no peaks are
    _mood("drive", "crest"),
    Move(name="tempo", own="pulse", low={"tempo_bpm": SLOW_BPM}, high={"tempo_bpm": FAST_BPM}, implied=("strokes",)),
    _mute("mute drums", "drums", "strokes"),
    _mute("mute bass", "bass", "low end"),
    _mute("mute chord", "chord", "middle notes"),
    _mute("mute lead", "lead", "high notes"),
    Move(name="guidance", own=GENRE_MEASURE, low={"guidance": 0.0}, high={"guidance": 2.0}),
    Move(name="temperature", own="variety", low={"temperature": 0.3}, high={"temperature": 1.6}),
    Move(name="held chord", own="held chord", low={"held": HELD_LOW}, high={"held": HELD_HIGH}),
)
MEASURES = tuple(dict.fromkeys(move.own for move in MOVES))
assert set(MEASURES) >= {name for move in MOVES for name in move.implied}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Effects (moves, measures) in standard deviations, high less low; `error` is the standard error of each."""

    moves: tuple[Move, ...]
    values: Floats
    error: Floats

    def own(self, index: int) -> float:
        """Return what a move does to its own measure."""
        return float(self.values[index, MEASURES.index(self.moves[index].own)])

    def others(self, index: int) -> dict[str, float]:
        """Return how far a move moves the measures that it should leave alone."""
        move = self.moves[index]
        return {
            name: abs(float(self.values[index, column]))
            for column, name in enumerate(MEASURES)
            if name != move.own and name not in move.implied
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """`MOVED_S` of audio (frames, 2) after a move, the score (ticks, 5) of it, and when its next bar begins."""

    audio: NDArray[np.float32]
    score: Score
    bar_s: float


def play_moved(bundle: Bundle, before: Controls, after: Controls, *, seed: int) -> Moved:
    """Play, move, settle, and return what sounds after that. [any]"""
    generator = Generator(bundle, seed=seed)
    chunk_s = generator.chunk_frames / generator.sample_rate_hz
    settled = round((BEFORE_S + SETTLE_S) / chunk_s)
    audio: list[NDArray[np.float32]] = []
    score: list[tuple[int, ...]] = []
    bar_s = 0.0
    for index in range(settled + round(MOVED_S / chunk_s)):
        chunk = generator.step(after if index * chunk_s >= BEFORE_S else before)
        if index == settled:
            bar_s = -chunk.tick % TICKS_PER_BAR * tick_seconds(after.tempo_bpm)
            bar_s += generator.latency_frames / generator.sample_rate_hz
        if index >= settled:
            audio.append(chunk.frames.copy())
            score += [tokens for _, tokens in chunk.tokens]
    whole = np.array(score, np.int16).reshape(-1, len(PARTS))
    return Moved(audio=np.concatenate(audio), score=whole, bar_s=bar_s)


def sample(desk: Desk, tagger: Tagger, prompt: str, seed: int, changes: Mapping[str, Any]) -> Sample:
    """Return all measures after a move; no changes give the unmoved take. [any]"""
    before = desk.controls(prompt, tempo_bpm=BASE_TEMPO_BPM, section="full")
    after = replace(before, **changes)
    moved = play_moved(desk.bundle, before, after, seed=seed)
    if desk.on_seconds is not None:
        desk.on_seconds(BEFORE_S + SETTLE_S + MOVED_S)
    genre = int(np.argmax(before.style[: len(GENRES)]))
    chances = tagger.log_chances(tagger_point(moved.audio, after.tempo_bpm, moved.bar_s)[None])[0]
    return measure(moved.audio, moved.score) | {GENRE_MEASURE: float(chances[genre])}


def spread(unmoved: Sequence[Sequence[Sample]]) -> Floats:
    """Return the standard deviation of each measure over seeds, pooled over prompts: `unmoved[prompt][seed]`. [any]"""
    rows = [np.array([[one[name] for name in MEASURES] for one in group]) for group in unmoved]
    squares = sum(((group - group.mean(0)) ** 2).sum(0) for group in rows)
    return np.asarray(np.sqrt(squares / sum(len(group) - 1 for group in rows)))


def effects(pairs: Sequence[Sequence[tuple[Sample, Sample]]], deviation: Floats, moves: Sequence[Move]) -> Effects:
    """Return effects of low and high samples: `pairs[move][prompt and seed]`. [any]"""
    values, error = [], []
    for group in pairs:
        moved = np.array([[high[name] - low[name] for name in MEASURES] for low, high in group])
        moved = moved / np.maximum(deviation, 1e-9)
        values.append(moved.mean(0))
        error.append(moved.std(0, ddof=1) / np.sqrt(len(moved)) if len(moved) > 1 else np.full(len(MEASURES), np.nan))
    return Effects(moves=tuple(moves), values=np.array(values), error=np.array(error))


def measure_effects(
    desk: Desk,
    tagger: Tagger,
    *,
    prompts: Sequence[str] = PROMPTS,
    seeds: int = 4,
    unmoved_seeds: int = 8,
    moves: Sequence[Move] = MOVES,
) -> Effects:
    """Move each control in turn, and return what that did to all measures. [any]

    Plays (unmoved_seeds + 2 * seeds * moves) takes of 6.5 s for each prompt, fewer where the unmoved take is one end.
    """
    unmoved = [[sample(desk, tagger, prompt, seed, {}) for seed in range(unmoved_seeds)] for prompt in prompts]

    def end(prompt: int, seed: int, changes: Mapping[str, Any]) -> Sample:
        return sample(desk, tagger, prompts[prompt], seed, changes) if changes else unmoved[prompt][seed]

    pairs = [
        [
            (end(prompt, seed, move.low), end(prompt, seed, move.high))
            for prompt in range(len(prompts))
            for seed in range(seeds)
        ]
        for move in moves
    ]
    return effects(pairs, spread(unmoved), moves)
