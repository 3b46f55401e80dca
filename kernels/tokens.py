"""Score tokens in NumPy: what `tokens.cu` must equal; and `GpuTokens`, which launches it. [engine]

The sampling is that of `engines/language.py`, with the Gumbel noise of `counter_rng` made on the spot. The small heads
that choose part after part are here too, so that one launch makes a tick out of the trunk's output.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.constraints import FORBIDDEN, LOGITS
from legando.engines.counter_rng import SCORE, gumbel
from legando.engines.score import BASS, CHORD, HOLD, LEAD, REST, VOCABULARY_SIZES
from legando.kernels.device import Device, Memory
from legando.kernels.layout import TOKEN_CONTROLS
from legando.realtime.errors import LegandoError

THREADS = 512
INNER = 128
SPLITS = THREADS // INNER
LONGEST = 256
SUSTAINED = (CHORD, BASS, LEAD)
PARTS = len(VOCABULARY_SIZES)
_STARTS = [sum(VOCABULARY_SIZES[:part]) for part in range(PARTS)]

F32 = NDArray[np.float32]


def choose(logits: F32, mask: F32, noise: F32, temperature: float, min_p: float) -> int:
    """Return the token of one part: Gumbel-argmax over what is allowed and not unlikely. [engine]

    A logit that is NaN is never chosen; if all are, the part rests.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = logits / np.float32(temperature) + mask
        numbers = scaled[scaled == scaled]
        if not len(numbers):
            return REST
        unlikely = scaled < numbers.max() + np.float32(math.log(min_p))
        scores = np.where(unlikely, np.float32(FORBIDDEN), scaled + noise)
    return int(np.argmax(np.where(scores == scores, scores, -np.inf)))


