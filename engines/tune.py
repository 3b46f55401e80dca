"""A tune: one idea as it is composed, and the next one before its line. [engine]

An idea is a seed and the bar line where it began (`controls.Idea`). Form, stray rates and the noise of the score are
counted from that line, and the language model's memory is the tune's own, so that a seed is the same tune wherever it
comes. Like a run's first bar, a tune begins in the middle: `PREROLL_TICKS` are composed before it, unheard. They take
longer than a chunk has to spare, so those of the idea to come are written a few in each chunk before its line, into a
second memory, with the controls that will hold there.
"""

from __future__ import annotations

import math
from collections.abc import Generator as Asking
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import Arranger, Habits
from legando.engines.constraints import LOGITS, density_mask, held_features, key_mask, plan_mask, score_mask
from legando.engines.counter_rng import SCORE, gumbel
from legando.engines.guidance import leaned
from legando.engines.looping import Loop
from legando.engines.patterns import pattern_mask
from legando.engines.room import SPACE_AT
from legando.engines.score import TICKS_PER_BAR, VOCABULARY_SIZES, ScoreReader
from legando.engines.timeline import Stroke
from legando.realtime.controls import GENRE_SLOTS, GENRES, Controls, Idea

PHRASE_BARS = 8
PREROLL_TICKS = 8 * TICKS_PER_BAR
"""Bars that the language model writes before the first one, unheard: music starts in the middle, not in an intro."""
AHEAD_TICKS = 32
"""How many of them a chunk may take at most when the next idea is prepared: a quarter of an 80 ms chunk, or less."""
RISE_TICKS = 16
"""How many more than the chunk before: the engine's pacer, which starts each chunk late, has to see the cost coming."""
_PREROLL_COUNTER = 1 << 32

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A tick that the language model is to write, with the style and the controls that hold on it.

    `performer_leads` says that the performer plays the lead, or has just played it. `seed` and `origin` are the tune's.
    A tick that is `ahead` is written into the second memory, emptied first if it is `fresh`; one that `turns` is
    written with what the second memory holds, which is the first from there on.
    """

    tick: int
    style: NDArray[np.float32]
    controls: Controls
    performer_leads: bool = False
    seed: int = 0
    origin: int = 0
    ahead: bool = False
    fresh: bool = False
    turns: bool = False

    @property
    def counter(self) -> int:
        """The counter of its Gumbel noise: ticks since the origin; those before it have counters of their own."""
        since = self.tick - self.origin
        return since if since >= 0 else _PREROLL_COUNTER + since


class Tune:
    """What goes on from tick to tick in one idea, except what the language model remembers."""

    def __init__(self, seed: int, habits: Mapping[str, Habits], idea: Idea | None = None) -> None:
        """`seed` is the run's, which holds from its first tick on where there is no `idea`."""
        self.idea = idea
        self.seed, self.origin = (seed, 0) if idea is None else (idea.seed, idea.origin)
        self.arranger = Arranger(self.seed, habits)
        self.reader = ScoreReader()
        self.previous = np.array(VOCABULARY_SIZES, np.int64)  # the tokens of the tick before
        self.key: str | None = None
        self.section = ""
        self.loop = Loop()
        self._allowed = np.zeros(LOGITS, np.float32)

    def describe(self, ask: Ask, given: Mapping[str, Array]) -> None:
        """Write the inputs of the language model for one tick into its rows `given`; changes nothing else. [engine]"""
        tick, controls = ask.tick - self.origin, ask.controls
        bar, row = self.arranger.plan(tick // TICKS_PER_BAR, ask.style, controls.section)
        given["style"][...] = ask.style
        given["plan"][...] = row
        given["position"][...] = (tick % TICKS_PER_BAR, tick // TICKS_PER_BAR % PHRASE_BARS)
        given["temperature"][...] = controls.temperature
        given["previous"][...] = self.previous
        if "noise" in given:
            given["noise"][...] = gumbel(self.seed, SCORE, ask.counter, LOGITS)
        held_features(controls.held, given["held"])
        mask = given["mask"]
        score_mask(controls.held, controls.muted, self.reader.chord, tick, ask.performer_leads, mask)
        plan_mask(bar, controls.held, mask)
        if controls.density is not None:
            density_mask(controls.density - controls.style[GENRE_SLOTS], mask)
        pattern_mask(controls.style[: len(GENRES)], controls.guidance, tick, mask)
        if controls.key is not None:
            key_mask(controls.key, controls.held, self.reader.chord, controls.key != self.key, mask)

    def write(self, ask: Ask, known: tuple[int, ...] | None = None) -> Asking[Ask, tuple[int, ...], tuple[int, ...]]:
        """Ask for one tick and remember what is played: what is `known`, what the loop repeats, or what was said."""
        said = yield ask
        tokens = self._looped(ask, said if known is None else known)
        self.previous[...] = tokens
        self.key = ask.controls.key
        bar, _ = self.arranger.plan((ask.tick - self.origin) // TICKS_PER_BAR, ask.style, ask.controls.section)
        self.section = bar.section
        return tokens

    def _looped(self, ask: Ask, written: tuple[int, ...]) -> tuple[int, ...]:
        """Return what is played: what was written, or what repeats, as far as the performer's hands allow it."""
        tick, now, reader = ask.tick - self.origin, ask.controls, self.reader
        silenced = now.muted | {"lead"} if ask.performer_leads else now.muted
        source = self.loop.source(tick)
        if source is None:
            self.loop.keep(tick, written, reader.voicing, silenced)
            return written
        score_mask(now.held, now.muted, reader.chord, tick, ask.performer_leads, self._allowed)
        if now.key is not None:
            key_mask(now.key, now.held, reader.chord, now.key != self.key, self._allowed)
        played, reader.voicing = self.loop.repeat(tick, source, written, self._allowed, reader.voicing, silenced)
        return played

    def opening(self, offset_frames: int = 0) -> list[Stroke]:
        """Return the strokes with which it begins at once: the chord and the pad that the bars before have left."""
        strokes = [
            Stroke(offset_frames, "chord", pitch, 0.8) for pitch in self.reader.voicing if self.reader.chord >= 2
        ]
        return strokes + [Stroke(offset_frames, "texture", pitch, 0.6) for pitch in self.reader.pad]

    def endings(self, offset_frames: int) -> list[Stroke]:
        """Return the strokes that end what it left sounding; notes of the performer go on unless its lead sounds."""
        parts = [part for part in ("bass", "chord", "lead") if part in self.reader.sounding]
        return [Stroke(offset_frames, part, -1, 0.0) for part in (*parts, *(("texture",) if self.reader.pad else ()))]


class Coming:
    """The bars before the next idea, on their way into the second memory."""

    def __init__(self, idea: Idea, habits: Mapping[str, Habits], controls: Controls) -> None:
        self.tune = Tune(idea.seed, habits, idea)
        self.tune.key = controls.key
        self._next, self._most = idea.origin - PREROLL_TICKS, 0
        self._controls, self._style = alone(controls), score_style(controls)
        self._signs = _signs(controls)

    @property
    def left(self) -> int:
        """How many ticks are still to be written."""
        return self.tune.origin - self._next

    def fits(self, controls: Controls) -> bool:
        """Whether it would be the same bars if it were begun now, with these controls at the line."""
        return self._signs == _signs(controls)

    def prepare(self, ticks_to_line: float, chunk_ticks: float) -> Asking[Ask, tuple[int, ...], None]:
        """Ask for this chunk's share of them."""
        self._most = min(self._most + RISE_TICKS, AHEAD_TICKS)
        yield from self._write(min(ticks_to_write(self.left, ticks_to_line, chunk_ticks), self._most))

    def finish(self) -> Asking[Ask, tuple[int, ...], None]:
        """Ask for all that are left: the line has come."""
        yield from self._write(self.left)

    def _write(self, ticks: int) -> Asking[Ask, tuple[int, ...], None]:
        tune = self.tune
        for tick in range(self._next, self._next + ticks):
            tune.reader.tick = tick - tune.origin
            fresh = self.left == PREROLL_TICKS
            self._next = tick + 1
            tune.reader.step((yield from tune.write(self._ask(tick, fresh))))

    def _ask(self, tick: int, fresh: bool) -> Ask:
        tune = self.tune
        return Ask(tick, self._style, self._controls, False, tune.seed, tune.origin, ahead=True, fresh=fresh)


def ticks_to_write(left: int, ticks_to_line: float, chunk_ticks: float) -> int:
    """Return how many of `left` ticks to write in a chunk that ends so long before the line. [any]

    Spread evenly over the chunks that end before it, this one among them.
    """
    chunks = 1 + max(0, math.floor(ticks_to_line / chunk_ticks))
    return min(math.ceil(left / chunks), AHEAD_TICKS)


def alone(controls: Controls) -> Controls:
    """Return controls without hands on the keys, with which the bars before an idea are written. [any]"""
    return replace(controls, held=(), notes=(), turn=None)


def score_style(controls: Controls) -> NDArray[np.float32]:
    """Return the style of the score, which guidance above 1 leaves as it is."""
    return leaned(sound_style(controls), min(controls.guidance, 1.0))


def sound_style(controls: Controls) -> NDArray[np.float32]:
    """Return the style that holds, for the networks: space above the prompt's own is left to the room."""
    style = np.asarray(controls.style_now(), np.float32)
    style[SPACE_AT] = min(style[SPACE_AT], controls.style[SPACE_AT])
    return style


_HEARD = ("style", "density", "brightness", "space", "drive", "temperature", "guidance", "section", "muted", "key")
"""The controls that the language model hears, beside the performer's keys."""


def _signs(controls: Controls) -> tuple[Any, ...]:
    return tuple(getattr(controls, name) for name in _HEARD)
