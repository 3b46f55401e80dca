"""Genre recipes: the rhythms, harmony and habits from which the composer builds pieces. [any]

Rhythms are strings, one character a sixteenth. Drums, chords and leads: `x` strikes, `.` rests, `-` holds, a digit
strikes when ten times the density reaches it; in chords `>` strikes the next chord early. Bass: `R` root, `O` root an
octave up, `F` fifth, `T` third, `S` seventh, `A` approach to the next root; lower case only when dense.
Harmony: a mode, then `semitones.quality` above the tonic.
"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.controls import GENRES

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

_HOUSE = Genre(
    tempo_bpm=(118, 128), swing=(0.0, 0.14), density=(0.3, 0.85),
    kick=("x...x...x...x...", "x...x...x...x..8", "x...x...x..7x..."),
    clap=("....x.......x...", "....x.......x..7"),
    ghost=(".......6......7.", "...7.....6.....8", ""),
    hat=("4.3.4.3.4.3.4.3.", "535.535.535.5357", "6.3.6.376.3.6.37"),
    open_hat=("..x...x...x...x.", "..2...2...2...2.", "..x.......x....."),
    tom=("", "", "...8......9..8.."),
    bass=("..R-..R-..R-..Rr", "..R...O...R...Oo", "R..R..R...r.O.r.", "..R-..Rr..R-..f-", "R-.r..O-..R-.r.o"),
    bass_low=31,
    progressions=("minor 0.min7 8.maj7 3.maj7 10.7", "minor 0.min9 5.min9 8.maj7 10.7", "dorian 0.min9 5.7 0.min9 5.7",
                  "minor 5.min7 0.min7 8.maj7 7.min7", "major 5.maj7 4.min7 2.min9 7.sus4",
                  "minor 0.min 10.maj 8.maj 10.maj"),
    bars_a_chord=(1.0, 1.0, 2.0),
    comping=("..x-..x-..5-..x-", "x--x--x-..5..x-.", "...x-..x-...5.x-", "x-.x-..4x-.5..>-", "x---------------"),
    lead=RIFFS + ARPS[:2], lead_chance=0.65, textures=("none", "none", "pad", "ambience"), fill="snare",
)  # fmt: skip

_TECHNO = Genre(
    tempo_bpm=(126, 140), swing=(0.0, 0.06), density=(0.35, 0.95),
    kick=("x...x...x...x...", "x...x...x...x..7", "x..8x...x...x.8."),
    clap=("", "....x.......x...", "............x..."),
    snare=("", "....7.......6..8", "..........7....."),
    hat=("..x...x...x...x.", "3.x33.x33.x33.x3", "4545454545454546", "x.3.x.3.x.3.x.3."),
    open_hat=("", "..4...4...4...4.", "......3.......3."),
    tom=("", "...5..6....5..7.", ".....4..6....4..", "..6..5..6..5..7."),
    ride=("", "", "7.7.7.7.7.7.7.7."),
    bass=(".RRR.RRR.RRR.RRR", "..R...R...R...R.", ".rRr.rRr.rRr.rRr", "R..r..R..r..R.r.", "..Rr..Rr..Rr..RO"),
    bass_low=29,
    progressions=("minor 0.min 0.min 0.min 0.min", "minor 0.min 0.min 3.maj 10.maj", "minor 0.min 1.maj 0.min 10.maj",
                  "minor 0.min7 0.min7 8.maj7 8.maj7", "dorian 0.min 5.maj 0.min 5.maj",
                  "minor 0.sus4 0.min 10.sus4 0.min"),
    bars_a_chord=(1.0, 2.0, 4.0), sevenths=False,
    comping=("...x......x.....", "x..x..x..3..5...", "...x..x...5x....", "x.............5.", "x---------------"),
    lead=ARPS, lead_centre=70, lead_chance=0.45, textures=("none", "ambience", "pad", "none"),
    break_textures=("ambience", "pad_ambience", "riser"), fill="snare_roll",
)  # fmt: skip

_DRUM_AND_BASS = Genre(
    tempo_bpm=(168, 178), swing=(0.0, 0.05), density=(0.4, 0.95),
    kick=("x.........x.....", "x.........x....6", "x..5......x.....", "x.....6...x..7.."),
    snare=("....x.......x...", "....x.......x..8", "....x..8....x..."),
    ghost=(".......4.4.....6", "..6....4.5....7.", ".......5.3......"),
    hat=("x.2.x.2.x.2.x.2.", "x.4x.4x.x.4x.4x.", "x5x5x5x5x5x5x5x5", "..x...x...x...x."),
    open_hat=("", "..............5.", "..6............."),
    ride=("", "5...5...5...5..."),
    bass=("R---------R-----", "R-----r---R---f-", "R---.R--..r-R---", "R-R-..r-O---.-..", "R---------------"),
    bass_low=29,
    progressions=("minor 0.min9 8.maj7 3.maj7 10.7", "minor 0.min 8.maj 10.maj 7.min",
                  "minor 0.min7 5.min7 8.maj7 7.min7",
                  "dorian 0.min9 10.maj7 5.7 0.min9", "minor 8.maj7 10.7 0.min7 0.min7"),
    bars_a_chord=(1.0, 2.0, 2.0),
    comping=("x---------------", "x-----------x---", "x-..............", "x-----4-....6-..", "...x-.....5-...."),
    lead=LONG_LEADS + RIFFS[:2], lead_chance=0.6, textures=("pad", "pad_ambience", "none", "ambience"), fill="breaks",
)  # fmt: skip

_AMBIENT = Genre(
    tempo_bpm=(60, 96), swing=(0.0, 0.0), density=(0.05, 0.6),
    kick=("x...............", "x.........6.....", "................"),
    snare=("", "............8..."), hat=("", "....6.......6...", "..7...7...7...7."),
    tom=("", "......7.....8..."),
    bass=("R---------------", "R-------f-------", "R-----------....", "R-------o---t---"),
    bass_low=28,
    progressions=("major 0.maj7 9.min9 5.maj7 7.sus4", "major 5.maj7 0.maj7 2.min9 9.min7",
                  "minor 0.min9 8.maj7 3.maj7 10.maj",
                  "dorian 0.min9 5.maj 10.maj7 0.min9", "major 0.maj 0.sus4 5.maj 0.maj",
                  "major 0.maj7 4.min7 5.maj7 5.maj7"),
    bars_a_chord=(1.0, 2.0, 2.0, 4.0),
    comping=("x---------------", "x-------5-------", "x-----------7---"),
    lead=(*LONG_LEADS, "x.......x...........x.......5...", "x...3...x...5...x...3...7...x..."),
    lead_centre=76, lead_chance=0.6, textures=("pad", "pad_ambience", "pad_ambience", "ambience"),
    break_textures=("pad_ambience", "ambience", "pad"), fill="none", crash_chance=0.2, drums_chance=0.35,
)  # fmt: skip

_LOFI = Genre(
    tempo_bpm=(70, 92), swing=(0.1, 0.3), density=(0.2, 0.7),
    kick=("x.........x.....", "x......x..x.....", "x..6......x..7..", "x.....5.x......7"),
    snare=("....x.......x...", "....x.......x..8"),
    ghost=(".......6.......7", "..7......6......", ""),
    hat=("x.x.x.x.x.x.x.x.", "x.3.x.3.x.3.x.37", "x.x.x.x6x.x.x6x.", "2.2.2.2.2.2.2.2."),
    open_hat=("", "..............5.", ""),
    bass=("R-----r-R---f---", "R---..R-....r-A-", "R-------..r-R---", "R-----F-R-----a-", "R---------------"),
    bass_low=31,
    progressions=("major 2.min9 7.7 0.maj7 9.min7", "major 5.maj7 4.min7 2.min9 0.maj7",
                  "minor 0.min9 5.min7 10.7 3.maj7",
                  "major 0.maj7 9.min7 2.min7 7.7", "dorian 0.min9 5.7 0.min9 3.maj7",
                  "major 5.maj7 7.7 4.min7 9.min9"),
    bars_a_chord=(1.0, 1.0, 0.5),
    comping=("x-------5-------", "x-----x---5-----", "x--x------5---..", "x---..x-....6-..", "x-----.-x-----6-"),
    lead=SONGS + LONG_LEADS[:1], lead_centre=72, lead_chance=0.7, textures=("vinyl", "vinyl", "vinyl", "ambience",
    "none"),
    break_textures=("vinyl", "pad"), fill="drop", crash_chance=0.2,
)  # fmt: skip

_TRAP = Genre(
    tempo_bpm=(130, 160), swing=(0.0, 0.08), density=(0.3, 0.9),
    kick=("x.....x...x.....", "x..x......x..6..", "x.........6..x..", "x......x..5....."),
    snare=("........x.......", "........x......8"), clap=("........x.......", ""),
    ghost=("", ".....7.......8.."),
    hat=("x.x.x.x.x.x.x.x.", "x.3.x.3.x.3.x536", "x.x.x.x6xx6x.x66", "x.x.xx5.x.x.6x5x"),
    open_hat=("", "......4.........", "..............6."),
    tom=("", "", "...........8.8.8"),
    bass=("R-----R---r-----", "R--R------R--o--", "R-------....R---", "R---------f-R---", "R-----------r-a-"),
    bass_low=26,
    progressions=("minor 0.min 8.maj 0.min 7.min", "minor 0.min 0.min 8.maj 10.maj", "minor 0.min 5.min 8.maj 7.maj",
                  "minor 8.maj 7.min 0.min 0.min", "minor 0.min7 8.maj7 5.min7 7.7", "minor 0.min 1.maj 0.min 1.maj"),
    bars_a_chord=(1.0, 2.0), sevenths=False,
    comping=("x---------------", "x-------4-------", "x...5...x...6...", "x--x--x-----6---"),
    lead=(*RIFFS[:3], *SONGS[:2], "x..x..x..x..x.5.x..x..x..x..6.7."), lead_centre=77, lead_chance=0.75,
    textures=("none", "pad", "ambience"), fill="hat_roll", crash_chance=0.35,
)  # fmt: skip

_DISCO = Genre(
    tempo_bpm=(108, 124), swing=(0.0, 0.08), density=(0.4, 0.9),
    kick=("x...x...x...x...", "x...x...x...x.7."),
    snare=("....x.......x...", "....x.......x..7"), clap=("", "....5.......5..."),
    ghost=("", ".......7..6.....", "..7....6......8."),
    hat=("x.2.x.2.x.2.x.2.", "xx2xxx2xxx2xxx2x", "x44.x44.x44.x44."),
    open_hat=("..x...x...x...x.",),
    bass=("R.O.R.O.R.O.R.O.", "R.O.R.OoR.O.RoF.", "R..RO..RR..RO.F.", "R.r.O.R.S.F.A.O.", "R-.R.rO-R-.R.fA."),
    bass_low=29,
    progressions=("minor 0.min7 5.7 0.min7 5.7", "minor 0.min7 8.maj7 5.min7 7.7", "major 9.min7 2.min7 7.7 0.maj7",
                  "minor 0.min 10.maj 8.maj 7.maj", "dorian 0.min9 3.maj7 10.maj7 5.7",
                  "major 5.maj7 7.7 4.min7 9.min7"),
    comping=("..x...x...x...x.", "x.xx.xx.5.xx.x5.", "x--x--x-x--5x-..", "..x-.x5.x-..x->-", "x-.x.x-.5-.x.x-."),
    lead=SONGS + RIFFS[:2], lead_chance=0.7, textures=("pad", "pad", "none"), fill="toms",
)  # fmt: skip

_SYNTHWAVE = Genre(
    tempo_bpm=(84, 118), swing=(0.0, 0.0), density=(0.3, 0.85),
    kick=("x...x...x...x...", "x.......x.......", "x.....5.x.......", "x.......x.x....."),
    snare=("....x.......x...",), clap=("", "....6.......6..."),
    hat=("x.x.x.x.x.x.x.x.", "x.3.x.3.x.3.x.3.", "x4x4x4x4x4x4x4x4", "..x...x...x...x."),
    open_hat=("", "..5...5...5...5."), tom=("", "", "..............88"),
    bass=("R.R.R.R.R.R.R.R.", "RrRrRrRrRrRrRrRr", "R.r.O.r.R.r.O.r.", "R--R--R-R--R--r-", "R.RrO.RrR.RrO.Fo"),
    bass_low=28,
    progressions=("minor 0.min 8.maj 3.maj 10.maj", "minor 8.maj 10.maj 0.min 0.min", "minor 0.min 10.maj 8.maj 7.min",
                  "major 0.maj 7.maj 9.min 5.maj", "minor 0.min 3.maj 10.maj 5.min",
                  "minor 0.min7 8.maj7 10.sus4 10.maj"),
    bars_a_chord=(1.0, 1.0, 2.0), sevenths=False,
    comping=("x---------------", "x-----------5---", "x-....x-....5-..", "x---x---x---x---"),
    lead=SONGS + ARPS[:2] + LONG_LEADS[:2], lead_centre=76, lead_chance=0.8, textures=("pad", "pad", "none",
    "pad_ambience"),
    fill="toms",
)  # fmt: skip

_FUNK = Genre(
    tempo_bpm=(92, 116), swing=(0.0, 0.16), density=(0.45, 0.95),
    kick=("x.x...5...x.....", "x..x..x...x..6..", "x.....x..x....6.", "x.x....x..x....."),
    snare=("....x.......x...", "....x..5....x...", "....x.......x.7."),
    ghost=(".4.....4.4.....5", "..5....4.3.5....", ".......3.4....66"),
    hat=("x.x.x.x.x.x.x.x.", "x4x4x4x4x4x4x4x4", "x.xxx.xxx.xxx.x5"),
    open_hat=("", "..............3.", "......5.......6."),
    bass=("R..r..O.r.R.S.O.", "R.R..rO...R..fSA", "R--r..S-O.r.R.a.", "R.r.O..R.rF.S.A.", "R...r.RO..s.F.Rr"),
    bass_low=28,
    progressions=("dorian 0.min7 5.7 0.min7 5.7", "dorian 0.7 0.7 5.7 0.7", "dorian 0.min9 0.min9 5.7 5.7",
                  "dorian 0.min7 3.maj7 5.7 0.min7", "minor 0.min7 10.7 8.maj7 7.7", "major 2.min9 7.7 2.min9 7.7"),
    bars_a_chord=(1.0, 2.0),
    comping=("..x...x..x....5.", "x..x..5...x..x..", ".x.x..x..5x...4.", "...x-..x...x-5>-", "x.3.x...x-..5.x."),
    lead=RIFFS + SONGS[:2], lead_chance=0.65, textures=("none", "none", "pad"), fill="snare",
)  # fmt: skip

_JAZZ = Genre(
    tempo_bpm=(92, 176), swing=(0.1, 0.33), density=(0.25, 0.85),
    kick=("x.......5.......", "................", "x...........6...", "4...4...4...4..."),
    snare=("", "......7.......8.", "..........8....."),
    ghost=("......4...5.....", "..5.......4...6.", ".......5....4..."),
    hat=("....x.......x...",),
    ride=("x...x.x.x...x.x.", "x...x.3.x...x.3.", "x...x...x...x..."),
    bass=("walk", "walk", "walk", "R-------F-----a-", "R-----F-R-----A-"),
    bass_low=31,
    progressions=("major 2.min7 7.7 0.maj7 0.maj7", "major 2.min9 7.7 0.maj7 9.7", "major 0.maj7 9.min7 2.min7 7.7",
                  "minor 2.dim 7.7 0.min9 0.min7", "major 0.maj7 2.7 2.min7 7.7", "major 4.min7 9.7 2.min7 7.7",
                  "dorian 0.min9 0.min9 10.maj7 0.min9", "major 5.maj7 5.min7 0.maj7 9.7"),
    bars_a_chord=(1.0, 1.0, 0.5, 2.0),
    comping=("x-....x-........", "..x-......5-..>-", "x---......x-....", "......x-..4...x-", "x-----x-..6-...."),
    lead=("x-x-x-3-x---....x-5-x-x-x-------", "..x-x-x-x-5-x-..x---....5-x-x---", "x---x-x-3-x-x---....x-x-5-7-x---",
          "x-x-5-x-x-x-5-x-x---..x-x-----..", *SONGS[:1]),
    lead_centre=73, lead_chance=0.8, textures=("none", "none", "vinyl", "ambience"), break_textures=("none", "vinyl"),
    fill="snare", crash_chance=0.3,
)  # fmt: skip

RECIPES: dict[str, Genre] = dict(
    zip(
        GENRES,
        (_HOUSE, _TECHNO, _DRUM_AND_BASS, _AMBIENT, _LOFI, _TRAP, _DISCO, _SYNTHWAVE, _FUNK, _JAZZ),
        strict=False,
    )
)