def sample_tokens(
    logits: F32, mask: F32, seed: int, tick: int, temperature: float, min_p: float, sounding: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the tokens of all parts, and what chord, bass and lead sound with then, for one stream. [engine]

    logits, mask: LOGITS; sounding: three tokens, 0 for rest.
    """
    noise, tokens, sounds = gumbel(seed, SCORE, tick, LOGITS), [], list(sounding)
    for part, (start, size) in enumerate(zip(_STARTS, VOCABULARY_SIZES, strict=True)):
        row = slice(start, start + size)
        tokens.append(choose(logits[row], mask[row], noise[row], temperature, min_p))
        _resolve(part, tokens[-1], sounds)
    return tokens, sounds


def _resolve(part: int, token: int, sounds: list[int]) -> int:
    """Note in `sounds` what a token makes sound, and return it."""
    if part not in SUSTAINED:
        return token
    index = SUSTAINED.index(part)
    if token != HOLD:
        sounds[index] = token
    return sounds[index]


def pack_heads(weights: Mapping[str, NDArray[Any]]) -> F32:
    """Return the weights of the heads in one row, in the order in which `write_tick` reads them. [control]

    `weights`: the language model's, by their names in `engines/language.py`. Raises LegandoError if one is missing or
    its heads are not `INNER` wide.
    """
    parts: list[NDArray[Any]] = []
    try:
        for part in range(PARTS):
            parts += [weights[f"to_heads.{part}.weight"].T, weights[f"to_heads.{part}.bias"]]
            parts += [weights[f"to_logits.{part}.weight"].T, weights[f"to_logits.{part}.bias"]]
            parts.append(weights[f"chosen_in.{part}.weight"])
            if part in SUSTAINED:
                parts.append(weights[f"resolved_in.{SUSTAINED.index(part)}.weight"])
    except KeyError as error:
        raise LegandoError(f"the language model has no weight {error.args[0]}; export the bundle again") from None
    if parts[1].size != INNER:
        raise LegandoError(f"the language model's heads are {parts[1].size} wide; this kernel is made for {INNER}")
    return np.concatenate([np.ascontiguousarray(part, np.float32).reshape(-1) for part in parts])


def write_tick(
    x: F32,
    heads: F32,
    mask: F32,
    seed: int,
    tick: int,
    temperature: float,
    min_p: float,
    sounding: Sequence[int],
) -> tuple[list[int], list[int], F32]:
    """Return tokens, what sounds, and the logits (LOGITS,), of one stream whose trunk says x (width,). [engine]

    heads: from `pack_heads`. Sums have the kernel's order.
    """
    noise, tokens, sounds = gumbel(seed, SCORE, tick, LOGITS), [], list(sounding)
    width, at = len(x), 0

    def take(*shape: int) -> F32:
        nonlocal at
        at += math.prod(shape)
        return heads[at - math.prod(shape) : at].reshape(shape)

    told, logits = np.zeros(INNER, np.float32), []
    for part, (start, size) in enumerate(zip(_STARTS, VOCABULARY_SIZES, strict=True)):
        to_heads, heads_bias = take(width, INNER), take(INNER)
        to_logits, logits_bias, chosen = take(INNER, size), take(size), take(size, INNER)
        resolved = take(size, INNER) if part in SUSTAINED else None
        hidden = gelu(_product(x, to_heads, SPLITS) + heads_bias + told)
        row = _product(hidden, to_logits, THREADS // LONGEST) + logits_bias
        token = choose(row, mask[start : start + size], noise[start : start + size], temperature, min_p)
        sound = _resolve(part, token, sounds)
        told = told + (chosen[token] if resolved is None else chosen[token] + resolved[sound])
        tokens.append(token)
        logits.append(row)
    return tokens, sounds, np.concatenate(logits)


def _product(x: F32, weights: F32, splits: int) -> F32:
    """Return x @ weights, each share of x added up one by one, then the shares in order."""
    share = len(x) // splits
    total: F32 = np.zeros(weights.shape[1], np.float32)
    for split in range(splits):
        part = np.zeros(weights.shape[1], np.float32)
        for k in range(split * share, (split + 1) * share):
            part += x[k] * weights[k]
        total = part if split == 0 else total + part
    return total


def gelu(x: F32) -> F32:
    """Return x / 2 (1 + erf(x / sqrt 2)), taken in float64 (Hendrycks and Gimpel, arXiv 1606.08415). [any]"""
    wide = x.astype(np.float64)
    erf = np.array([math.erf(v * 0.7071067811865476) for v in wide.tolist()])
    return (0.5 * wide * (1.0 + erf)).astype(np.float32)


class GpuTokens:
    """Tokens of B streams at fixed addresses: `tokens` (B, 5) and `sounding` (B, 3) int64, as `language.py` has them.

    The host fills `mask` (mapped, B LOGITS) and calls `write_controls`; then `write` makes a tick out of the trunk's
    output in `trunk`, or `sample` samples parts from `logits` that something else has put there.
    """

    def __init__(self, device: Device, heads: F32, *, streams: int, width: int, min_p: float) -> None:
        if streams < 1 or width < SPLITS or width % SPLITS or not 0.0 < min_p < 1.0:
            raise LegandoError(
                f"the tokens kernel got {streams} streams, width {width} and min_p {min_p}; use at least one stream, a "
                f"width that {SPLITS} divides, and 0 < min_p < 1"
            )
        expected = sum((width + 1) * INNER + (2 * INNER + 1) * size for size in VOCABULARY_SIZES)
        expected += sum(VOCABULARY_SIZES[part] * INNER for part in SUSTAINED)
        if heads.shape != (expected,):
            raise LegandoError(f"the heads have {heads.size} weights; width {width} needs {expected}: use pack_heads")
        self._device, self.streams = device, streams
        self._sample, self._write = device.kernel("tokens", "sample_tokens"), device.kernel("tokens", "write_tick")
        self._heads: Memory = device.array(heads.shape, np.float32)
        self._heads.write(heads)
        self.trunk: Memory = device.array((streams, width), np.float32)
        self.logits: Memory = device.array((streams, LOGITS), np.float32)
        self.tokens: Memory = device.array((streams, PARTS), np.int64)
        self.sounding: Memory = device.array((streams, len(SUSTAINED)), np.int64)
        self.mask = device.mapped((streams, LOGITS), np.float32)
        self._controls = device.mapped((streams,), TOKEN_CONTROLS)
        self._width, self._log_min_p = np.int32(width), np.float32(math.log(min_p))
        self.reset()

    def reset(self) -> None:
        """Nothing sounds, and nothing was before. [control]"""
        self.tokens.write(np.array(VOCABULARY_SIZES))
        self.sounding.write(np.zeros((), np.int64))

    def write_controls(self, seeds: Sequence[int], ticks: Sequence[int], temperatures: Sequence[float]) -> None:
        """Say, for each stream, which tick this is and how daring it may be. [engine]"""
        if not min(temperatures) > 0.0:
            raise LegandoError(f"a temperature of {min(temperatures)} is not above 0; choose a small one instead")
        controls = self._controls.host
        controls["seed"], controls["tick"], controls["temperature"] = seeds, ticks, temperatures

    def write(self, stream: Any = None) -> None:
        """Choose all parts' tokens, out of `trunk`. [engine]"""
        memory = (self.trunk, self._heads, self.mask, self._controls, self.logits, self.tokens, self.sounding)
        self._device.launch(self._write, self.streams, THREADS, *memory, self._width, self._log_min_p, stream=stream)

    def sample(self, first: int = 0, parts: int = PARTS, stream: Any = None) -> None:
        """Choose the tokens of `parts` parts from `first` on, out of `logits`. [engine]"""
        memory = (self.logits, self.mask, self._controls, self.tokens, self.sounding)
        numbers = (np.int32(first), np.int32(parts), self._log_min_p)
        self._device.launch(self._sample, self.streams, THREADS, *memory, *numbers, stream=stream)
