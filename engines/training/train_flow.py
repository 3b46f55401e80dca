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

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from legando.engines.codec import Codec
from legando.engines.denoiser import Conditions, Denoiser
from legando.engines.training.batches import CHUNK_LATENTS, Crops, Prepared, prepare
from legando.engines.training.progress import Run
from legando.engines.training.train_codec import Average, averaged, set_rate

CROP_LATENTS = 192
BATCH = 8
CONTEXT_NOISE = 0.3
STYLE_DROPOUT = 0.1
EMA = 0.998


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


def train(
    data: Path,
    spectral_run: Path,
    folder: Path,
    *,
    seconds: float,
    threads: int = 1,
    device: str = "cpu",
    limit: int | None = None,
) -> None:
    """Train the denoiser for `seconds` in all; resumes what `folder` holds."""
    torch.set_num_threads(threads)
    torch.manual_seed(2)
    codec = Codec().to(device)
    codec.load_state_dict(averaged(spectral_run))
    pieces = prepare(data, limit)
    latents = encode_pieces(codec, pieces, device)
    model = Denoiser().to(device)
    everything = torch.cat([item.mean.float() for item in latents])
    spread = (everything.var(0) + torch.cat([item.deviation.float() for item in latents]).square().mean(0)).sqrt()
    model.latent_mean.copy_(everything.mean(0))
    model.latent_scale.copy_(spread.clamp(min=1e-3))
    average = Average(model).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    run = Run(folder, seconds=seconds)
    run.restore({"denoiser": model, "average": average}, {"adam": optimizer})
    crops = Crops(pieces, CROP_LATENTS, BATCH, seed=2_000_000 + run.step)
    index = {id(piece): number for number, piece in enumerate(pieces)}
    order = [index[id(piece)] for piece in crops.pieces]
    for step in run.steps():
        set_rate(optimizer, 1e-3, run.fraction, step)
        batch = crops.next()
        rows = []
        for piece, start in zip(batch.piece, batch.start, strict=True):
            item = latents[order[piece]]
            window = slice(start, start + CROP_LATENTS)
            rows.append(item.mean[window].float())
        z = (torch.stack(rows).to(device) - model.latent_mean) / model.latent_scale
        clean = rearrange(z, "b (c n) d -> b c n d", n=CHUNK_LATENTS)
        given = Conditions(
            rearrange(batch.frames.to(device), "b (c n) f -> b c n f", n=CHUNK_LATENTS),
            batch.style.to(device) * (torch.rand(BATCH, 1, device=device) > STYLE_DROPOUT),
            batch.tick_tokens.to(device),
            batch.tick_ages_s.to(device),
        )
        loss = flow_loss(model, clean, given, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        grad = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update(model, min(EMA, (step + 1) / (step + 10)))
        run.log(loss=loss, grad=grad)


def flow_loss(model: Denoiser, clean: Tensor, given: Conditions, device: str) -> Tensor:
    """Return the mean squared error of the velocity; times follow a logit-normal (Esser et al., ICML 2024)."""
    b, c = clean.shape[:2]
    t = torch.sigmoid(torch.randn(b, c, device=device) - 0.3)
    noise = torch.randn_like(clean)
    mixed = t[:, :, None, None] * clean + (1.0 - t[:, :, None, None]) * noise
    level = CONTEXT_NOISE * torch.rand(b, 1, 1, 1, device=device)
    past = clean + level * torch.randn_like(clean)
    with torch.autocast(device.split(":")[0], torch.bfloat16):
        velocity = model(past, mixed, t, given)
    loss: Tensor = (velocity.float() - (clean - noise)).square().mean()
    return loss
