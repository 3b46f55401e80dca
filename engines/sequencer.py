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
from legando.engines.arranger import Habits
from legando.engines.constraints import recognise_held
from legando.engines.drive import drive_gain
from legando.engines.guidance import leaned
from legando.engines.room import room_send
from legando.engines.score import REST, TICKS_PER_BAR, TICKS_PER_BEAT, chord_name, fold_pitch
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
from legando.engines.tune import (
    AHEAD_TICKS,
    PREROLL_TICKS,
    Ask,
    Coming,
    Tune,
    alone,
    score_style,
    sound_style,
    ticks_to_write,
)
from legando.engines.turning import take_ticks
from legando.realtime.controls import PARTS, Controls, Idea

_SILENCE = (REST,) * len(PARTS)
_ENDINGS: tuple[Struck, ...] = tuple((0, part, -1, 0.0) for part in ("bass", "chord", "texture", "lead"))
"""What an engine begins with: nothing that another one left sounding goes on."""
_LEAD_REST_TICKS = 8
"""How long the model's own lead stays silent after the performer's last note; a held chord leaves it playing."""

Array = NDArray[Any]


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
        self._habits = habits
        self.reset()

    def reset(self) -> None:
        """Start again from silence at tick 0, with the same seed."""
        self.chunks = 0
        self._clock = Clock()
        self._tune = Tune(self.seed, self._habits)
        self._coming: Coming | None = None
        self._turns = False  # whether the next tick is the first that the second memory is for
        self._track = FeatureTrack(self.latents)
        self.anchor = Anchor()  # to be asked once for each chunk that is made
        self._fresh = True
        self._known: dict[int, tuple[int, ...]] = {}  # ticks that another engine has written
        self._opening: list[Stroke] = []  # what the music begins with after a count-in
        self._played_tick = -(10**9)

    @property
    def tick(self) -> float:
        """Where the next chunk begins, in sixteenths; an outside clock may still move it."""
        return self._clock.position_ticks

    @property
    def section(self) -> str:
        """The section of the last tick that was written."""
        return self._tune.section

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
        fresh = self._fresh
        endings = _ENDINGS if fresh else ()
        strokes = (yield from self._begin(controls)) if fresh else []
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
                if now.idea is not None and now.idea != self._tune.idea:
                    strokes += yield from self._turn(now.idea, now, offset)
                strokes += [replace(stroke, offset_frames=offset) for stroke in self._opening]
                self._opening.clear()
                self._tune.loop.follow(tick - self._tune.origin, now.loop)
                tokens = yield from self._write(tick, now)
            written.append((tick, tokens))
            self._tune.reader.tick = tick - self._tune.origin
            strokes += tick_strokes(self._tune.reader, self._track, tokens, offset)
        struck = (*endings, *((s.offset_frames, s.part, s.pitch, s.velocity) for s in strokes))
        struck += tuple((n.offset_frames, "played", fold_pitch(n.pitch), n.velocity) for n in controls.notes)
        strokes += [Stroke(n.offset_frames, "lead", n.pitch, n.velocity) for n in controls.notes]
        ticks_per_frame = 1.0 / (tick_seconds(sound.tempo_bpm) * SAMPLE_RATE_HZ)
        if not fresh:  # which has bars of its own to write
            yield from self._prepare(controls, self.chunk_frames * ticks_per_frame)
        features = self._track.chunk(self.latents, strokes, ticks_per_frame, start_ticks)
        style = leaned(sound_style(sound), sound.guidance)
        number, self.chunks = self.chunks, self.chunks + 1
        chord = chord_name(self._tune.reader.chord)
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
        if now.click or now.idea not in (None, self._tune.idea):
            return None
        line = bool(controls.held) and recognise_held(controls.held) is None
        return self._ask(tick, now, line or self._leads(tick))

    def describe(self, ask: Ask, given: Mapping[str, Array]) -> None:
        """Write the inputs of the language model for one tick into its rows `given`; changes nothing else. [engine]

        Rows: style, plan, position, temperature, held, mask, previous; and noise, if it is there.
        """
        tune = self._coming.tune if ask.ahead and self._coming is not None else self._tune
        tune.describe(ask, given)

    def _leads(self, tick: int) -> bool:
        return tick - self._played_tick < _LEAD_REST_TICKS

    def _ask(self, tick: int, controls: Controls, leads: bool) -> Ask:
        tune = self._tune
        return Ask(tick, score_style(controls), controls, leads, tune.seed, tune.origin, turns=self._turns)

    def _write(
        self, tick: int, controls: Controls, known: tuple[int, ...] | None = None
    ) -> Asking[Ask, tuple[int, ...], tuple[int, ...]]:
        """Ask for one tick of the tune that plays."""
        ask = self._ask(tick, controls, self._leads(tick))
        self._turns = False
        return (yield from self._tune.write(ask, known))

    def _begin(self, controls: Controls) -> Asking[Ask, tuple[int, ...], list[Stroke]]:
        """Write or read the bars before the first one; return the strokes with which the music begins at once."""
        self._fresh = False
        end, music = self._clock.next_tick, controls
        if controls.click and controls.turn is not None:
            end, music = controls.turn.tick, controls.turn.controls
        if music.idea is not None:
            self._tune = Tune(self.seed, self._habits, music.idea)
        tune = self._tune
        tune.key = music.key
        for tick in range(end - PREROLL_TICKS, end):
            tune.reader.tick = tick - tune.origin
            others = tune.idea is not None and tick < tune.origin <= end  # another idea's
            known = None if others else self._known.get(tick)
            tune.reader.step((yield from self._write(tick, music, known)))
        if self._known:
            tune.loop.bars = music.loop  # which has begun
        else:
            tune.loop.forget()  # what nobody has heard does not come round
            tune.loop.begin(end - tune.origin, music.loop)
        self._known.clear()
        strokes = tune.opening()
        if controls.click:
            self._opening, strokes = strokes, []
        return strokes

    def _prepare(self, controls: Controls, chunk_ticks: float) -> Asking[Ask, tuple[int, ...], None]:
        """Write some of the bars before the idea that comes in at the turn, as many as this chunk has to."""
        turn = controls.turn
        if turn is None or turn.controls.idea is None or turn.controls.idea in (controls.idea, self._tune.idea):
            return
        idea, to_line = turn.controls.idea, turn.tick - self._clock.position_ticks
        coming, music = self._coming, alone(turn.controls)
        in_time = ticks_to_write(PREROLL_TICKS, to_line, chunk_ticks) < AHEAD_TICKS  # else what is there has to do
        if coming is None or coming.tune.idea != idea or (in_time and not coming.fits(music)):
            self._coming = coming = Coming(idea, self._habits, music)
        yield from coming.prepare(to_line, chunk_ticks)

    def _turn(self, idea: Idea, controls: Controls, offset: int) -> Asking[Ask, tuple[int, ...], list[Stroke]]:
        """Let an idea begin; return the strokes that end the one before and begin it. What is not prepared is late."""
        coming = self._coming
        if coming is None or coming.tune.idea != idea:
            self._coming = coming = Coming(idea, self._habits, controls)
        yield from coming.finish()
        coming.tune.loop.forget()  # its bars before were not heard: none of them comes round
        strokes = self._tune.endings(offset) + coming.tune.opening(offset)
        self._tune, self._coming, self._turns = coming.tune, None, True
        self._opening.clear()
        return strokes
