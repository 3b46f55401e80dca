"""Clips: a dozen seconds of rendered music of a wanted style, to compare takes with and to train the tagger. [any]"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import TICKS_PER_BAR
from legando.engines.timeline import tick_seconds
from legando.engines.training.music.composer import Piece, compose
from legando.engines.training.music.genres import RECIPES
from legando.engines.training.music.renderer import render
from legando.engines.training.music.synths import SAMPLE_RATE
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS

CLIP_S = 12.0


def pure_style(genre: str, moods: Sequence[float]) -> tuple[float, ...]:
    """Return the style of one genre alone with the given moods, in the order of `MOODS`. [any]"""
    weights = [0.0] * GENRE_SLOTS
    weights[GENRES.index(genre)] = 1.0
    return (*weights, *(float(v) for v in moods))


def genre_tempo_bpm(genre: str) -> float:
    """Return the middle of the tempi that a genre is played in. [any]"""
    low, high = RECIPES[genre].tempo_bpm
    return round(0.5 * (low + high), 1)


def clip_piece(seed: int, style: tuple[float, ...], tempo_bpm: float, seconds: float = CLIP_S) -> Piece:
    """Compose a piece of a style, just long enough for a clip: pairs of bars, six or more. [any]"""
    bar_s = TICKS_PER_BAR * tick_seconds(tempo_bpm)
    bars = max(6, 2 * math.ceil(seconds / bar_s / 2))
    return compose(seed, style=style, bars=bars, tempo_bpm=tempo_bpm)


def render_clip(
    seed: int, style: tuple[float, ...], tempo_bpm: float, *, seconds: float = CLIP_S, held_out: bool = False
) -> NDArray[np.floating[Any]]:
    """Render a clip (frames, 2) at 48 kHz of a style, from its first tick on. [any]

    `held_out` uses only the sounds that training never does.
    """
    audio = render(clip_piece(seed, style, tempo_bpm, seconds), held_out=held_out)
    return audio[: round(seconds * SAMPLE_RATE)]


def random_moods(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw moods. [any]"""
    return tuple(float(v) for v in rng.uniform(0.15, 0.85, len(MOODS)))
