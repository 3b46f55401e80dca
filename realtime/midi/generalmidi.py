"""General MIDI: the key of each drum, and the programs with which a genre's parts are played. [any]

Source: General MIDI System Level 1 (MMA 1991): percussion key map on channel 10, sound set. Programs count from 0 here.
"""

from __future__ import annotations

from collections.abc import Sequence

from legando.engines.score import DRUM_VOICES
from legando.realtime.controls import GENRES

DRUM_CHANNEL = 9
"""Channel 10, counted from 0."""

_KEYS = {"kick": 36, "snare": 38, "ghost": 38, "clap": 39, "hat": 42, "open_hat": 46, "tom": 45, "cymbal": 49}
DRUM_KEYS = tuple(_KEYS[voice] for voice in DRUM_VOICES)
"""The key of each of `DRUM_VOICES`; a ghost note is a snare struck softly."""

DRUM_FRAMES = 1920
"""How long a drum's key is held, 40 ms: the score knows no length, and the next stroke never comes sooner."""

TONAL = ("bass", "chord", "lead", "texture")

# genre: programs of bass, chord, lead, texture
_PROGRAMS = {
    "house": (38, 4, 81, 89),
    "techno": (38, 90, 81, 95),
    "drum_and_bass": (38, 89, 81, 94),
    "ambient": (39, 88, 98, 95),
    "lofi": (33, 4, 11, 89),
    "trap": (38, 89, 80, 94),
    "disco": (33, 48, 61, 50),
    "synthwave": (38, 90, 81, 50),
    "funk": (36, 7, 61, 48),
    "jazz": (32, 0, 66, 48),
    "dub": (33, 16, 22, 89),
    "breakbeat": (38, 4, 81, 89),
    "downtempo": (33, 4, 11, 89),
    "orchestral": (43, 48, 73, 48),
    "rock": (33, 29, 30, 48),
    "afrobeat": (33, 27, 61, 16),
}


def genre_of(style: Sequence[float]) -> str:
    """Return the genre that weighs most in a style vector. [any]"""
    return max(zip(style, GENRES, strict=False), key=lambda pair: pair[0])[1]


def programs_of(genre: str) -> dict[str, int]:
    """Return the program of each tonal part; what the performer plays has the lead's. [any]"""
    programs = dict(zip(TONAL, _PROGRAMS[genre], strict=True))
    return programs | {"played": programs["lead"]}


def key_velocity(velocity: float) -> int:
    """Return a velocity over 0 to 1 as MIDI has it, 1 to 127. [any]"""
    return min(127, max(1, round(127 * velocity)))
