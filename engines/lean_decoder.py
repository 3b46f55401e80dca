"""The decoder laid out for one CPU thread: the same sound as `legando.engines.codec` from far fewer operations.

Three things make the difference:

- time runs along rows, so that no block turns its data round, and the depthwise convolution is a product and a sum;
- only the voices that sound are worked out (a silent voice adds exactly nothing);
- the oscillators' waves are split by the angle-sum theorem: with s = STRIDE a + b, cos(k w s) is a product of terms in
  a and in b. One grain of all voices is then one matrix product over (voice, harmonic), from tables of 52 columns
  where the whole wave has 480. Harmonics 2 to 32 come from the first by complex products, doubling their number.

The graph is written for one chunk size; the number of voices varies. [engine]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.graph import MICROSOFT, Graph
from legando.engines.quantise import dense
from legando.engines.timeline import GRAIN_FRAMES, SAMPLE_RATE_HZ, VOICE_FIELDS

Array = NDArray[Any]
Weights = Mapping[str, Array]

STRIDE = 40
_COLUMNS = GRAIN_FRAMES // STRIDE
_BINS = GRAIN_FRAMES + 1
RELEASE_MAX_S = 1.0
_TAUS_S = (0.02, 0.1, 0.4, 1.6)
_KERNEL = 7
_EPSILON = 1e-5


class DecoderGraph:
    """Writes the decoder's graph from its weights, named as in its state dict, as float32."""

    def __init__(self, weights: Weights, mean: Array, scale: Array, *, latents: int, int8: bool) -> None:
        """Read the sizes off the weights. `mean` and `scale` turn the denoiser's latents into the codec's."""
        self.weights, self.mean, self.scale = weights, mean, scale
        self.latents, self.grains, self.int8 = latents, 2 * latents, int8
        self.width, self.latent = weights["stem.weight"].shape
        self.features = weights["score.weight"].shape[1]
        self.bands = weights["randomness.weight"].shape[0] // 2
        self.harmonics = (len(weights["voices.out.bias"]) - 1) // 2
        self.slots = weights["voices.voice.weight"].shape[1] - 7 - 2 * len(_TAUS_S)
        self.blocks = [
            f"{path}.{index}"
            for path in ("coarse", "fine")
            for index in range(sum(name.startswith(f"{path}.") and name.endswith(".scale") for name in weights))
        ]
        assert self.harmonics & (self.harmonics - 1) == 0  # they are made by doubling

    def encode(self) -> bytes:
        """Return the model. Audio is (1, 2, frames of the chunk and GRAIN_FRAMES more); states are (1, 6, width)."""
        graph = Graph("decoder")
        hidden = self._hidden(graph)
        noise_right, noise_left = self._noise(graph, hidden)
        tone_right, tone_left = self._tones(graph, hidden)
        window = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * GRAIN_FRAMES) / GRAIN_FRAMES)).astype(np.float32)
        right = graph.node("Mul", graph.node("Add", noise_right, tone_right), graph.constant(window[GRAIN_FRAMES:]))
        # the left half of a grain mirrors the right; its window is turned round with it
        left = graph.node(
            "Mul", graph.node("Add", noise_left, tone_left), graph.constant(window[:GRAIN_FRAMES][::-1].copy())
        )
        turned = graph.node("Slice", left, *(graph.constant([n]) for n in (-1, -GRAIN_FRAMES - 1, 2, -1)))
        silence = graph.constant(np.zeros((1, 2, GRAIN_FRAMES), np.float32))
        rising, falling = graph.node("Concat", turned, silence, axis=0), graph.node("Concat", silence, right, axis=0)
        audio = graph.node("Transpose", graph.node("Add", rising, falling), perm=(1, 0, 2))
        frames = (self.grains + 1) * GRAIN_FRAMES
        graph.output(graph.node("Reshape", audio, graph.constant([1, 2, frames])), "audio", (1, 2, frames))
        return graph.encode()

    def _hidden(self, graph: Graph) -> str:
        """Return the hidden states at grain rate, 1 g c."""
        stem = self.weights["stem.weight"]
        shift = stem @ self.mean + self.weights["stem.bias"] + self.weights["score.bias"]
        latents = graph.input("latents", (1, self.latents, self.latent))
        frames = graph.input("frames", (1, self.latents, self.features))
        x = graph.node(
            "Add",
            dense(graph, latents, stem * self.scale, shift, int8=self.int8),
            dense(graph, frames, self.weights["score.weight"], None, int8=self.int8),
        )
        length = self.latents
        for index, name in enumerate(self.blocks):
            if name == "fine.0":
                x = self._dense(graph, x, "upsample")
                length = self.grains
                x = graph.node("Reshape", x, graph.constant([1, length, self.width]))
            x = self._block(graph, x, name, index, length)
        return self._norm(graph, x, "norm")

    def _block(self, graph: Graph, x: str, name: str, index: int, length: int) -> str:
        past = _KERNEL - 1
        padded = graph.node("Concat", graph.input(f"state_{index}", (1, past, self.width)), x, axis=1)
        newest = graph.node("Slice", padded, *(graph.constant([n]) for n in (length, length + past, 1)))
        graph.output(newest, f"state_{index}_out", (1, past, self.width))
        rows = np.arange(length)[:, None] + np.arange(_KERNEL)
        windows = graph.node("Gather", padded, graph.constant(rows), axis=1)  # 1 t 7 c
        kernel = np.ascontiguousarray(self.weights[f"{name}.depthwise.weight"][:, 0].T)
        y = graph.node("ReduceSum", graph.node("Mul", windows, graph.constant(kernel)), graph.constant([2]), keepdims=0)
        y = self._norm(
            graph, graph.node("Add", y, graph.constant(self.weights[f"{name}.depthwise.bias"])), f"{name}.norm"
        )
        y = graph.node("FastGelu", self._dense(graph, y, f"{name}.up"), domain=MICROSOFT)
        scale = self.weights[f"{name}.scale"]
        weight, bias = self.weights[f"{name}.down.weight"], self.weights[f"{name}.down.bias"]
        return graph.node("Add", x, dense(graph, y, weight * scale[:, None], bias * scale, int8=self.int8))

    def _noise(self, graph: Graph, hidden: str) -> tuple[str, str]:
        """Return the inverse STFT's right and left half grains g 2 480, both counted from the middle."""
        shape = graph.constant([self.grains, 2, _BINS])
        loud, phase = graph.nodes("Split", self._dense(graph, hidden, "spectrum"), outputs=2, axis=2, num_outputs=2)
        magnitude = graph.node("Reshape", graph.node("Exp", graph.node("Min", loud, graph.constant(6.0))), shape)
        phase = graph.node("Reshape", phase, shape)
        random = graph.node("Sigmoid", self._dense(graph, hidden, "randomness"))
        random = graph.node("Reshape", random, graph.constant([self.grains, 2, self.bands]))
        share = graph.node("MatMul", random, graph.constant(_band_shares(self.bands)))
        given = graph.input("excitation", (1, self.grains, 2, 2, _BINS))
        excitation = graph.nodes("Split", given, outputs=2, axis=3, num_outputs=2)
        halves = []
        for kind, wave, matrix in zip(("Cos", "Sin"), excitation, _inverse_dft(), strict=True):
            own = graph.node(kind, phase)
            free = graph.node("Sub", graph.node("Reshape", wave, shape), own)
            part = graph.node("Mul", magnitude, graph.node("Add", own, graph.node("Mul", share, free)))
            mid, side = graph.nodes("Split", graph.node("MatMul", part, graph.constant(matrix)), outputs=2, axis=1,
                                    num_outputs=2)  # fmt: skip
            halves.append(graph.node("Concat", graph.node("Add", mid, side), graph.node("Sub", mid, side), axis=1))
        even, odd = halves
        return graph.node("Add", even, odd), graph.node("Sub", even, odd)

    def _tones(self, graph: Graph, hidden: str) -> tuple[str, str]:
        """Return the oscillators' right and left half grains g 2 480, both counted from the middle."""
        g, k = self.grains, self.harmonics
        voices = graph.input("voices", (g, "voices", VOICE_FIELDS))
        fields = graph.nodes("Split", voices, graph.constant([1, 1, 1, 1, 1, 3]), outputs=6, axis=2)
        pitch, *_, phases = fields
        octaves = graph.node(
            "Mul", graph.node("Sub", pitch, graph.constant(69.0)), graph.constant(math.log(2.0) / 12.0)
        )
        hz = graph.node("Mul", graph.node("Exp", octaves), graph.constant(440.0))
        order = graph.constant(np.arange(1, k + 1, dtype=np.float32))
        # how loud: g v 1 k for the centre, the same for the wide pair, and the share of left and right g v 2 1
        centre, wide, sides = self._loudness(graph, hidden, fields, hz, order)
        turns = graph.node("Mul", graph.node("Unsqueeze", phases, graph.constant([3])), order)
        angle = graph.node("Mul", graph.node("Sub", turns, graph.node("Floor", turns)), graph.constant(2.0 * math.pi))
        partials = []
        for kind in ("Sin", "Cos"):
            one, pair = graph.nodes("Split", graph.node(kind, angle), graph.constant([1, 2]), outputs=2, axis=2)
            both = graph.node("Add", graph.node("Mul", centre, one), graph.node("Mul", wide, pair))
            turned = graph.node("Transpose", graph.node("Mul", both, sides), perm=(0, 1, 3, 2))
            partials.append(graph.node("Unsqueeze", turned, graph.constant([4])))  # g v k 2 1
        even, odd = partials

        cosine, sine = self._waves(graph, hz)  # g v k 52
        sizes = graph.constant([_COLUMNS, STRIDE])
        cos_a, cos_b = graph.nodes("Split", cosine, sizes, outputs=2, axis=3)
        sin_a, sin_b = graph.nodes("Split", sine, sizes, outputs=2, axis=3)
        cos_a, sin_a = (graph.node("Unsqueeze", wave, graph.constant([3])) for wave in (cos_a, sin_a))
        even_cos, even_sin = graph.node("Mul", even, cos_a), graph.node("Mul", even, sin_a)
        odd_cos, odd_sin = graph.node("Mul", odd, cos_a), graph.node("Mul", odd, sin_a)
        with_cos = graph.node(
            "Concat", graph.node("Add", even_cos, odd_sin), graph.node("Sub", even_cos, odd_sin), axis=3
        )
        with_sin = graph.node(
            "Concat",
            graph.node("Sub", odd_cos, even_sin),
            graph.node("Neg", graph.node("Add", odd_cos, even_sin)),
            axis=3,
        )
        loud = graph.node("Concat", with_cos, with_sin, axis=2)  # g v 2k (right/left x channel) 12
        loud = graph.node("Reshape", loud, graph.constant([g, -1, 4 * _COLUMNS]))
        wave = graph.node("Reshape", graph.node("Concat", cos_b, sin_b, axis=2), graph.constant([g, -1, STRIDE]))
        y = graph.node("FusedMatMul", loud, wave, domain=MICROSOFT, transA=1)
        y = graph.node("Reshape", y, graph.constant([g, 4, GRAIN_FRAMES]))
        right, left = graph.nodes("Split", y, outputs=2, axis=1, num_outputs=2)
        return right, left

    def _loudness(self, graph: Graph, hidden: str, fields: list[str], hz: str, order: str) -> tuple[str, str, str]:
        g, k = self.grains, self.harmonics
        pitch, gate, velocity, age, release, _ = fields
        scaled = graph.node("Mul", graph.node("Sub", pitch, graph.constant(60.0)), graph.constant(1.0 / 24.0))
        three = graph.node("Mul", scaled, graph.constant(3.0))
        ended = graph.node("Sub", graph.constant(1.0), gate)
        features = [scaled, graph.node("Mul", scaled, scaled), graph.node("Sin", three), graph.node("Cos", three)]
        features += [gate, velocity, graph.node("Mul", gate, velocity)]
        decays = graph.constant(np.array([-1.0 / tau for tau in _TAUS_S], np.float32))
        features.append(graph.node("Exp", graph.node("Mul", age, decays)))
        features.append(graph.node("Mul", graph.node("Exp", graph.node("Mul", release, decays)), ended))
        features.append(graph.input("parts", (g, "voices", self.slots)))
        context = self._dense(graph, hidden, "voices.context")
        context = graph.node("Reshape", context, graph.constant([g, 1, -1]))
        given = graph.node("Concat", *features, axis=2)
        y = graph.node("Add", self._exact(graph, given, "voices.voice"), context)
        y = self._exact(graph, graph.node("FastGelu", y, domain=MICROSOFT), "voices.hidden")
        y = self._exact(graph, graph.node("FastGelu", y, domain=MICROSOFT), "voices.out")
        loud, pan = graph.nodes("Split", y, graph.constant([2 * k, 1]), outputs=2, axis=2)
        loud = graph.node("Exp", graph.node("Clip", loud, graph.constant(-12.0), graph.constant(2.0)))
        faded = graph.node("Sub", graph.constant(1.0), graph.node("Mul", release, graph.constant(1.0 / RELEASE_MAX_S)))
        sounding = graph.node("Relu", graph.node("Add", gate, graph.node("Mul", ended, faded)))
        above = graph.node("Sub", graph.constant(20_000.0), graph.node("Mul", hz, order))
        audible = graph.node("Sigmoid", graph.node("Mul", above, graph.constant(1.0 / 500.0)))
        audible = graph.node("Unsqueeze", graph.node("Mul", audible, sounding), graph.constant([2]))
        loud = graph.node("Mul", graph.node("Reshape", loud, graph.constant([g, -1, 2, k])), audible)
        centre, wide = graph.nodes("Split", loud, outputs=2, axis=2, num_outputs=2)
        pan = graph.node("Unsqueeze", graph.node("Tanh", pan), graph.constant([3]))
        sides = graph.node("Mul", pan, graph.constant(np.array([[-1.0], [1.0]], np.float32)))
        return centre, wide, graph.node("Add", sides, graph.constant(1.0))

    def _waves(self, graph: Graph, hz: str) -> tuple[str, str]:
        """Return cosine and sine g v k 52 of every harmonic at the 12 coarse and 40 fine places of a half grain."""
        places = np.concatenate([STRIDE * np.arange(_COLUMNS), np.arange(STRIDE) + 0.5])
        angle = graph.node("Mul", hz, graph.constant(places * (2.0 * math.pi / SAMPLE_RATE_HZ)))
        angle = graph.node("Unsqueeze", angle, graph.constant([2]))
        cosine, sine = graph.node("Cos", angle), graph.node("Sin", angle)
        last_cosine, last_sine = cosine, sine
        known = 1
        while known < self.harmonics:
            products = [
                graph.node("Mul", wave, last) for wave, last in
                ((cosine, last_cosine), (sine, last_sine), (sine, last_cosine), (cosine, last_sine))
            ]  # fmt: skip
            next_cosine, next_sine = graph.node("Sub", *products[:2]), graph.node("Add", *products[2:])
            cosine = graph.node("Concat", cosine, next_cosine, axis=2)
            sine = graph.node("Concat", sine, next_sine, axis=2)
            known *= 2
            ends = [graph.constant([n]) for n in (known - 1, known, 2)]
            last_cosine = graph.node("Slice", cosine, *ends)
            last_sine = graph.node("Slice", sine, *ends)
        return cosine, sine

    def _dense(self, graph: Graph, x: str, name: str) -> str:
        return dense(graph, x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], int8=self.int8)

    def _exact(self, graph: Graph, x: str, name: str) -> str:
        return dense(graph, x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], int8=False)

    def _norm(self, graph: Graph, x: str, name: str) -> str:
        gain, shift = (graph.constant(self.weights[f"{name}.{kind}"]) for kind in ("weight", "bias"))
        return graph.node("LayerNormalization", x, gain, shift, epsilon=_EPSILON)


