"""The networks in torch over fixed addresses: what is captured where nothing faster is installed. [engine]"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legando.engines.card.modules import PAST, Modules
from legando.engines.card.network import CardNetworks, Declared
from legando.engines.card.torchstage import TorchStage, torch_stages


class TorchNetwork:
    """A torch step over memory of others. On a card what it needs itself comes from one pool, for a capture to keep."""

    def __init__(
        self, step: Callable[[dict[str, Tensor]], Mapping[str, Tensor]], inputs: Declared, outputs: Declared, pool: Any
    ) -> None:
        """`pool` is a torch.cuda.MemPool, or None for the CPU."""
        self.inputs, self.outputs = inputs, outputs
        self._step, self._pool = step, pool
        self._bound: dict[str, Tensor] = {}
        self._streams: dict[int, Any] = {}

    def bind(self, name: str, address: int) -> None:
        """Say where an input or output lies."""
        shape, dtype = self.inputs[name] if name in self.inputs else self.outputs[name]
        self._bound[name] = tensor_at(address, shape, dtype, cuda=self._pool is not None)

    def enqueue(self, stream: int) -> None:
        """Run once on a stream; on the CPU at once. [engine]"""
        if self._pool is None:
            self._run()
            return
        if stream not in self._streams:
            self._streams[stream] = torch.cuda.ExternalStream(stream)
        with torch.cuda.stream(self._streams[stream]), torch.cuda.use_mem_pool(self._pool):
            self._run()

    @torch.inference_mode()
    def _run(self) -> None:
        made = self._step({name: self._bound[name] for name in self.inputs})
        for name in self.outputs:
            self._bound[name].copy_(made[name])


class _Foreign:
    """Device memory of others, as torch takes it over (the CUDA array interface, version 3)."""

    def __init__(self, address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.__cuda_array_interface__ = {
            "shape": shape, "typestr": dtype.str, "data": (address, False), "version": 3, "strides": None,
        }  # fmt: skip


def tensor_at(address: int, shape: tuple[int, ...], dtype: np.dtype[Any], *, cuda: bool) -> Tensor:
    """Return a tensor over memory that somebody else keeps. [engine]"""
    if cuda:
        return torch.as_tensor(_Foreign(address, shape, dtype), device="cuda")
    size = int(np.prod(shape)) * dtype.itemsize
    array: NDArray[Any] = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address)).view(dtype)
    return torch.from_numpy(array.reshape(shape))


def torch_card_networks(modules: Modules, *, streams: int, latents: int, device: str) -> CardNetworks:
    """Return the networks in torch, for capture on `cuda` or for the tests on `cpu`. [engine]"""
    language, denoiser, decoder = torch_stages(modules, streams=streams, latents=latents, device=device)
    pool = torch.cuda.MemPool() if device.startswith("cuda") else None

    def network(stage: TorchStage, *outputs: str) -> TorchNetwork:
        state = {name: (tuple(v.shape), np.dtype(str(v.dtype).split(".")[1])) for name, v in stage.state.items()}
        given = {name: (array.shape, array.dtype) for name, array in stage.inputs.items()} | state
        made = {name: (array.shape, array.dtype) for name, array in stage.outputs.items()}
        made |= {f"{name}_out": about for name, about in state.items()}
        return TorchNetwork(stage.compute, given, {name: made[name] for name in outputs}, pool)

    return CardNetworks(
        f"torch {torch.__version__} {device} fp32, captured",
        "fp32",
        network(language, "tokens", "logits", "keys_out", "values_out"),
        network(denoiser, "velocity"),
        network(denoiser, *(f"{name}_out" for name in PAST)),
        network(decoder, "audio", "state_out"),
    )
