"""The three networks as torch modules, with the weights of a bundle. [engine]

The modules are those that were trained (`legando.engines.language`, `denoiser`, `codec`). What is added here for a card
makes them fit to be captured in a CUDA graph: no work on the host, no copies from it, no library that chooses its own
precision. On the CPU nothing is captured, so the decoder works out the voices that sound, as the lean one does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from legando.engines.bundle import Bundle
from legando.realtime.errors import BundleError, LegandoError

if TYPE_CHECKING:
    import torch

    from legando.engines.codec import Decoder
    from legando.engines.denoiser import Denoiser
    from legando.engines.language import LanguageModel

PAST = ("fine_keys", "fine_values", "coarse_keys", "coarse_values")


def need_torch() -> Any:
    """Return the module torch, or say in one sentence how to get it. [control]"""
    try:
        import einops  # noqa: F401
        import torch
    except ImportError as error:
        raise LegandoError(
            f"the torch back end needs torch and einops ({error}); run: pip install torch einops, or leave out "
            "--backend torch"
        ) from error
    return torch


@dataclass(frozen=True, slots=True)
class Modules:
    """Float32 modules on one device. `mean` and `scale` turn the denoiser's latents into the codec's."""

    language: LanguageModel
    denoiser: Denoiser
    decoder: Decoder
    mean: torch.Tensor
    scale: torch.Tensor


def load_modules(bundle: Bundle, device: str) -> Modules:
    """Read the bundle's weights into modules on a torch device, such as `cuda`. Raises LegandoError. [engine]"""
    torch = need_torch()
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise LegandoError(f"torch sees no CUDA device for {device}; check nvidia-smi, or play on the CPU")
    from safetensors.torch import load_file

    from legando.engines.codec import Decoder
    from legando.engines.codec_config import CodecConfig
    from legando.engines.denoiser import Denoiser, DenoiserConfig
    from legando.engines.language import LanguageConfig, LanguageModel

    weights = load_file(bundle.file("weights.safetensors"))
    sizes = bundle.manifest["sizes"]
    try:
        language = LanguageModel(LanguageConfig(**sizes["language"]))
        denoiser = Denoiser(DenoiserConfig(**sizes["denoiser"]))
        decoder = Decoder(CodecConfig(**sizes["codec"]))
        for prefix, module in (("language.", language), ("denoiser.", denoiser), ("codec.decoder.", decoder)):
            module.load_state_dict(
                {name[len(prefix) :]: value.float() for name, value in weights.items() if name.startswith(prefix)}
            )
    except (KeyError, TypeError, RuntimeError) as error:
        raise BundleError(
            f"{bundle.path} does not fit legando's networks ({error}); export the bundle again"
        ) from error
    if device.startswith("cuda"):
        for block in [*decoder.coarse, *decoder.fine]:
            block.depthwise = _depthwise(torch, block.depthwise)
    else:
        decoder.voices = _sounding_voices(torch, decoder.voices)
    for module in (language, denoiser, decoder):
        module.to(device).eval().requires_grad_(False)
    return Modules(language, denoiser, decoder, denoiser.latent_mean, denoiser.latent_scale)


def _depthwise(torch: Any, convolution: Any) -> Any:
    """Return a depthwise convolution as products and sums: cuDNN would take TF32 for it, and look for the fastest."""

    class Depthwise(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("taps", convolution.weight.detach()[:, 0].clone())
            self.register_buffer("bias", convolution.bias.detach()[:, None].clone())

        def forward(self, x: Any) -> Any:
            size = self.taps.shape[1]
            return (x.unfold(2, size, 1) * self.taps[:, None]).sum(3) + self.bias

    return Depthwise()


def _sounding_voices(torch: Any, bank: Any) -> Any:
    """Return a bank of oscillators that leaves out voices which are silent in all streams: for the CPU."""
    from legando.engines.lean_decoder import sounding

    class SoundingVoices(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bank = bank
            self.register_buffer("parts", bank.parts, persistent=False)

        def grains(self, hidden: Any, voices: Any) -> Any:
            rows = torch.from_numpy(sounding(voices.flatten(0, 1).numpy()))
            rows = rows if len(rows) else torch.zeros(1, dtype=torch.long)
            self.bank.parts = self.parts[rows]
            return self.bank.grains(hidden, voices[:, :, rows])

    return SoundingVoices()
