"""What the language model writes, judged as music: harmony, rhythm, genre, and how it follows a performer. [any]

Every figure is given beside that of the composer's own pieces: the model cannot be asked for more than it was shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from legando.engines.arranger import PLAN, Arranger, Habits
from legando.engines.constraints import LOGITS, held_features, plan_mask, score_mask
from legando.engines.counter_rng import SCORE, gumbel
from legando.engines.language import START_TOKENS, LanguageModel
from legando.engines.score import (
    BASS,
    BASS_LOW,
    CHORD,
    DRUM_VOICES,
    DRUMS,
    LEAD,
    LEAD_LOW,
    TICKS_PER_BAR,
    Score,
    chord_pitch_classes,
)
from legando.engines.training.music.composer import compose
from legando.engines.training.networks.score_crops import sounding_tokens
from legando.realtime.controls import GENRE_SLOTS, GENRES, STYLE_DIM


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFigures:
    """Shares 0..1 over struck notes and ticks, and counts a bar."""

    bass_in_chord: float
    lead_in_chord: float
    drum_hits_a_bar: float
    chords_a_bar: float
    chord_sounds: float
    bass_sounds: float
    lead_sounds: float


@torch.no_grad()
def generate(
    model: LanguageModel,
    styles: NDArray[np.float32],
    ticks: int,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    held: Sequence[tuple[int, ...]] | None = None,
    habits: Mapping[str, Habits] | None = None,
) -> NDArray[np.int16]:
    """Write one score for each style (n, STYLE_DIM): (n, ticks, 5). [any]

    `held` gives the notes held on each tick; with `habits` an arranger lays out the form.
    """
    n = len(styles)
    state, previous = model.initial_state(n), torch.tensor([START_TOKENS] * n)
    out = np.empty((n, ticks, 5), dtype=np.int16)
    features, masks = np.zeros((n, 12), dtype=np.float32), np.zeros((n, LOGITS), dtype=np.float32)
    arrangers = None if habits is None else [Arranger(seed + row, habits) for row in range(n)]
    plan = np.zeros((n, PLAN), dtype=np.float32)
    for tick in range(ticks):
        notes = () if held is None else held[tick]
        position = torch.tensor([[tick % TICKS_PER_BAR, tick // TICKS_PER_BAR % model.config.phrase_bars]] * n)
        for row in range(n):
            held_features(notes, features[row])
            score_mask(notes, frozenset(), int(state.sounding[row, 0]), tick, False, masks[row])
            if arrangers is not None:
                bar, plan[row] = arrangers[row].plan(tick // TICKS_PER_BAR, styles[row])
                plan_mask(bar, notes, masks[row])
        previous, _, state = model.step(
            previous,
            torch.from_numpy(styles),
            position,
            torch.from_numpy(features),
            torch.from_numpy(plan),
            torch.from_numpy(np.stack([gumbel(seed + row, SCORE, tick, LOGITS) for row in range(n)])),
            torch.from_numpy(masks),
            torch.full((n, 1), temperature),
            state,
        )
        out[:, tick] = previous.numpy()
    return out


def figures(scores: Sequence[Score]) -> ScoreFigures:
    """Measure scores (ticks, 5). Notes count as in the chord when a chord sounds and has their pitch class. [any]"""
    inside: dict[int, list[bool]] = {BASS: [], LEAD: []}
    strikes = hits = ticks = 0
    sounds = np.zeros(3)
    for score in scores:
        sounding = sounding_tokens(score)
        ticks += len(score)
        sounds += (sounding >= 2).sum(axis=0)
        strikes += int((score[:, CHORD] >= 2).sum())
        hits += int(sum((score[:, DRUMS] >> voice & 1).sum() for voice in range(len(DRUM_VOICES))))
        for part, low in ((BASS, BASS_LOW), (LEAD, LEAD_LOW)):
            for tick in np.flatnonzero(score[:, part] >= 2):
                tones = chord_pitch_classes(int(sounding[tick, 0]))
                if tones:
                    inside[part].append((int(score[tick, part]) - 2 + low) % 12 in tones)
    bars = ticks / TICKS_PER_BAR
    chord, bass, lead = (float(v) / ticks for v in sounds)
    return ScoreFigures(
        bass_in_chord=float(np.mean(inside[BASS] or [False])),
        lead_in_chord=float(np.mean(inside[LEAD] or [False])),
        drum_hits_a_bar=hits / bars,
        chords_a_bar=strikes / bars,
        chord_sounds=chord,
        bass_sounds=bass,
        lead_sounds=lead,
    )


def rhythm_profile(score: Score) -> NDArray[np.float64]:
    """Return how often each drum voice, bass, chord and lead is struck on each sixteenth of the bar (176,). [any]"""
    bars = score[: len(score) // TICKS_PER_BAR * TICKS_PER_BAR].reshape(-1, TICKS_PER_BAR, 5)
    struck = [(bars[..., DRUMS] >> voice & 1).mean(axis=0) for voice in range(len(DRUM_VOICES))]
    struck += [(bars[..., part] >= 2).mean(axis=0) for part in (CHORD, BASS, LEAD)]
    return np.concatenate(struck)


def genre_agreement(labelled: Sequence[tuple[Score, str]], pieces_a_genre: int = 40) -> float:
    """Return the share of scores whose rhythm is nearest to composed pieces of their own genre (5 neighbours). [any]"""
    known = [(rhythm_profile(compose(10_000 + i, genre=g).score), g) for g in GENRES for i in range(pieces_a_genre)]
    points = np.stack([profile for profile, _ in known])
    right = 0
    for score, genre in labelled:
        nearest = np.argsort(((points - rhythm_profile(score)) ** 2).sum(axis=1))[:5]
        votes = [known[i][1] for i in nearest]
        right += max(set(votes), key=votes.count) == genre
    return right / len(labelled)


def plain_styles(each: int) -> tuple[NDArray[np.float32], list[str]]:
    """Return one-genre styles with middling moods, `each` times every genre, and their genres. [any]"""
    names = [genre for genre in GENRES for _ in range(each)]
    styles = np.zeros((len(names), STYLE_DIM), dtype=np.float32)
    styles[:, GENRE_SLOTS:] = 0.55
    for row, name in enumerate(names):
        styles[row, GENRES.index(name)] = 1.0
    return styles, names
