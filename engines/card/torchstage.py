"""The torch back end: the networks of a generator, for B streams, on any torch device. [engine]

Each stage has the face of `legando.engines.backend.Network`: arrays to fill and to read, with B rows for B streams.
State stays on the device. It is the reference for captured graphs, and what plays on a card where nothing faster is
installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legando.engines.arranger import PLAN
from legando.engines.bundle import Bundle
from legando.engines.card.modules import PAST, Modules, load_modules
from legando.engines.card.trust import prove
from legando.engines.constraints import LOGITS
from legando.engines.denoiser import Conditions, Past
from legando.engines.excitation import BINS
from legando.engines.language import LanguageState
from legando.engines.networks import Networks
from legando.engines.timeline import ANCHOR_CHUNKS, FEATURES, GRAIN_FRAMES, TICK_WINDOW, VOICE_FIELDS, VOICES
from legando.kernels.history import FREE, TAKE
from legando.realtime.controls import PARTS, STYLE_DIM

Array = NDArray[Any]
Tensors = dict[str, Tensor]


class TorchStage:
    """One network of B streams. `step` takes tensors by name, state among them, and returns outputs and new state."""

    def __init__(
        self,
        step: Callable[[Tensors], Tensors],
        inputs: Mapping[str, Array],
        outputs: Mapping[str, Array],
        state: Tensors,
        device: str,
    ) -> None:
        self._step, self._device = step, device
        self.inputs, self.outputs = dict(inputs), dict(outputs)
        self._here = {name: torch.from_numpy(array) for name, array in self.inputs.items()}
        if device.startswith("cuda"):
            self._here = {name: tensor.pin_memory() for name, tensor in self._here.items()}
            self.inputs = {name: tensor.numpy() for name, tensor in self._here.items()}
        self.state = state  # names as in the bundle's graphs

    @torch.inference_mode()
    def run(self, *, keep: bool | NDArray[np.bool_] = True) -> None:
        """Run one step [engine]; `keep` says, for all or for each stream, whether its state goes on."""
        made = self._step(self._given() | self.state)
        for name, array in self.outputs.items():
            torch.from_numpy(array).copy_(made[name])
        if keep is False:
            return
        for name, old in self.state.items():
            new = made[f"{name}_out"]
            if keep is not True:
                rows = torch.from_numpy(np.asarray(keep)).to(old.device)
                shape = [1] * old.dim()
                shape[axis_of(name)] = len(rows)
                new = torch.where(rows.view(shape), new, old)
            self.state[name] = new

    def compute(self, given: Tensors) -> Tensors:
        """Return outputs and new state of inputs and state, all of them on the device; keeps nothing."""
        return self._step(given)

    def _given(self) -> Tensors:
        return {name: tensor.to(self._device, copy=True) for name, tensor in self._here.items()}

    def twin(self) -> TorchStage:
        """Return the same network with inputs, outputs and state of its own: those before the first step."""
        inputs = {name: np.zeros_like(array) for name, array in self.inputs.items()}
        outputs = {name: np.zeros_like(array) for name, array in self.outputs.items()}
        state = {name: torch.zeros_like(value) for name, value in self.state.items()}
        return TorchStage(self._step, inputs, outputs, state, self._device)

    @torch.inference_mode()
    def take_rows(self, other: TorchStage | None, streams: NDArray[np.bool_]) -> None:
        """Let some streams go on with the state that they have in another stage; None is that before the first step."""
        rows = torch.from_numpy(streams).to(self._device)
        for name, old in self.state.items():
            shape = [1] * old.dim()
            shape[axis_of(name)] = len(rows)
            new = torch.zeros_like(old) if other is None else other.state[name]
            self.state[name] = torch.where(rows.view(shape), new, old)

    def current(self, name: str) -> Array:
        """Return the state that the next step will read; on the CPU it may be changed in place."""
        made: Array = self.state[name].cpu().numpy()
        return made

    def reset(self) -> None:
        """Return to the state before the first step."""
        self.state = {name: torch.zeros_like(value) for name, value in self.state.items()}

    @torch.inference_mode()
    def probe(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Run once with the same inputs and state in each row, for a self-test; return the last row. [engine]"""
        tensors = self._given() | {name: value.clone() for name, value in self.state.items()}
        for name, target in tensors.items():
            value = given.get(name)
            if value is None:
                target.zero_()
            else:
                target[...] = torch.from_numpy(value).to(target.device).expand(target.shape)
        streams = len(next(iter(self.inputs.values())))
        made = self._step(tensors)
        return {name: value.narrow(axis_of(name), streams - 1, 1).cpu().numpy() for name, value in made.items()}

    def check(self, reference: Path, prefix: str) -> None:
        """Be trusted (see `legando.engines.card.trust`), or raise Distrust."""
        prove(self.probe, reference, prefix)
        for array in self.inputs.values():
            array.fill(0)
        self.reset()


