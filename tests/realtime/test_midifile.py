"""MIDI files as if live: exact frames, and one sentence for what cannot be read."""

from pathlib import Path

import mido
import pytest

from legando.realtime.errors import MidiError
from legando.realtime.midi.midifile import read_midi_file
from legando.realtime.rigs import make_performance
from legando.realtime.rigs.rig import DEFAULT_RIG

SHIPPED = DEFAULT_RIG.with_name("performance.mid")


def save(path: Path, *tracks: list[mido.Message | mido.MetaMessage], ticks_per_beat: int = 480, kind: int = 1) -> Path:
    mido.MidiFile(type=kind, ticks_per_beat=ticks_per_beat, tracks=[mido.MidiTrack(t) for t in tracks]).save(str(path))
    return path


def test_the_tempo_map_places_events_of_all_tracks_at_exact_frames(tmp_path: Path) -> None:
    tempo = [mido.MetaMessage("set_tempo", tempo=600_000), mido.MetaMessage("set_tempo", tempo=300_000, time=480)]
    notes = [mido.Message("note_on", note=60, time=480), mido.Message("note_off", note=60, time=960)]
    piece = read_midi_file(save(tmp_path / "a.mid", tempo, notes))
    placed = {m.message[0]: m.frame for m in piece.messages if m.message[0] != 0xFF}
    assert placed == {0x90: 28_800, 0x80: 28_800 + 2 * 14_400}
    assert piece.frames == 57_600


def test_rounding_does_not_pile_up_over_an_hour(tmp_path: Path) -> None:
    track: list[mido.Message | mido.MetaMessage] = [mido.MetaMessage("set_tempo", tempo=535_713)]
    track += [mido.Message("note_on", note=60, time=1) for _ in range(7000)]
    piece = read_midi_file(save(tmp_path / "a.mid", track, ticks_per_beat=7))
    assert piece.frames == 535_713 * 7000 * 48_000 // 7_000_000


def test_the_shipped_performance_is_what_its_script_writes(tmp_path: Path) -> None:
    make_performance.write_performance(tmp_path / "p.mid")
    assert (tmp_path / "p.mid").read_bytes() == SHIPPED.read_bytes()
    assert read_midi_file(SHIPPED).frames == pytest.approx(30 * 48_000, abs=48)


@pytest.mark.parametrize("keep", [0, 3, 20, 300, -1])
def test_a_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cut.mid"
    path.write_bytes(SHIPPED.read_bytes()[:keep])
    with pytest.raises(MidiError, match=r"cut\.mid"):
        read_midi_file(path)


@pytest.mark.parametrize(
    "data", [b"RIFF" + bytes(400), b"MThd" + bytes(40), b"\xff" * 50, b"MThd\0\0\0\6\0\0\0\1\xe7\x28"]
)
def test_a_file_that_is_no_midi_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.mid"
    path.write_bytes(data)
    with pytest.raises(MidiError, match=r"odd\.mid") as caught:
        read_midi_file(path)
    assert "\n" not in str(caught.value)


def test_every_cut_of_the_shipped_file_is_refused_or_read_but_never_crashes(tmp_path: Path) -> None:
    whole = SHIPPED.read_bytes()
    path = tmp_path / "cut.mid"
    for keep in range(0, len(whole), 37):
        path.write_bytes(whole[:keep])
        with pytest.raises(MidiError):
            read_midi_file(path)


def test_missing_files_and_separate_songs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match=r"no MIDI file .*none\.mid"):
        read_midi_file(tmp_path / "none.mid")
    with pytest.raises(MidiError, match=r"cannot read"):
        read_midi_file(tmp_path)
    with pytest.raises(MidiError, match=r"type 2"):
        read_midi_file(save(tmp_path / "two.mid", [mido.Message("note_on")], kind=2))
