"""Pieces of a data set in memory, and random crops of them as tensors. [any]"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legando.engines.timeline import LATENT_FRAMES, PieceFeatures, piece_features
from legando.engines.training.dataset import load
from legando.realtime.errors import LegandoError

CHUNK_LATENTS = 4


@dataclass(frozen=True, slots=True)
class Prepared:
    """One piece, ready to crop: audio int16 (frames, 2), its features, its style."""

    audio: NDArray[np.int16]
    features: PieceFeatures
    style: NDArray[np.float32]

    @property
    def latents(self) -> int:
        """Whole latent frames that both audio and features cover."""
        return min(len(self.audio) // LATENT_FRAMES, len(self.features.frames))


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops: audio b 2 t, frames b n F, voices b 2n V 8, tick tokens b c 8 5, tick ages b c 8, style b STYLE_DIM."""

    audio: Tensor
    frames: Tensor
    voices: Tensor
    tick_tokens: Tensor
    tick_ages_s: Tensor
    style: Tensor
    piece: NDArray[np.int64]
    start: NDArray[np.int64]


def prepare(folder: Path, limit: int | None = None) -> list[Prepared]:
    """Read a data set folder, at most `limit` pieces, and work out its features; name and skip what is damaged."""
    paths = sorted(folder.glob("piece_*.npz"))[:limit]
    pieces = [piece for path in paths if (piece := prepare_file(path)) is not None]
    if not pieces:
        raise LegandoError(f"{folder} holds no pieces; make some with `legando train data --out {folder}`")
    return pieces


def prepare_file(path: Path) -> Prepared | None:
    """Read one piece; say on stderr that it is skipped, and return None, when it cannot be used."""
    try:
        item = load(path)
    except LegandoError as error:
        print(f"skipped: {error}", file=sys.stderr, flush=True)
        return None
    features = piece_features(item.score, item.tempo_bpm, item.swing, CHUNK_LATENTS)
    return Prepared(item.audio, features, np.asarray(item.style, np.float32))


class Crops:
    """Random crops of `latents` latent frames, on chunk boundaries."""

    def __init__(self, pieces: list[Prepared], latents: int, batch: int, seed: int) -> None:
        self.pieces = [p for p in pieces if p.latents > latents]
        if not self.pieces:
            raise LegandoError(f"no piece is longer than a crop of {latents} latent frames; render longer pieces")
        self.latents = latents
        self.batch = batch
        self.rng = np.random.default_rng(seed)

    def next(self) -> Batch:
        """Return the next batch."""
        n = self.latents
        which = self.rng.integers(0, len(self.pieces), self.batch)
        chunks = [(self.pieces[p].latents - n) // CHUNK_LATENTS for p in which]
        starts = np.array([self.rng.integers(0, c + 1) * CHUNK_LATENTS for c in chunks])
        rows = list(zip(which, starts, strict=True))
        audio = np.stack([self.pieces[p].audio[s * LATENT_FRAMES : (s + n) * LATENT_FRAMES] for p, s in rows])
        features = [self.pieces[p].features for p, _ in rows]
        first = starts // CHUNK_LATENTS
        chunk_count = n // CHUNK_LATENTS
        return Batch(
            torch.from_numpy(audio.astype(np.float32) / 32767.0).transpose(1, 2).contiguous(),
            torch.from_numpy(np.stack([f.frames[s : s + n] for f, s in zip(features, starts, strict=True)])),
            torch.from_numpy(np.stack([f.voices[2 * s : 2 * (s + n)] for f, s in zip(features, starts, strict=True)])),
            torch.from_numpy(
                np.stack([f.tick_tokens[c : c + chunk_count] for f, c in zip(features, first, strict=True)])
            ),
            torch.from_numpy(
                np.stack([f.tick_ages_s[c : c + chunk_count] for f, c in zip(features, first, strict=True)])
            ),
            torch.from_numpy(np.stack([self.pieces[p].style for p in which])),
            which,
            starts,
        )
