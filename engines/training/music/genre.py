"""A genre as the composer sees it: a recipe of rhythms, harmony and habits; lead figures that many share. [any]

Rhythms are strings, one character a sixteenth. Drums, chords and leads: `x` strikes, `.` rests, `-` holds, a digit
strikes when ten times the density reaches it; in chords `>` strikes the next chord early. Bass: `R` root, `O` root an
octave up, `F` fifth, `T` third, `S` seventh, `A` approach to the next root; lower case only when dense.
Harmony: a mode, then `semitones.quality` above the tonic.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """One genre. Tuples hold alternatives; `swing` and `tempo_bpm` are ranges; `fill` names the kind of drum fill."""

    tempo_bpm: tuple[float, float]
    swing: tuple[float, float]
    density: tuple[float, float]
    kick: tuple[str, ...]
    snare: tuple[str, ...] = ()
    ghost: tuple[str, ...] = ()
    clap: tuple[str, ...] = ()
    hat: tuple[str, ...] = ()
    open_hat: tuple[str, ...] = ()
    tom: tuple[str, ...] = ()
    ride: tuple[str, ...] = ()
    bass: tuple[str, ...]
    bass_low: int = 28
    progressions: tuple[str, ...]
    bars_a_chord: tuple[float, ...] = (1.0,)
    sevenths: bool = True
    comping: tuple[str, ...]
    lead: tuple[str, ...]
    lead_centre: int = 74
    lead_chance: float = 0.75
    textures: tuple[str, ...] = ("none", "pad")
    break_textures: tuple[str, ...] = ("pad", "pad_ambience")
    fill: str = "snare"
    crash_chance: float = 0.7
    drums_chance: float = 1.0
    risers: bool = False


LONG_LEADS = (
    "x-------x---x---x-----------5---",
    "x-----x-----x---x---------------",
    "....x-------x-------x---5---x---",
    "x---------------x-----x-----5---",
)
RIFFS = (
    "x-.x-.x-.3..x-..x-.x-.x-.5.7....",
    "x..x..x..3..x.5.x..x..x..5..x.7.",
    "x.x-..3.x.5.....x.x-..3.x.x-....",
    "..x-.3x-....x---..x-.5x-..x-....",
    "x---..x-x-3-....x---..x-5-x---..",
)
ARPS = (
    "x.3.x.5.x.3.x.7.x.3.x.5.x.3.x.7.",
    "x.4x.6x.x.4x.6x.x.4x.6x.x.8x.8x.",
    "xx.4xx.6xx.4xx.8xx.4xx.6xx.4xx.8",
    "x--x--x-x--5--x-x--x--x-5-7-x-7-",
)
SONGS = (
    "x---x-x-x---....x---x-3-x-------",
    "....x-x-x-5-x---....x-x-x-------",
    "x-----x-x---x-5-x-----------....",
    "x-5-x---x-----..x-5-x-7-x---....",
)
MELODIES = (
    "x-x-x-----x-x---x-------5---....",
    "x---x---x-x-x-5-x---------------",
    "x-----x-x-----x-x---x---x-------",
    "x-----x-x---x-x-3-x-x-----------",
)
