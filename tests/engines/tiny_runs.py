"""Tiny data and trainings: a folder of noise pieces, and networks that train in a second, for tests in subprocesses.

Run as a program: `python -m tests.engines.tiny_runs DATA RUNS SECONDS` trains the tiny codec, saving after each step.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from legando.engines.codec_config import CodecConfig
from legando.engines.denoiser import DenoiserConfig
from legando.engines.training.music.composer import compose
from legando.engines.training.music.dataset import save
from legando.engines.training.networks import train_codec, train_flow
from legando.realtime.controls import GENRES

CODEC = CodecConfig(encoder_width=16, encoder_blocks=1, width=32, coarse_blocks=1, fine_blocks=1, voice_width=16)
DENOISER = DenoiserConfig(width=32, layers=2, heads=2)


def write_piece(path: Path, seed: int = 0, bars: int = 2) -> None:
    """Write a piece whose audio is plain noise: rendering is slow, and nothing here listens."""
    piece = compose(seed, genre=GENRES[seed % 10], bars=bars)
    frames = int(bars * 16 * 15.0 / piece.tempo_bpm * 48_000)
    audio = np.random.default_rng(seed).normal(0.0, 0.1, (frames, 2)).clip(-1.0, 1.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, piece, audio.astype(np.float32))


def write_pieces(folder: Path, count: int = 3, bars: int = 4) -> None:
    """Write some pieces."""
    for seed in range(count):
        write_piece(folder / f"piece_{seed:06d}.npz", seed, bars)


def train_tiny_codec(data: Path, runs: Path, seconds: float) -> None:
    """Train the tiny codec."""
    train_codec.train(data, runs / "codec", seconds=seconds, threads=1, config=CODEC)


def train_tiny_flow(data: Path, runs: Path, seconds: float) -> None:
    """Train the tiny denoiser on the tiny codec."""
    train_flow.train(
        data, runs / "codec", runs / "flow", seconds=seconds, threads=1, config=DENOISER, codec_config=CODEC
    )


if __name__ == "__main__":
    from legando.engines.training.networks.progress import Run

    Run.__init__.__kwdefaults__["save_every_s"] = 0.0  # type: ignore[index]
    train_tiny_codec(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
