"""Score tokens: the music of one sixteenth-note tick as one token for each part. [any]

A score is an int16 array (ticks, 5), columns in the order of `PARTS`: chord, drums, bass, lead, texture.

| part | tokens | meaning |
|---|---|---|
| chord | 0 rest, 1 hold, 2 + root * 8 + quality | root 0..11 (C = 0), quality indexes `QUALITIES` |
| drums | 0..255 | bit mask of `DRUM_VOICES` struck on this tick |
| bass | 0 rest, 1 hold, 2 + (pitch - BASS_LOW) | MIDI pitch struck on this tick |
| lead | 0 rest, 1 hold, 2 + (pitch - LEAD_LOW) | MIDI pitch struck on this tick |
| texture | 0..5, see `TEXTURES` | sustained layer that sounds during this tick |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legando.realtime.controls import PARTS

TICKS_PER_BEAT = 4
TICKS_PER_BAR = 16

REST = 0
HOLD = 1

QUALITIES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "7": (0, 4, 7, 10),
    "sus4": (0, 5, 7),
    "dim": (0, 3, 6),
    "min9": (0, 3, 7, 10, 14),
}
QUALITY_NAMES = tuple(QUALITIES)
PITCH_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

DRUM_VOICES = ("kick", "snare", "ghost", "clap", "hat", "open_hat", "tom", "cymbal")
TEXTURES = ("none", "pad", "ambience", "pad_ambience", "riser", "vinyl")

BASS_LOW, BASS_HIGH = 24, 60
LEAD_LOW, LEAD_HIGH = 54, 91
ROLL_LOW, ROLL_PITCHES = 24, 72
"""Note rolls cover MIDI pitches 24..95; live notes outside are folded in by octaves."""

VOCABULARY: dict[str, int] = {
    "chord": 2 + 12 * len(QUALITIES),
    "drums": 1 << len(DRUM_VOICES),
    "bass": 2 + BASS_HIGH - BASS_LOW + 1,
    "lead": 2 + LEAD_HIGH - LEAD_LOW + 1,
    "texture": len(TEXTURES),
}
VOCABULARY_SIZES = tuple(VOCABULARY[part] for part in PARTS)
CHORD, DRUMS, BASS, LEAD, TEXTURE = range(5)

Score = NDArray[np.int16]

# How hard a note is struck, by its place in the bar: bar line, beat, eighth, sixteenth.
_ACCENTS = np.array([1.0 if t == 0 else 0.92 if t % 4 == 0 else 0.84 if t % 2 == 0 else 0.74 for t in range(16)])


def accent(tick: int) -> float:
    """Return the velocity (0..1) that a note struck on this tick has by its place in the bar. [any]"""
    return float(_ACCENTS[tick % TICKS_PER_BAR])


def chord_token(root: int, quality: str) -> int:
    """Return the token that strikes a chord. [any]"""
    return 2 + (root % 12) * len(QUALITIES) + QUALITY_NAMES.index(quality)


def chord_of(token: int) -> tuple[int, str] | None:
    """Return (root, quality) of a chord token, None for rest and hold. [any]"""
    if token < 2:
        return None
    root, quality = divmod(token - 2, len(QUALITIES))
    return root, QUALITY_NAMES[quality]


def chord_name(token: int) -> str:
    """Return a chord token as text, such as `Cmin7`. [any]"""
    chord = chord_of(token)
    return "-" if chord is None else f"{PITCH_NAMES[chord[0]]}{chord[1]}"


def chord_pitch_classes(token: int) -> tuple[int, ...]:
    """Return the pitch classes of a chord token, root first; empty for rest and hold. [any]"""
    chord = chord_of(token)
    return () if chord is None else tuple((chord[0] + step) % 12 for step in QUALITIES[chord[1]])


def recognise_chord(pitches: Iterable[int]) -> int | None:
    """Return the chord token that fits held pitches best, None for fewer than three pitch classes. [any]

    Counts shared pitch classes less half of those that only one side has; the lowest pitch breaks ties as root.
    """
    held = sorted(pitches)
    classes = {p % 12 for p in held}
    if len(classes) < 3:
        return None
    best, best_score = None, -1e9
    for root in range(12):
        for name, steps in QUALITIES.items():
            tones = {(root + s) % 12 for s in steps}
            fit = len(tones & classes) - 0.5 * len(tones ^ classes) + (0.25 if held[0] % 12 == root else 0.0)
            if fit > best_score:
                best, best_score = chord_token(root, name), fit
    return best


def voice_chord(token: int, previous: Sequence[int] = (), *, centre: int = 60) -> tuple[int, ...]:
    """Return four MIDI pitches for a chord token, each as near as can be to the voicing before. [any]

    Triads double their root. Without a previous voicing the pitches lie around `centre`.
    """
    classes = list(chord_pitch_classes(token))
    if not classes:
        return ()
    if len(classes) == 5:  # a ninth chord leaves its root to the bass
        classes = classes[1:]
    if len(classes) == 3:
        classes.append(classes[0])
    best: tuple[int, ...] = ()
    best_cost = 1e9
    for low in range(centre - 11, centre + 2):
        if low % 12 not in classes:
            continue
        rest = list(classes)
        rest.remove(low % 12)
        pitches = [low]
        for cls in sorted(rest, key=lambda c: (c - low - 1) % 12):
            pitches.append(pitches[-1] + ((cls - pitches[-1] - 1) % 12) + 1)
        cost = abs(sum(pitches) / 4 - centre) * 0.5 + max(0, pitches[-1] - centre - 14) * 2
        if previous:
            cost += sum(abs(a - b) for a, b in zip(pitches, sorted(previous), strict=False))
        if cost < best_cost:
            best, best_cost = tuple(pitches), cost
    return best


def fold_pitch(pitch: int) -> int:
    """Move a pitch by octaves into the range that note rolls cover. [any]"""
    while pitch < ROLL_LOW:
        pitch += 12
    while pitch >= ROLL_LOW + ROLL_PITCHES:
        pitch -= 12
    return pitch


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note of a tonal part: `part` is bass, chord, lead or texture (a pad); times in ticks, may be fractional."""

    part: str
    pitch: int
    start_ticks: float
    end_ticks: float
    velocity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One drum stroke: `voice` indexes `DRUM_VOICES`."""

    voice: int
    start_ticks: float
    velocity: float


@dataclass(frozen=True, slots=True)
class TickEvents:
    """What one tick asks for: parts whose notes end, notes that start (part, pitch, velocity), drum strokes."""

    ends: tuple[str, ...]
    starts: tuple[tuple[str, int, float], ...]
    hits: tuple[tuple[int, float], ...]
    texture: int


class ScoreReader:
    """Turns score tokens into notes, tick by tick. State: the sounding chord, its voicing, the texture. [engine]

    The pad of a texture doubles the sounding chord; it is reported as part `texture`, an octave above the chord.
    """

    def __init__(self) -> None:
        self.tick = 0
        self.chord = REST
        self.voicing: tuple[int, ...] = ()
        self.pad: tuple[int, ...] = ()
        self.sounding: set[str] = set()

    def step(self, tokens: Sequence[int] | NDArray[np.int16]) -> TickEvents:
        """Read one tick (5 tokens) and return what starts and ends on it."""
        chord, drums, bass, lead, texture = (int(t) for t in tokens)
        velocity = accent(self.tick)
        ends: list[str] = []
        starts: list[tuple[str, int, float]] = []
        if chord != HOLD:
            if "chord" in self.sounding:
                ends.append("chord")
                self.sounding.discard("chord")
            self.chord = chord
            if chord >= 2:
                self.voicing = voice_chord(chord, self.voicing)
                starts += [("chord", p, velocity) for p in self.voicing]
                self.sounding.add("chord")
        wants_pad = TEXTURES[texture] in ("pad", "pad_ambience")
        pad = tuple(p + 12 for p in self.voicing[-3:]) if wants_pad and self.voicing else ()
        if pad != self.pad:
            if self.pad:
                ends.append("texture")
            starts += [("texture", p, 0.6) for p in pad]
            self.pad = pad
        for part, token, low in (("bass", bass, BASS_LOW), ("lead", lead, LEAD_LOW)):
            if token != HOLD:
                if part in self.sounding:
                    ends.append(part)
                    self.sounding.discard(part)
                if token >= 2:
                    starts.append((part, token - 2 + low, velocity))
                    self.sounding.add(part)
        hits = tuple(
            (voice, velocity * (0.45 if name == "ghost" else 1.0))
            for voice, name in enumerate(DRUM_VOICES)
            if drums >> voice & 1
        )
        self.tick += 1
        return TickEvents(tuple(ends), tuple(starts), hits, texture)


def read_score(score: Score) -> tuple[list[Note], list[Hit]]:
    """Turn a whole score (ticks, 5) into notes and drum strokes; times in ticks. [any]"""
    reader = ScoreReader()
    open_notes: dict[str, list[tuple[int, float, float]]] = {}
    notes: list[Note] = []
    hits: list[Hit] = []

    def close(part: str, tick: float) -> None:
        for pitch, start, velocity in open_notes.pop(part, []):
            notes.append(Note(part=part, pitch=pitch, start_ticks=start, end_ticks=tick, velocity=velocity))

    for tick, tokens in enumerate(score):
        events = reader.step(tokens)
        for part in events.ends:
            close(part, tick)
        for part, pitch, velocity in events.starts:
            open_notes.setdefault(part, []).append((pitch, float(tick), velocity))
        hits += [Hit(voice=v, start_ticks=float(tick), velocity=vel) for v, vel in events.hits]
    for part in list(open_notes):
        close(part, len(score))
    notes.sort(key=lambda n: (n.start_ticks, n.part, n.pitch))
    return notes, hits


def check_score(score: Score) -> None:
    """Raise ValueError when a score has the wrong shape or a token outside its part's vocabulary. [any]"""
    if score.ndim != 2 or score.shape[1] != len(PARTS):
        raise ValueError(f"a score has shape (ticks, {len(PARTS)}), this one has {score.shape}")
    for column, (part, size) in enumerate(VOCABULARY.items()):
        low, high = int(score[:, column].min(initial=0)), int(score[:, column].max(initial=0))
        if low < 0 or high >= size:
            raise ValueError(f"{part} tokens run from 0 to {size - 1}, this score has {low} to {high}")
