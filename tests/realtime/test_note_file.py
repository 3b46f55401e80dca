"""What is played, as a MIDI file: it holds the score, keeps time with the sound, and each note ends once."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from legando.engines.groove import swing_of
from legando.engines.score import DRUM_VOICES, VOCABULARY_SIZES, Score, ScoreReader, chord_name, read_score
from legando.engines.timeline import Clock, FeatureTrack, swung, tick_strokes
from legando.realtime.cli import main
from legando.realtime.controls import GENRES, STYLE_DIM, Controls, Turn
from legando.realtime.midi.channels import CHANNELS
from legando.realtime.midi.generalmidi import DRUM_KEYS, key_velocity
from legando.realtime.midi.notesheet import NoteSheet
from legando.realtime.midi.tempomap import TICKS_PER_QUARTER, TempoMap
from legando.realtime.midi.voices import PARTS_OUT, Voices
from tests.realtime.tone_generator import SPEC

RATE, CHUNK = 48_000, 3840
LOFI = Controls(style=tuple(float(n == GENRES.index("lofi")) for n in range(STYLE_DIM)), tempo_bpm=97.0)

Heard = tuple[float, int, int, int]
"""A note as a listener finds it: seconds, channel, pitch, velocity."""


@dataclass(frozen=True, slots=True)
class Made:
    """A chunk without its sound."""

    tick: float
    chord: str
    tokens: Sequence[tuple[int, Sequence[int]]]
    struck: Sequence[tuple[int, str, int, float]]


def random_score(ticks: int, seed: int = 5) -> Score:
    """Return a score in which every part rests, holds and strikes."""
    rng = np.random.default_rng(seed)
    score = np.stack([rng.integers(0, size, ticks) for size in VOCABULARY_SIZES], axis=1).astype(np.int16)
    quiet = rng.random(score.shape) < 0.6
    quiet[:, 4] = False
    score[quiet] = np.broadcast_to([1, 0, 1, 1, 0], score.shape)[quiet]
    return score


def played(score: Score, controls: Controls, sheet: NoteSheet) -> int:
    """Let a sheet hear a score, chunk by chunk as the sequencer does; return how many frames that took."""
    clock, reader, track = Clock(), ScoreReader(), FeatureTrack(4)
    frames = 0
    while clock.next_tick < len(score):
        begin, struck, tokens = clock.position_ticks, list[tuple[int, str, int, float]](), []
        for tick, offset in clock.advance(CHUNK, controls.tempo_bpm, swing_of(controls.style)):
            row = score[tick].tolist() if tick < len(score) else [0, 0, 0, 0, 0]
            tokens.append((tick, row))
            struck += [(s.offset_frames, s.part, s.pitch, s.velocity) for s in tick_strokes(reader, track, row, offset)]
        sheet.chunk(Made(begin, chord_name(reader.chord), tokens, struck), CHUNK, controls)
        frames += CHUNK
    return frames


def read(path: Path) -> tuple[mido.MidiFile, list[Heard], list[Heard]]:
    """Return a file, and where its notes begin and end; each ends once, after it began."""
    file = mido.MidiFile(str(path), charset="utf-8")
    now, ons, offs = 0.0, list[Heard](), list[Heard]()
    down: dict[tuple[int, int], int] = {}
    for message in file:
        now += message.time
        if message.type == "note_on":
            assert message.velocity > 0
            down[message.channel, message.note] = down.get((message.channel, message.note), 0) + 1
            ons.append((now, message.channel, message.note, message.velocity))
        elif message.type == "note_off":
            assert down[message.channel, message.note] > 0, "what ends has begun"
            down[message.channel, message.note] -= 1
            offs.append((now, message.channel, message.note, 0))
    assert not any(down.values()), "what has begun ends"
    return file, ons, offs


def same(found: Sequence[Heard], expected: Sequence[Heard], within_s: float) -> None:
    """Fail unless these are the same notes at the same times."""
    assert len(found) == len(expected)
    key = lambda heard: (heard[1], heard[2], heard[0])  # noqa: E731
    for one, other in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
        assert one[1:] == other[1:] and one[0] == pytest.approx(other[0], abs=within_s)


def test_the_file_read_again_is_the_score(tmp_path: Path) -> None:
    score = random_score(16 * 24)
    sheet = NoteSheet(RATE)
    frames = played(score, LOFI, sheet)
    sheet.write(tmp_path / "a.mid", frames=frames)
    file, ons, offs = read(tmp_path / "a.mid")
    tick_s, swing = 15.0 / LOFI.tempo_bpm, swing_of(LOFI.style)
    assert swing > 0.1, "odd sixteenths are late"
    notes, hits = read_score(score)
    at = {tick: swung(tick, swing) * tick_s for tick in range(len(score) + 1)}
    expected = [
        (at[int(n.start_ticks)], CHANNELS[n.part], n.pitch, key_velocity(n.velocity))
        for n in notes
        if n.part != "drums"
    ]
    ends = [(at[int(n.end_ticks)], CHANNELS[n.part], n.pitch, 0) for n in notes if n.end_ticks < len(score)]
    loudest: dict[tuple[float, int], float] = {}
    for hit in hits:
        key = at[int(hit.start_ticks)], DRUM_KEYS[hit.voice]
        loudest[key] = max(loudest.get(key, 0.0), hit.velocity)
    expected += [(when, 9, pitch, key_velocity(velocity)) for (when, pitch), velocity in loudest.items()]
    half_a_tick = 0.5 * 60 / LOFI.tempo_bpm / TICKS_PER_QUARTER
    same(ons, expected, half_a_tick + 1.5 / RATE)
    last_s = frames / RATE - 0.01  # what sounds at the end of the file ends there
    found = [off for off in offs if off[1] != 9 and off[0] < last_s]
    same(found, [end for end in ends if end[0] < last_s], half_a_tick + 1.5 / RATE)
    names = [track.name for track in file.tracks]
    assert names == ["legando", "Drums", "Bass", "Chords", "Lead", "Pad"] and file.type == 1
    chords = {message.text for message in file.tracks[3] if message.type == "text"}
    struck = {chord_name(int(token)) for token in score[:, 0] if token >= 2}
    assert chords <= struck | {"N.C."} and len(chords) > 20
    programs = {track.name: [m.program for m in track if m.type == "program_change"] for track in file.tracks[1:]}
    assert programs == {"Drums": [0], "Bass": [33], "Chords": [4], "Lead": [11], "Pad": [89]}
    assert [m.tempo for m in file.tracks[0] if m.type == "set_tempo"] == [round(60e6 / 97.0)]


def test_tempo_changes_inside_a_chunk_and_bars_stay_on_the_grid(tmp_path: Path) -> None:
    """A scene comes in at bar 2, at another tempo, in the middle of a chunk."""
    sheet = NoteSheet(RATE)
    fast = replace(LOFI, tempo_bpm=150.0)
    turned = replace(LOFI, turn=Turn(tick=16, controls=fast))
    clock = Clock()
    for _ in range(60):
        begin, turning = clock.position_ticks, clock.position_ticks < 16
        struck = []
        spans = [(CHUNK, fast)] if not turning else [(CHUNK, LOFI)]
        ahead = int(np.ceil((16 - begin) * 15 / 97.0 * RATE - 1e-6))
        if turning and ahead < CHUNK:
            spans = [(ahead, LOFI), (CHUNK - ahead, fast)]
        done = 0
        for count, controls in spans:
            struck += [
                (done + offset, "drums", 0, 1.0)
                for tick, offset in clock.advance(count, controls.tempo_bpm, 0.0)
                if tick % 4 == 0
            ]
            done += count
        sheet.chunk(Made(begin, "-", (), struck), CHUNK, turned if turning else fast)
    sheet.write(tmp_path / "a.mid")
    file, ons, _ = read(tmp_path / "a.mid")
    beats = [4 * 60 / 97.0 + (n - 4) * 60 / 150.0 if n >= 4 else n * 60 / 97.0 for n in range(len(ons))]
    np.testing.assert_allclose([on[0] for on in ons], beats, atol=0.0006)
    at = np.cumsum([message.time for message in file.tracks[1]])
    ticks = [tick for tick, message in zip(at, file.tracks[1], strict=True) if message.type == "note_on"]
    np.testing.assert_allclose(ticks, np.arange(len(ons)) * TICKS_PER_QUARTER, atol=1)
    assert len([m for m in file.tracks[0] if m.type == "set_tempo"]) == 2


def test_a_day_keeps_time_with_its_sound_and_its_bars() -> None:
    """122 bpm is no whole number of microseconds: what that leaves out must not pile up."""
    per_frame = 122.0 / 15.0 / RATE
    points = [(n * CHUNK, n * CHUNK * per_frame) for n in range(0, 1_080_000, 25)]
    tempo = TempoMap(points, RATE, opening_bpm=122.0)
    assert len(tempo.tempos) < 300
    for frame, sixteenth in points[:: len(points) // 50]:
        assert abs(tempo.tick_at(frame) - sixteenth * 240) <= 1.0


@given(st.data())
def test_a_song_that_leans_jumps_and_slows_keeps_its_notes_with_the_sound(data: st.DataObject) -> None:
    sheet, tick = NoteSheet(RATE), data.draw(st.floats(0.0, 40.0))
    frames: list[int] = []
    for n in range(data.draw(st.integers(2, 30))):
        bpm = data.draw(st.sampled_from((40.0, 97.3, 120.0, 240.0)))
        tick = max(0.0, tick + data.draw(st.sampled_from((0.0, 0.0, 0.0, 0.01, -0.02, 0.3, -7.0, 64.0))))
        offset = data.draw(st.integers(0, CHUNK - 1))
        frames.append(n * CHUNK + offset)
        sheet.chunk(Made(tick, "-", (), [(offset, "drums", 0, 1.0)]), CHUNK, replace(LOFI, tempo_bpm=bpm))
        tick += CHUNK * bpm / 15 / RATE
    tempo = TempoMap([*sheet._points, (sheet._at, sheet._end)], RATE, opening_bpm=sheet._opening_bpm)
    now, tick_now, us = 0.0, 0, tempo.tempos[0][1]
    times = {}
    for at, next_us in [*tempo.tempos, (10**9, 1)]:
        for frame in frames:
            if tick_now <= tempo.tick_at(frame) < at:
                times[frame] = now + (tempo.tick_at(frame) - tick_now) * us / TICKS_PER_QUARTER
        now, tick_now, us = now + (at - tick_now) * us / TICKS_PER_QUARTER, at, next_us
    for frame in frames:
        assert abs(times[frame] - frame * 1e6 / RATE) < 0.6e6 * 60 / 40 / TICKS_PER_QUARTER


Strokes = list[tuple[int, str, int, float]]
strokes = st.tuples(
    st.integers(0, 3839),
    st.sampled_from(PARTS_OUT[1:]),
    st.integers(-1, 3),
    st.sampled_from((0.0, 0.0, 0.3, 1.0)),
).map(lambda s: (s[0], s[1], s[2], 0.0) if s[2] < 0 else s)


@given(st.lists(st.lists(strokes, max_size=12), max_size=6), st.booleans())
def test_every_note_that_begins_ends_whatever_an_engine_strikes(chunks: list[Strokes], leaves: bool) -> None:
    voices, sounding, last = Voices(), set[tuple[str, int]](), 0
    changes = [change for n, struck in enumerate(chunks) for change in voices.feed(n * CHUNK, struck)]
    if leaves:
        changes += voices.agree(len(chunks) * CHUNK, [("bass", 40, 0.5)])
    changes += voices.end_all(len(chunks) * CHUNK)
    for change in changes:
        assert change.frame >= last, "in order of time"
        last = change.frame
        key = change.part, change.pitch
        assert (key in sounding) == (change.velocity == 0.0)
        sounding ^= {key}
    assert not sounding


def test_a_name_that_is_no_midi_file_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.wav", "nowhere/a.mid"):
        words = ["render", "--seconds", "1", "--out", str(tmp_path / "b.wav"), "--notes", str(tmp_path / name)]
        assert main(words, instrument=SPEC) == 2
        assert capsys.readouterr().err.startswith("legando: ")
    assert list(tmp_path.iterdir()) == []


def drum_onsets_ms(sound: np.ndarray[tuple[int], np.dtype[np.float64]], times_s: Sequence[float]) -> list[float]:
    """Return how far from each time the sound's envelope (1 ms) rises through a fifth of its way to the peak."""
    envelope = np.sqrt(np.convolve(sound**2, np.ones(48) / 48, mode="same"))
    found = []
    for time_s in times_s:
        at = round(time_s * RATE)
        around = envelope[max(0, at - 1440) : at + 1920]
        if len(around) < 3360:
            continue
        before, peak = float(np.median(around[:720])), float(around[960:].max())
        if peak > 6 * before:
            found.append((720 + int(np.argmax(around[720:] > before + 0.2 * (peak - before))) - 1440) / 48)
    return found


