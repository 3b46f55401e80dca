"""Make a bundle: trained weights as float16, graphs as ONNX, references for the self-test at load. [any]

Each graph names its weights as external data inside `weights.safetensors` (a safetensors file is a header and then
plain arrays, so an ONNX reader can find them by offset), and casts them to float32; ONNX Runtime folds the casts away
when it loads. So there is one copy of every weight, readable by both kinds of tool.
"""

from __future__ import annotations

import json
import shutil
import struct
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.numpy import save_file
from torch import Tensor, nn

from legando.engines.bundle import FORMAT, MANIFEST, Bundle, describe_files
from legando.engines.codec import Codec, Decoder
from legando.engines.denoiser import Conditions, Denoiser, Past
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.language import LanguageModel
from legando.engines.language_export import INPUT_NAMES, OUTPUT_NAMES, LanguageStep, export_inputs
from legando.engines.timeline import FEATURES, SAMPLE_RATE_HZ, TICK_WINDOW, VOICE_FIELDS, VOICES
from legando.realtime.controls import GENRE_SLOTS, GENRES, STYLE_DIM
from legando.realtime.wholefile import whole_file

CHUNK_LATENTS = 4
PAST_NAMES = ("fine_keys", "fine_values", "coarse_keys", "coarse_values")
_EXTERNAL_MIN_BYTES = 1024
_DYNAMIC = {
    "latents": {1: "latents"},
    "frames": {1: "latents"},
    "voices": {1: "grains"},
    "excitation": {1: "grains"},
    "audio": {2: "samples"},
}
"""Axes of the decoder whose length is free."""


