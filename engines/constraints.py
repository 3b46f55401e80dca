"""Masks that make the score follow the performer and the form: held chords, keys, muted parts, planned bars. [engine]

The language model adds one row of `LOGITS` floats (all parts side by side, in the order of `PARTS`) to its logits: 0
allows a token, `FORBIDDEN` rules it out, what lies between makes it likelier or not. Every part always keeps at least
one token.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import PLANNED_PARTS, Bar
from legando.engines.score import (
    BASS_LOW,
    DRUM_VOICES,
    HOLD,
    LEAD_LOW,
    REST,
    TICKS_PER_BEAT,
    VOCABULARY,
    VOCABULARY_SIZES,
    chord_of,
    chord_pitch_classes,
    recognise_chord,
)
from legando.realtime.controls import PARTS
from legando.realtime.tonality import key_classes

LOGITS = sum(VOCABULARY_SIZES)
FORBIDDEN = -1e9
DENSITY_LEAN = {"chord": 2.5, "drums": 3.0, "bass": 3.5, "lead": 3.5}
"""Nats by which a stroke or a note becomes likelier when the density is turned up all the way."""

_STARTS = np.concatenate(([0], np.cumsum(VOCABULARY_SIZES)))
PART_SLICES: dict[str, slice] = {p: slice(int(_STARTS[i]), int(_STARTS[i + 1])) for i, p in enumerate(PARTS)}

# What a lead may pass through between beats, as steps above the root: no note that grinds against the chord.
_PASSING: dict[str, tuple[int, ...]] = {
    "maj": (0, 2, 4, 7, 9, 11),
    "min": (0, 2, 3, 5, 7, 10),
    "maj7": (0, 2, 4, 7, 9, 11),
    "min7": (0, 2, 3, 5, 7, 10),
    "7": (0, 2, 4, 7, 9, 10),
    "sus4": (0, 2, 5, 7, 9, 10),
    "dim": (0, 2, 3, 5, 6, 9),
    "min9": (0, 2, 3, 5, 7, 10),
}

Mask = NDArray[np.float32]
recognise_held = lru_cache(maxsize=512)(recognise_chord)


def held_features(held: tuple[int, ...], out: NDArray[np.float32]) -> None:
    """Write which pitch classes the performer holds into `out` (12,): ones and zeros. [engine]

    Three pitch classes or more count as the chord that they form, which is what the model saw in training.
    """
    out[:] = 0.0
    chord = recognise_held(held)
    for pitch in held if chord is None else chord_pitch_classes(chord):
        out[pitch % 12] = 1.0


def score_mask(
    held: tuple[int, ...],
    muted: frozenset[str],
    current_chord: int,
    tick: int,
    performer_leads: bool,
    out: Mask,
) -> None:
    """Write what each part may do on this tick into `out` (LOGITS,). [engine]

    `current_chord` is the token of the chord that sounds, or REST. A held chord that is not sounding is struck on this
    very tick; then bass and lead may not hold on to notes of the old one. While a chord is held the bass keeps to its
    tones, the lead to its tones on the beat and to a scale of it between beats. Fewer than three held pitch classes
    constrain nothing. Muted parts only rest; `performer_leads` rests the lead. Muting wins over the held chord.
    """
    chord = recognise_held(held)
    if chord is None:
        out[:] = 0.0
    else:
        sounds = current_chord >= 2 and _same_chord(chord, current_chord)
        out[:] = _chord_mask(current_chord if sounds else chord, not sounds, tick % TICKS_PER_BEAT == 0)
    for part in PARTS:
        if part in muted or (part == "lead" and performer_leads):
            row = out[PART_SLICES[part]]
            row[:] = FORBIDDEN
            row[REST] = 0.0  # also no stroke for the drums, and no texture


def plan_mask(bar: Bar, held: tuple[int, ...], out: Mask) -> None:
    """Rule out, in `out` (LOGITS,), what the plan of a bar leaves silent: parts, and drum voices. [engine]

    The model knows the plan and mostly keeps to it; this makes a break a break. A chord that the performer holds sounds
    all the same.
    """
    for part in PLANNED_PARTS:
        row = out[PART_SLICES[part]]
        if part not in bar.parts:
            if part == "chord" and recognise_held(held) is not None:
                continue
            row[:] = FORBIDDEN
            row[REST] = 0.0
        elif part == "drums" and bar.drum_mask != _ALL_VOICES:
            row += _voices_mask(bar.drum_mask)


def density_mask(shift: float, out: Mask) -> None:
    """Make strokes and notes likelier in `out` (LOGITS,), or less likely: `shift` is -1..1, 0 changes nothing. [engine]

    The plan already says how busy each part is to be, and the style says it, too; but a model that has just written two
    sparse bars goes on with them. A performer who turns the knob wants to hear it in the next bar.
    """
    if shift:
        out += np.float32(shift) * _EVENTS


def key_mask(key: str, held: tuple[int, ...], current_chord: int, strike: bool, out: Mask) -> None:
    """Rule out, in `out` (LOGITS,), what chord, bass and lead would play outside a key. [engine]

    A chord that the performer holds goes before the key, whatever it is. `strike` says that the key is new: notes of
    the one before are not held on to, nor is a `current_chord` outside this one at any time. Rests stay allowed.
    """
    if recognise_held(held) is not None:
        return
    out += _key_row(key)
    if current_chord >= 2 and not set(chord_pitch_classes(current_chord)) <= key_classes(key):
        out[PART_SLICES["chord"]][HOLD] = FORBIDDEN
    if strike:
        for part in ("bass", "lead"):
            out[PART_SLICES[part]][HOLD] = FORBIDDEN


@lru_cache(maxsize=128)
def _key_row(key: str) -> Mask:
    classes = key_classes(key)
    mask = np.zeros(LOGITS, dtype=np.float32)
    row = mask[PART_SLICES["chord"]]
    for token in range(2, VOCABULARY["chord"]):
        if not set(chord_pitch_classes(token)) <= classes:
            row[token] = FORBIDDEN
    for part, low in (("bass", BASS_LOW), ("lead", LEAD_LOW)):
        row = mask[PART_SLICES[part]]
        for token in range(2, VOCABULARY[part]):
            if (token - 2 + low) % 12 not in classes:
                row[token] = FORBIDDEN
    mask.flags.writeable = False
    return mask


_ALL_VOICES = (1 << len(DRUM_VOICES)) - 1


def _events() -> Mask:
    """Return what `density_mask` adds for each token at a shift of 1: for each stroke, note and chord."""
    row = np.zeros(LOGITS, np.float32)
    for part, lean in DENSITY_LEAN.items():
        tokens = np.arange(VOCABULARY[part])
        struck = np.array([int(token).bit_count() for token in tokens]) if part == "drums" else tokens >= 2
        row[PART_SLICES[part]] = lean * struck
    row.flags.writeable = False
    return row


_EVENTS = _events()


@lru_cache(maxsize=64)
def _voices_mask(allowed: int) -> Mask:
    strokes = np.arange(VOCABULARY["drums"])
    return np.where(strokes & ~allowed != 0, FORBIDDEN, 0.0).astype(np.float32)


@lru_cache(maxsize=1024)
def _same_chord(a: int, b: int) -> bool:
    return set(chord_pitch_classes(a)) == set(chord_pitch_classes(b))


@lru_cache(maxsize=512)
def _chord_mask(chord: int, strike: bool, on_beat: bool) -> Mask:
    """The whole row for one held chord; `strike` when it does not sound yet."""
    named = chord_of(chord)
    assert named is not None
    root, quality = named
    tones = frozenset(chord_pitch_classes(chord))
    passing = tones if on_beat else tones | {(root + step) % 12 for step in _PASSING[quality]}
    mask = np.zeros(LOGITS, dtype=np.float32)
    row = mask[PART_SLICES["chord"]]
    row[:] = FORBIDDEN
    row[chord] = 0.0
    if not strike:
        row[HOLD] = 0.0
    for part, low, allowed in (("bass", BASS_LOW, tones), ("lead", LEAD_LOW, passing)):
        row = mask[PART_SLICES[part]]
        for token in range(2, VOCABULARY[part]):
            if (token - 2 + low) % 12 not in allowed:
                row[token] = FORBIDDEN
        if strike:
            row[HOLD] = FORBIDDEN
    mask.flags.writeable = False
    return mask
