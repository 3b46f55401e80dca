"""The sequencer: one stream's music before its sound. Controls in; score ticks and features out. [engine]

Everything of a stream that is not a network lives here: clock, arranger, score reader, features, anchor. It asks for
the tokens of a tick by yielding it, so that one back end writes the ticks of one stream, and another those of many
streams in one batch; both are asked the same, in the same order. Nothing here depends on the back end.
"""

from __future__ import annotations

import math
from collections.abc import Generator as Asking
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.anchor import Anchor
from legando.engines.arranger import Arranger, Habits
from legando.engines.constraints import (
    LOGITS,
    density_mask,
    held_features,
    key_mask,
    plan_mask,
    recognise_held,
    score_mask,
)
from legando.engines.counter_rng import SCORE, gumbel
from legando.engines.drive import drive_gain
from legando.engines.guidance import leaned
from legando.engines.patterns import pattern_mask
from legando.engines.room import SPACE_AT, room_send
from legando.engines.score import (
    REST,
    TICKS_PER_BAR,
    TICKS_PER_BEAT,
    VOCABULARY_SIZES,
    ScoreReader,
    chord_name,
    fold_pitch,
)
from legando.engines.timeline import (
    LATENT_FRAMES,
    SAMPLE_RATE_HZ,
    ChunkFeatures,
    Clock,
    FeatureTrack,
    Stroke,
    Struck,
    tick_seconds,
    tick_strokes,
)
from legando.engines.turning import take_ticks
from legando.realtime.controls import GENRE_SLOTS, GENRES, PARTS, Controls

