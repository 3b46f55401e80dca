"""The arranger: the form of the music, bar by bar: which parts sound, which drum voices, how busy each part is. [any]

A language model that sees eight bars cannot know where in a long form it is: left to itself it let hats and leads come
and go for minutes. So the form is laid out here, by rule and by seed, and the model writes each bar to its plan. The
composer lays out the pieces that the model learns from with the same function, so that play sees what training saw.

A plan row (`PLAN` floats) describes one bar:

| columns | holds |
|---|---|
| 0..4 | section, one-hot, in the order of `SECTIONS` |
| 5..8 | whether drums, bass, chord, lead sound |
| 9..16 | whether each of `DRUM_VOICES` may be struck |
| 17..22 | texture, one-hot, in the order of `TEXTURES` |
| 23, 24 | first and last bar of its section |
| 25..30 | rates: strokes per sixteenth of `RATE_GROUPS` in bars where the part sounds; they hold for a whole piece |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from legando.engines.counter_rng import FORM, normal, uniform
from legando.engines.score import BASS, CHORD, DRUM_VOICES, DRUMS, LEAD, TEXTURES, TICKS_PER_BAR, Score
from legando.realtime.controls import GENRE_SLOTS, GENRES, SECTIONS

T = TypeVar("T")

PLANNED_PARTS = ("drums", "bass", "chord", "lead")
BIT = {name: 1 << index for index, name in enumerate(DRUM_VOICES)}
RATE_GROUPS = ("kick", "snare", "hat", "bass", "chord", "lead")
_GROUP_MASKS = {
    "kick": BIT["kick"],
    "snare": BIT["snare"] | BIT["ghost"] | BIT["clap"] | BIT["tom"],
    "hat": BIT["hat"] | BIT["open_hat"] | BIT["cymbal"],
}
_GROUP_COLUMNS = {"bass": BASS, "chord": CHORD, "lead": LEAD}

_PARTS_AT = len(SECTIONS)
_VOICES_AT = _PARTS_AT + len(PLANNED_PARTS)
_TEXTURE_AT = _VOICES_AT + len(DRUM_VOICES)
_PLACE_AT = _TEXTURE_AT + len(TEXTURES)
_RATES_AT = _PLACE_AT + 2
PLAN = _RATES_AT + len(RATE_GROUPS)

SECTION_BARS = 4
LIVE_FORMS = (
    ("full", "full", "full", "break", "full", "full", "build", "full"),
    ("full", "full", "build", "full", "full", "break", "full", "full"),
    ("full", "full", "full", "full", "break", "build", "full", "full"),
    ("full", "full", "solo", "full", "full", "full", "build", "full"),
)
"""Forms for endless play, eight sections of four bars: mostly full, so that no minute differs much from another."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What sounds in one bar: parts, the drum voices let through (a bit mask), texture, place in the section."""

    section: str
    parts: frozenset[str]
    drum_mask: int
    texture: int
    first: bool
    last: bool

    @property
    def calm(self) -> bool:
        """Whether fills and crashes are out of place."""
        return self.section in ("intro", "break")


@dataclass(frozen=True, slots=True)
class Band:
    """What stays the same throughout a piece: textures at home and in breaks; whether it has drums, a lead, risers."""

    home: str
    away: str
    has_drums: bool
    has_lead: bool
    has_risers: bool


def choose(draw: Callable[[], float], options: Sequence[T]) -> T:
    """Return one of the options by one draw from 0..1. [any]"""
    return options[min(int(draw() * len(options)), len(options) - 1)]


def section_bars(name: str, band: Band, length: int, draw: Callable[[], float]) -> list[Bar]:
    """Lay out one section; `draw` gives uniform numbers 0..1. [any]"""
    mask, texture, parts = 255, band.home, {"drums", "bass", "chord", "lead"}
    if name == "intro":
        options: tuple[set[str], ...] = (
            {"drums", "chord"},
            {"chord"},
            {"drums", "bass"},
            {"chord", "lead"},
            {"drums"},
        )
        parts = choose(draw, options)
        mask, texture = (255 if draw() < 0.4 else BIT["hat"] | BIT["kick"] | BIT["cymbal"]), band.away
    elif name == "build":
        parts = {"drums", "bass", "chord"} if draw() < 0.7 else {"drums", "chord", "lead"}
        mask = 255 if draw() < 0.5 else 255 & ~BIT["open_hat"] & ~BIT["ghost"]
    elif name == "break":
        parts = {"chord"} | ({"lead"} if draw() < 0.5 else set()) | ({"bass"} if draw() < 0.4 else set())
        if draw() < 0.35:
            parts |= {"drums"}
        mask, texture = 255 & ~BIT["kick"] & ~BIT["snare"], band.away
    elif name == "solo":
        options = ({"drums", "bass"}, {"bass"}, {"drums"}, {"lead", "chord"}, {"drums", "lead"})
        parts = choose(draw, options)
    if not band.has_drums:
        parts = parts - {"drums"} | {"chord"}
    if not band.has_lead and name != "solo":
        parts = parts - {"lead"} | {"chord"}
    rises = name in ("build", "break") and draw() < 0.4 and band.has_risers
    out = []
    for bar in range(length):
        layer = "riser" if rises and bar >= length - 2 else texture
        out.append(Bar(name, frozenset(parts), mask, TEXTURES.index(layer), bar == 0, bar == length - 1))
    return out


