"""The desk that a bundle is measured on: figures beside their targets, styles encoded once, fresh takes. [any]"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from legando.engines.bundle import Bundle
from legando.engines.codec import Codec
from legando.engines.style import StyleEncoder
from legando.engines.training.figures.codec_io import load_codec
from legando.engines.training.figures.takes import Take, play
from legando.engines.training.music.composer import Piece
from legando.realtime.controls import GENRES, Controls

PROMPT = "deep house"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number, and what it must be; no target means that it is shown only.

    `bound` is what the tests hold the shipped bundle to where it does not reach the target yet; it never counts as met.
    """

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    bound: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure meets its target; a figure that could not be measured does not."""
        return _inside(self.value, self.at_least, self.at_most)

    @property
    def holds(self) -> bool:
        """Whether the figure is no worse than its bound, or than its target when it has no bound."""
        if self.bound is None:
            return self.met
        return _inside(
            self.value,
            None if self.at_least is None else self.bound,
            None if self.at_most is None else self.bound,
        )

    @property
    def shown(self) -> str:
        """The value to three digits or more."""
        return f"{self.value:,.0f}" if 1000 <= abs(self.value) < math.inf else f"{self.value:.3g}"

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"


def _inside(value: float, at_least: float | None, at_most: float | None) -> bool:
    if at_most is None and at_least is None:
        return True
    low = -math.inf if at_least is None else at_least
    high = math.inf if at_most is None else at_most
    return low <= value <= high


class Desk:
    """A bundle with what evaluations need of it: styles of prompts, encoded once, the codec, and fresh takes.

    `exhibits` is what a part has to show beside its figures, by name, as plain lists and numbers: see `show`.
    `on_seconds` is told each stretch of audio that was generated, in seconds.
    """

    def __init__(self, bundle: Bundle, *, on_seconds: Callable[[float], None] | None = None) -> None:
        self.bundle = bundle
        self.exhibits: dict[str, dict[str, Any]] = {}
        self.on_seconds = on_seconds
        self._encoder = StyleEncoder(bundle)

    @functools.cached_property
    def codec(self) -> Codec:
        """The bundle's codec as a torch network, read once."""
        return load_codec(self.bundle)

    def controls(self, prompt: str = PROMPT, **changes: Any) -> Controls:
        """Return controls for a prompt with some of them changed."""
        return Controls(style=tuple(self._encoder.encode([(prompt, 1.0)])), **changes)

    def take(self, seconds: float, *, prompt: str = PROMPT, seed: int = 0, **changes: Any) -> Take:
        """Play a prompt for some seconds."""
        told = 0.0

        def on_chunk(made_s: float) -> None:
            nonlocal told
            if self.on_seconds is not None:
                self.on_seconds(made_s - told)
            told = made_s

        return play(self.bundle, self.controls(prompt, **changes), seconds=seconds, seed=seed, on_chunk=on_chunk)

    def show(self, name: str, **data: Any) -> None:
        """Keep something for the report: numbers, texts and lists of them, which JSON can hold.

        The report draws these: "drift" (`prompt`, `seconds`, `centroid_hz`, `loudness_db`: lists of one length),
        "control effects" (`rows`: controls moved, `columns`: measures, `values`: rows of standard deviations) and
        "failures" (`cases`: texts).
        """
        self.exhibits[name] = data


def piece_of(take: Take, controls: Controls, seed: int = 0) -> Piece:
    """Return the score that a take was made from, as a piece that the renderer can play."""
    genre = GENRES[int(np.argmax(controls.style[: len(GENRES)]))]
    return Piece(
        score=take.score,
        tempo_bpm=take.tempo_bpm,
        swing=take.swing,
        style=controls.style,
        genre=genre,
        key=(0, "minor"),
        seed=seed,
    )
