"""Counterfactual pairs: a piece again with one control changed and all else kept, to be told apart. [any]

A twin has its piece's seed, hence its patches, kit, room and performance. What changes, by control:

| control | style | score |
|---|---|---|
| brightness, space, drive | that mood, to the other end | kept |
| density | that mood, to the other end | played again from the same plan, chords and motifs |
| chords | kept | transposed, or major and minor swapped, bass and lead with them; rhythms kept |
| genre | the weights: another genre alone | kept, with tempo and swing |
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from legando.engines.score import (
    BASS,
    BASS_HIGH,
    BASS_LOW,
    CHORD,
    LEAD,
    LEAD_HIGH,
    LEAD_LOW,
    QUALITIES,
    Score,
    chord_of,
    chord_token,
)
from legando.engines.training.music.composer import Piece, compose
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS

CONTROLS = (*MOODS, "chords", "genre")
"""What a twin can differ in."""

_SWAPPED = {
    "maj": "min", "min": "maj", "maj7": "min7", "min7": "maj7", "7": "min7", "min9": "maj7", "sus4": "min",
    "dim": "maj",
}  # fmt: skip


def control_of(seed: int, share: float) -> str:
    """Return the control in which the twin of a piece differs, empty for pieces beyond `share` that have none. [any]"""
    rng = np.random.default_rng([seed, 7])
    drawn = rng.random()
    return CONTROLS[int(rng.integers(len(CONTROLS)))] if drawn < share else ""


def twin(piece: Piece, control: str) -> Piece:
    """Return the piece with one control changed. [any]

    Raises ValueError for an unknown control.
    """
    if control not in CONTROLS:
        raise ValueError(f"a twin differs in one of {', '.join(CONTROLS)}, not in {control}")
    rng = np.random.default_rng([piece.seed, 8, CONTROLS.index(control)])
    if control == "chords":
        return _other_chords(piece, rng)
    if control == "genre":
        others = [genre for genre in GENRES if piece.style[GENRES.index(genre)] == 0.0]
        other = others[int(rng.integers(len(others)))]
        weights = [float(genre == other) for genre in GENRES] + [0.0] * (GENRE_SLOTS - len(GENRES))
        return replace(piece, style=(*weights, *piece.style[GENRE_SLOTS:]), genre=other)
    at = GENRE_SLOTS + MOODS.index(control)
    value = float(rng.uniform(0.75, 1.0) if piece.style[at] < 0.5 else rng.uniform(0.0, 0.25))
    style = (*piece.style[:at], value, *piece.style[at + 1 :])
    if control != "density":
        return replace(piece, style=style)
    bars = len(piece.score) // 16
    again = compose(piece.seed, genre=piece.genre, bars=bars, tempo_bpm=piece.tempo_bpm, density=value)
    return replace(piece, style=style, score=again.score)


def _other_chords(piece: Piece, rng: np.random.Generator) -> Piece:
    """Transpose by up to a tritone, or swap major and minor where the chords stand; melodies go with the chords."""
    shift = int(rng.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6])) if rng.random() < 0.5 else 0
    score: Score = piece.score.copy()
    moved: dict[int, int] = {}
    for tick, token in enumerate(piece.score[:, CHORD]):
        chord = chord_of(int(token))
        if chord is not None:
            root, quality = chord
            new = quality if shift else _SWAPPED[quality]
            score[tick, CHORD] = chord_token(root + shift, new)
            steps = zip(QUALITIES[quality], QUALITIES[new], strict=False)
            moved = {(root + old) % 12: to - old for old, to in steps}
        for column, low, high in ((BASS, BASS_LOW, BASS_HIGH), (LEAD, LEAD_LOW, LEAD_HIGH)):
            if score[tick, column] < 2:
                continue
            pitch = int(score[tick, column]) - 2 + low
            pitch += shift if shift else moved.get(pitch % 12, 0)
            pitch += 12 * (pitch < low) - 12 * (pitch > high)
            score[tick, column] = 2 + pitch - low
    tonic, mode = piece.key
    if not shift:
        mode = "major" if mode == "minor" else "minor"
    return replace(piece, score=score, key=((tonic + shift) % 12, mode))
