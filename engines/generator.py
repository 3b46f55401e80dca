"""The generator: control snapshots in, chunks of sound out, without end. [engine]

One step, top to bottom: which ticks begin in this chunk; the arranger says what the bar is to hold; the language
model writes the ticks, held to what the performer holds; score and live notes become features; the denoiser makes
latents out of noise in a few steps and remembers them; the decoder and the seam make audio. All randomness is counted
(seed, stream, counter), so the same bundle, back end, seed and snapshots give the same bytes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import Arranger, read_habits
from legando.engines.backend import ECO_ENGINE_NAME, ENGINE_NAME, Network
from legando.engines.bundle import Bundle
from legando.engines.constraints import LOGITS, held_features, key_mask, plan_mask, recognise_held, score_mask
from legando.engines.counter_rng import LATENT, SCORE, gumbel, normal
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.lean import LeanDecoder, LeanDenoiser, sounding
from legando.engines.metronome import Metronome
from legando.engines.score import REST, TICKS_PER_BAR, TICKS_PER_BEAT, VOCABULARY_SIZES, ScoreReader, chord_name
from legando.engines.timeline import (
    ANCHOR_CHUNKS,
    GRAIN_FRAMES,
    LATENT_FRAMES,
    SAMPLE_RATE_HZ,
    ChunkFeatures,
    Clock,
    FeatureTrack,
    Stroke,
    tick_seconds,
    tick_strokes,
)
from legando.engines.turning import take_ticks
from legando.kernels.seam import Seam
from legando.realtime.controls import PARTS, Controls
from legando.realtime.errors import RigError

LATENT_WIDTH = 64
STEPS_MAX = 64
ECO_STEPS = 2
ECO_QUIET_PEAK = 5e-4
"""Eco makes nothing of a chunk in which nothing sounds once the music before has died away to this: -66 dB."""
PHRASE_BARS = 8
PREROLL_TICKS = 8 * TICKS_PER_BAR
"""Bars that the language model writes before the first chunk, unheard: music starts in the middle, not in an intro."""
_PREROLL_COUNTER = 1 << 32
ANCHOR_AFTER_CHUNKS = 48
_ANCHOR_STYLE_CHANGE = 0.05
_COARSE = ("coarse_keys", "coarse_values")
_SILENCE = (REST,) * len(PARTS)
_LEAD_REST_TICKS = 8
"""How long the model's own lead stays silent after the performer's last note; a held chord leaves it playing."""


@dataclass(slots=True)
class Chunk:
    """One chunk. `frames` is a view (n, 2) that the next step overwrites; `tick` is where the chunk began.

    `tokens` lists the ticks that began in this chunk with their score tokens; `peak` is linear, for each channel.
    """

    frames: NDArray[np.float32]
    position_frames: int
    tick: float
    chord: str
    peak: tuple[float, float]
    cost_ns: int
    tokens: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)


class Generator:
    """Owns the networks and everything that goes on from chunk to chunk."""

    sample_rate_hz = SAMPLE_RATE_HZ
    channels = 2

    def __init__(
        self,
        bundle: Bundle,
        *,
        seed: int = 0,
        chunk_latents: int | None = None,
        steps: int | None = None,
        eco: bool = False,
    ) -> None:
        """Load, allocate, reproduce the bundle's references and warm up. Raises BundleError or RigError.

        `eco` plays with int8 weights and, unless `steps` says otherwise, at most `ECO_STEPS` denoising steps, and
        leaves out what would be silent.
        """
        trained = int(bundle.manifest["chunk_latents"])
        latents = trained if chunk_latents is None else chunk_latents
        if latents != trained:
            raise RigError(f"this bundle was trained with chunk_latents {trained}, not {latents}; use {trained}")
        usual = min(ECO_STEPS, bundle.default_steps) if eco else bundle.default_steps
        self.default_steps = _checked_steps(usual if steps is None else steps)
        self.engine = ECO_ENGINE_NAME if eco else ENGINE_NAME
        self._eco = eco
        self.seed = seed
        self.latents = latents
        self.chunk_frames = latents * LATENT_FRAMES
        self.latency_frames = GRAIN_FRAMES
        self._language = Network(bundle.file("language.onnx"), {})
        self._denoiser = LeanDenoiser(bundle, int8=eco)
        self._decoder = LeanDecoder(bundle, int8=eco)
        for name, network in (("language", self._language), ("denoiser", self._denoiser), ("decoder", self._decoder)):
            network.check(bundle.file("reference.safetensors"), name)
        self._arranger = Arranger(seed, read_habits(json.loads(bundle.file("habits.json").read_text())))
        self._seam = Seam(self.channels, GRAIN_FRAMES, self.chunk_frames)
        self._held = self._language.inputs["held"][0]
        self._excitation = excitation_table()
        self._metronome = Metronome(SAMPLE_RATE_HZ, self.channels, self.chunk_frames)
        self._x = np.zeros((latents, LATENT_WIDTH), np.float32)
        self._noisy = self._denoiser.inputs["latents"][0]
        self.reset()

    def reset(self) -> None:
        """Start again from silence at tick 0, with the same seed."""
        for network in (self._language, self._denoiser, self._decoder):
            network.reset()
        self._language.inputs["previous"][0] = VOCABULARY_SIZES
        self._seam.reset()
        self._metronome.reset()
        self._clock = Clock()
        self._reader = ScoreReader()
        self._track = FeatureTrack(self.latents)
        self._chunks = 0
        self._fresh = True
        self._known: dict[int, tuple[int, ...]] = {}  # ticks that another engine has written
        self._opening: list[Stroke] = []  # what the music begins with after a count-in
        self._key: str | None = None
        self._peak = 1.0
        self._played_tick = -(10**9)
        self._anchors = {name: np.zeros_like(self._denoiser.current(name)[..., :ANCHOR_CHUNKS, :]) for name in _COARSE}
        self._anchor_style: NDArray[np.float32] | None = None
        self._anchor_age = 0
        self.section = ""  # of the last tick that was written

    @property
    def tick(self) -> float:
        """Where the next chunk begins, in sixteenths; an outside clock may still move it."""
        return self._clock.position_ticks

    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]] = ()) -> None:
        """Go on where another engine ended: at this frame, at this tick, after the `score` that it wrote. [engine]

        `score` lists ticks with their tokens, of which the last `PREROLL_TICKS` count; what is missing is written anew.
        The next chunk takes some longer, since these ticks are read first.
        """
        self.reset()
        self._chunks = position_frames // self.chunk_frames
        self._clock.position_ticks = tick
        self._clock.next_tick = math.ceil(tick - 1e-6)
        self._known = {int(at): tuple(int(token) for token in tokens) for at, tokens in score}

    def step(self, controls: Controls) -> Chunk:
        """Make the next chunk. [engine]"""
        began_ns = time.perf_counter_ns()
        if controls.position_ticks is not None:
            self._clock.follow(controls.position_ticks)
        start_ticks = self._clock.position_ticks
        strokes = self._begin(controls) if self._fresh else []
        written: list[tuple[int, tuple[int, ...]]] = []
        if (controls.held or controls.notes) and recognise_held(controls.held) is None:  # a line, not a chord
            self._played_tick = self._clock.next_tick
        beats: list[tuple[int, bool]] = []
        ticks, sound = take_ticks(self._clock, self.chunk_frames, controls)
        for tick, offset, now in ticks:
            if now.click:
                tokens = _SILENCE
                if tick % TICKS_PER_BEAT == 0:
                    beats.append((offset + self.latency_frames, tick % TICKS_PER_BAR == 0))
            else:
                strokes += [replace(stroke, offset_frames=offset) for stroke in self._opening]
                self._opening.clear()
                tokens = self._write_tick(tick, np.asarray(now.style_now(), np.float32), now)
            written.append((tick, tokens))
            self._reader.tick = tick
            strokes += tick_strokes(self._reader, self._track, tokens, offset)
        strokes += [Stroke(n.offset_frames, "lead", n.pitch, n.velocity) for n in controls.notes]
        ticks_per_frame = 1.0 / (tick_seconds(sound.tempo_bpm) * SAMPLE_RATE_HZ)
        features = self._track.chunk(self.latents, strokes, ticks_per_frame, start_ticks)

        steps = _checked_steps(controls.steps) if controls.steps is not None else self.default_steps
        if self._eco and self._peak < ECO_QUIET_PEAK and not strokes and not len(sounding(features.voices)):
            self._decoder.outputs["audio"].fill(0.0)
        else:
            self._denoiser.guidance = sound.guidance
            self._make(features, np.asarray(sound.style_now(), np.float32), steps)
        audio, report = self._seam.process(self._decoder.outputs["audio"][0])
        audio = self._metronome.mix(audio, beats)
        self._peak = float(max(report.peak))
        chunk = Chunk(
            frames=audio,
            position_frames=self._chunks * self.chunk_frames,
            tick=start_ticks,
            chord=chord_name(self._reader.chord),
            peak=(float(report.peak[0]), float(report.peak[1])),
            cost_ns=time.perf_counter_ns() - began_ns,
            tokens=written,
        )
        self._chunks += 1
        return chunk

    def _make(self, features: ChunkFeatures, style: NDArray[np.float32], steps: int) -> None:
        """Make this chunk's latents and its sound, which lies in the decoder's output then."""
        given = self._denoiser.inputs
        given["frames"][0] = features.frames
        given["style"][0] = style
        given["tick_tokens"][0] = features.tick_tokens
        given["tick_ages_s"][0] = features.tick_ages_s
        self._denoise(steps)

        self._hold_anchor(style)

        given = self._decoder.inputs
        given["latents"][0] = self._x
        given["frames"][0] = features.frames
        given["voices"][0] = features.voices
        rows = excitation_rows(2 * self.latents * self._chunks, 2 * self.latents)
        np.take(self._excitation, rows, axis=0, out=given["excitation"][0])
        self._decoder.run()

    def _begin(self, controls: Controls) -> list[Stroke]:
        """Write or read the bars before the first one; return the strokes with which the music begins at once."""
        self._fresh = False
        end, music = self._clock.next_tick, controls
        if controls.click and controls.turn is not None:
            end, music = controls.turn.tick, controls.turn.controls
        self._key = music.key
        strokes = self._preroll(end, np.asarray(music.style_now(), np.float32), music)
        self._known.clear()
        if controls.click:
            self._opening, strokes = strokes, []
        return strokes

    def _preroll(self, end: int, style: NDArray[np.float32], controls: Controls) -> list[Stroke]:
        """Write or read the bars before `end`, and return the strokes of the chord that they leave sounding."""
        for tick in range(end - PREROLL_TICKS, end):
            self._reader.tick = tick
            tokens = self._write_tick(tick, style, controls)
            if tick in self._known:
                tokens = self._known[tick]
                self._language.inputs["previous"][0] = tokens
            self._reader.step(tokens)
        strokes = [Stroke(0, "chord", pitch, 0.8) for pitch in self._reader.voicing if self._reader.chord >= 2]
        return strokes + [Stroke(0, "texture", pitch, 0.6) for pitch in self._reader.pad]

    def _write_tick(self, tick: int, style: NDArray[np.float32], controls: Controls) -> tuple[int, ...]:
        """Let the language model write one tick, within what the performer holds and mutes."""
        given = self._language.inputs
        given["style"][0] = style
        bar, given["plan"][0] = self._arranger.plan(tick // TICKS_PER_BAR, style, controls.section)
        self.section = bar.section
        given["position"][0] = (tick % TICKS_PER_BAR, tick // TICKS_PER_BAR % PHRASE_BARS)
        given["temperature"][0, 0] = controls.temperature
        given["noise"][0] = gumbel(self.seed, SCORE, tick if tick >= 0 else _PREROLL_COUNTER + tick, LOGITS)
        held_features(controls.held, self._held)
        leads = tick - self._played_tick < _LEAD_REST_TICKS
        score_mask(controls.held, controls.muted, self._reader.chord, tick, leads, given["mask"][0])
        plan_mask(bar, controls.held, given["mask"][0])
        if controls.key is not None:
            strike = controls.key != self._key
            key_mask(controls.key, controls.held, self._reader.chord, strike, given["mask"][0])
        self._key = controls.key
        self._language.run()
        tokens = self._language.outputs["tokens"]
        given["previous"][...] = tokens
        return tuple(int(t) for t in tokens[0])

    def _denoise(self, steps: int) -> None:
        """Follow the flow from noise to latents in `steps` Euler steps, then show the result to the past."""
        x, t = self._x, self._denoiser.inputs["t"]
        x[...] = normal(self.seed, LATENT, self._chunks, x.size).reshape(x.shape)
        velocity = self._denoiser.outputs["velocity"][0]
        for index in range(steps):
            self._noisy[...] = x
            t[0] = index / steps
            self._denoiser.run(keep=False)
            x += velocity * np.float32(1.0 / steps)
        self._noisy[...] = x
        t[0] = 1.0
        self._denoiser.run()

    def _hold_anchor(self, style: NDArray[np.float32]) -> None:
        """Keep some of the first sound of this style in the past that the coarse path sees, so that timbre stays.

        The coarse path remembers two seconds, so timbre would wander. As language models keep their first tokens in
        a sliding window (Xiao et al., ICLR 2024), the oldest places keep chunks from shortly after the style was set.
        """
        if self._anchor_style is None or np.abs(style - self._anchor_style).max() > _ANCHOR_STYLE_CHANGE:
            self._anchor_style, self._anchor_age = style.copy(), 0
        self._anchor_age += 1
        for name, anchor in self._anchors.items():
            past = self._denoiser.current(name)
            if self._anchor_age == ANCHOR_AFTER_CHUNKS:
                anchor[...] = past[..., -ANCHOR_CHUNKS:, :]
            if self._anchor_age >= ANCHOR_AFTER_CHUNKS:
                past[..., :ANCHOR_CHUNKS, :] = anchor


def _checked_steps(steps: int) -> int:
    if not 1 <= steps <= STEPS_MAX:
        raise RigError(f"{steps} denoising steps is outside 1 to {STEPS_MAX}; choose one inside")
    return steps
