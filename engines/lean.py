"""The denoiser and the decoder as the CPU runs them: lean graphs, written from the bundle's weights at load.

Both stand where a `Network` of the bundle's own graph would: the same inputs, outputs and state, proven at load on the
same reference. `lean_denoiser` and `lean_decoder` say what the graphs leave out. Everything is bound to memory that is
allocated once. [engine]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file

from legando.engines.backend import TOLERANCE, Network, bound, open_session
from legando.engines.bundle import Bundle
from legando.engines.lean_decoder import DecoderGraph, sounding
from legando.engines.lean_denoiser import STAGES, DenoiserGraphs
from legando.engines.timeline import ANCHOR_CHUNKS, SLOTS, VOICES
from legando.kernels.history import FREE, TAKE
from legando.realtime.errors import BundleError

Array = NDArray[Any]

INT8_TOLERANCE = 0.08
"""For the largest error of thousands: int8 weights and activations move a network by about 1 % root mean square."""
MODULATIONS = 40
"""How many pairs of time and style are remembered."""
_PAST = ("fine_keys", "fine_values", "coarse_keys", "coarse_values")


class LeanDenoiser(Network):
    """The denoiser. `run(keep=False)` makes a velocity; `run()` only writes the past, and leaves the velocity alone."""

    def __init__(self, bundle: Bundle, *, int8: bool) -> None:
        """Write the graphs and allocate. Raises BundleError."""
        self.path = bundle.file("denoiser.onnx")
        self.tolerance = INT8_TOLERANCE if int8 else TOLERANCE
        reference = _reference(bundle, "denoiser")
        layers, _, heads, fine, size = reference["in/fine_keys"].shape
        coarse, latents = reference["in/coarse_keys"].shape[3], reference["in/latents"].shape[1]
        ticks, parts = reference["in/tick_tokens"].shape[1:]
        try:
            graphs = DenoiserGraphs(
                _weights(bundle, "denoiser."), latents=latents, heads=heads, fine=fine, coarse=coarse, int8=int8
            )
            writers = (graphs.conditions, lambda _: graphs.modulation(), graphs.velocity, graphs.memory)
            # one after the other: each holds a copy of the weights while it is written
            self._models = [open_session(write(ticks), f"the denoiser of {bundle.path}") for write in writers]
        except KeyError as error:
            raise BundleError(
                f"{bundle.path} has no weight denoiser.{error.args[0]}; export the bundle again"
            ) from None
        width = graphs.width
        self.inputs = {
            "latents": np.zeros((1, latents, graphs.latent), np.float32),
            "t": np.zeros(1, np.float32),
            "frames": np.zeros((1, latents, graphs.features), np.float32),
            "style": np.zeros((1, graphs.style), np.float32),
            "tick_tokens": np.zeros((1, ticks, parts), np.int64),
            "tick_ages_s": np.zeros((1, ticks), np.float32),
        }
        self.outputs = {"velocity": np.zeros((1, latents, graphs.latent), np.float32)}
        shapes = (fine, fine, coarse, coarse)
        self.state = {
            name: tuple(np.zeros((layers, 1, heads, length, size), np.float32) for _ in (0, 1))  # type: ignore[misc]
            for name, length in zip(_PAST, shapes, strict=True)
        }
        self._anchors = {name: np.zeros_like(self.state[name][0][..., :ANCHOR_CHUNKS, :]) for name in _PAST[2:]}
        self._turn = 0

        # what the passes of a chunk share, and for which inputs it holds
        self._seen = {name: self.inputs[name].copy() for name in ("frames", "tick_tokens", "tick_ages_s")}
        self._fresh = False
        self._gain = np.zeros((layers, 2 * STAGES, width), np.float32)
        score = {
            f"score_{kind}_{layer}": np.zeros((1, ticks, width), np.float32)
            for kind in ("keys", "values")
            for layer in range(layers)
        }
        hidden = np.zeros((1, latents, width), np.float32)
        shared: dict[str, Array] = {**self.inputs, **score, "hidden": hidden}
        self._shared = shared  # bindings know addresses only
        conditions, modulation, velocity, memory = self._models
        self._bound_conditions = bound(conditions, shared)
        self._modulations = Modulations(modulation, self.inputs, self._gain.shape)
        stages = [(layer, stage) for layer in range(layers) for stage in range(STAGES)]
        gains = {f"gain_{a}_{b}": self._gain[a, 2 * b] for a, b in stages}
        gains |= {f"shift_{a}_{b}": self._gain[a, 2 * b + 1] for a, b in stages}
        self._bound_velocity, self._bound_memory = [], []
        for turn in (0, 1):
            past = {
                f"{name}_{layer}": pair[turn][layer] for name, pair in self.state.items() for layer in range(layers)
            }
            after = {
                f"{name}_{layer}_out": pair[1 - turn][layer]
                for name, pair in self.state.items()
                for layer in range(layers)
            }
            self._bound_velocity.append(bound(velocity, {**shared, **gains, **past, **self.outputs}))
            self._bound_memory.append(bound(memory, {**shared, **gains, **past, **after}))

    def _run(self, keep: bool) -> None:
        self._condition()
        self._gain[...] = self._modulations.now()
        session, bindings = (self._models[3], self._bound_memory) if keep else (self._models[2], self._bound_velocity)
        session.run_with_iobinding(bindings[self._turn])

    def _run_all(self) -> None:
        self._fresh = False
        self._run(True)
        self._run(False)

    def reset(self) -> None:
        """Return to the state before the first step."""
        super().reset()
        self._fresh = False

    def hold(self, mode: int) -> None:
        """Do to the oldest places of the coarse past what the anchor says, after a chunk."""
        for name, anchor in self._anchors.items():
            past = self.current(name)
            if mode == TAKE:
                anchor[...] = past[..., -ANCHOR_CHUNKS:, :]
            if mode != FREE:
                past[..., :ANCHOR_CHUNKS, :] = anchor

    def _condition(self) -> None:
        """Work out what depends on frames and score alone, if they are not those of the last pass."""
        if self._fresh and all(np.array_equal(seen, self.inputs[name]) for name, seen in self._seen.items()):
            return
        self._models[0].run_with_iobinding(self._bound_conditions)
        for name, seen in self._seen.items():
            seen[...] = self.inputs[name]
        self._fresh = True


class Modulations:
    """Gains and shifts of all norms, by time and style: the latest pairs are remembered, as each chunk has the same."""

    def __init__(self, session: ort.InferenceSession, inputs: dict[str, Array], shape: tuple[int, ...]) -> None:
        """Bind to the inputs, where time and style stand."""
        self._session, self._t, self._style = session, inputs["t"], inputs["style"]
        self._made = np.zeros(shape, np.float32)
        self._bound = bound(session, {**inputs, "gains": self._made})
        self._kept = np.zeros((MODULATIONS, *shape), np.float32)
        self._slots: dict[tuple[float, bytes], int] = {}  # the oldest first

    def now(self) -> Array:
        """Return those of the time and style that the inputs hold; the next call may overwrite them. [engine]"""
        key = (float(self._t[0]), self._style.tobytes())
        slot = self._slots.get(key)
        if slot is None:
            self._session.run_with_iobinding(self._bound)
            full = len(self._slots) == MODULATIONS
            slot = self._slots.pop(next(iter(self._slots))) if full else len(self._slots)
            self._kept[slot] = self._made
            self._slots[key] = slot
        kept: Array = self._kept[slot]
        return kept


class LeanDecoder(Network):
    """The decoder of one chunk; it works out the voices that sound in it."""

    def __init__(self, bundle: Bundle, *, int8: bool) -> None:
        """Write the graph and allocate. Raises BundleError."""
        self.path = bundle.file("decoder.onnx")
        self.tolerance = INT8_TOLERANCE if int8 else TOLERANCE
        reference = _reference(bundle, "decoder")
        latents, (grains, voices, fields) = reference["in/latents"].shape[1], reference["in/voices"].shape[1:]
        weights = _weights(bundle, "codec.decoder.")
        denoiser = _weights(bundle, "denoiser.latent_")
        try:
            graph = DecoderGraph(weights, denoiser["mean"], denoiser["scale"], latents=latents, int8=int8)
            model = graph.encode()
        except KeyError as error:
            raise BundleError(f"{bundle.path} has no decoder weight {error.args[0]}; export the bundle again") from None
        self.inputs = {
            name: np.zeros(reference[f"in/{name}"].shape, np.float32)
            for name in ("latents", "frames", "voices", "excitation")
        }
        self.outputs = {"audio": np.zeros(reference["out/audio"].shape, np.float32)}
        blocks = len(graph.blocks)
        pasts = [np.zeros((blocks, 1, 6, graph.width), np.float32) for _ in (0, 1)]
        self.state = {"state": (pasts[0].swapaxes(2, 3), pasts[1].swapaxes(2, 3))}
        self._turn = 0
        if voices != VOICES or graph.slots != len(SLOTS):
            raise BundleError(
                f"{bundle.path} has {voices} voices of {graph.slots} parts, legando plays {VOICES} of {len(SLOTS)}; "
                "export the bundle again"
            )
        self._parts = np.zeros((grains, voices, graph.slots), np.float32)
        for index, (first, count) in enumerate(SLOTS.values()):
            self._parts[:, first : first + count, index] = 1.0
        self.session = open_session(model, f"the decoder of {bundle.path}")
        picked = np.zeros(grains * voices * fields, np.float32), np.zeros(grains * voices * graph.slots, np.float32)
        self._picked: list[tuple[Array, Array]] = []
        self._by_count: list[list[ort.IOBinding]] = []
        for count in range(1, voices + 1):
            some = picked[0][: grains * count * fields].reshape(grains, count, fields)
            parts = picked[1][: grains * count * graph.slots].reshape(grains, count, graph.slots)
            self._picked.append((some, parts))
            arrays = {**self.inputs, **self.outputs, "voices": some, "parts": parts}
            states = [
                {f"state_{i}": pasts[turn][i] for i in range(blocks)}
                | {f"state_{i}_out": pasts[1 - turn][i] for i in range(blocks)}
                for turn in (0, 1)
            ]
            self._by_count.append([bound(self.session, {**arrays, **state}) for state in states])

    def _run(self, keep: bool) -> None:
        voices = self.inputs["voices"][0]
        rows = sounding(voices)
        if not len(rows):
            rows = _FIRST
        some, parts = self._picked[len(rows) - 1]
        np.take(voices, rows, axis=1, out=some)
        np.take(self._parts, rows, axis=1, out=parts)
        self.session.run_with_iobinding(self._by_count[len(rows) - 1][self._turn])

    def _run_all(self) -> None:
        for bindings in self._by_count:  # warm
            self.session.run_with_iobinding(bindings[self._turn])
        self._run(True)


_FIRST = np.zeros(1, np.int64)


def _weights(bundle: Bundle, prefix: str) -> dict[str, Array]:
    with safe_open(bundle.file("weights.safetensors"), framework="numpy") as file:
        return {
            name[len(prefix) :]: file.get_tensor(name).astype(np.float32)
            for name in file.keys()  # noqa: SIM118
            if name.startswith(prefix)
        }


def _reference(bundle: Bundle, network: str) -> dict[str, Array]:
    path: Path = bundle.file("reference.safetensors")
    found = {key[len(network) + 1 :]: value for key, value in load_file(path).items() if key.startswith(f"{network}/")}
    if not found:
        raise BundleError(f"{path} holds no reference for {network}; export the bundle again")
    return found
