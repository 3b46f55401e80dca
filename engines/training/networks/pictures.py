"""Spectrogram pictures for run folders: what the networks make now, beside the original. [any]"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legando.engines.codec import Codec
from legando.engines.denoiser import Conditions, Denoiser
from legando.engines.encoder import mel_filters
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.oscillators import harmonic_table
from legando.engines.timeline import LATENT_FRAMES
from legando.engines.training.networks.batches import CHUNK_LATENTS, Prepared
from legando.realtime.wholefile import whole_file

PICTURE = "spectrograms.png"
LATENTS = 240
"""Latent frames shown: 4.8 s."""
WINDOW_FRAMES, HOP_FRAMES, BANDS = 2048, 480, 128
RANGE_DB = 80.0


def spectrogram_db(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return mid magnitudes in mel bands, dB below the loudest: (BANDS, time). audio: 2 t."""
    mid = torch.from_numpy(np.ascontiguousarray(audio.mean(0)))
    window = torch.hann_window(WINDOW_FRAMES)
    magnitude = torch.fft.rfft(mid.unfold(0, WINDOW_FRAMES, HOP_FRAMES) * window).abs()
    bands = (magnitude @ mel_filters(WINDOW_FRAMES, BANDS)).T.numpy()
    out: NDArray[np.float32] = (20.0 * np.log10(np.maximum(bands, 1e-7))).astype(np.float32)
    return out


def draw_spectrograms(path: Path, sounds: Mapping[str, NDArray[np.float32]]) -> None:
    """Draw sounds (2 t each) beside each other on one scale of colours into a PNG file. [any]"""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images = {name: spectrogram_db(audio) for name, audio in sounds.items()}
    top = max(float(image.max()) for image in images.values())
    figure = Figure(figsize=(5.0 * len(images), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (name, image) in enumerate(images.items()):
        axes = figure.add_subplot(1, len(images), index + 1)
        extent = (0.0, image.shape[1] * HOP_FRAMES / 48_000, 0.0, float(BANDS))
        axes.imshow(image, origin="lower", aspect="auto", extent=extent, vmin=top - RANGE_DB, vmax=top, cmap="magma")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("seconds", fontsize=8)
        axes.set_ylabel("mel band" if index == 0 else "", fontsize=8)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=90)


@torch.no_grad()
def draw_codec(folder: Path, codec: Codec, piece: Prepared) -> None:
    """Draw the start of a piece beside the codec's reconstruction of it. [any]"""
    count = min(LATENTS, piece.latents)
    original = original_audio(piece, count)
    device = next(codec.parameters()).device
    mean, _ = codec.encoder(torch.from_numpy(original)[None].to(device))
    made = decoded(codec, piece, mean, count)
    draw_spectrograms(folder / PICTURE, {"original": original, "reconstruction": made})


@torch.no_grad()
def draw_flow(folder: Path, denoiser: Denoiser, codec: Codec, piece: Prepared, steps: int) -> None:
    """Draw the start of a piece, its reconstruction, and what the denoiser makes of its score. [any]"""
    count = min(LATENTS, piece.latents) // CHUNK_LATENTS * CHUNK_LATENTS
    original = original_audio(piece, count)
    device = next(codec.parameters()).device
    mean, _ = codec.encoder(torch.from_numpy(original)[None].to(device))
    latents = play(denoiser, piece, count, steps) * denoiser.latent_scale + denoiser.latent_mean
    sounds = {
        "original": original,
        "reconstruction": decoded(codec, piece, mean, count),
        f"generated from its score, {steps} steps": decoded(codec, piece, latents.T[None], count),
    }
    draw_spectrograms(folder / PICTURE, sounds)


@torch.no_grad()
def play(denoiser: Denoiser, piece: Prepared, count: int, steps: int) -> Tensor:
    """Generate normalised latents n 64 for the start of a piece, chunk by chunk as in play. [any]"""
    device = denoiser.out.weight.device
    style = torch.from_numpy(piece.style)[None].to(device)
    state = denoiser.initial_state()
    noise = torch.randn(count, denoiser.config.latent, generator=torch.Generator().manual_seed(1)).to(device)
    chunks = []
    for index in range(count // CHUNK_LATENTS):
        window = slice(index * CHUNK_LATENTS, (index + 1) * CHUNK_LATENTS)
        given = Conditions(
            torch.from_numpy(piece.features.frames[window])[None].to(device),
            style,
            torch.from_numpy(piece.features.tick_tokens[index])[None].to(device),
            torch.from_numpy(piece.features.tick_ages_s[index])[None].to(device),
        )
        x = noise[window][None]
        for step in range(steps):
            x = x + denoiser.step((x, x.new_full((1,), step / steps), given), state)[0] / steps
        _, state = denoiser.step((x, x.new_ones(1), given), state)
        chunks.append(x[0])
    return torch.cat(chunks)


@torch.no_grad()
def decoded(codec: Codec, piece: Prepared, latents: Tensor, count: int) -> NDArray[np.float32]:
    """Return the audio 2 t of latents 1 64 n with the voices of a piece's start. [any]"""
    device = latents.device
    table = tuple(part.to(device) for part in harmonic_table(codec.config.harmonics))
    frames = torch.from_numpy(piece.features.frames[:count])[None].to(device)
    voices = torch.from_numpy(piece.features.voices[: 2 * count])[None].to(device)
    excitation = torch.from_numpy(excitation_table()[excitation_rows(0, 2 * count)])[None].to(device)
    out: NDArray[np.float32] = codec.decoder(latents, frames, voices, excitation, (table[0], table[1]))[0].cpu().numpy()
    return out


def original_audio(piece: Prepared, count: int) -> NDArray[np.float32]:
    """Return the first `count` latent frames of a piece's audio: 2 t. [any]"""
    return np.ascontiguousarray(piece.audio[: count * LATENT_FRAMES].T.astype(np.float32) / 32767.0)