PHRASE_BARS = 8
PREROLL_TICKS = 8 * TICKS_PER_BAR
"""Bars that the language model writes before the first chunk, unheard: music starts in the middle, not in an intro."""
_PREROLL_COUNTER = 1 << 32
_SILENCE = (REST,) * len(PARTS)
_ENDINGS: tuple[Struck, ...] = tuple((0, part, -1, 0.0) for part in ("bass", "chord", "texture", "lead"))
"""What an engine begins with: nothing that another one left sounding goes on."""
_LEAD_REST_TICKS = 8
"""How long the model's own lead stays silent after the performer's last note; a held chord leaves it playing."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """A tick that the language model is to write, with the style and the controls that hold on it.

    `performer_leads` says that the performer plays the lead, or has just played it.
    """

    tick: int
    style: NDArray[np.float32]
    controls: Controls
    performer_leads: bool = False

    @property
    def counter(self) -> int:
        """The counter of its Gumbel noise: the tick; those before the first chunk have counters of their own."""
        return self.tick if self.tick >= 0 else _PREROLL_COUNTER + self.tick


@dataclass(frozen=True, slots=True)
class Plan:
    """What a chunk is to be; `features` are overwritten by the next one.

    `number` counts chunks and is the counter of the latents' noise. `begins` says that anything is struck or ended,
    `struck` what, for whoever plays along; it tells the performer's own notes (`played`) from the lead that is written.
    `beats` are the metronome's clicks, offset and whether it is the bar's. `send` is how much goes to the room, `drive`
    how hard the sum is driven.
    """

    number: int
    start_ticks: float
    features: ChunkFeatures
    style: NDArray[np.float32]
    begins: bool
    tokens: list[tuple[int, tuple[int, ...]]]
    beats: list[tuple[int, bool]]
    chord: str
    send: float = 0.0
    drive: float = 0.0
    struck: tuple[Struck, ...] = ()


class Sequencer:
    """Owns what goes on from chunk to chunk in one stream, except what networks and seam remember."""

    def __init__(self, seed: int, habits: Mapping[str, Habits], *, latents: int) -> None:
        self.seed = seed
        self.latents = latents
        self.chunk_frames = latents * LATENT_FRAMES
        self._arranger = Arranger(seed, habits)
        self.reset()

    def reset(self) -> None:
        """Start again from silence at tick 0, with the same seed."""
        self.chunks = 0
        self.section = ""  # of the last tick that was written
        self.previous = np.array(VOCABULARY_SIZES, np.int64)  # the tokens of the tick before
        self._clock = Clock()
        self._reader = ScoreReader()
        self._track = FeatureTrack(self.latents)
        self.anchor = Anchor()  # to be asked once for each chunk that is made
        self._fresh = True
        self._known: dict[int, tuple[int, ...]] = {}  # ticks that another engine has written
        self._opening: list[Stroke] = []  # what the music begins with after a count-in
        self._key: str | None = None
        self._played_tick = -(10**9)

    @property
    def tick(self) -> float:
        """Where the next chunk begins, in sixteenths; an outside clock may still move it."""
        return self._clock.position_ticks

    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]] = ()) -> None:
        """Go on where another engine ended, after a `reset`; see `Generator.go_on`. [engine]"""
        self.chunks = position_frames // self.chunk_frames
        self._clock.position_ticks = tick
        self._clock.next_tick = math.ceil(tick - 1e-6)
        self._known = {int(at): tuple(int(token) for token in tokens) for at, tokens in score}

    def compose(self, controls: Controls) -> Asking[Ask, tuple[int, ...], Plan]:
        """Yield each tick that needs tokens, be sent them, and return the plan of the next chunk. [engine]"""
        if controls.position_ticks is not None:
            self._clock.follow(controls.position_ticks)
        start_ticks = self._clock.position_ticks
        endings = _ENDINGS if self._fresh else ()
        strokes = (yield from self._begin(controls)) if self._fresh else []
        written: list[tuple[int, tuple[int, ...]]] = []
        if (controls.held or controls.notes) and recognise_held(controls.held) is None:  # a line, not a chord
            self._played_tick = self._clock.next_tick
        beats: list[tuple[int, bool]] = []
        ticks, sound = take_ticks(self._clock, self.chunk_frames, controls)
        for tick, offset, now in ticks:
            if now.click:
                tokens = _SILENCE
                if tick % TICKS_PER_BEAT == 0:
                    beats.append((offset, tick % TICKS_PER_BAR == 0))
            else:
                strokes += [replace(stroke, offset_frames=offset) for stroke in self._opening]
                self._opening.clear()
                tokens = yield from self._write(Ask(tick, _score_style(now), now, self._leads(tick)))
            written.append((tick, tokens))
            self._reader.tick = tick
            strokes += tick_strokes(self._reader, self._track, tokens, offset)
        struck = (*endings, *((s.offset_frames, s.part, s.pitch, s.velocity) for s in strokes))
        struck += tuple((n.offset_frames, "played", fold_pitch(n.pitch), n.velocity) for n in controls.notes)
        strokes += [Stroke(n.offset_frames, "lead", n.pitch, n.velocity) for n in controls.notes]
        ticks_per_frame = 1.0 / (tick_seconds(sound.tempo_bpm) * SAMPLE_RATE_HZ)
        features = self._track.chunk(self.latents, strokes, ticks_per_frame, start_ticks)
        style = leaned(_style(sound), sound.guidance)
        number, self.chunks = self.chunks, self.chunks + 1
        chord = chord_name(self._reader.chord)
        return Plan(
            number, start_ticks, features, style, bool(strokes), written, beats, chord,
            send=room_send(sound), drive=drive_gain(sound), struck=struck,
        )  # fmt: skip

    def foresee(self, controls: Controls) -> Ask | None:
        """Return the tick that will be asked for next, if the controls stay as they are; None in a count-in. [engine]

        With `describe` it tells what the language model will most likely be asked, before it is. Changes nothing.
        """
        tick, now = self._clock.next_tick, controls
        if controls.turn is not None and tick >= controls.turn.tick:
            now = controls.turn.controls
        line = bool(controls.held) and recognise_held(controls.held) is None
        return None if now.click else Ask(tick, _score_style(now), now, line or self._leads(tick))

    def describe(self, ask: Ask, given: Mapping[str, Array]) -> None:
        """Write the inputs of the language model for one tick into its rows `given`; changes nothing else. [engine]

        Rows: style, plan, position, temperature, held, mask, previous; and noise, if it is there.
        """
        tick, controls = ask.tick, ask.controls
        bar, row = self._arranger.plan(tick // TICKS_PER_BAR, ask.style, controls.section)
        given["style"][...] = ask.style
        given["plan"][...] = row
        given["position"][...] = (tick % TICKS_PER_BAR, tick // TICKS_PER_BAR % PHRASE_BARS)
        given["temperature"][...] = controls.temperature
        given["previous"][...] = self.previous
        if "noise" in given:
            given["noise"][...] = gumbel(self.seed, SCORE, ask.counter, LOGITS)
        held_features(controls.held, given["held"])
        mask = given["mask"]
        score_mask(controls.held, controls.muted, self._reader.chord, tick, ask.performer_leads, mask)
        plan_mask(bar, controls.held, mask)
        if controls.density is not None:
            density_mask(controls.density - controls.style[GENRE_SLOTS], mask)
        pattern_mask(controls.style[: len(GENRES)], controls.guidance, tick, mask)
        if controls.key is not None:
            key_mask(controls.key, controls.held, self._reader.chord, controls.key != self._key, mask)

    def _leads(self, tick: int) -> bool:
        return tick - self._played_tick < _LEAD_REST_TICKS

    def _write(self, ask: Ask) -> Asking[Ask, tuple[int, ...], tuple[int, ...]]:
        """Ask for one tick and remember what was said."""
        tokens = yield ask
        self.previous[...] = tokens
        self._key = ask.controls.key
        bar, _ = self._arranger.plan(ask.tick // TICKS_PER_BAR, ask.style, ask.controls.section)
        self.section = bar.section
        return tokens

    def _begin(self, controls: Controls) -> Asking[Ask, tuple[int, ...], list[Stroke]]:
        """Write or read the bars before the first one; return the strokes with which the music begins at once."""
        self._fresh = False
        end, music = self._clock.next_tick, controls
        if controls.click and controls.turn is not None:
            end, music = controls.turn.tick, controls.turn.controls
        self._key = music.key
        style = _score_style(music)
        for tick in range(end - PREROLL_TICKS, end):
            self._reader.tick = tick
            tokens = yield from self._write(Ask(tick, style, music, self._leads(tick)))
            if tick in self._known:
                tokens = self._known[tick]
                self.previous[...] = tokens
            self._reader.step(tokens)
        strokes = [Stroke(0, "chord", pitch, 0.8) for pitch in self._reader.voicing if self._reader.chord >= 2]
        strokes += [Stroke(0, "texture", pitch, 0.6) for pitch in self._reader.pad]
        self._known.clear()
        if controls.click:
            self._opening, strokes = strokes, []
        return strokes


def _score_style(controls: Controls) -> NDArray[np.float32]:
    """Return the style of the score, which guidance above 1 leaves as it is."""
    return leaned(_style(controls), min(controls.guidance, 1.0))


def _style(controls: Controls) -> NDArray[np.float32]:
    """Return the style that holds, for the networks: space above the prompt's own is left to the room."""
    style = np.asarray(controls.style_now(), np.float32)
    style[SPACE_AT] = min(style[SPACE_AT], controls.style[SPACE_AT])
    return style
