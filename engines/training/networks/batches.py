"""Pieces of a data set in memory, and random crops of them as tensors. [any]"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legando.engines.timeline import LATENT_FRAMES, PieceFeatures, piece_features
from legando.engines.training.music.dataset import load
from legando.realtime.errors import LegandoError

if TYPE_CHECKING:
    from legando.engines.training.music.fresh import FreshPieces

CHUNK_LATENTS = 4


@dataclass(frozen=True, slots=True)
class Prepared:
    """One piece, ready to crop: audio int16 (frames, 2), its features, its style, the name of its file."""

    audio: NDArray[np.int16]
    features: PieceFeatures
    style: NDArray[np.float32]
    name: str = ""

    @property
    def latents(self) -> int:
        """Whole latent frames that both audio and features cover."""
        return min(len(self.audio) // LATENT_FRAMES, len(self.features.frames))

    @property
    def bytes(self) -> int:
        """What the piece takes in memory."""
        f = self.features
        return sum(array.nbytes for array in (self.audio, f.frames, f.voices, f.tick_tokens, f.tick_ages_s))


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


def prepare(folder: Path, limit: int | None = None, most_bytes: int | None = None) -> list[Prepared]:
    """Read a data set folder and work out its features; name and skip what is damaged.

    At most `limit` pieces, and no more than fit into `most_bytes` (default: half of the machine's memory), drawn evenly
    from the folder when not all do.
    """
    paths = sorted(folder.glob("piece_*.npz"))[:limit]
    most = memory_share() if most_bytes is None else most_bytes
    if sum(path.stat().st_size for path in paths) > most // 2:  # features come on top of the audio
        paths = [paths[i] for i in np.random.default_rng(0).permutation(len(paths))]
    pieces: list[Prepared] = []
    held = 0
    for path in paths:
        piece = prepare_file(path)
        if piece is None:
            continue
        held += piece.bytes
        if pieces and held > most:
            print(f"{len(pieces)} of {len(paths)} pieces fit into {most / 1e9:.1f} GB", file=sys.stderr, flush=True)
            break
        pieces.append(piece)
    if not pieces:
        raise LegandoError(f"{folder} holds no pieces; make some with `legando train data --out {folder}`")
    return pieces


def memory_share(share: float = 0.5) -> int:
    """Return a share of the machine's memory in bytes."""
    return int(share * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def prepare_file(path: Path) -> Prepared | None:
    """Read one piece; say on stderr that it is skipped, and return None, when it cannot be used."""
    try:
        item = load(path)
    except LegandoError as error:
        print(f"skipped: {error}", file=sys.stderr, flush=True)
        return None
    features = piece_features(item.score, item.tempo_bpm, item.swing, CHUNK_LATENTS)
    return Prepared(item.audio, features, np.asarray(item.style, np.float32), path.stem)


class Crops:
    """Random crops of `latents` latent frames, on chunk boundaries.

    With `fresh`, each batch takes in one piece that has been rendered meanwhile; beyond `most_bytes` (default: half of
    the machine's memory) a piece drawn at random makes room.
    """

    def __init__(
        self,
        pieces: list[Prepared],
        latents: int,
        batch: int,
        seed: int,
        *,
        fresh: FreshPieces | None = None,
        most_bytes: int | None = None,
    ) -> None:
        self.pieces = [p for p in pieces if p.latents > latents]
        if not self.pieces:
            raise LegandoError(f"no piece is longer than a crop of {latents} latent frames; render longer pieces")
        self.latents = latents
        self.batch = batch
        self.rng = np.random.default_rng(seed)
        self.fresh = fresh
        self.most_bytes = memory_share() if most_bytes is None else most_bytes
        self.held_bytes = sum(p.bytes for p in self.pieces)

    def take_in(self) -> None:
        """Take in one fresh piece, if one is ready."""
        for path in self.fresh.take(1) if self.fresh is not None else []:
            piece = prepare_file(path)
            if piece is None or piece.latents <= self.latents:
                continue
            self.pieces.append(piece)
            self.held_bytes += piece.bytes
            while self.held_bytes > self.most_bytes and len(self.pieces) > 1:
                gone = self.pieces.pop(int(self.rng.integers(0, len(self.pieces) - 1)))
                self.held_bytes -= gone.bytes

    def next(self) -> Batch:
        """Return the next batch."""
        self.take_in()
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
