"""Small untrained networks and a whole bundle made of them, for tests that must not depend on the shipped one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from legando.engines.bundle import Bundle
from legando.engines.codec import Codec
from legando.engines.codec_config import CodecConfig
from legando.engines.denoiser import Denoiser, DenoiserConfig, Layer
from legando.engines.export import export_bundle
from legando.engines.language import LanguageConfig, LanguageModel
from legando.engines.training.music.habits import measure_habits
from legando.realtime.controls import STYLE_DIM


def small_codec() -> Codec:
    """Return a codec with the shipped one's structure and few channels."""
    torch.manual_seed(0)
    config = CodecConfig(encoder_width=16, encoder_blocks=1, width=32, coarse_blocks=2, fine_blocks=2, voice_width=16)
    return Codec(config).eval()


def small_denoiser() -> Denoiser:
    """Return a denoiser with the shipped one's structure and few channels, its last layer awake."""
    torch.manual_seed(1)
    model = Denoiser(DenoiserConfig(width=32, layers=2, heads=2)).eval()
    with torch.no_grad():
        for layer in model.layers:
            assert isinstance(layer, Layer)
            layer.modulation.normal_(std=0.1)
            layer.fine_bias.normal_(std=0.5)
            layer.coarse_bias.normal_(std=0.5)
        model.out.weight.mul_(10.0)
        first, last = model.time[0], model.time[2]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        first.weight[:, -STYLE_DIM:].mul_(5.0)  # so that style is heard
        last.weight.mul_(10.0)
    return model


def small_bundle(folder: Path) -> Bundle:
    """Export the small networks as a bundle."""
    torch.manual_seed(2)
    language = LanguageModel(LanguageConfig(width=48, layers=1, heads=2, hidden=64, head_hidden=16, window_ticks=32))
    empty = folder.parent / "empty"
    empty.write_bytes(b"{}")
    return export_bundle(
        folder,
        codec=small_codec(),
        denoiser=small_denoiser(),
        language=language.eval(),
        style_head=empty,
        tokenizer=empty,
        habits=measure_habits(2),
        name="small",
        steps=2,
        about={},
    )
