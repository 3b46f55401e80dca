"""Train the denoiser on the codec's latents, block by block with clean past. [any]

The target is the mean of each latent, not a sample of it: most latents are largely the codec's own noise (its share of
their spread is 0.17 to 0.92), and a model of samples spends itself on that noise and then plays it. They are scaled by
their whole spread, so that a latent counts by how much it says. The clean copy is lightly noised at a level drawn for
each sequence, so that the model forgives its own past mistakes and does not drift. Style is dropped in a tenth of the
sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from legando.engines.codec import Codec
from legando.engines.codec_config import CodecConfig
from legando.engines.denoiser import Conditions, Denoiser, DenoiserConfig
from legando.engines.training.networks.batches import CHUNK_LATENTS, Batch, Crops, Prepared, prepare
from legando.engines.training.networks.learner import Learner, batch_size, begin
from legando.engines.training.networks.pictures import draw_flow
from legando.engines.training.networks.progress import Run
from legando.engines.training.networks.train_codec import averaged_codec

if TYPE_CHECKING:
    from legando.engines.training.music.fresh import FreshPieces

CROP_LATENTS = 192
BATCH = 8
CONTEXT_NOISE = 0.3
STYLE_DROPOUT = 0.1
ANCHORED = 0.5
"""Share of the sequences whose coarse path keeps its first chunks, as in play."""


@dataclass(frozen=True, slots=True)
class Latents:
    """Mean and standard deviation of every latent of one piece: float16 (n, 64) each."""

    mean: Tensor
    deviation: Tensor


def encode_pieces(codec: Codec, pieces: list[Prepared], device: str) -> list[Latents]:
    """Run the frozen encoder over whole pieces."""
    out = []
    with torch.no_grad():
        for piece in pieces:
            audio = torch.from_numpy(piece.audio[: piece.latents * 960].astype(np.float32) / 32767.0).T[None]
            mean, log_variance = codec.encoder(audio.to(device))
            out.append(Latents(mean[0].T.half().cpu(), torch.exp(0.5 * log_variance[0]).T.half().cpu()))
    return out


class LatentStore:
    """The latents of the pieces that a training holds; pieces that it takes in are encoded when first asked for."""

    def __init__(self, codec: Codec, pieces: list[Prepared], device: str) -> None:
        self._codec = codec
        self._device = device
        self._of = {p.name: item for p, item in zip(pieces, encode_pieces(codec, pieces, device), strict=True)}

    def __call__(self, crops: Crops, batch: Batch) -> Tensor:
        """Return the latents' means for a batch of crops: b n 64, on the device."""
        if len(self._of) > 2 * len(crops.pieces) + 64:
            kept = {piece.name for piece in crops.pieces}
            self._of = {name: item for name, item in self._of.items() if name in kept}
        rows = []
        for number, start in zip(batch.piece, batch.start, strict=True):
            piece = crops.pieces[number]
            if piece.name not in self._of:
                self._of[piece.name] = encode_pieces(self._codec, [piece], self._device)[0]
            rows.append(self._of[piece.name].mean[start : start + crops.latents].float())
        return torch.stack(rows).to(self._device)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Return mean and spread (standard deviation, the codec's noise included) of each latent."""
        means = torch.cat([item.mean.float() for item in self._of.values()])
        noise = torch.cat([item.deviation.float() for item in self._of.values()]).square().mean(0)
        return means.mean(0), (means.var(0) + noise).sqrt().clamp(min=1e-3)


def train(
    data: Path,
    spectral_run: Path,
    folder: Path,
    *,
    seconds: float,
    threads: int = 1,
    device: str = "cpu",
    limit: int | None = None,
    fresh: FreshPieces | None = None,
    config: DenoiserConfig | None = None,
    codec_config: CodecConfig | None = None,
) -> None:
    """Train the denoiser for `seconds` in all; resumes what `folder` holds."""
    begin(seed=2, threads=threads, device=device)
    codec = averaged_codec(spectral_run, device=device, config=codec_config)
    pieces = prepare(data, limit)
    latents = LatentStore(codec, pieces, device)
    model = Denoiser(config).to(device)
    mean, spread = latents.statistics()
    model.latent_mean.copy_(mean)
    model.latent_scale.copy_(spread)
    learner = Learner(model, rate=1e-3, betas=(0.9, 0.98), decay=0.01)
    run = Run(folder, seconds=seconds)
    run.restore({"denoiser": model, "average": learner.average}, {"adam": learner.optimizer})
    rows = batch_size(BATCH, device)
    crops = Crops(pieces, CROP_LATENTS, rows, seed=2_000_000 + run.step, fresh=fresh)
    shown = Denoiser(config).to(device)

    def draw(to: Path) -> None:
        learner.show(shown)
        draw_flow(to, shown, codec, crops.pieces[0], steps=4)

    run.draw = draw
    for step in run.steps():
        batch = crops.next()
        z = (latents(crops, batch) - model.latent_mean) / model.latent_scale
        clean = rearrange(z, "b (c n) d -> b c n d", n=CHUNK_LATENTS)
        loss = flow_loss(model, clean, conditions(batch, device), device)
        grad = learner.take(loss, step, run.fraction)
        run.log(loss=loss, grad=grad)


def conditions(batch: Batch, device: str, style_dropout: float = STYLE_DROPOUT) -> Conditions:
    """Return a batch's conditions chunk by chunk on the device, style dropped from a share of the sequences."""
    style = batch.style.to(device)
    if style_dropout > 0.0:
        style = style * (torch.rand(len(style), 1, device=device) > style_dropout)
    return Conditions(
        rearrange(batch.frames.to(device), "b (c n) f -> b c n f", n=CHUNK_LATENTS),
        style,
        batch.tick_tokens.to(device),
        batch.tick_ages_s.to(device),
    )


def flow_loss(model: Denoiser, clean: Tensor, given: Conditions, device: str) -> Tensor:
    """Return the mean squared error of the velocity; times follow a logit-normal (Esser et al., ICML 2024)."""
    b, c = clean.shape[:2]
    t = torch.sigmoid(torch.randn(b, c, device=device) - 0.3)
    noise = torch.randn_like(clean)
    mixed = t[:, :, None, None] * clean + (1.0 - t[:, :, None, None]) * noise
    level = CONTEXT_NOISE * torch.rand(b, 1, 1, 1, device=device)
    past = clean + level * torch.randn_like(clean)
    with torch.autocast(device.split(":")[0], torch.bfloat16):
        velocity = model(past, mixed, t, given, torch.rand(b, device=device) < ANCHORED)
    loss: Tensor = (velocity.float() - (clean - noise)).square().mean()
    return loss
