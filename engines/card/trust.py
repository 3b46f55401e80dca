"""Trust: what a back end must show at load before it may play, and what plays when it does not. [engine]

Engines have been seen to fail without an error: one played constant noise because a decode was lost from a captured
graph, one drifted after its first call because it kept state. So each network must

1. reproduce the bundle's stored reference, within the tolerance of its precision;
2. give at the hundredth call what it gave at the first, to the bit;
3. say something else when it is asked something else: another style; the decoder, other latents.

Otherwise it refuses with one sentence, and `first_trusted` takes the next back end and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from legando.engines.agreement import CALLS, DIFFERENT, Standard, scale
from legando.realtime.errors import BundleError, LegandoError

Array = NDArray[Any]
Probe = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Inputs and state of one stream by the names of the bundle's graphs (zero where left out), to outputs and new state.

What it does must leave the back end as it was."""

TOLERANCES = {"fp32": 2e-3, "mixed": 6e-3, "tf32": 1e-2, "fp16": 3e-2, "bf16": 6e-2, "int8": 8e-2, "fp8": 8e-2}
"""How far an output may lie from its reference, as a share of the reference's largest value (of 1 at least)."""
ASKED = {"language": ("style", "logits"), "denoiser": ("style", "velocity"), "decoder": ("latents", "audio")}
"""Which input is changed, and which output must move."""

T = TypeVar("T")


class Distrust(LegandoError):
    """A back end that does not do what it should."""


REFERENCE = Standard(owner="its reference", output="its reference", tolerances=TOLERANCES, refusal=Distrust)


def read_reference(path: Path, prefix: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the stored inputs and outputs of one network. Raises BundleError. [control]"""
    tensors = {key.split("/", 1)[1]: value for key, value in load_file(path).items() if key.startswith(f"{prefix}/")}
    given = {key[3:]: value for key, value in tensors.items() if key.startswith("in/")}
    expected = {key[4:]: value for key, value in tensors.items() if key.startswith("out/")}
    if not expected:
        raise BundleError(f"{path} holds no reference for {prefix}; export the bundle again")
    return given, expected


def prove(
    probe: Probe,
    reference: Path,
    prefix: str,
    *,
    precision: str = "fp32",
    calls: int = CALLS,
    outputs: Collection[str] | None = None,
) -> float:
    """Put a network to all three tests; return its largest error as a share of what is allowed. [control]

    `prefix` names the network: language, denoiser or decoder. `outputs` are those that it has, where it lacks some that
    the reference knows. Raises Distrust or BundleError.
    """
    given, expected = read_reference(reference, prefix)
    if outputs is not None:
        expected = {name: value for name, value in expected.items() if name in outputs}
    first = _copied(probe(given))
    error = max(REFERENCE.agree(prefix, name, first, value, precision) for name, value in expected.items())
    for _ in range(calls - 2):
        probe(given)
    again = probe(given)
    for name, value in first.items():
        if not np.array_equal(value, again[name], equal_nan=True):
            apart = float(np.nanmax(np.abs(value.astype(np.float64) - again[name])))
            raise Distrust(f"the {prefix}'s {name} drifts: call {calls} differs from the first by {apart:.2g}")
    changed, moves = ASKED[prefix]
    moves = moves if moves in expected else next(iter(expected))
    other = {**given, changed: _other(given[changed]) if changed in given else np.ones((1, 1), np.float32)}
    moved = float(np.abs(probe(other)[moves].astype(np.float64) - first[moves]).max())
    if not moved > DIFFERENT * scale(first[moves]):
        raise Distrust(f"the {prefix}'s {moves} does not heed its {changed}: it moved by {moved:.2g} only")
    return error


def first_trusted(candidates: Sequence[tuple[str, Callable[[], T]]], say: Callable[[str], None]) -> T:
    """Open the first back end that can be trusted, and say of each before it why not. [control]

    Raises the last one's LegandoError when none can.
    """
    for index, (name, open_it) in enumerate(candidates):
        try:
            return open_it()
        except LegandoError as error:
            if index == len(candidates) - 1:
                raise
            say(f"{name} cannot play: {error}; falling back to {candidates[index + 1][0]}")
    raise LegandoError("there is no back end to choose from; install onnxruntime")


def _other(value: Array) -> Array:
    """Return something else of the same kind: the numbers in the other order, pushed apart."""
    return np.ascontiguousarray(1.0 - value[..., ::-1]).astype(value.dtype)


def _copied(made: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.array(value) for name, value in made.items()}
