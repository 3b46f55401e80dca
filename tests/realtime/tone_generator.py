"""A small honest instrument for tests: held notes as sines, a click on each beat, the same bytes for the same input.

Named to the host and the engine process as `tone_generator:make`, with this folder on the path.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from legando.realtime.controls import GENRE_SLOTS, STYLE_DIM, Controls
from legando.realtime.errors import BundleError

SAMPLE_RATE_HZ = 48_000
SPEC = "tone_generator:make"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneChunk:
    frames: NDArray[np.float32]
    position_frames: int
    tick: float
    chord: str
    cost_ns: int
    tokens: tuple[tuple[int, tuple[int, ...]], ...] = ()
    struck: tuple[tuple[int, str, int, float], ...] = ()


class ToneGenerator:
    """A quiet hum whose pitch says seed and style, the notes that sound, and clicks for drums.

    Its score: a kick at each click, and a bass of a beat's length, which goes up a semitone every beat of a bar.
    """

    def __init__(self, seed: int, chunk_latents: int, *, steps: int = 4, step_ms: float = 0.0) -> None:
        self.sample_rate_hz = SAMPLE_RATE_HZ
        self.channels = 2
        self.chunk_frames = 960 * chunk_latents
        self.latency_frames = 0
        self.engine = "sines"
        self.section = "full"
        self.default_steps = steps  # it takes none, but the ladder counts them, and they may take time
        self._step_ms = step_ms
        self._seed = seed
        self._position = 0
        self._beat = 0.0
        self._fresh = True

    @property
    def tick(self) -> float:
        return float(4 * self._beat)

    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]]) -> None:
        self._position = position_frames
        self._beat = tick / 4

    def step(self, controls: Controls) -> ToneChunk:
        began_ns = time.perf_counter_ns()
        time.sleep(self._step_ms * (controls.steps or self.default_steps) / 1000)
        n = self.chunk_frames
        if controls.position_ticks is not None:  # leans towards an outside clock, jumps to a far one
            off = controls.position_ticks / 4 - self._beat
            self._beat += off if abs(off) > 1 else 0.1 * off
        t = (self._position + np.arange(n)) / SAMPLE_RATE_HZ
        pitches = dict.fromkeys(controls.held, 0)
        sound = 0.1 * np.sin(2 * np.pi * (55.0 + self._seed % 97 + 100.0 * sum(controls.style_now())) * t)
        for note in controls.notes:
            if note.velocity > 0:
                pitches[note.pitch] = note.offset_frames
        for pitch, start in pitches.items():
            tone = 0.05 * np.sin(2 * np.pi * 440.0 * 2 ** ((pitch - 69) / 12) * t)
            tone[:start] = 0.0
            sound += tone
        beats = self._beat + np.arange(n) * controls.tempo_bpm / 60 / SAMPLE_RATE_HZ
        clicks = np.diff(np.floor(beats), prepend=np.floor(self._beat - 1e-9)) > 0
        if "drums" not in controls.muted:
            sound += 0.2 * clicks
        struck: list[tuple[int, str, int, float]] = [(0, part, -1, 0.0) for part in ("bass", "lead") if self._fresh]
        self._fresh = False
        for at in np.flatnonzero(clicks).tolist():
            struck += [(at, "drums", 0, 1.0)] * ("drums" not in controls.muted) + [(at, "bass", -1, 0.0)]
            struck += [(at, "bass", 36 + round(beats[at]) % 4, 0.8)] * ("bass" not in controls.muted)
        struck += [(note.offset_frames, "played", note.pitch, note.velocity) for note in controls.notes]
        self._beat = beats[-1] + controls.tempo_bpm / 60 / SAMPLE_RATE_HZ
        chunk = ToneChunk(
            frames=np.repeat(sound.astype(np.float32)[:, None], 2, axis=1),
            position_frames=self._position,
            tick=float(beats[0] * 4),
            chord="Cmin",
            cost_ns=time.perf_counter_ns() - began_ns,
            struck=tuple(struck),
        )
        self._position += n
        return chunk


class ToneInstrument:
    name: str = "tone"
    hash: str = "0" * 64
    licence: str = "CC0-1.0"

    def encode(self, prompts: Sequence[tuple[str, float]]) -> tuple[float, ...]:
        total = sum(weight for _, weight in prompts)
        style = np.zeros(STYLE_DIM)
        for text, weight in prompts:
            digest = hashlib.sha256(text.encode()).digest()
            style[digest[0] % 10] += weight / total
            style[GENRE_SLOTS:] += weight / total * np.frombuffer(digest[1:5], np.uint8) / 255
        return tuple(float(v) for v in style)

    def usual_tempo_bpm(self, style: Sequence[float]) -> float:
        return round(90.0 + 50.0 * style[-1])

    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> ToneGenerator:
        return ToneGenerator(seed, chunk_latents or 4)


def make(bundle: Path | None) -> ToneInstrument:
    """Return the instrument; a bundle that is not there is refused, as a real one is."""
    if bundle is not None and not bundle.is_dir():
        raise BundleError(f"there is no bundle {bundle}; check the name")
    return ToneInstrument()


class SlowInstrument(ToneInstrument):
    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> ToneGenerator:
        return ToneGenerator(seed, chunk_latents or 4, steps=8, step_ms=11.0)


def slow(bundle: Path | None) -> SlowInstrument:
    """Return an instrument that takes longer over a chunk than it lasts, unless the ladder goes down."""
    return SlowInstrument()


class BrokenInstrument(ToneInstrument):
    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> ToneGenerator:
        raise BundleError("this one never plays; use another")


def broken(bundle: Path | None) -> BrokenInstrument:
    """Return an instrument whose generator refuses to start."""
    return BrokenInstrument()


class NamedInstrument(ToneInstrument):
    """Hums at a pitch that the name of its bundle says."""

    def __init__(self, bundle: Path | None) -> None:
        self._name = bundle.name if bundle is not None else ""
        self.name = self._name or "tone"
        self.hash = hashlib.sha256(self._name.encode()).hexdigest()

    def generator(self, *, seed: int, chunk_latents: int | None, steps: int | None, eco: bool = False) -> ToneGenerator:
        if self._name == "broken":
            raise BundleError("the bundle does not reproduce its reference; make it again")
        return ToneGenerator(seed + 20 * len(self._name), chunk_latents or 4)


def named(bundle: Path | None) -> NamedInstrument:
    """Return an instrument whose sound says which bundle it plays."""
    return NamedInstrument(bundle)