def score_rates(score: Score, bars: Sequence[Bar]) -> NDArray[np.float32]:
    """Return the rates of `RATE_GROUPS` of a composed score: strokes per sixteenth where the part sounds. [any]"""
    ticks = np.arange(len(score)) // TICKS_PER_BAR
    out = np.zeros(len(RATE_GROUPS), np.float32)
    for index, group in enumerate(RATE_GROUPS):
        part = group if group in _GROUP_COLUMNS else "drums"
        mask = _GROUP_MASKS.get(group, 0)  # none for a tonal part
        sounds = [part in bar.parts and (not mask or bar.drum_mask & mask == mask) for bar in bars]
        where = np.array(sounds)[ticks]
        if not where.any():
            continue
        struck = score[:, DRUMS] & mask != 0 if mask else score[:, _GROUP_COLUMNS[group]] >= 2
        out[index] = struck[where].mean()
    return out


def plan_row(bar: Bar, rates: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Write one bar's plan into `out` (PLAN,). [engine]"""
    out[:] = 0.0
    out[SECTIONS.index(bar.section)] = 1.0
    for index, part in enumerate(PLANNED_PARTS):
        out[_PARTS_AT + index] = part in bar.parts
    if "drums" in bar.parts:
        for index in range(len(DRUM_VOICES)):
            out[_VOICES_AT + index] = bar.drum_mask >> index & 1
    out[_TEXTURE_AT + bar.texture] = 1.0
    out[_PLACE_AT], out[_PLACE_AT + 1] = bar.first, bar.last
    out[_RATES_AT:] = rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is usual in one genre: chances of drums and lead, risers, textures, and how rates depend on density.

    `rates` holds for each of `RATE_GROUPS` the mean at density 0.5, the slope, and the spread over pieces.
    """

    drums_chance: float
    lead_chance: float
    risers: bool
    textures: tuple[str, ...]
    break_textures: tuple[str, ...]
    rates: tuple[tuple[float, float, float], ...]


def read_habits(about: Mapping[str, Mapping[str, Any]]) -> dict[str, Habits]:
    """Read the habits of all genres from a bundle's `habits.json`. [any]"""
    return {
        genre: Habits(
            drums_chance=float(row["drums_chance"]),
            lead_chance=float(row["lead_chance"]),
            risers=bool(row["risers"]),
            textures=tuple(row["textures"]),
            break_textures=tuple(row["break_textures"]),
            rates=tuple((float(a), float(b), float(c)) for a, b, c in (row["rates"][group] for group in RATE_GROUPS)),
        )
        for genre, row in about.items()
    }


class Arranger:
    """Says for each bar of endless play what the language model is to write. [engine]

    A pure function of seed, bar number, style and section, so that a take replays from any bar.
    """

    SPREAD = 0.6
    """How far a seed's own rates stray from the usual ones, in standard deviations of the composer's pieces."""

    def __init__(self, seed: int, habits: Mapping[str, Habits]) -> None:
        self._seed = seed
        self._habits = [habits[genre] for genre in GENRES]
        self._means = np.array([h.rates for h in self._habits], np.float64)  # genres, groups, (mean, slope, spread)
        self._stray = self.SPREAD * np.clip(normal(seed, FORM, 0, len(RATE_GROUPS)), -1.5, 1.5)
        self._row = np.zeros(PLAN, np.float32)

        self._asked: tuple[int, str | None, bytes] | None = None
        self._plan: Bar | None = None

    def plan(self, bar: int, style: NDArray[np.float32], section: str | None = None) -> tuple[Bar, NDArray[np.float32]]:
        """Return what sounds in a bar, and its row (PLAN,), which later calls overwrite.

        `section` overrides the form.
        """
        asked = (bar, section, style.tobytes())
        if self._plan is None or asked != self._asked:
            self._plan = self.bar(bar, style, section)
            plan_row(self._plan, self.rates(style), self._row)
            self._asked = asked
        return self._plan, self._row

    def rates(self, style: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rates that a style asks for: the habits of its genres, blended, at its density."""
        shares = self._shares(style)
        mean, slope, spread = np.einsum("g,grk->kr", shares, self._means)
        density = float(style[GENRE_SLOTS])
        rates = mean + slope * (density - 0.5) + spread * self._stray
        return np.asarray(np.clip(rates, 0.0, 1.0), np.float32)

    def bar(self, bar: int, style: NDArray[np.float32], section: str | None = None) -> Bar:
        """Return what sounds in a bar."""
        place = bar // SECTION_BARS
        form = choose(self._draws(1, place // len(LIVE_FORMS[0])), LIVE_FORMS)
        name = form[place % len(form)] if section is None else section
        draws = self._draws(2, place if section is None else -1 - SECTIONS.index(section))
        return section_bars(name, self._band(style), SECTION_BARS, draws)[bar % SECTION_BARS]

    def _shares(self, style: NDArray[np.float32]) -> NDArray[np.float64]:
        shares = np.clip(style[: len(GENRES)].astype(np.float64), 0.0, None)
        total = shares.sum()
        return shares / total if total > 0.0 else np.full(len(GENRES), 1.0 / len(GENRES))

    def _band(self, style: NDArray[np.float32]) -> Band:
        shares = self._shares(style)
        main = self._habits[int(np.argmax(shares))]
        draw = self._draws(3, 0)
        drums = sum(share * h.drums_chance for share, h in zip(shares, self._habits, strict=True))
        lead = sum(share * h.lead_chance for share, h in zip(shares, self._habits, strict=True))
        home, away = choose(draw, main.textures), choose(draw, main.break_textures)
        return Band(home, away, drums >= 0.5, lead >= 0.3, main.risers)

    def _draws(self, kind: int, number: int) -> Callable[[], float]:
        """Return a source of uniform numbers for one decision: `kind` and `number` name it."""
        numbers = iter(uniform(self._seed, FORM, kind << 56 | number & 0xFFFFFFFF, 16))
        return lambda: float(next(numbers))
