"""The encoder: rendered audio to latents, for training and evaluation; play does not need it. [any]"""

from __future__ import annotations

import math
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn

from legando.engines.codec_config import CodecConfig
from legando.engines.convnext import KERNEL, ConvNeXt
from legando.engines.timeline import GRAIN_FRAMES, SAMPLE_RATE_HZ


class Encoder(nn.Module):
    """Log-mel spectra of mid and side, at two window lengths, to mean and log-variance of the latents."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.latent = config.latent
        self.windows = (2048, 512)
        self.bands = (96, 48)
        for size, bands in zip(self.windows, self.bands, strict=True):
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)
            self.register_buffer(f"mel_{size}", mel_filters(size, bands), persistent=False)
        self.stem = nn.Linear(2 * 2 * sum(self.bands), config.encoder_width)
        self.blocks = nn.ModuleList(ConvNeXt(config.encoder_width, 3) for _ in range(config.encoder_blocks))
        self.head = nn.Linear(config.encoder_width, 2 * config.latent)

    def features(self, audio: Tensor) -> Tensor:
        """Return log-mel frames b t f, two 10 ms frames side by side for each latent. audio: b 2 t."""
        mid_side = torch.stack([audio.mean(1), (audio[:, 0] - audio[:, 1]) / 2], 1)
        grains = audio.shape[2] // GRAIN_FRAMES
        flat = rearrange(mid_side, "b c t -> (b c) t")
        out = []
        for size in self.windows:
            # grain g is centred at 480 g + 480
            left = size // 2 - GRAIN_FRAMES
            padded = nn.functional.pad(flat, (max(left, 0), size))[:, max(-left, 0) :]
            frames = padded.unfold(1, size, GRAIN_FRAMES)[:, :grains]
            spectrum = torch.fft.rfft(frames * getattr(self, f"window_{size}")).abs()
            mel = torch.log(spectrum @ getattr(self, f"mel_{size}") + 1e-3)
            out.append(rearrange(mel, "(b c) t f -> b t (c f)", b=audio.shape[0]))
        return rearrange(torch.cat(out, 2), "b (t two) f -> b t (two f)", two=2) * 0.4

    def forward(self, audio: Tensor, *, mixed: bool = False) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, each b 64 n, for audio b 2 (960 n); `mixed` runs the blocks in bfloat16."""
        x = rearrange(self.stem(self.features(audio)), "b t c -> b c t")
        with torch.autocast(x.device.type, torch.bfloat16, enabled=mixed):
            for block in self.blocks:
                x, _ = cast(ConvNeXt, block).step(x, x.new_zeros(x.shape[0], x.shape[1], KERNEL - 1))
        x = x.float()
        mean, log_variance = rearrange(self.head(rearrange(x, "b c t -> b t c")), "b t c -> b c t").chunk(2, dim=1)
        return mean, log_variance.clamp(-10.0, 4.0)


def mel_filters(size: int, bands: int, *, low_hz: float = 30.0, high_hz: float = 20_000.0) -> Tensor:
    """Return triangular mel filters (bins, bands), each of unit sum. Slaney's scale is not needed: HTK's formula."""

    def mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    points = torch.linspace(mel(low_hz), mel(high_hz), bands + 2).double()
    edges = 700.0 * (10.0 ** (points / 2595.0) - 1.0)
    hz = torch.arange(size // 2 + 1).double() * SAMPLE_RATE_HZ / size
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    filters = torch.clamp(torch.minimum(rise, fall), min=0.0)
    nearest = (hz[:, None] - edges[1:-1]).abs().argmin(0)
    for band in range(bands):  # a band narrower than a bin takes the nearest bin
        if filters[:, band].sum() == 0:
            filters[nearest[band], band] = 1.0
    return (filters / filters.sum(0)).float()
