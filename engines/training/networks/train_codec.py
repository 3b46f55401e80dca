"""Train the codec: first for spectra, then, with the encoder frozen, against a discriminator. [any]

The encoder is frozen before the adversarial part, so that the denoiser can learn its latents meanwhile. The adversarial
gradient is scaled to a share of the spectral one at the last layer (Esser et al., CVPR 2021), and that share is ramped.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from legando.engines.codec import Codec
from legando.engines.codec_config import CodecConfig
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.oscillators import harmonic_table
from legando.engines.training.networks.batches import Batch, Crops, Prepared, prepare
from legando.engines.training.networks.learner import Learner, batch_size, begin
from legando.engines.training.networks.losses import (
    SpectralLoss,
    SpectrumDiscriminator,
    discriminator_loss,
    generator_losses,
    kl_loss,
)
from legando.engines.training.networks.pictures import draw_codec
from legando.engines.training.networks.progress import Run, read_model

if TYPE_CHECKING:
    from legando.engines.training.music.fresh import FreshPieces

CROP_LATENTS = 48
BATCH = 8
ADVERSARIAL_CROP_FRAMES = 24_000
KL_WEIGHT = 0.02
ADVERSARIAL_EVERY = 3
"""The judge has its say at every third step: it costs more than the decoder, 0.75 steps a second became 2."""
ADVERSARIAL_BALANCE = 1.0
"""More weight for the level of whole crops: the sides came out 2 dB too quiet between 100 Hz and 2 kHz without it."""


class Excitation:
    """The decoder's excitation for crops: somewhere in the endless noise, another place at each step."""

    def __init__(self, device: str) -> None:
        self._table = torch.from_numpy(excitation_table()).to(device)

    def __call__(self, step: int, batch: int) -> Tensor:
        """Return b 2n 2 2 BINS."""
        rows = [excitation_rows(97 * (step * batch + row), 2 * CROP_LATENTS) for row in range(batch)]
        return self._table[torch.from_numpy(np.stack(rows)).to(self._table.device)]


def spectral_sum(parts: dict[str, Tensor]) -> Tensor:
    """Return the weighted sum of the spectral losses."""
    return parts["log_mel"] + 0.5 * parts["linear"] + parts["tone"] + parts["power"] + 0.5 * parts["balance"]


def train(
    data: Path,
    folder: Path,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    threads: int = 2,
    device: str = "cpu",
    limit: int | None = None,
    fresh: FreshPieces | None = None,
    config: CodecConfig | None = None,
) -> None:
    """Train encoder and decoder on spectra for `seconds` or `steps` in all; resumes what `folder` holds."""
    begin(seed=0, threads=threads, device=device)
    codec = Codec(config).to(device)
    learner = Learner(codec, rate=1e-3, betas=(0.8, 0.98), decay=1e-3)
    run = Run(folder, seconds=seconds, steps=steps)
    run.restore({"codec": codec, "average": learner.average}, {"adam": learner.optimizer})
    rows = batch_size(BATCH, device)
    crops = Crops(prepare(data, limit), CROP_LATENTS, rows, seed=run.step, fresh=fresh)
    shown = Codec(config).to(device)

    def draw(to: Path) -> None:
        learner.show(shown)
        draw_codec(to, shown, crops.pieces[0])

    run.draw = draw
    trial = Trial(codec, device)
    for step in run.steps():
        batch = to_device(crops.next(), device)
        mean, log_variance = codec.encoder(batch.audio, mixed=True)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        _, parts = trial(z, batch, step)
        kl = kl_loss(mean, log_variance)
        loss = spectral_sum(parts) + KL_WEIGHT * min(1.0, step / 500) * kl
        learner.take(loss, step, run.fraction)
        run.log(loss=loss, kl=kl, **parts)


