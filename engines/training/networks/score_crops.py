"""Batches for the language model: crops of freshly composed pieces, with the performer's side made up. [any]

A crop is `ticks` long. Three things prepare the model for live use: half of the crops start as a stream does, with
nothing before; a quarter change to another piece (other key, other style) at a bar, so that a turn of the style control
outweighs what was played before; in half of them a performer holds the chords that sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legando.engines.arranger import PLAN, plan_row, score_rates
from legando.engines.language import START_TOKENS, SUSTAINED
from legando.engines.score import HOLD, REST, TICKS_PER_BAR, VOCABULARY, Score, chord_pitch_classes
from legando.engines.training.music.composer import Piece, compose
from legando.realtime.controls import STYLE_DIM

STYLE_DROPOUT = 0.1
HELD_SHARE = 0.5
CHANGE_SHARE = 0.25
LOST_TONE = 0.1
PLAN_DROPOUT = 0.05

_TONES = np.zeros((VOCABULARY["chord"], 12), dtype=np.float32)
for _token in range(VOCABULARY["chord"]):
    _TONES[_token, list(chord_pitch_classes(_token))] = 1.0


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """What `LanguageModel.forward` takes: b t 5, b t STYLE_DIM, b t 2, b t 12, b t PLAN, b 5, b 3."""

    tokens: Tensor
    style: Tensor
    position: Tensor
    held: Tensor
    plan: Tensor
    previous: Tensor
    sounding: Tensor


def sounding_tokens(score: Score) -> NDArray[np.int64]:
    """Return what chord, bass and lead sound with on each tick (ticks, 3): HOLD resolved, REST at first. [any]"""
    ticks = np.arange(len(score))[:, None]
    columns = score[:, list(SUSTAINED)].astype(np.int64)
    struck = np.maximum.accumulate(np.where(columns == HOLD, -1, ticks), axis=0)
    return np.where(struck < 0, REST, np.take_along_axis(columns, np.maximum(struck, 0), axis=0))


def crops(seed: int, batch: int, ticks: int, *, live: bool = True, phrase_bars: int = 8) -> ScoreBatch:
    """Return a batch of random crops; a seed is a batch for ever. [any]

    Without `live` the crops are plain for validation: no change of piece, no style dropout, no lost tones.
    """
    rng = np.random.default_rng(seed)
    rows = [_crop(rng, ticks, live, phrase_bars) for _ in range(batch)]
    return ScoreBatch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))


@lru_cache(maxsize=8)
def unigram_losses(pieces: int = 200, seed: int = 0) -> tuple[float, ...]:
    """Return the cross-entropy of each part, in nats, when only token frequencies are known: a floor to beat. [any]"""
    scores = np.concatenate([compose(seed + index).score for index in range(pieces)])
    losses = []
    for part, size in enumerate(VOCABULARY.values()):
        p = np.bincount(scores[:, part], minlength=size) / len(scores)
        losses.append(float(-np.sum(p[p > 0] * np.log(p[p > 0]))))
    return tuple(losses)


def piece_plan(piece: Piece) -> NDArray[np.float32]:
    """Return the plan of each tick of a composed piece (ticks, PLAN). [any]"""
    rates = score_rates(piece.score, piece.bars)
    rows = np.empty((len(piece.bars), PLAN), dtype=np.float32)
    for row, bar in zip(rows, piece.bars, strict=True):
        plan_row(bar, rates, row)
    return np.repeat(rows, TICKS_PER_BAR, axis=0)


def _piece(rng: np.random.Generator) -> Piece:
    return compose(int(rng.integers(1 << 62)))


def _crop(rng: np.random.Generator, ticks: int, live: bool, phrase_bars: int) -> tuple[NDArray[np.generic], ...]:
    piece = _piece(rng)
    bars = len(piece.score) // TICKS_PER_BAR
    last_bar = max(0, bars - -(-ticks // TICKS_PER_BAR))
    first = int(rng.integers(last_bar + 1)) // 4 * 4 * TICKS_PER_BAR
    fresh = rng.random() < 0.5
    if not fresh:
        first = int(rng.integers(min(first, len(piece.score) - ticks) + 1))
    tokens, sounds, before, before_sounds = _cut(piece.score, first, ticks, fresh or first == 0)
    style = np.tile(np.array(piece.style, dtype=np.float32), (ticks, 1))
    plan = piece_plan(piece)[first : first + ticks]
    where = first + np.arange(ticks)
    if live and rng.random() < CHANGE_SHARE:
        other = _piece(rng)
        bar_lines = np.flatnonzero(where % TICKS_PER_BAR == 0)
        turn = int(rng.choice(bar_lines[bar_lines > 0])) if (bar_lines > 0).any() else 0
        rest = ticks - turn
        start = int(where[turn]) % (phrase_bars * TICKS_PER_BAR)
        start = min(start, len(other.score) - rest)  # the same place in the phrase, unless the piece is too short
        tokens[turn:], sounds[turn:], _, _ = _cut(other.score, start, rest, True)
        style[turn:] = np.array(other.style, dtype=np.float32)
        plan[turn:] = piece_plan(other)[start : start + rest]
        where[turn:] = start + np.arange(rest)
    if live and rng.random() < STYLE_DROPOUT:
        style[:] = 0.0
    if live and rng.random() < PLAN_DROPOUT:
        plan[:] = 0.0
    held = _TONES[sounds[:, 0]]
    gate = np.zeros((ticks, 1), dtype=np.float32)
    if rng.random() < HELD_SHARE:
        gate[0 if rng.random() < 0.7 else int(rng.integers(ticks)) :] = 1.0
    if live and rng.random() < LOST_TONE:
        gate = gate * (rng.random((1, 12)) < 0.75)
    position = np.stack((where % TICKS_PER_BAR, where // TICKS_PER_BAR % phrase_bars), axis=1)
    assert style.shape == (ticks, STYLE_DIM)
    return tokens, style, position, (held * gate).astype(np.float32), plan, before, before_sounds


def _cut(
    score: Score, first: int, ticks: int, fresh: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return tokens and sounds from `first` on, and those before it; a fresh cut strikes anew what was held."""
    tokens = score[first : first + ticks].astype(np.int64)
    sounds = sounding_tokens(score)
    after = sounds[first : first + ticks]
    if not fresh:
        return tokens, after, score[first - 1].astype(np.int64), sounds[first - 1]
    for index, part in enumerate(SUSTAINED):
        if tokens[0, part] == HOLD:
            tokens[0, part] = after[0, index]
    return tokens, after, np.array(START_TOKENS, dtype=np.int64), np.zeros(len(SUSTAINED), dtype=np.int64)
