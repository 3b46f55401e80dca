"""The timeline: score ticks and live notes placed on latent frames, as features for the networks. [engine]

Time is counted in grains of 10 ms (480 frames at 48 kHz); a latent frame is two grains. Training and live play build
their features with the same `FeatureTrack`, one chunk at a time, so a network never sees live what it did not see in
training.

Features of one latent frame (`FEATURES` floats):

| columns | holds |
|---|---|
| 0..7 | drum strokes: velocity of each voice struck in this frame |
| 8..15 | where in the frame the stroke fell, 0..1, where struck |
| 16..231 | roll: velocity of sounding pitches for bass, harmony (chord and pad), lead; 72 each |
| 232..447 | the same for notes struck in this frame |
| 448..453 | texture, one-hot |
| 454..457 | sine and cosine of beat phase and of bar phase |

Voices of one grain (`VOICES` slots x `VOICE_FIELDS`): pitch (MIDI), gate (0 or 1), velocity, age in seconds since
struck, seconds since released, and at the centre of the grain the phase in cycles (0..1) of three oscillators: one at
the pitch, two `DETUNE_CENTS` above and below it for width. Slots: bass 2, chord 8, pad 3, lead 6. A slot keeps its
pitch after its note ended, so that a release can sound. Phases are kept here, in double precision, so that the decoder
needs no state for them and every chunk size gives the same sound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import (
    DRUM_VOICES,
    ROLL_LOW,
    ROLL_PITCHES,
    TEXTURES,
    TICKS_PER_BAR,
    Score,
    ScoreReader,
    fold_pitch,
)
from legando.realtime.controls import TICK_S_AT_1_BPM

SAMPLE_RATE_HZ = 48_000
GRAIN_FRAMES = 480
LATENT_FRAMES = 960

SLOTS = {"bass": (0, 2), "chord": (2, 8), "texture": (10, 3), "lead": (13, 6), "kick": (19, 1)}
"""First slot and number of slots of each tonal part, and of the kick."""
VOICES = 20
KICK_PITCH = 4
VOICE_FIELDS = 8
AGE_MAX_S = 4.0
DETUNE_CENTS = 6.0
_DETUNE = 2.0 ** (np.array([0.0, DETUNE_CENTS, -DETUNE_CENTS]) / 1200.0)

_DRUMS = len(DRUM_VOICES)
_KICK = DRUM_VOICES.index("kick")
_ROLLS = {"bass": 0, "chord": 1, "texture": 1, "lead": 2}
_ROLL_AT = 2 * _DRUMS
_ONSET_AT = _ROLL_AT + 3 * ROLL_PITCHES
_TEXTURE_AT = _ONSET_AT + 3 * ROLL_PITCHES
_PHASE_AT = _TEXTURE_AT + len(TEXTURES)
FEATURES = _PHASE_AT + 4

TICK_WINDOW = 8
"""How many of the latest ticks the denoiser sees as score tokens."""
ANCHOR_CHUNKS = 16
"""How many of the oldest chunks that the denoiser sees are an anchor in play: chunks from when the style was set."""

FloatArray = NDArray[np.float32]

Struck = tuple[int, str, int, float]
"""A stroke for those who do not make the sound: offset in frames, part, pitch and velocity, as in `Stroke`."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One thing that happens at a frame of the chunk: a drum (`part` drums, `pitch` the voice) or a note."""

    offset_frames: int
    part: str
    pitch: int
    velocity: float  # 0 ends the note; pitch -1 ends every note of the part


@dataclass(slots=True)
class ChunkFeatures:
    """What the networks are told about one chunk of n latent frames; arrays are reused by the next chunk.

    frames: (n, FEATURES); voices: (2 n, VOICES, VOICE_FIELDS); tick_tokens: (TICK_WINDOW, 5) int64, newest last;
    tick_ages_s: (TICK_WINDOW,) seconds from each tick to the start of the chunk (negative inside the chunk).
    """

    frames: FloatArray
    voices: FloatArray
    tick_tokens: NDArray[np.int64]
    tick_ages_s: FloatArray


def tick_seconds(tempo_bpm: float) -> float:
    """Return the length of a sixteenth in seconds. [any]"""
    return TICK_S_AT_1_BPM / tempo_bpm


def _pitch_hz(pitch: Any) -> Any:
    return 440.0 * np.exp2((pitch - 69.0) / 12.0)


def swung(tick: float, swing: float) -> float:
    """Return the tick position with odd sixteenths late by `swing` of a tick. [any]"""
    return tick + swing if tick == int(tick) and int(tick) % 2 == 1 else tick


