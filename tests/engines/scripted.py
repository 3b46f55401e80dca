"""A sequencer played by a script in place of the language model, for tests of what goes on between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import PLAN, Habits, read_habits
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES
from legando.engines.score import (
    HOLD,
    REST,
    VOCABULARY,
    chord_token,
)
from legando.engines.sequencer import Sequencer
from legando.engines.training.music.habits import measure_habits
from legando.engines.tune import Ask
from legando.realtime.controls import PARTS, Controls

BAR = 16
HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=240.0)
A_MINOR, C_MAJOR = chord_token(9, "min"), chord_token(0, "maj")
Score = dict[int, tuple[int, ...]]
Steered = Callable[[float], Controls]
Script = Callable[[int], tuple[int, ...]]


@lru_cache(maxsize=1)
def _habits() -> dict[str, Habits]:
    return dict(read_habits(json.loads(json.dumps(measure_habits(2)))))


class Player:
    """A sequencer whose language model is a script, which the masks correct as they do the real one."""

    def __init__(self, script: Script | None = None) -> None:
        self.sequencer = Sequencer(1, _habits(), latents=4)
        self.script = script or counting
        self.asked: list[tuple[int, tuple[int, ...]]] = []  # ticks, and the tokens that came before them
        self.given: dict[str, NDArray[Any]] = {
            "style": np.zeros(24, np.float32),
            "plan": np.zeros(PLAN, np.float32),
            "position": np.zeros(2, np.int64),
            "temperature": np.zeros((), np.float32),
            "previous": np.zeros(5, np.int64),
            "held": np.zeros(12, np.float32),
            "mask": np.zeros(LOGITS, np.float32),
        }

    def say(self, ask: Ask) -> tuple[int, ...]:
        self.sequencer.describe(ask, self.given)
        self.asked.append((ask.tick, tuple(self.given["previous"])))
        mask = self.given["mask"]
        wanted = self.script(ask.tick)
        rows = [mask[PART_SLICES[part]] for part in PARTS]
        return tuple(t if row[t] > FORBIDDEN / 2 else int(np.argmax(row)) for t, row in zip(wanted, rows, strict=True))

    def chunk(self, controls: Controls) -> Score:
        work = self.sequencer.compose(controls)
        try:
            ask = next(work)
            while True:
                ask = work.send(self.say(ask))
        except StopIteration as end:
            return dict(end.value.tokens)

    def play(self, steered: Steered, ticks: float) -> Score:
        score: Score = {}
        while self.sequencer.tick < ticks:
            score |= self.chunk(steered(self.sequencer.tick))
        return score


def counting(tick: int) -> tuple[int, ...]:
    """A script in which no two bars of a minute are alike: each part tells the tick in its own way."""
    place, number = tick % BAR, tick // BAR
    chord = 2 + number % 96 if place == 0 else HOLD
    bass = 2 + number % 37 if place == 2 else (REST if place == 14 else HOLD)
    lead = 2 + (number * 5 + place) % 38 if place % 4 == 0 else HOLD
    return chord, (tick * 7 + 3) % VOCABULARY["drums"], bass, lead, 1 if number % 2 else 0


def looping(bars: int, start: float, end: float = 1e9, controls: Controls = HOUSE) -> Steered:
    return lambda tick: replace(controls, loop=bars) if start <= tick < end else controls


def span(score: Score, ticks: Iterable[int], parts: Iterable[int] = range(5)) -> list[tuple[int, ...]]:
    return [tuple(score[tick][part] for part in parts) for tick in ticks]
