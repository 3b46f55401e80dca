"""Every genre's recipe by name, and the modes and chords that they draw on. [any]"""

from __future__ import annotations

from legando.engines.training.music import genres_band as band
from legando.engines.training.music import genres_club as club
from legando.engines.training.music.genre import Genre

__all__ = ["DIATONIC", "MODES", "RECIPES", "Genre"]

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
}

DIATONIC: dict[str, tuple[tuple[int, str, str], ...]] = {
    "major": ((0, "maj", "maj7"), (2, "min", "min7"), (4, "min", "min7"), (5, "maj", "maj7"), (7, "maj", "7"),
              (9, "min", "min9"), (7, "sus4", "sus4")),
    "minor": ((0, "min", "min9"), (3, "maj", "maj7"), (5, "min", "min7"), (7, "min", "min7"), (8, "maj", "maj7"),
              (10, "maj", "7"), (2, "dim", "dim")),
    "dorian": ((0, "min", "min9"), (2, "min", "min7"), (3, "maj", "maj7"), (5, "maj", "7"), (7, "min", "min7"),
               (10, "maj", "maj7"), (10, "sus4", "sus4")),
}  # fmt: skip
"""Chords that belong to a mode: (semitones above the tonic, triad, with a seventh or ninth)."""


RECIPES: dict[str, Genre] = {
    "house": club.HOUSE,
    "techno": club.TECHNO,
    "drum_and_bass": club.DRUM_AND_BASS,
    "ambient": band.AMBIENT,
    "lofi": band.LOFI,
    "trap": club.TRAP,
    "disco": club.DISCO,
    "synthwave": club.SYNTHWAVE,
    "funk": band.FUNK,
    "jazz": band.JAZZ,
    "dub": club.DUB,
    "breakbeat": club.BREAKBEAT,
    "downtempo": club.DOWNTEMPO,
    "orchestral": band.ORCHESTRAL,
    "rock": band.ROCK,
    "afrobeat": band.AFROBEAT,
}
