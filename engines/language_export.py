"""The language model as a file: safetensors weights and the ONNX graph of one step. [any]"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from legando.engines.arranger import PLAN
from legando.engines.constraints import LOGITS
from legando.engines.language import START_TOKENS, LanguageConfig, LanguageModel, LanguageState
from legando.realtime.controls import STYLE_DIM
from legando.realtime.errors import RigError
from legando.realtime.wholefile import whole_file

INPUT_NAMES = (
    "previous",
    "style",
    "position",
    "held",
    "plan",
    "noise",
    "mask",
    "temperature",
    "keys",
    "values",
    "length",
    "sounding",
)
OUTPUT_NAMES = ("tokens", "logits", "keys_out", "values_out", "length_out", "sounding_out")


class LanguageStep(nn.Module):
    """`LanguageModel.step` with flat tensors, in the order of `INPUT_NAMES` and `OUTPUT_NAMES`, for export."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        previous: Tensor,
        style: Tensor,
        position: Tensor,
        held: Tensor,
        plan: Tensor,
        noise: Tensor,
        mask: Tensor,
        temperature: Tensor,
        keys: Tensor,
        values: Tensor,
        length: Tensor,
        sounding: Tensor,
    ) -> tuple[Tensor, ...]:
        state = LanguageState(keys, values, length, sounding)
        tokens, logits, after = self.model.step(previous, style, position, held, plan, noise, mask, temperature, state)
        return tokens, logits, *after


def export_inputs(model: LanguageModel, batch: int = 1) -> dict[str, Tensor]:
    """Return example inputs of one step by name: the first tick of a stream. [any]"""
    state = model.initial_state(batch)
    return {
        "previous": torch.tensor([START_TOKENS] * batch),
        "style": torch.zeros(batch, STYLE_DIM),
        "position": torch.zeros(batch, 2, dtype=torch.int64),
        "held": torch.zeros(batch, 12),
        "plan": torch.zeros(batch, PLAN),
        "noise": torch.zeros(batch, LOGITS),
        "mask": torch.zeros(batch, LOGITS),
        "temperature": torch.ones(batch, 1),
        "keys": state.keys,
        "values": state.values,
        "length": state.length,
        "sounding": state.sounding,
    }


def export_onnx(model: LanguageModel, path: Path, *, batch: int = 1) -> None:
    """Write the step as an ONNX file with fixed shapes (opset 18), weights inside. [any]"""
    inputs = export_inputs(model, batch)
    step = LanguageStep(model).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter warns about its own tree utilities
        torch.onnx.export(
            step,
            tuple(inputs.values()),
            str(path),
            input_names=list(INPUT_NAMES),
            output_names=list(OUTPUT_NAMES),
            opset_version=18,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def save_language(model: LanguageModel, path: Path) -> None:
    """Write weights and sizes as one safetensors file. [any]"""
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with whole_file(path) as part:
        save_file(tensors, part, metadata={"language": json.dumps(asdict(model.config))})


def load_language(path: Path) -> LanguageModel:
    """Read a model that `save_language` wrote. Raises RigError for another kind of file. [any]"""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if "language" not in metadata:
            raise RigError(f"{path} holds no language model; give the model.safetensors of a language training")
        model = LanguageModel(LanguageConfig(**json.loads(metadata["language"])))
        model.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    return model.eval()
