"""Losses of the codec: multi-resolution spectra, Kullback-Leibler, and the adversarial pair. [any]"""

from __future__ import annotations

from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn

from legando.engines.encoder import mel_filters

FLOOR = 1e-4


class SpectralLoss(nn.Module):
    """Distance of two signals in log-mel and linear magnitude at several window lengths.

    Steps take turns between mid and side, left and right. The long windows count only bins below `LOW_HZ`, unsmoothed:
    they see the gaps between harmonics, which mel bands blur. Window lengths rotate too, since the transforms cost more
    than the network. `power` compares the energy of each band over `POWER_FRAMES` frames: the best guess of an
    uncertain logarithm is its median, so without it everything comes out 2 to 4 dB too quiet (measured). `balance` does
    the same for the whole crop in `BALANCE_BANDS` broad bands, squared, which asks for the mean: the level of the sides
    was 3 dB out without it.
    """

    POWER_FRAMES = 16
    BALANCE_BANDS = 8
    SHORT = ((512, 192, 64), (1024, 384, 96), (2048, 768, 128))
    LONG = (4096, 8192)
    LOW_HZ = 3000.0

    def __init__(self) -> None:
        super().__init__()
        for size, _, bands in self.SHORT:
            self.register_buffer(f"mel_{size}", mel_filters(size, bands), persistent=False)
        for size in [s for s, _, _ in self.SHORT] + list(self.LONG):
            window = torch.hann_window(size)
            self.register_buffer(f"window_{size}", window / window.sum() * 2.0, persistent=False)

    def magnitude(self, x: Tensor, size: int, hop: int) -> Tensor:
        """Return |STFT| (b c t f), scaled so that a sine of amplitude 1 reads 1. x: b c t."""
        frames = x.unfold(2, size, hop) * getattr(self, f"window_{size}")
        spectrum = torch.fft.rfft(frames)
        return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-12)

    def pooled(self, energy: Tensor) -> Tensor:
        """Return the mean over each `POWER_FRAMES` frames. energy: b c t f."""
        whole = energy.shape[2] // self.POWER_FRAMES * self.POWER_FRAMES
        return rearrange(energy[:, :, :whole], "b c (t w) f -> b c t w f", w=self.POWER_FRAMES).mean(3)

    def forward(self, made: Tensor, true: Tensor, step: int) -> dict[str, Tensor]:
        """Return the losses of one step by name. made, true: b 2 t."""
        views = [made, true]
        if step % 2 == 0:
            views = [torch.stack([x.mean(1), (x[:, 0] - x[:, 1]) * 0.7], 1) for x in views]
        short = (self.SHORT[0], self.SHORT[1 + step // 2 % 2])
        log_mel = made.new_zeros(())
        linear = made.new_zeros(())
        power = made.new_zeros(())
        balance = made.new_zeros(())
        for size, hop, _ in short:
            a, b = (self.magnitude(v, size, hop) for v in views)
            mel = getattr(self, f"mel_{size}")
            log_mel = log_mel + (torch.log(a @ mel + FLOOR) - torch.log(b @ mel + FLOOR)).abs().mean()
            linear = linear + (a - b).abs().mean() / (b.mean() + 1e-4)
            bands = [x.square() @ mel for x in (a, b)]
            energies = [torch.log(self.pooled(x) + FLOOR**2) for x in bands]
            power = power + 0.5 * (energies[0] - energies[1]).abs().mean()
            broad = [rearrange(x, "b c t (k w) -> b c k (t w)", k=self.BALANCE_BANDS).mean(3) for x in bands]
            ratio = torch.log(broad[0] + FLOOR**2) - torch.log(broad[1] + FLOOR**2)
            balance = balance + torch.where(ratio.abs() < 2.0, 0.5 * ratio.square(), 2.0 * ratio.abs() - 2.0).mean()
        size = self.LONG[step // 4 % 2]
        low = int(self.LOW_HZ / 48_000 * size)
        a, b = (self.magnitude(v, size, size // 3)[..., 2:low] for v in views)
        tone = (torch.log(a + FLOOR) - torch.log(b + FLOOR)).abs().mean() + (a - b).abs().mean() / (b.mean() + 1e-4)
        parts = {"log_mel": log_mel, "linear": linear, "tone": tone, "power": power, "balance": balance}
        return {name: loss / 2 for name, loss in parts.items()}


def kl_loss(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the mean divergence of the latents from the unit normal."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()


class SpectrumDiscriminator(nn.Module):
    """Judge complex spectra at three window lengths (after EnCodec, Defossez et al., TMLR 2023)."""

    SIZES = (2048, 1024, 512)

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.nets = nn.ModuleList()
        for size in self.SIZES:
            self.register_buffer(f"window_{size}", torch.hann_window(size) / size**0.5, persistent=False)
            norm = nn.utils.parametrizations.weight_norm
            layers = [norm(nn.Conv2d(4, channels, (3, 9), (1, 2), (1, 4)))]
            for dilation in (1, 2, 4):
                layers.append(
                    norm(nn.Conv2d(channels, channels, (3, 9), (1, 2), (dilation, 4), dilation=(dilation, 1)))
                )
            layers.append(norm(nn.Conv2d(channels, 1, (3, 3), 1, 1)))
            self.nets.append(nn.ModuleList(layers))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        """Return for each window length the feature maps, the verdict last. x: b 2 t."""
        out = []
        for size, module in zip(self.SIZES, self.nets, strict=True):
            layers = cast(nn.ModuleList, module)
            spectrum = torch.fft.rfft(x.unfold(2, size, size // 4) * getattr(self, f"window_{size}"))
            y = rearrange(torch.view_as_real(spectrum), "b c t f ri -> b (c ri) t f")
            # compress: quiet partials must count too
            size_of = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-8)
            y = y * rearrange(size_of.pow(-0.6).repeat_interleave(2, dim=1), "b c t f -> b c t f")
            maps = []
            for index, layer in enumerate(layers):
                y = layer(y)
                if index < len(layers) - 1:
                    y = nn.functional.leaky_relu(y, 0.2)
                maps.append(y)
            out.append(maps)
        return out


def discriminator_loss(true: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Return the hinge loss that teaches the judge."""
    losses = [torch.relu(1 - t[-1]).mean() + torch.relu(1 + m[-1]).mean() for t, m in zip(true, made, strict=True)]
    return torch.stack(losses).mean()


def generator_losses(true: list[list[Tensor]], made: list[list[Tensor]]) -> tuple[Tensor, Tensor]:
    """Return the adversarial loss and the feature-matching loss of the maker."""
    adversarial = torch.stack([-m[-1].mean() for m in made]).mean()
    matching = [
        (a - b.detach()).abs().mean() / (b.detach().abs().mean() + 1e-4)
        for t, m in zip(true, made, strict=True)
        for a, b in zip(m[:-1], t[:-1], strict=True)
    ]
    return adversarial, torch.stack(matching).mean()
