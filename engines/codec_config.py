"""Sizes of the codec. [any]"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecConfig:
    """Sizes of the codec. `latent` channels at 50 Hz; `width` channels inside the decoder."""

    latent: int = 64
    encoder_width: int = 224
    encoder_blocks: int = 3
    width: int = 320
    coarse_blocks: int = 3
    fine_blocks: int = 4
    expansion: int = 3
    harmonics: int = 32
    voice_width: int = 96