class DecoderStep(nn.Module):
    """`Decoder.step` with flat tensors; takes the denoiser's normalised latents b n 64."""

    latent_mean: Tensor
    latent_scale: Tensor

    def __init__(self, decoder: Decoder, mean: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.decoder = decoder
        self.register_buffer("latent_mean", mean)
        self.register_buffer("latent_scale", scale)

    def forward(
        self, latents: Tensor, frames: Tensor, voices: Tensor, excitation: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return audio b 2 (960 n + 480) and the next state."""
        z = (latents * self.latent_scale + self.latent_mean).transpose(1, 2)
        return self.decoder.step((z, frames, voices, excitation), state)


class DenoiserStep(nn.Module):
    """`Denoiser.step` with flat tensors."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the velocity b n 64 and the next past."""
        latents, t, frames, style, tick_tokens, tick_ages_s, *past = tensors
        given = Conditions(frames, style, tick_tokens, tick_ages_s)
        velocity, after = self.denoiser.step((latents, t, given), Past(*past))
        return velocity, *after


def example_inputs(decoder: Decoder, denoiser: Denoiser, latents: int, seed: int) -> dict[str, dict[str, Tensor]]:
    """Return plausible random inputs of one step of each network, batch 1."""
    rng = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng)

    voices = torch.rand(1, 2 * latents, VOICES, VOICE_FIELDS, generator=rng)
    voices[..., 0] = torch.randint(30, 90, (1, 1, VOICES), generator=rng).float()
    voices[..., 1] = (voices[..., 1] > 0.5).float()
    frames = torch.zeros(1, latents, FEATURES)
    frames[:, 0, :8] = 1.0
    frames[:, :, 60:64] = 0.8
    style = torch.zeros(1, STYLE_DIM)
    style[0, 0], style[0, GENRE_SLOTS:] = 1.0, 0.5
    return {
        "decoder": {
            "latents": normal(1, latents, 64),
            "frames": frames,
            "voices": voices,
            "excitation": torch.from_numpy(excitation_table()[excitation_rows(seed, 2 * latents)])[None],
            "state": 0.1 * torch.randn(decoder.initial_state(1).shape, generator=rng),
        },
        "denoiser": {
            "latents": normal(1, latents, 64),
            "t": torch.full((1,), 0.5),
            "frames": frames,
            "style": style,
            "tick_tokens": torch.randint(0, 6, (1, TICK_WINDOW, 5), generator=rng),
            "tick_ages_s": torch.arange(TICK_WINDOW).flip(0).float()[None] * 0.12 - 0.05,
            **{
                name: 0.1 * torch.randn(value.shape, generator=rng)
                for name, value in zip(PAST_NAMES, denoiser.initial_state(1), strict=True)
            },
        },
    }


def export_bundle(
    folder: Path,
    *,
    codec: Codec,
    denoiser: Denoiser,
    language: LanguageModel,
    style_head: Path,
    tokenizer: Path,
    habits: Mapping[str, Any],
    name: str,
    steps: int,
    about: Mapping[str, Any],
) -> Bundle:
    """Write a whole bundle to `folder` (made under a temporary name, renamed when whole) and return it verified."""
    part = folder.with_name(folder.name + ".part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(parents=True)
    nets: dict[str, nn.Module] = {"codec": codec, "denoiser": denoiser, "language": language}
    write_weights(part / "weights.safetensors", nets)
    inputs = example_inputs(codec.decoder, denoiser, CHUNK_LATENTS, seed=7)
    decoder_step = DecoderStep(codec.decoder, denoiser.latent_mean, denoiser.latent_scale)
    velocity = ("velocity", *(f"{name}_out" for name in PAST_NAMES))
    language_inputs = export_inputs(language)
    assert tuple(language_inputs) == INPUT_NAMES
    graphs: dict[str, tuple[nn.Module, Mapping[str, Tensor], Sequence[str], Mapping[str, str]]] = {
        "decoder": (decoder_step, inputs["decoder"], ("audio", "state_out"), {"decoder.": "codec.decoder."}),
        "denoiser": (DenoiserStep(denoiser), inputs["denoiser"], velocity, {"denoiser.": "denoiser."}),
        "language": (LanguageStep(language), language_inputs, OUTPUT_NAMES, {"model.": "language."}),
    }
    reference: dict[str, np.ndarray[Any, Any]] = {}
    for net_name, (step, given, outputs, prefixes) in graphs.items():
        reference |= write_graph(part, net_name, step, given, outputs, prefixes)
    save_file({k: np.ascontiguousarray(v) for k, v in reference.items()}, part / "reference.safetensors")
    shutil.copyfile(style_head, part / "style.safetensors")
    shutil.copyfile(tokenizer, part / "tokenizer.json")
    (part / "habits.json").write_text(json.dumps(habits, indent=1) + "\n")
    manifest = {
        "kind": "legando-bundle",
        "format": FORMAT,
        "name": name,
        "licence": "Apache-2.0",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "chunk_latents": CHUNK_LATENTS,
        "steps": steps,
        "genres": list(GENRES),
        "sizes": {
            "codec": asdict(codec.config),
            "denoiser": asdict(denoiser.config),
            "language": asdict(language.config),
            "parameters": {k: sum(p.numel() for p in net.parameters()) for k, net in nets.items()},
        },
        **about,
        "files": describe_files(part),
    }
    for file in part.iterdir():
        file.chmod(0o644)
    (part / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)
    return Bundle.load(folder)


def write_weights(path: Path, nets: Mapping[str, nn.Module]) -> None:
    """Write all weights as float16, and round them in the networks: what is shipped is what is tested."""
    for net in nets.values():
        net.eval()
        with torch.no_grad():
            for weight in net.parameters():
                weight.copy_(weight.half().float())
    weights = {f"{k}.{n}": v.detach().numpy() for k, net in nets.items() for n, v in net.state_dict().items()}
    save_file({k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in weights.items()}, path)


def write_graph(
    folder: Path,
    name: str,
    step: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    prefixes: Mapping[str, str],
) -> dict[str, np.ndarray[Any, Any]]:
    """Write one network's graph over the weights that lie in the folder; return its rows of the reference."""
    with torch.no_grad():
        made = dict(zip(outputs, step(*inputs.values()), strict=True))
    dynamic = _DYNAMIC if name == "decoder" else {}
    path = folder / f"{name}.onnx"
    export_graph(step, inputs, tuple(outputs), path, dynamic)
    declare_outputs(path, {key: value.shape for key, value in made.items()}, dynamic)
    share_weights(path, tensor_offsets(folder / "weights.safetensors"), prefixes)
    # inputs are zero before a check, so zeros need not be kept; the first outputs depend on all weights; the new state
    # of the language model is large, and need not be kept
    kept = {f"{name}/in/{key}": value.numpy() for key, value in inputs.items() if value.any()}
    return kept | {f"{name}/out/{key}": made[key].numpy() for key in outputs[:2]}


def export_graph(
    step: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    path: Path,
    dynamic: Mapping[str, Mapping[int, str]],
) -> None:
    """Write one step as ONNX, opset 18, weights inside and under their own names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own age and about constants it sees
        torch.onnx.export(
            step,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={k: dict(v) for k, v in dynamic.items()},
            opset_version=18,
            do_constant_folding=False,
            dynamo=False,
        )


def declare_outputs(path: Path, shapes: Mapping[str, torch.Size], dynamic: Mapping[str, Mapping[int, str]]) -> None:
    """Write the outputs' shapes into a graph: the exporter leaves those of reshaped outputs open."""
    model = onnx.load(path)
    for output in model.graph.output:
        del output.type.tensor_type.shape.dim[:]
        for axis, size in enumerate(shapes[output.name]):
            dimension = output.type.tensor_type.shape.dim.add()
            if output.name == "audio" and axis in dynamic["audio"]:
                dimension.dim_param = dynamic["audio"][axis]
            else:
                dimension.dim_value = size
    onnx.save(model, path)


def share_weights(path: Path, offsets: Mapping[str, tuple[int, int, str]], prefixes: Mapping[str, str]) -> None:
    """Point a graph's float weights into the safetensors file beside it, cast to float32 where they are used."""
    model = onnx.load(path)
    kept, casts = [], []
    for tensor in model.graph.initializer:
        names = [new + tensor.name[len(old) :] for old, new in prefixes.items() if tensor.name.startswith(old)]
        name = names[0] if names else ""
        if name not in offsets or offsets[name][2] != "F16" or tensor.data_type != TensorProto.FLOAT:
            kept.append(tensor)
            continue
        offset, length, _ = offsets[name]
        half = TensorProto(name=f"{tensor.name}.f16", data_type=TensorProto.FLOAT16, dims=tensor.dims)
        if length < _EXTERNAL_MIN_BYTES:
            half.raw_data = onnx.numpy_helper.to_array(tensor).astype(np.float16).tobytes()
        else:
            half.data_location = TensorProto.EXTERNAL
            for key, value in (("location", "weights.safetensors"), ("offset", str(offset)), ("length", str(length))):
                half.external_data.add(key=key, value=value)
        kept.append(half)
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
    with whole_file(path) as part:
        part.write_bytes(model.SerializeToString())


def tensor_offsets(path: Path) -> dict[str, tuple[int, int, str]]:
    """Return (offset in the file, length, type) of each tensor of a safetensors file, in bytes."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    return {
        name: (8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0], entry["dtype"])
        for name, entry in header.items()
        if name != "__metadata__"
    }
