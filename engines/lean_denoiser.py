"""The denoiser laid out for one CPU thread: the same numbers as `legando.engines.denoiser` from far fewer operators.

A chunk needs several passes, and much of each pass does not depend on the noisy latents. So there are four graphs:

- `conditions`: frames and score tokens, once for each chunk;
- `modulation`: time and style, once for each pair of them; kept while the style stays;
- `velocity`: one pass over the noisy latents, with nothing in it that only the past needs;
- `memory`: the pass at t = 1, which ends where the last layer's keys and values are known.

Attention is ONNX Runtime's fused operator, which reads the past where it lies. [engine]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.graph import MICROSOFT, Graph
from legando.engines.quantise import dense

Array = NDArray[Any]
Weights = Mapping[str, Array]

_AGE_TAUS_S = (0.03, 0.1, 0.3, 1.0)
_MAX_CHUNK = 16
_EPSILON = 1e-5
STAGES = 4
"""Norms of a layer: fine, coarse, score, MLP."""


class DenoiserGraphs:
    """Writes the four graphs from the weights of a denoiser, named as in its state dict, as float32."""

    def __init__(self, weights: Weights, *, latents: int, heads: int, fine: int, coarse: int, int8: bool) -> None:
        """Read the sizes off the weights; `fine` and `coarse` are how much past each path sees."""
        self.weights = weights
        self.latents, self.heads, self.fine, self.coarse, self.int8 = latents, heads, fine, coarse, int8
        self.layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
        self.width, self.latent = weights["stem.weight"].shape
        self.features = weights["frames.weight"].shape[1]
        self.style = weights["time.0.weight"].shape[1] - 64
        self.parts = sum(name.startswith("score_tables.") for name in weights)

    def conditions(self, ticks: int) -> bytes:
        """Frames and score tokens to the first hidden state's share, and each layer's keys and values of the score."""
        graph = Graph("conditions")
        frames = graph.input("frames", (1, self.latents, self.features))
        tokens = graph.input("tick_tokens", (1, ticks, self.parts), np.int64)
        age = graph.node("Unsqueeze", graph.input("tick_ages_s", (1, ticks)), graph.constant([2]))
        bias = self.weights["frames.bias"] + self.weights["stem.bias"]
        hidden = self._dense(graph, frames, "frames", bias=bias)
        graph.output(hidden, "hidden", (1, self.latents, self.width))
        tables = [
            graph.node(
                "Gather",
                graph.constant(self.weights[f"score_tables.{part}.weight"]),
                graph.node("Gather", tokens, graph.constant(part), axis=2),
            )
            for part in range(self.parts)
        ]
        since = graph.node("Max", age, graph.constant(0.0))
        features = [age, graph.node("Cast", graph.node("Less", age, graph.constant(0.0)), to=1)]
        features += [graph.node("Exp", graph.node("Mul", since, graph.constant(-1.0 / tau))) for tau in _AGE_TAUS_S]
        features += [
            graph.node("Sin", graph.node("Mul", age, graph.constant(2.0 * math.pi / tau))) for tau in _AGE_TAUS_S
        ]
        ages = dense(
            graph,
            graph.node("Concat", *features, axis=2),
            self.weights["score_age.weight"],
            self.weights["score_age.bias"],
            int8=False,
        )
        score = graph.node(
            "LayerNormalization",
            graph.node("Sum", *tables, ages),
            graph.constant(self.weights["score_norm.weight"]),
            graph.constant(self.weights["score_norm.bias"]),
            epsilon=_EPSILON,
        )
        for layer in range(self.layers):
            both = self._dense(graph, score, f"layers.{layer}.score_in")
            names = (f"score_keys_{layer}", f"score_values_{layer}")
            for name, value in zip(names, graph.nodes("Split", both, outputs=2, axis=2, num_outputs=2), strict=True):
                graph.output(value, name, (1, ticks, self.width))
        return graph.encode()

    def modulation(self) -> bytes:
        """Time and style to the gain and shift of every norm: (layers, 2 STAGES, width)."""
        graph = Graph("modulation")
        t, style = graph.input("t", (1,)), graph.input("style", (1, self.style))
        frequencies = np.exp(np.linspace(0.0, math.log(200.0), 32)).astype(np.float32)
        angle = graph.node("Mul", graph.node("Unsqueeze", t, graph.constant([1])), graph.constant(frequencies))
        given = graph.node("Concat", graph.node("Sin", angle), graph.node("Cos", angle), style, axis=1)
        hidden = dense(graph, given, self.weights["time.0.weight"], self.weights["time.0.bias"], int8=False)
        hidden = graph.node("Mul", hidden, graph.node("Sigmoid", hidden))
        each = dense(graph, hidden, self.weights["time.2.weight"], self.weights["time.2.bias"], int8=False)
        each = graph.node("Reshape", each, graph.constant([1, 2 * STAGES, self.width]))
        own = np.stack([self.weights[f"layers.{layer}.modulation"] for layer in range(self.layers)])
        own[:, 0::2] += 1.0
        graph.output(graph.node("Add", each, graph.constant(own)), "gains", (self.layers, 2 * STAGES, self.width))
        return graph.encode()

    def velocity(self, ticks: int) -> bytes:
        """One pass over noisy latents to their velocity."""
        graph, hidden = self._begin("velocity")
        for layer in range(self.layers):
            hidden, _ = self._fine(graph, hidden, layer)
            hidden, _ = self._coarse(graph, hidden, layer)
            hidden = self._score(graph, hidden, layer, ticks)
            hidden = self._mlp(graph, hidden, layer)
        gain, shift = (graph.constant(self.weights[f"norm.{name}"]) for name in ("weight", "bias"))
        hidden = graph.node("LayerNormalization", hidden, gain, shift, epsilon=_EPSILON)
        graph.output(self._dense(graph, hidden, "out"), "velocity", (1, self.latents, self.latent))
        return graph.encode()

    def memory(self, ticks: int) -> bytes:
        """One pass over the finished latents to the past that the next chunk sees."""
        graph, hidden = self._begin("memory")
        size = self.width // self.heads
        for layer in range(self.layers):
            hidden, (keys, values) = self._fine(graph, hidden, layer)
            for name, value in ((f"fine_keys_{layer}_out", keys), (f"fine_values_{layer}_out", values)):
                newest = graph.node(
                    "Slice", value, graph.constant([self.latents]), graph.constant([self.latents + self.fine]),
                    graph.constant([2]),
                )  # fmt: skip
                graph.output(newest, name, (1, self.heads, self.fine, size))
            last = layer == self.layers - 1
            normed = self._normed(graph, hidden, layer, 1)
            mean = graph.node("ReduceMean", normed, graph.constant([1]), keepdims=1)
            both = self._dense(graph, mean, f"layers.{layer}.coarse_in")
            for kind, value in zip(("keys", "values"), graph.nodes("Split", both, outputs=2, axis=2, num_outputs=2),
                                   strict=True):  # fmt: skip
                token = graph.node("Reshape", value, graph.constant([1, self.heads, 1, size]))
                # the last layer has no attention in this pass, so that its past comes in here alone
                shape = (1, self.heads, self.coarse, size)
                past = f"coarse_{kind}_{layer}"
                if last:
                    graph.input(past, shape)
                kept = graph.node("Slice", past, graph.constant([1]), graph.constant([self.coarse]),
                                  graph.constant([2]))  # fmt: skip
                graph.output(graph.node("Concat", kept, token, axis=2), f"{past}_out", shape)
            if not last:
                hidden, _ = self._coarse(graph, hidden, layer, normed)
                hidden = self._score(graph, hidden, layer, ticks)
                hidden = self._mlp(graph, hidden, layer)
        return graph.encode()

    def _begin(self, name: str) -> tuple[Graph, str]:
        graph = Graph(name)
        latents = graph.input("latents", (1, self.latents, self.latent))
        stem = dense(graph, latents, self.weights["stem.weight"], None, int8=self.int8)
        hidden = graph.node("Add", stem, graph.input("hidden", (1, self.latents, self.width)))
        return graph, hidden

    def _dense(self, graph: Graph, x: str, name: str, *, bias: Array | None = None) -> str:
        bias = self.weights[f"{name}.bias"] if bias is None else bias
        return dense(graph, x, self.weights[f"{name}.weight"], bias, int8=self.int8)

    def _normed(self, graph: Graph, x: str, layer: int, stage: int) -> str:
        gain, shift = (graph.input(f"{kind}_{layer}_{stage}", (self.width,)) for kind in ("gain", "shift"))
        return graph.node("LayerNormalization", x, gain, shift, epsilon=_EPSILON)  # which need not be constants

    def _past(self, graph: Graph, name: str, length: int) -> str:
        return graph.input(name, (1, self.heads, length, self.width // self.heads))

    def _fine(self, graph: Graph, x: str, layer: int) -> tuple[str, tuple[str, str]]:
        name = f"layers.{layer}.fine"
        given = self._dense(graph, self._normed(graph, x, layer, 0), f"{name}_in")
        query, key, value = graph.nodes("Split", given, outputs=3, axis=2, num_outputs=3)
        span = self.latents + self.fine
        distance = np.arange(self.latents)[:, None] + self.fine - np.arange(span)[None] + _MAX_CHUNK
        bias = graph.constant(self.weights[f"{name}_bias"][None, :, distance])
        y, keys, values = graph.nodes(
            "MultiHeadAttention", query, key, value, "", "", bias,
            self._past(graph, f"fine_keys_{layer}", self.fine),
            self._past(graph, f"fine_values_{layer}", self.fine),
            outputs=3, domain=MICROSOFT, num_heads=self.heads,
        )  # fmt: skip
        return graph.node("Add", x, self._dense(graph, y, f"{name}_out")), (keys, values)

    def _coarse(self, graph: Graph, x: str, layer: int, normed: str | None = None) -> tuple[str, tuple[str, str]]:
        name = f"layers.{layer}.coarse"
        query = self._dense(graph, normed or self._normed(graph, x, layer, 1), f"{name}_query")
        keys = self._past(graph, f"coarse_keys_{layer}", self.coarse)
        values = self._past(graph, f"coarse_values_{layer}", self.coarse)
        rows = np.broadcast_to(self.weights[f"{name}_bias"], (self.heads, self.latents, self.coarse))
        y = graph.node(
            "MultiHeadAttention", query, keys, values, "", "", graph.constant(rows[None]),
            domain=MICROSOFT, num_heads=self.heads,
        )  # fmt: skip
        return graph.node("Add", x, self._dense(graph, y, f"{name}_out")), (keys, values)

    def _score(self, graph: Graph, x: str, layer: int, ticks: int) -> str:
        name = f"layers.{layer}.score"
        query = self._dense(graph, self._normed(graph, x, layer, 2), f"{name}_query")
        shape = (1, ticks, self.width)
        past = [graph.input(f"score_{kind}_{layer}", shape) for kind in ("keys", "values")]
        y = graph.node("MultiHeadAttention", query, *past, domain=MICROSOFT, num_heads=self.heads)
        return graph.node("Add", x, self._dense(graph, y, f"{name}_out"))

    def _mlp(self, graph: Graph, x: str, layer: int) -> str:
        hidden = self._dense(graph, self._normed(graph, x, layer, 3), f"layers.{layer}.up")
        hidden = graph.node("FastGelu", hidden, domain=MICROSOFT)
        return graph.node("Add", x, self._dense(graph, hidden, f"layers.{layer}.down"))