class Clock:
    """Where the music is, in ticks; says which ticks begin inside each chunk. [engine]

    Tempo may change with each chunk: the position is the running sum of tempo over time.
    """

    def __init__(self) -> None:
        self.position_ticks = 0.0
        self.next_tick = 0

    def advance(self, frames: int, tempo_bpm: float, swing: float) -> list[tuple[int, int]]:
        """Move over `frames` and return (tick, offset_frames) of each tick that begins in them."""
        ticks_per_frame = 1.0 / (tick_seconds(tempo_bpm) * SAMPLE_RATE_HZ)
        begun = []
        while True:
            at = (swung(self.next_tick, swing) - self.position_ticks) / ticks_per_frame
            offset = max(0, math.ceil(at - 1e-6))
            if offset >= frames:
                break
            begun.append((self.next_tick, offset))
            self.next_tick += 1
        self.position_ticks += frames * ticks_per_frame
        return begun

    def follow(self, position_ticks: float, *, slew: float = 0.1) -> None:
        """Lean towards an outside clock; jump when it is more than a beat away."""
        error = position_ticks - self.position_ticks
        if abs(error) > 4:
            self.position_ticks = position_ticks
            self.next_tick = math.ceil(position_ticks - 1e-6)
        else:
            self.position_ticks += slew * error