def _band_shares(bands: int) -> Array:
    """Return how much each mel-spaced band counts at each bin, as `legando.engines.codec.band_shares`."""
    hz = np.arange(_BINS) * SAMPLE_RATE_HZ / (2 * GRAIN_FRAMES)
    position = np.log1p(hz / 700.0) / math.log1p(24_000.0 / 700.0) * (bands - 1)
    return np.maximum(1.0 - np.abs(position - np.arange(bands)[:, None]), 0.0).astype(np.float32)


def _inverse_dft() -> Array:
    """Return the matrices from bins to the even and odd part of a half grain, as `engines.codec.inverse_dft`."""
    size = 2 * GRAIN_FRAMES
    bins = np.arange(_BINS)[:, None]
    angle = 2.0 * math.pi * bins * (np.arange(GRAIN_FRAMES) + 0.5) / size
    weight = np.where((bins == 0) | (bins == GRAIN_FRAMES), 1.0 / size, 2.0 / size)
    return np.stack([weight * np.cos(angle), -weight * np.sin(angle)]).astype(np.float32)


def sounding(voices: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return which voices are held or not yet released for good in any grain. voices: g v VOICE_FIELDS. [engine]"""
    rows: NDArray[np.intp] = np.flatnonzero(((voices[..., 1] > 0.0) | (voices[..., 4] < RELEASE_MAX_S)).any(axis=0))
    return rows
