"""Controls: everything that a performer decides about one chunk, as one frozen value. [any]

The host makes a new snapshot for each chunk; the generator only reads it. Nothing here is shared and mutable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from legando.realtime.errors import RigError
from legando.realtime.tonality import KEY_NAMES

PARTS = ("chord", "drums", "bass", "lead", "texture")
"""The parts of a score, in the order in which the language model samples them."""

GENRES = (
    "house",
    "techno",
    "drum_and_bass",
    "ambient",
    "lofi",
    "trap",
    "disco",
    "synthwave",
    "funk",
    "jazz",
    "dub",
    "breakbeat",
    "downtempo",
    "orchestral",
    "rock",
    "afrobeat",
)
MOODS = ("density", "brightness", "space", "drive")
GENRE_SLOTS = 20
STYLE_DIM = GENRE_SLOTS + len(MOODS)
"""A style vector: `GENRE_SLOTS` genre weights that sum to 1 (the last four slots are spare), then `MOODS` in 0..1."""

SECTIONS = ("intro", "build", "full", "break", "solo")
"""The sections of a form, as `legando.engines.arranger` lays them out."""

LOOP_BARS = (1, 2, 4, 8)
"""How many of the last bars may repeat."""

GUIDANCE_MAX = 4.0
TEMPO_MIN_BPM = 40.0
TEMPO_MAX_BPM = 240.0
TICK_S_AT_1_BPM = 15.0
"""A tick is a sixteenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent:
    """One live note, placed inside the chunk. `velocity` 0 ends the note; otherwise 0 < velocity <= 1."""

    offset_frames: int
    pitch: int
    velocity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """What is composed: a seed, and the tick of the bar line where it began; score and form are counted from there."""

    seed: int
    origin: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """One immutable snapshot for each chunk.

    `style` is a vector of `STYLE_DIM` floats (see `legando.engines.style`), `held` the MIDI pitches that are down at
    the start of the chunk, `notes` what happens inside it. `density`, `brightness`, `space` and `drive` are 0..1, or
    None to leave what the prompt says. `muted` names parts. `position_ticks` is where an outside clock says we are
    (sixteenths since start), or None to run free. `section` holds the music in one of `SECTIONS`; None leaves the form
    to the arranger. `guidance` says how strongly the music follows the prompt's genres: 1 as trained, more exaggerates
    their sound, 0 ignores them in score and sound; moods hold whatever it is. `temperature` is how freely the score is
    written. `steps` overrides the number of denoising steps. `key` (one of
    `tonality.KEY_NAMES`) keeps chord, bass and lead inside a key. With `click` nothing is played but a metronome, on
    each beat. `loop` repeats the last bars of the score, one of `LOOP_BARS`, from the next bar line on; 0 lets the
    composer go on at the next. `idea` is what is composed, None what was, at first the run's own seed. `turn` says that
    other controls hold from a tick on, inside the chunk or later.
    """

    style: tuple[float, ...]
    tempo_bpm: float = 120.0
    density: float | None = None
    brightness: float | None = None
    space: float | None = None
    drive: float | None = None
    temperature: float = 0.9
    guidance: float = 1.0
    section: str | None = None
    muted: frozenset[str] = field(default_factory=frozenset)
    held: tuple[int, ...] = ()
    notes: tuple[NoteEvent, ...] = ()
    position_ticks: float | None = None
    steps: int | None = None
    key: str | None = None
    click: bool = False
    loop: int = 0
    idea: Idea | None = None
    turn: Turn | None = None

    def __post_init__(self) -> None:
        if len(self.style) != STYLE_DIM:
            raise RigError(f"a style has {STYLE_DIM} numbers, this one has {len(self.style)}")
        if not TEMPO_MIN_BPM <= self.tempo_bpm <= TEMPO_MAX_BPM:
            raise RigError(
                f"tempo {self.tempo_bpm:g} bpm is outside {TEMPO_MIN_BPM:g} to {TEMPO_MAX_BPM:g}; choose one inside"
            )
        for name in MOODS:
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise RigError(f"{name} {value:g} is outside 0 to 1")
        if not 0.0 < self.temperature <= 4.0:
            raise RigError(f"temperature {self.temperature:g} is outside 0 (excluded) to 4")
        if not 0.0 <= self.guidance <= GUIDANCE_MAX:
            raise RigError(f"guidance {self.guidance:g} is outside 0 to {GUIDANCE_MAX:g}")
        if self.section is not None and self.section not in SECTIONS:
            raise RigError(f"there is no section {self.section}; sections are {', '.join(SECTIONS)}")
        if self.loop not in (0, *LOOP_BARS):
            raise RigError(f"cannot loop {self.loop} bars; a loop has {', '.join(map(str, LOOP_BARS))}, or 0 for none")
        if self.key is not None and self.key not in KEY_NAMES:
            raise RigError(f"there is no key {self.key!r}; write one such as 'C minor'")
        if unknown := self.muted - set(PARTS):
            raise RigError(f"cannot mute {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")

    @property
    def moods(self) -> tuple[float, ...]:
        """The moods that hold, in the order of `MOODS`."""
        return self.style_now()[GENRE_SLOTS:]

    def style_now(self) -> tuple[float, ...]:
        """Return the style with the mood controls laid over the prompt's own."""
        moods = list(self.style[GENRE_SLOTS:])
        for index, name in enumerate(MOODS):
            value = getattr(self, name)
            if value is not None:
                moods[index] = value
        return self.style[:GENRE_SLOTS] + tuple(moods)

    def turned_up(self, mood: str, most: float) -> float:
        """Return how far a mood is turned up from what the prompt says, 0..`most`."""
        own = self.style[GENRE_SLOTS + MOODS.index(mood)]
        now: float | None = getattr(self, mood)
        return 0.0 if now is None or now <= own else most * (now - own) / (1.0 - own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """From `tick` on these controls hold: a scene that comes in at a line. Their `notes` and `turn` do not count."""

    tick: int
    controls: Controls