class FeatureTrack:
    """Turns strokes into features, chunk by chunk; holds voice slots, sounding notes and the latest ticks. [engine]

    Allocates for `max_latents` latent frames a chunk.
    """

    def __init__(self, max_latents: int = 16) -> None:
        self._frames = np.zeros((max_latents, FEATURES), np.float32)
        self._voices = np.zeros((2 * max_latents, VOICES, VOICE_FIELDS), np.float32)
        self._state = np.zeros((VOICES, VOICE_FIELDS), np.float32)
        self._state[:, 0] = 60.0
        self._state[:, 3:5] = AGE_MAX_S
        self._phase = np.zeros((VOICES, 3))
        self._next_slot = dict.fromkeys(SLOTS, 0)
        self._sounding: dict[tuple[str, int], tuple[int, float]] = {}
        self._tick_tokens = np.zeros((TICK_WINDOW, 5), np.int64)
        self._tick_ages = np.full(TICK_WINDOW, AGE_MAX_S, np.float32)
        self._ages_out = np.zeros(TICK_WINDOW, np.float32)
        self._texture = 0

    def begin_tick(self, tokens: Sequence[int], texture: int, offset_frames: int) -> None:
        """Note the tokens of a tick that begins in the coming chunk."""
        self._tick_tokens[:-1] = self._tick_tokens[1:]
        self._tick_tokens[-1] = tokens
        self._tick_ages[:-1] = self._tick_ages[1:]
        self._tick_ages[-1] = -offset_frames / SAMPLE_RATE_HZ
        self._texture = texture

    def _start(self, part: str, pitch: int, velocity: float) -> None:
        first, count = SLOTS[part]
        slot = first + self._next_slot[part]
        self._next_slot[part] = (self._next_slot[part] + 1) % count
        for key, (used, _) in list(self._sounding.items()):
            if used == slot:
                del self._sounding[key]
        self._sounding[part, pitch] = (slot, velocity)
        self._state[slot, :5] = (pitch, 1.0, velocity, 0.0, 0.0)
        self._phase[slot] = 0.0

    def _kick(self, velocity: float, frames_to_centre: int) -> None:
        slot = SLOTS["kick"][0]
        self._state[slot, :5] = (KICK_PITCH, 0.0, velocity, 0.0, 0.0)
        self._phase[slot] = _pitch_hz(KICK_PITCH) * _DETUNE * frames_to_centre / SAMPLE_RATE_HZ

    def _end(self, part: str, pitch: int) -> None:
        for key in [k for k in self._sounding if k[0] == part and pitch in (-1, k[1])]:
            slot, _ = self._sounding.pop(key)
            self._state[slot, 1] = 0.0
            self._state[slot, 4] = 0.0

    def chunk(
        self, latents: int, strokes: Sequence[Stroke], ticks_per_frame: float, start_ticks: float
    ) -> ChunkFeatures:
        """Return the features of the next `latents` latent frames, in which `strokes` happen.

        A note sounds from the grain in whose first half it starts: grain g covers frames 480 g .. 480 g + 960 under a
        Hann window, so the attack is never late, and early by 5 ms at the middle.
        """
        frames, voices = self._frames[:latents], self._voices[: 2 * latents]
        frames.fill(0.0)
        pending = sorted(strokes, key=lambda s: s.offset_frames)
        due = 0
        for grain in range(2 * latents):
            at = grain // 2
            row = frames[at]
            limit = (grain + 1) * GRAIN_FRAMES
            while due < len(pending) and pending[due].offset_frames < limit:
                stroke = pending[due]
                due += 1
                if stroke.part == "drums":
                    hit = min(latents - 1, stroke.offset_frames // LATENT_FRAMES)
                    frames[hit, stroke.pitch] = stroke.velocity
                    frames[hit, _DRUMS + stroke.pitch] = (stroke.offset_frames - hit * LATENT_FRAMES) / LATENT_FRAMES
                    if stroke.pitch == _KICK:
                        self._kick(stroke.velocity, limit - stroke.offset_frames)
                elif stroke.velocity <= 0.0:
                    self._end(stroke.part, stroke.pitch if stroke.pitch < 0 else fold_pitch(stroke.pitch))
                else:
                    pitch = fold_pitch(stroke.pitch)
                    self._end(stroke.part, pitch)
                    self._start(stroke.part, pitch, stroke.velocity)
                    row[_ONSET_AT + _ROLLS[stroke.part] * ROLL_PITCHES + pitch - ROLL_LOW] = stroke.velocity
            for (part, pitch), (_, velocity) in self._sounding.items():
                row[_ROLL_AT + _ROLLS[part] * ROLL_PITCHES + pitch - ROLL_LOW] = velocity
            self._state[:, 5:8] = self._phase
            voices[grain] = self._state
            hz = _pitch_hz(self._state[:, 0].astype(np.float64))
            self._phase += hz[:, None] * _DETUNE * (GRAIN_FRAMES / SAMPLE_RATE_HZ)
            self._phase %= 1.0
            released = self._state[:, 1] == 0.0
            self._state[:, 3] = np.minimum(self._state[:, 3] + GRAIN_FRAMES / SAMPLE_RATE_HZ, AGE_MAX_S)
            self._state[released, 4] = np.minimum(self._state[released, 4] + GRAIN_FRAMES / SAMPLE_RATE_HZ, AGE_MAX_S)
        frames[:, _TEXTURE_AT + self._texture] = 1.0
        centre = start_ticks + (np.arange(latents) + 0.5) * LATENT_FRAMES * ticks_per_frame
        for column, period in ((0, 4.0), (2, float(TICKS_PER_BAR))):
            angle = 2.0 * np.pi * centre / period
            frames[:, _PHASE_AT + column] = np.sin(angle)
            frames[:, _PHASE_AT + column + 1] = np.cos(angle)
        np.clip(self._tick_ages, -1.0, AGE_MAX_S, out=self._ages_out)
        self._tick_ages += latents * LATENT_FRAMES / SAMPLE_RATE_HZ
        return ChunkFeatures(frames, voices, self._tick_tokens, self._ages_out)


@dataclass(frozen=True, slots=True)
class PieceFeatures:
    """Features of a whole piece of n latent frames.

    frames: (n, FEATURES); voices: (2 n, VOICES, VOICE_FIELDS); for each chunk tick_tokens: (chunks, TICK_WINDOW, 5) and
    tick_ages_s: (chunks, TICK_WINDOW).
    """

    frames: FloatArray
    voices: FloatArray
    tick_tokens: NDArray[np.int64]
    tick_ages_s: FloatArray


def piece_features(score: Score, tempo_bpm: float, swing: float, chunk_latents: int = 4) -> PieceFeatures:
    """Return the features of a whole score, made chunk by chunk as in live play. [any]"""
    clock, reader, track = Clock(), ScoreReader(), FeatureTrack(chunk_latents)
    chunk_frames = chunk_latents * LATENT_FRAMES
    ticks_per_frame = 1.0 / (tick_seconds(tempo_bpm) * SAMPLE_RATE_HZ)
    chunks = int(len(score) / ticks_per_frame / chunk_frames)
    out: list[tuple[FloatArray, FloatArray, NDArray[np.int64], FloatArray]] = []
    for _ in range(chunks):
        start_ticks = clock.position_ticks
        strokes: list[Stroke] = []
        for tick, offset in clock.advance(chunk_frames, tempo_bpm, swing):
            if tick < len(score):
                strokes += tick_strokes(reader, track, score[tick].tolist(), offset)
        f = track.chunk(chunk_latents, strokes, ticks_per_frame, start_ticks)
        out.append((f.frames.copy(), f.voices.copy(), f.tick_tokens.copy(), f.tick_ages_s.copy()))
    frames, voices, tokens, ages = zip(*out, strict=True)
    return PieceFeatures(np.concatenate(frames), np.concatenate(voices), np.stack(tokens), np.stack(ages))


def tick_strokes(reader: ScoreReader, track: FeatureTrack, tokens: Sequence[int], offset_frames: int) -> list[Stroke]:
    """Read one tick's tokens and return what it strikes and ends, at `offset_frames` of the coming chunk. [engine]"""
    events = reader.step(tokens)
    track.begin_tick(tokens, events.texture, offset_frames)
    strokes = [Stroke(offset_frames, part, -1, 0.0) for part in events.ends]
    strokes += [Stroke(offset_frames, part, pitch, velocity) for part, pitch, velocity in events.starts]
    strokes += [Stroke(offset_frames, "drums", voice, velocity) for voice, velocity in events.hits]
    return strokes
