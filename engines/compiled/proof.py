"""What a network on a device must show before it may play; the same for every back end. [engine]

Engines have been seen to fail without an error: one played constant noise because a decode was lost, one drifted after
its first call. So, of every network and batch:

1. each stream, with inputs of its own, gives what the bundle's own graph gives on the CPU; the first stream has the
   inputs of the bundle's stored reference, which the CPU must reproduce as well;
2. the hundredth call gives what the first gave, to the bit;
3. what it is asked changes what it says: style, latents, voices, the tick before.

It refuses with one sentence, and the caller falls back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from legando.engines.agreement import CALLS, DIFFERENT, Standard, scale
from legando.engines.backend import TOLERANCE, open_session
from legando.engines.bundle import Bundle
from legando.engines.compiled.kinds import PAST, SOURCE, TOLERANCES, Sizes
from legando.engines.compiled.library import EngineError
from legando.engines.counter_rng import LATENT, normal

Array = NDArray[Any]

CPU = Standard(owner="the CPU", output="the CPU's", tolerances=TOLERANCES, refusal=EngineError)
ASKED = {
    "language": {"style": "logits", "previous": "logits"},
    "denoiser": {"style": "velocity", "latents": "velocity", "coarse_keys": "velocity"},
    "memory": {"style": "coarse_keys_out", "latents": "fine_keys_out"},
    "decoder": {"latents": "audio", "voices": "audio"},
}
"""Which input is changed, and which output must move."""
_STACKED = (*PAST, "keys", "values", "state")


class DeviceNetwork(Protocol):
    """The face of `legando.engines.card.network.DeviceNetwork`."""

    inputs: Sizes
    outputs: Sizes

    def bind(self, name: str, address: int) -> None: ...
    def enqueue(self, stream: int) -> None: ...


class Memory(Protocol):
    """Device memory; `legando.kernels.device.Gpu` and `shimdevice.Shim` give such."""

    address: int

    def write(self, values: Array) -> None: ...
    def read(self) -> Array: ...


class Device(Protocol):
    """What gives memory. Its `stream` has a `handle`, where there are streams."""

    def array(self, shape: tuple[int, ...], dtype: Any) -> Any: ...


class Bench:
    """A network with memory of its own for everything: arrays in, arrays out. [control]"""

    def __init__(self, network: DeviceNetwork, device: Device) -> None:
        self.network = network
        self.stream = int(getattr(getattr(device, "stream", None), "handle", 0))
        self._memory: dict[str, Memory] = {}
        for name, (shape, dtype) in {**network.inputs, **network.outputs}.items():
            memory: Memory = device.array(shape, dtype)
            self._memory[name] = memory
            network.bind(name, memory.address)

    def write(self, given: Mapping[str, Array]) -> None:
        """Fill all inputs; what is left out is zero."""
        for name, (shape, dtype) in self.network.inputs.items():
            value = given.get(name, np.zeros((), dtype))
            self._memory[name].write(np.broadcast_to(value, shape).astype(dtype))

    def run(self) -> None:
        """Put one run on the device's stream; `read` waits for it."""
        self.network.enqueue(self.stream)

    def read(self) -> dict[str, Array]:
        """Return copies of all outputs."""
        return {name: np.array(self._memory[name].read()) for name in self.network.outputs}

    def ask(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Write, run, read."""
        self.write(given)
        self.run()
        return self.read()


@dataclass(frozen=True, slots=True)
class Proven:
    """What was found: the largest error of each output, as a share of what is allowed."""

    errors: Mapping[str, float]

    @property
    def worst(self) -> float:
        """Return the largest share."""
        return max(self.errors.values())


def prove(bundle: Bundle, network: str, bench: Bench, *, batch: int, precision: str, calls: int = CALLS) -> Proven:
    """Put a network to all tests; raises EngineError, or BundleError if the CPU fails its own. [control]"""
    given, expected = questions(bundle, network, batch)
    first = bench.ask(given)
    errors = {name: CPU.agree(network, name, first, value, precision) for name, value in expected.items()}
    for _ in range(calls - 1):
        bench.run()
    again = bench.read()
    for name, value in first.items():
        if value.tobytes() != again[name].tobytes():
            apart = float(np.nanmax(np.abs(value.astype(np.float64) - again[name])))
            raise EngineError(f"the {network}'s {name} drifts: call {calls} differs from the first by {apart:.2g}")
    for changed, moves in ASKED[network].items():
        now = bench.ask({**given, changed: _other(given[changed], changed)})[moves].astype(np.float64)
        moved = float(np.abs(now - first[moves]).max())
        if not moved > DIFFERENT * scale(first[moves]):
            raise EngineError(f"the {network}'s {moves} does not heed its {changed}: it moved by {moved:.2g} only")
    return Proven(errors)


def questions(bundle: Bundle, network: str, batch: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return inputs for `batch` streams that differ, and what the CPU makes of each in float32. [control]

    Raises BundleError where the CPU does not reproduce the stored reference.
    """
    path = bundle.file(f"{SOURCE[network]}.onnx")
    session = open_session(path, str(path))
    sizes = {"latents": int(bundle.manifest["chunk_latents"])}
    sizes["grains"] = 2 * sizes["latents"]
    stored = {
        key.split("/", 1)[1]: value
        for key, value in load_file(bundle.file("reference.safetensors")).items()
        if key.startswith(f"{SOURCE[network]}/")
    }
    base = {}
    for node in session.get_inputs():
        shape = tuple(sizes.get(size, size) for size in node.shape)
        kind = np.int64 if node.type == "tensor(int64)" else np.float32
        base[node.name] = stored.get(f"in/{node.name}", np.zeros(shape, kind))
    names = [node.name for node in session.get_outputs()]
    made = dict(zip(names, session.run(names, base), strict=True))
    for name in names:
        reference = stored.get(f"out/{name}")
        if reference is not None and np.abs(made[name] - reference).max() > TOLERANCE * scale(reference):
            raise EngineError(f"{path.name} does not reproduce its reference on this CPU; copy the bundle afresh")
    asked, answers = [], []
    for stream in range(batch):
        given = _varied(base, stream)
        if network == "memory":
            given["t"] = np.ones(1, np.float32)
        asked.append(given)
        answers.append(dict(zip(names, session.run(names, given), strict=True)))
    if network == "memory":
        latents = sizes["latents"]
        answers = [{name: _newest(value, name, latents) for name, value in answer.items()} for answer in answers]
        for given in asked:
            del given["t"]
    wanted = {"denoiser": ["velocity"], "memory": [f"{name}_out" for name in PAST]}.get(network, names)
    return (
        {name: np.concatenate([given[name] for given in asked], axis_of(name)) for name in asked[0]},
        {name: np.concatenate([answer[name] for answer in answers], axis_of(name)) for name in wanted},
    )


def axis_of(name: str) -> int:
    """Return which axis counts the streams. [any]"""
    return 1 if name.removesuffix("_out") in _STACKED else 0


def _varied(base: Mapping[str, Array], stream: int) -> dict[str, Array]:
    """Return the inputs of one stream: the reference's own for the first, others for each other."""
    given = {name: value.copy() for name, value in base.items()}
    if stream:
        for name, value in given.items():
            if name in ("latents", "noise") or name in _STACKED:
                noise = normal(stream, LATENT, len(name), value.size).reshape(value.shape)
                value[...] = noise if name in ("latents", "noise") else value + 0.1 * noise
            elif name == "style":
                value[...] = np.roll(value, stream, axis=-1)
    return given


def _newest(value: Array, name: str, latents: int) -> Array:
    return value[:, :, :, -(latents if name.startswith("fine") else 1) :] if axis_of(name) else value


def _other(value: Array, name: str) -> Array:
    """Return something else of the same kind."""
    if value.dtype.kind == "i":
        lower: Array = np.maximum(value - 1, 0)
        return lower
    if name == "voices":
        other = value.copy()
        other[..., 0] += 5.0  # a fourth higher
        return other
    return np.ascontiguousarray(1.0 - value[..., ::-1]).astype(value.dtype)