class TorchDenoiser(TorchStage):
    """The denoiser; `keep` writes its past, see `LeanDenoiser`."""

    def __init__(self, modules: Modules, *, streams: int, latents: int, device: str) -> None:
        self._model = modules.denoiser
        config = modules.denoiser.config
        inputs: dict[str, Array] = {
            "latents": np.zeros((streams, latents, config.latent), np.float32),
            "t": np.zeros(streams, np.float32),
            "frames": np.zeros((streams, latents, FEATURES), np.float32),
            "style": np.zeros((streams, STYLE_DIM), np.float32),
            "tick_tokens": np.zeros((streams, TICK_WINDOW, len(PARTS)), np.int64),
            "tick_ages_s": np.zeros((streams, TICK_WINDOW), np.float32),
        }
        outputs: dict[str, Array] = {"velocity": np.zeros_like(inputs["latents"])}
        state = dict(zip(PAST, modules.denoiser.initial_state(streams), strict=True))
        super().__init__(self._pass, inputs, outputs, state, device)
        self._anchors = {name: torch.zeros_like(state[name][..., :ANCHOR_CHUNKS, :]) for name in PAST[2:]}

    def _pass(self, given: Tensors) -> Tensors:
        velocity, past = self._model.step(
            (given["latents"], given["t"], conditions_of(given)), Past(*(given[name] for name in PAST))
        )
        return {"velocity": velocity} | {f"{name}_out": value for name, value in zip(PAST, past, strict=True)}

    def reset(self) -> None:
        """Return to the state before the first step."""
        super().reset()
        for anchor in self._anchors.values():
            anchor.zero_()

    @torch.inference_mode()
    def hold(self, mode: int | NDArray[np.int32]) -> None:
        """Do to the oldest places of the coarse past what the anchors of the streams say, after a chunk."""
        modes = np.broadcast_to(np.asarray(mode), len(self.inputs["t"]))
        if (modes == FREE).all():
            return
        take = torch.from_numpy(modes == TAKE).to(self._device).view(1, -1, 1, 1, 1)
        held = torch.from_numpy(modes != FREE).to(self._device).view(1, -1, 1, 1, 1)
        for name, anchor in self._anchors.items():
            past = self.state[name]
            anchor.copy_(torch.where(take, past[..., -ANCHOR_CHUNKS:, :], anchor))
            oldest = torch.where(held, anchor, past[..., :ANCHOR_CHUNKS, :])
            self.state[name] = torch.cat([oldest, past[..., ANCHOR_CHUNKS:, :]], dim=3)


def torch_networks(bundle: Bundle, *, device: str = "cpu", streams: int = 1, compiled: bool = False) -> Networks:
    """Return the networks in torch for B streams, not yet checked. Raises LegandoError. [engine]

    `compiled` has torch.compile make one program of each pass: slower to start, fewer launches.
    """
    latents = int(bundle.manifest["chunk_latents"])
    stages = torch_stages(load_modules(bundle, device), streams=streams, latents=latents, device=device)
    language, denoiser, decoder = stages
    if compiled:
        for stage in stages:
            stage._step = torch.compile(stage._step, dynamic=False)
    how = "compiled" if compiled else "eager"
    return Networks(f"torch {torch.__version__} {device} fp32 {how}", language, denoiser, decoder)


def torch_stages(
    modules: Modules, *, streams: int, latents: int, device: str
) -> tuple[TorchStage, TorchDenoiser, TorchStage]:
    """Return language model, denoiser and decoder for B streams. [engine]"""
    denoiser = TorchDenoiser(modules, streams=streams, latents=latents, device=device)
    return _language(modules, streams, device), denoiser, _decoder(modules, streams, latents, device)


def _language(modules: Modules, streams: int, device: str) -> TorchStage:
    inputs: dict[str, Array] = {
        "previous": np.zeros((streams, len(PARTS)), np.int64),
        "style": np.zeros((streams, STYLE_DIM), np.float32),
        "position": np.zeros((streams, 2), np.int64),
        "held": np.zeros((streams, 12), np.float32),
        "plan": np.zeros((streams, PLAN), np.float32),
        "noise": np.zeros((streams, LOGITS), np.float32),
        "mask": np.zeros((streams, LOGITS), np.float32),
        "temperature": np.zeros((streams, 1), np.float32),
    }
    names = LanguageState._fields

    def step(given: Tensors) -> Tensors:
        state = LanguageState(*(given[name] for name in names))
        tokens, logits, after = modules.language.step(**{name: given[name] for name in inputs}, state=state)
        return {"tokens": tokens, "logits": logits} | {
            f"{name}_out": value for name, value in zip(names, after, strict=True)
        }

    outputs: dict[str, Array] = {
        "tokens": np.zeros((streams, len(PARTS)), np.int64),
        "logits": np.zeros((streams, LOGITS), np.float32),
    }
    state = dict(zip(names, modules.language.initial_state(streams), strict=True))
    return TorchStage(step, inputs, outputs, state, device)


def _decoder(modules: Modules, streams: int, latents: int, device: str) -> TorchStage:
    width = modules.decoder.config.latent
    inputs = {
        "latents": np.zeros((streams, latents, width), np.float32),
        "frames": np.zeros((streams, latents, FEATURES), np.float32),
        "voices": np.zeros((streams, 2 * latents, VOICES, VOICE_FIELDS), np.float32),
        "excitation": np.zeros((streams, 2 * latents, 2, 2, BINS), np.float32),
    }

    def step(given: Tensors) -> Tensors:
        audio, state = decode(modules, given)
        return {"audio": audio, "state_out": state}

    outputs = {"audio": np.zeros((streams, 2, (2 * latents + 1) * GRAIN_FRAMES), np.float32)}
    return TorchStage(step, inputs, outputs, {"state": modules.decoder.initial_state(streams)}, device)


def decode(modules: Modules, given: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return a chunk's audio b 2 (960 n + 480) and the decoder's new state. [engine]"""
    z = (given["latents"] * modules.scale + modules.mean).transpose(1, 2)
    return modules.decoder.step((z, given["frames"], given["voices"], given["excitation"]), given["state"])


def conditions_of(given: Mapping[str, Tensor]) -> Conditions:
    """Return what a chunk is conditioned on, out of tensors by name. [engine]"""
    return Conditions(given["frames"], given["style"], given["tick_tokens"], given["tick_ages_s"])


def axis_of(name: str) -> int:
    """Return which axis counts streams: the second of states that have layers or blocks first. [any]"""
    return 1 if name.removesuffix("_out") in (*PAST, "keys", "values", "state") else 0
