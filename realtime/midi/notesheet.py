"""The note sheet: what was played in a take, as a Standard MIDI File that keeps time with its sound. [control]

A note stands in the file where its onset is heard in the sound: composed notes on their sixteenth, odd ones late by the
style's swing; the performer's own where they were played. The score gives velocities by the place in the bar, and
lengths in sixteenths. Tempo and bars are those of the music; where an outside clock makes it jump, the bars of the file
go on, and a marker says where the music is.

| track | channel | holds |
|---|---|---|
| the first | - | tempo, 4/4, markers: scenes with their prompts, sections, jumps, likes; how the file came to be |
| Chords | 1 | chord voicings, with the names of the chords as texts |
| Bass, Lead | 2, 3 | |
| Pad | 4 | the pad of the texture |
| Played | 5 | what the performer plays |
| Drums | 10 | General MIDI keys |

Programs are General MIDI's, for the genre that weighs most (`generalmidi`). A part that never plays has no track.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from legando.realtime.controls import TICK_S_AT_1_BPM, Controls
from legando.realtime.midi.channels import CHANNELS, NOTE_ON, Channels
from legando.realtime.midi.generalmidi import genre_of, programs_of
from legando.realtime.midi.notefile import Note, leading_track, part_track, save
from legando.realtime.midi.tempomap import Point, TempoMap
from legando.realtime.midi.voices import DRUMS, Held, NoteChange, Struck, Voices
from legando.realtime.rigs.prompts import as_typed

_T = TypeVar("_T")

TRACKS = {DRUMS: "Drums", "bass": "Bass", "chord": "Chords", "lead": "Lead", "texture": "Pad", "played": "Played"}
_TICKS_PER_BAR = 16
_JUMP_TICKS = 0.25
"""By how much more the music may be elsewhere than its tempo says without a jump: it leans towards a clock."""


class MadeChunk(Protocol):
    """What the sheet reads of a chunk."""

    @property
    def tick(self) -> float: ...
    @property
    def chord(self) -> str: ...
    @property
    def tokens(self) -> Sequence[tuple[int, Sequence[int]]]: ...
    @property
    def struck(self) -> Sequence[Struck]: ...


class NoteSheet:
    """Told of each chunk in order, then written.

    An onset is heard at its own frame of the stream: the grain that it falls in swells around it, 5 ms to either side.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._at = 0
        self._voices = Voices()
        self._changes: list[NoteChange] = []
        self._points: list[Point] = [(0, 0.0)]
        self._end = 0.0  # in sixteenths since the file's first bar, where the next chunk should begin
        self._before = math.nan  # what the file is behind the music, in sixteenths
        self._opening_bpm = 0.0
        self._marks: list[tuple[int, str]] = []
        self._chords: list[tuple[int, str]] = []
        self._genres: list[tuple[int, str]] = []
        self._section = ""

    def cut_front(self, frames: int) -> None:
        """Say, ahead of the first chunk, that its first frames are missing in the sound file."""
        self._at = -frames

    def mark(self, text: str, frame: int | None = None) -> None:
        """Mark a frame of the file, or where the next chunk begins."""
        self._marks.append((self._at if frame is None else frame, text))

    def agree(self, held: Sequence[Held]) -> None:
        """Say which notes sound in the engine that plays from the next chunk on, as `Voices.agree`."""
        self._changes += self._voices.agree(self._at, held)

    def chunk(self, made: MadeChunk, frames: int, controls: Controls, section: str = "") -> None:
        """Take what was played in the next chunk of so many frames, and the section in which it ends."""
        self._keep_time(made.tick, frames, controls)
        self._changes += self._voices.feed(self._at, made.struck)
        genre = genre_of(controls.style)
        if not self._genres or self._genres[-1][1] != genre:
            self._genres.append((self._at, genre))
        name = made.chord if made.chord != "-" else "N.C."
        if name != (self._chords[-1][1] if self._chords else "N.C."):
            begins = [offset for offset, part, _, velocity in made.struck if part == "chord" and velocity > 0.0]
            self._chords.append((self._at + max(begins, default=0), name))
        if section and section != self._section:
            self._section = section
            lines = [tick for tick, _ in made.tokens if tick % _TICKS_PER_BAR == 0]
            begin = self._at + max(0, round((lines[0] - made.tick) * self._frames_per_tick(controls))) if lines else 0
            self._marks.append((max(begin, self._at), section))
        self._at += frames

    def write(self, path: Path, *, frames: int | None = None, about: Mapping[str, Any] | None = None) -> None:
        """Write the file, `frames` long: what begins later is left out, what sounds ends. Raises LegandoError."""
        end = self._at if frames is None else min(frames, self._at)
        changes = [*self._changes, *self._voices.end_all(self._at)]
        tempo = TempoMap([*self._points, (self._at, self._end)], self._rate, opening_bpm=self._opening_bpm)

        def placed(items: Sequence[tuple[int, _T]]) -> list[tuple[int, _T]]:
            return [(tempo.tick_at(frame), item) for frame, item in items if frame < end]

        tracks = [leading_track(tempo.tempos, placed(self._marks), about or {})]
        for part, title in TRACKS.items():
            notes = _notes(part, changes, end, tempo)
            if notes:
                programs = [(at, programs_of(genre).get(part, 0)) for at, genre in placed(self._genres)]
                texts = placed(self._chords) if part == "chord" else []
                tracks.append(part_track(title, CHANNELS[part], programs=programs, texts=texts, notes=notes))
        save(tracks, path, end=tempo.tick_at(end))

    def _frames_per_tick(self, controls: Controls) -> float:
        return TICK_S_AT_1_BPM / controls.tempo_bpm * self._rate

    def _keep_time(self, tick: float, frames: int, controls: Controls) -> None:
        """Note where the music is at the begin of a chunk, and where another tempo begins in it."""
        per_frame = 1.0 / self._frames_per_tick(controls)
        if math.isnan(self._before):
            self._before, self._opening_bpm = tick, controls.tempo_bpm
        begin = tick - self._before
        if abs(begin - self._end) > _JUMP_TICKS or begin <= self._points[-1][1]:
            if abs(begin - self._end) >= 1.0:
                beat = tick / 4 % 4 + 1
                self._marks.append((self._at, f"jump to bar {int(tick // _TICKS_PER_BAR) + 1}, beat {beat:.2f}"))
            begin = self._end
            self._before = tick - begin
        if self._at > 0:
            self._points.append((self._at, begin))
        first, turn = frames, controls.turn
        if turn is not None:
            first = min(max(0, math.ceil((turn.tick - tick) / per_frame - 1e-6)), frames)
        self._end = begin + first * per_frame
        if turn is not None and first < frames:
            if first and self._at + first > 0:
                self._points.append((self._at + first, self._end))
            self._end += (frames - first) / self._frames_per_tick(turn.controls)


def _notes(part: str, changes: Sequence[NoteChange], end: int, tempo: TempoMap) -> list[Note]:
    """Return the notes of a part that begin before the end, each at least a tick long."""
    begun: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    notes: list[Note] = []
    for frame, (status, pitch, velocity) in Channels().feed(change for change in changes if change.part == part):
        tick = tempo.tick_at(min(frame, end))
        if status & 0xF0 == NOTE_ON:
            if frame < end:
                begun[pitch].append((tick, velocity))
        elif begun[pitch]:
            start, struck = begun[pitch].pop()
            notes.append(Note(start, max(tick, start + 1), pitch, struck))
    return notes


def scene_text(name: str, prompts: Sequence[tuple[str, float]]) -> str:
    """Return the marker of a scene: its name, and its prompts as they are typed. [any]"""
    return f"{name}: {as_typed(prompts)}"
