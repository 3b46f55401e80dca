"""What networks are given in play: short takes on the CPU by fixed seeds, to calibrate and measure with. [control]"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
from legando.engines.networks import cpu_networks
from legando.realtime.controls import GENRE_SLOTS, Controls

Given = dict[str, NDArray[Any]]
"""Inputs and state of one call of a network, by the names of the bundle's graphs."""


@dataclass(frozen=True, slots=True)
class Take:
    """A genre by its slot, a tempo, a seed; `chunks` are made, of which `heard` from the last are kept."""

    genre: int
    tempo_bpm: float
    seed: int
    chunks: int = 40
    heard: int = 6


CALIBRATION = (Take(0, 124.0, 101), Take(3, 174.0, 102), Take(6, 92.0, 103), Take(9, 80.0, 104), Take(12, 140.0, 105))
MEASURED = Take(2, 128.0, 7, heard=16)
"""None of those that were calibrated on."""


def given_in(bundle: Bundle, takes: Sequence[Take]) -> dict[str, list[Given]]:
    """Return what each network of `kinds.py` was given in the chunks that are kept. Raises BundleError. [control]"""
    found: dict[str, list[Given]] = {name: [] for name in ("language", "denoiser", "memory", "decoder")}
    for take in takes:
        made = cpu_networks(bundle, eco=False)
        generator = Generator(bundle, seed=take.seed, networks=made)
        style = np.eye(GENRE_SLOTS, dtype=np.float32)[take.genre].tolist()
        controls = Controls(style=(*style, 0.5, 0.5, 0.5, 0.5), tempo_bpm=take.tempo_bpm)
        for _ in range(take.chunks - take.heard):
            generator.step(controls)
        for name in ("language", "denoiser", "decoder"):
            stage: Any = getattr(made, name)
            stage.run = _listening(stage, found[name], found["memory"] if name == "denoiser" else found[name])
        for _ in range(take.heard):
            generator.step(controls)
    for given in found["memory"]:
        given.pop("t")
    return found


def _listening(stage: Any, velocities: list[Given], kept: list[Given]) -> Callable[..., None]:
    """Return the stage's `run`, which notes what it is given: once for a velocity, once for what is kept."""
    run: Callable[..., None] = stage.run

    def listened(*, keep: bool = True) -> None:
        (kept if keep else velocities).append(stage.save())
        run(keep=keep)

    return listened