def train_adversarial(
    data: Path,
    spectral_run: Path,
    folder: Path,
    *,
    seconds: float,
    threads: int = 1,
    device: str = "cpu",
    limit: int | None = None,
    fresh: FreshPieces | None = None,
    config: CodecConfig | None = None,
) -> None:
    """Go on with the decoder alone, against a discriminator, from the averaged weights of `spectral_run`."""
    begin(seed=1, threads=threads, device=device)
    codec = averaged_codec(spectral_run, device=device, config=config)
    codec.encoder.requires_grad_(False)
    learner = Learner(codec.decoder, rate=3e-4, betas=(0.8, 0.98), decay=1e-3)
    judge = Judge(device)
    run = Run(folder, seconds=seconds)
    run.restore(
        {"decoder": codec.decoder, "average": learner.average, "judge": judge.network},
        {"maker": learner.optimizer, "judge": judge.optimizer},
    )
    rows = batch_size(BATCH // 2, device)
    crops = Crops(prepare(data, limit), CROP_LATENTS, rows, seed=1_000_000 + run.step, fresh=fresh)
    shown = averaged_codec(spectral_run, device=device, config=config)

    def draw(to: Path) -> None:
        learner.show(shown.decoder)
        draw_codec(to, shown, crops.pieces[0])

    run.draw = draw
    trial = Trial(codec, device)
    for step in run.steps():
        batch = to_device(crops.next(), device)
        with torch.no_grad():
            mean, log_variance = codec.encoder(batch.audio)
            z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        made, parts = trial(z, batch, step)
        loss = spectral_sum(parts) + ADVERSARIAL_BALANCE * parts["balance"]
        if step % ADVERSARIAL_EVERY == 0:
            said = judge.say(batch.audio, made)
            extra = said["adversarial"] + said["matching"]
            said["share"] = gradient_share(loss, extra, made)
            loss = loss + 0.4 * min(1.0, step / 400) * said["share"] * extra
            parts = said | parts
        learner.take(loss, step, run.fraction)
        run.log(**parts)


class Trial:
    """What a decoder makes of a batch's latents, and how far that is from the batch's sound, by parts."""

    def __init__(self, codec: Codec, device: str) -> None:
        self._decoder, self._spectral, self._noise = codec.decoder, SpectralLoss().to(device), Excitation(device)
        cosines, sines = harmonic_table(codec.config.harmonics)
        self._table = cosines.to(device), sines.to(device)

    def __call__(self, z: Tensor, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return sound b 2 t and the parts of the spectral loss."""
        excitation = self._noise(step, len(z))
        made = self._decoder(z, batch.frames, batch.voices, excitation, self._table, mixed=True)
        return made, self._spectral(made, batch.audio, step)


class Judge:
    """The discriminator, which learns as it judges."""

    def __init__(self, device: str) -> None:
        self.network = SpectrumDiscriminator().to(device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=3e-4, betas=(0.5, 0.9))

    def say(self, true: Tensor, made: Tensor) -> dict[str, Tensor]:
        """Learn to tell crops of true sound from made ones, b 2 t; return that loss, and then the maker's two."""
        start = int(torch.randint(0, made.shape[2] - ADVERSARIAL_CROP_FRAMES, ()))
        true, made = (sound[:, :, start : start + ADVERSARIAL_CROP_FRAMES] for sound in (true, made))
        loss = discriminator_loss(self.network(true), self.network(made.detach()))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        adversarial, matching = generator_losses(self.network(true), self.network(made))
        return {"judge": loss, "adversarial": adversarial, "matching": matching}


def gradient_share(main: Tensor, extra: Tensor, at: Tensor) -> Tensor:
    """Return the factor that gives both losses gradients of one size at `at`, capped."""
    (a,) = torch.autograd.grad(main, at, retain_graph=True)
    (b,) = torch.autograd.grad(extra, at, retain_graph=True)
    share: Tensor = (a.norm() / (b.norm() + 1e-8)).clamp(max=100.0).detach()
    return share


def averaged_codec(
    spectral_run: Path, adversarial_run: Path | None = None, *, device: str = "cpu", config: CodecConfig | None = None
) -> Codec:
    """Return a codec with the averaged weights of a spectral run, its decoder from an adversarial one where given."""
    weights = {name.replace("/", "."): value for name, value in read_model(spectral_run, "average").items()}
    if adversarial_run is not None:
        for name, value in read_model(adversarial_run, "average").items():
            weights["decoder." + name.replace("/", ".")] = value
    codec = Codec(config).to(device)
    codec.load_state_dict(weights)
    return codec


def to_device(batch: Batch, device: str) -> Batch:
    """Move a batch's tensors."""
    return replace(
        batch,
        audio=batch.audio.to(device),
        frames=batch.frames.to(device),
        voices=batch.voices.to(device),
        tick_tokens=batch.tick_tokens.to(device),
        tick_ages_s=batch.tick_ages_s.to(device),
        style=batch.style.to(device),
    )


def reconstruct(codec: Codec, piece: Prepared) -> Tensor:
    """Return the codec's own reconstruction of a whole piece, from the latents' means: 2 t."""
    n = piece.latents
    audio = torch.from_numpy(piece.audio[: n * 960].astype("float32") / 32767.0).T[None]
    table = harmonic_table(codec.config.harmonics)
    with torch.no_grad():
        mean, _ = codec.encoder(audio)
        frames = torch.from_numpy(piece.features.frames[:n])[None]
        voices = torch.from_numpy(piece.features.voices[: 2 * n])[None]
        excitation = torch.from_numpy(excitation_table()[excitation_rows(0, 2 * n)])[None]
        made: Tensor = codec.decoder(mean, frames, voices, excitation, table)[0]
    return made