def test_drums_are_heard_where_the_file_says(
    require: Callable[[bool, str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from legando.engines.bundle import default_path

    require(default_path().is_dir(), "no bundle is shipped with this checkout")
    out, notes = tmp_path / "a.wav", tmp_path / "a.mid"
    words = ["render", "--prompt", "driving techno, no bass, no chords, no lead", "--tempo", "126", "--seconds", "7"]
    assert main([*words, "--seed", "2", "--out", str(out), "--notes", str(notes), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == str(notes)
    sound, rate = soundfile.read(out)
    assert rate == RATE
    file, ons, _ = read(notes)
    assert {channel for _, channel, _, _ in ons} == {9} and file.length == pytest.approx(7.0, abs=0.001)
    assert {pitch for _, _, pitch, _ in ons} <= set(DRUM_KEYS) and len(DRUM_KEYS) == len(DRUM_VOICES)
    strokes_s = sorted({on[0] for on in ons})
    alone = [later for before, later in pairwise(strokes_s) if later - before > 0.05]
    off_ms = np.array(drum_onsets_ms(sound.mean(axis=1), alone))
    assert len(off_ms) > 10 and abs(np.median(off_ms)) < 6.0, off_ms
    assert np.percentile(np.abs(off_ms), 90) < 15.0, off_ms
    origin = json.loads(next(m.text for m in file.tracks[0] if m.type == "text"))
    assert origin["digital_source_type"].endswith("trainedAlgorithmicMedia") and origin["seed"] == 2
    markers = [m.text for m in file.tracks[0] if m.type == "marker"]
    assert markers[0] == "prompt: driving techno, no bass, no chords, no lead" and len(markers) > 1
