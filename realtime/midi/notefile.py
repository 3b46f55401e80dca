"""A Standard MIDI File of notes: type 1, a track that leads and one for each part. [control]"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mido

from legando.realtime.errors import LegandoError
from legando.realtime.midi.tempomap import TICKS_PER_QUARTER
from legando.realtime.recording.origin import origin
from legando.realtime.wholefile import whole_file

SUFFIXES = (".mid", ".midi")
_ORDER = {"note_off": 1, "note_on": 2}

Texts = Sequence[tuple[int, str]]


class Note(NamedTuple):
    """A note from tick to tick of the file; velocity 1 to 127."""

    start: int
    end: int
    pitch: int
    velocity: int


def check_note_file(path: Path) -> None:
    """Raise LegandoError unless notes can be written under this name. [control]"""
    if path.suffix.lower() not in SUFFIXES:
        raise LegandoError(f"notes are written as a MIDI file, not as {path.name}; give a name that ends in .mid")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise LegandoError(f"folder {path.parent} does not exist or may not be written to; write elsewhere")
    if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
        raise LegandoError(f"{path} cannot be written; choose another name")


def leading_track(tempos: Sequence[tuple[int, int]], markers: Texts, about: Mapping[str, Any]) -> mido.MidiTrack:
    """Return the first track: how the file came to be, 4/4, tempos as (tick, microseconds a quarter), markers. [any]"""
    events = [
        (0, mido.MetaMessage("track_name", name="legando")),
        (0, mido.MetaMessage("text", text=json.dumps(origin(about)))),
        (0, mido.MetaMessage("time_signature", numerator=4, denominator=4)),
    ]
    events += [(tick, mido.MetaMessage("set_tempo", tempo=us)) for tick, us in tempos]
    events += [(tick, mido.MetaMessage("marker", text=text)) for tick, text in markers]
    return _track(events)


def part_track(
    title: str, channel: int, *, programs: Sequence[tuple[int, int]], texts: Texts, notes: Sequence[Note]
) -> mido.MidiTrack:
    """Return the track of a part on its channel, 0 to 15; a program that stays is said once. [any]"""
    events: list[tuple[int, Any]] = [(0, mido.MetaMessage("track_name", name=title))]
    for index, (tick, program) in enumerate(programs):
        if not index or program != programs[index - 1][1]:
            at = tick if index else 0
            events.append((at, mido.Message("program_change", channel=channel, program=program)))
    events += [(tick, mido.MetaMessage("text", text=text)) for tick, text in texts]
    for note in notes:
        key = {"channel": channel, "note": note.pitch}
        events.append((note.start, mido.Message("note_on", velocity=note.velocity, **key)))
        events.append((note.end, mido.Message("note_off", velocity=0, **key)))
    return _track(events)


def save(tracks: Sequence[mido.MidiTrack], path: Path, *, end: int) -> None:
    """Write a file that appears only when it is whole; no track ends before `end`. Raises LegandoError. [control]"""
    for track in tracks:
        track.append(mido.MetaMessage("end_of_track", time=max(0, end - sum(event.time for event in track))))
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, charset="utf-8", tracks=list(tracks))
    try:
        with whole_file(path) as part:
            file.save(part)
    except OSError as error:
        raise LegandoError(f"{path} cannot be written ({error.strerror or error}); free some room there") from error


def _track(events: Sequence[tuple[int, Any]]) -> mido.MidiTrack:
    """Return a track of events at ticks; at one tick what ends comes before what begins."""
    track, now = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: (event[0], _ORDER.get(event[1].type, 0))):
        track.append(message.copy(time=tick - now))
        now = tick
    return track
