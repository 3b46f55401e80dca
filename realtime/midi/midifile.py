"""MIDI files played as if live: every message of every track at its exact frame. [control]"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mido

from legando.realtime.errors import MidiError

DEFAULT_TEMPO_US = 500_000
"""Microseconds for a quarter note before a file sets a tempo (Standard MIDI Files 1.0): 120 bpm."""


@dataclass(frozen=True, slots=True)
class TimedMessage:
    """One whole MIDI message, or a tempo event FF 51 03 ..., and the frame at which it happens."""

    frame: int
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiPiece:
    """A file's messages in order of time, and its length up to the last event of any track."""

    messages: tuple[TimedMessage, ...]
    frames: int


def read_midi_file(path: Path, sample_rate_hz: int = 48000) -> MidiPiece:
    """Read a Standard MIDI File of type 0 or 1, following its tempo map. [control]

    Time is counted in whole microsecond-ticks, so that no rounding piles up. Raises MidiError, one sentence with the
    file's name.
    """
    try:
        file = mido.MidiFile(str(path))
    except FileNotFoundError as error:
        raise MidiError(f"there is no MIDI file {path}; check the name") from error
    except EOFError as error:
        raise MidiError(f"the MIDI file {path} is truncated or empty; copy or export it again") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise MidiError(f"cannot read {path} as a MIDI file: {reason}; give a Standard MIDI File") from error
    except (ValueError, KeyError, IndexError, TypeError, mido.KeySignatureError) as error:
        raise MidiError(f"{path} is damaged or no MIDI file ({error}); export it again") from error
    if file.type == 2:
        raise MidiError(f"the MIDI file {path} is of type 2 (separate songs); save it as type 0 or 1")
    if file.ticks_per_beat <= 0 or file.ticks_per_beat >= 0x8000:
        raise MidiError(f"the MIDI file {path} counts time in SMPTE frames; save it with ticks for each quarter note")

    tempo_us = DEFAULT_TEMPO_US
    elapsed = 0  # microseconds * ticks_per_beat
    frame = 0
    messages: list[TimedMessage] = []
    for event in mido.merge_tracks(file.tracks):
        elapsed += event.time * tempo_us
        frame = elapsed * sample_rate_hz // (file.ticks_per_beat * 1_000_000)
        if event.type == "set_tempo":
            tempo_us = max(event.tempo, 1)
            messages.append(TimedMessage(frame, bytes(event.bytes())))
        elif not event.is_meta and event.type != "sysex":
            messages.append(TimedMessage(frame, bytes(event.bytes())))
    if not messages:
        raise MidiError(f"the MIDI file {path} holds no events; choose another")
    return MidiPiece(messages=tuple(messages), frames=frame)
