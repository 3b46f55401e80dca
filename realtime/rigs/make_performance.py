"""Writes the performance that legando ships: 14 bars at 112 bpm, 30 s, as a player would steer them. [control]

    python -m legando.realtime.rigs.make_performance [FILE.mid]

| bars | scene | what the hands do |
|---|---|---|
| 1-2 | dawn | two wide chords, the brightness opens |
| 3-6 | night drive | i VI III VII in A minor, brightness and density rise |
| 7-10 | mirror ball | i iv VII III, a short lead line over the last two |
| 11-13 | basement | VI VII i, drive up and down |
| 14 | dawn | the last chord rings, space opens, the level falls |
"""

from __future__ import annotations

import sys
from pathlib import Path

import mido

TEMPO_BPM = 112
TICKS_PER_BEAT = 480
BAR = 4 * TICKS_PER_BEAT
BARS = 14
CHORD_CHANNEL, LEAD_CHANNEL = 0, 1

SCENES = {0: 0, 2: 1, 6: 2, 10: 3, 13: 0}
"""Bar, counted from 0, and the scene that starts there."""

CHORDS = {
    "Am7": (57, 60, 64, 67),
    "Fmaj7": (53, 57, 60, 64),
    "C": (55, 60, 64),
    "G": (55, 59, 62),
    "Dm7": (57, 60, 62, 65),
}
PROGRESSION = ["Am7", "Fmaj7", "Am7", "Fmaj7", "C", "G", "Am7", "Dm7", "G", "C", "Fmaj7", "G", "Am7", "Am7"]

LEAD = [  # (beat in the piece, length in beats, pitch, velocity)
    (32.0, 0.5, 74, 92),
    (32.5, 0.5, 76, 84),
    (33.0, 1.0, 79, 100),
    (34.5, 0.5, 76, 80),
    (35.0, 1.0, 74, 88),
    (36.0, 0.75, 72, 96),
    (36.75, 0.25, 74, 76),
    (37.0, 1.5, 76, 100),
    (39.0, 1.0, 67, 84),
]
SWEEPS = [  # (controller, from bar, to bar, from value, to value)
    (74, 0, 2, 40, 80),
    (74, 2, 6, 35, 110),
    (71, 2, 6, 50, 95),
    (71, 8, 10, 90, 120),
    (1, 10, 12, 20, 100),
    (1, 12, 13, 100, 40),
    (91, 13, 14, 80, 120),
    (7, 13, 14, 127, 24),
]
_ENDS, _SCENE, _CONTROL, _STARTS = range(4)  # what goes first on the same tick


def events() -> list[tuple[int, int, mido.Message | mido.MetaMessage]]:
    """Return (tick, rank, message) for the whole piece, in order. [any]"""
    made: list[tuple[int, int, mido.Message | mido.MetaMessage]] = []

    def note(channel: int, start: int, end: int, pitch: int, velocity: int) -> None:
        on = mido.Message("note_on", channel=channel, note=pitch, velocity=velocity)
        made.append((start, _STARTS, on))
        made.append((end, _ENDS, mido.Message("note_off", channel=channel, note=pitch, velocity=0)))

    for bar, scene in SCENES.items():
        made.append((bar * BAR, _SCENE, mido.Message("program_change", channel=CHORD_CHANNEL, program=scene)))
        # A scene brings its own tempo; this piece keeps one from first bar to last.
        made.append((bar * BAR, _CONTROL, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(TEMPO_BPM))))
    for bar, name in enumerate(PROGRESSION):
        for pitch in CHORDS[name]:
            note(CHORD_CHANNEL, bar * BAR, (bar + 1) * BAR - TICKS_PER_BEAT // 8, pitch, 64)
    for beat, length, pitch, velocity in LEAD:
        start = round(beat * TICKS_PER_BEAT)
        note(LEAD_CHANNEL, start, start + round(length * TICKS_PER_BEAT * 0.9), pitch, velocity)
    for controller, first, last, low, high in SWEEPS:
        steps = (last - first) * 16
        for step in range(steps + (last == BARS)):
            value = round(low + (high - low) * step / steps)
            tick = first * BAR + step * BAR // 16
            made.append((tick, _CONTROL, mido.Message("control_change", control=controller, value=value)))
    return sorted(made, key=lambda item: item[:2])


def write_performance(path: Path) -> None:
    """Write the piece as a Standard MIDI File of type 0. [control]"""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name="legando: first performance")])
    now = 0
    for tick, _, message in events():
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=BARS * BAR - now))
    mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(str(path))


if __name__ == "__main__":
    write_performance(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("performance.mid"))
