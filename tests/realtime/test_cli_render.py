"""`legando render`, and `play` where there is no sound device: what is made, and what its figures say."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from legando.realtime.cli import main
from legando.realtime.recording.journal import read_take
from legando.realtime.rigs.rig import DEFAULT_RIG
from tests.realtime.tone_generator import SPEC, ToneInstrument

PERFORMANCE = DEFAULT_RIG.with_name("performance.mid")


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, with the test instrument where its name finds it, also in other processes."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*words: str) -> int:
    return main(words, instrument=SPEC)


def test_the_same_command_twice_gives_the_same_sound_and_any_other_gives_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sha(*words: str) -> str:
        assert run("render", "--seconds", "1", "--out", "a.wav", "--json", *words) == 0
        return str(json.loads(capsys.readouterr().out)["pcm_sha256"])

    first = sha("--prompt", "house")
    assert sha("--prompt", "house") == first
    midi = ("--prompt", "house", "--midi", str(PERFORMANCE))
    others = [("--prompt", "dub"), ("--prompt", "house", "dub:2"), ("--prompt", "house", "--tempo", "140"), midi]
    others += [("--prompt", "house", "--seed", "7"), (*midi, "--tempo", "170")]
    assert len({first, *(sha(*words) for words in others)}) == 1 + len(others)
    assert sha(*midi) == sha(*midi)


def test_without_a_tempo_the_prompts_usual_one_plays(capsys: pytest.CaptureFixture[str]) -> None:
    usual = ToneInstrument().usual_tempo_bpm(ToneInstrument().encode([("house", 1.0)]))

    def sha(*words: str) -> str:
        assert run("render", "--prompt", "house", "--seconds", "2", "--out", "a.wav", "--json", *words) == 0
        return str(json.loads(capsys.readouterr().out)["pcm_sha256"])

    assert sha() == sha("--tempo", str(usual)) != sha("--tempo", str(usual + 7))


def test_words_in_a_prompt_set_the_tempo_and_mute_parts_and_options_win(capsys: pytest.CaptureFixture[str]) -> None:
    def clicks(*words: str) -> int:
        assert run("render", "--seconds", "4", "--out", "a.wav", "--json", *words) == 0
        capsys.readouterr()
        sound = soundfile.read("a.wav")[0][960:, 0]  # without the first beat, which is faded in
        return int(np.sum(np.diff(sound) > 0.15))

    assert clicks("--prompt", "house 180 bpm") == clicks("--prompt", "house", "--tempo", "180") == 11
    assert clicks("--prompt", "house 180 bpm", "--tempo", "90") == 5
    assert clicks("--prompt", "house, no drums", "--tempo", "90") == 0
    assert clicks("--prompt", "house without drums:1", "dub:3", "--tempo", "90") == 5  # a quarter of the weight asks
    slow = mido.MidiFile(tracks=[mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90))])])
    slow.save("../slow.mid")
    assert clicks("--prompt", "house 180 bpm", "--midi", "../slow.mid") == 5  # its bars are the file's


def test_the_figures_of_a_render_are_one_json_object(in_empty_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run("render", "--prompt", "house:0.5", "--prompt", "dub", "--seconds", "1.23", "--out", "a.wav", "--json") == 0
    )
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= {
        *("seconds", "sample_rate_hz", "chunk_ms", "chunks", "compute_ms", "rtf", "bundle", "engine", "seed"),
        "pcm_sha256",
    }
    assert set(figures["compute_ms"]) == {"p50", "p99", "max"}
    assert sorted(figures["read_as"].values(), reverse=True) == [0.67, 0.33], "the weights, as two genres here"
    assert figures["seconds"] == 1.23 and figures["chunks"] == 16 and figures["chunk_ms"] == 80.0
    info = soundfile.info("a.wav")
    assert (info.frames, info.samplerate, info.channels) == (59_040, 48_000, 2)
    assert [path.name for path in in_empty_folder.iterdir()] == ["a.wav"]


def test_without_a_sound_device_the_same_piece_goes_to_a_file_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], require: Callable[[bool, str], None]
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "legando-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    from legando.realtime.playing.devices import has_output

    require(not has_output()[0], "this machine has a sound device")
    assert run("play", "--seconds", "2", "--json") == 0
    out, err = capfd.readouterr()
    first = json.loads(out)["pcm_sha256"]
    assert "no sound device" in err.splitlines()[0] and "take.wav" in err.splitlines()[0]
    assert soundfile.info("take.wav").frames == 96_000
    assert run("play", "--seconds", "0.2", "--midi-out", "synth", "--out", "d.wav") == 0
    assert "to d.wav instead, without MIDI out\n" in capfd.readouterr().err
    assert run("play", "--seconds", "2", "--json", "--out", "b.wav", "--journal", "b.jsonl") == 0
    assert json.loads(capfd.readouterr().out)["pcm_sha256"] == first
    record = read_take(Path("b.jsonl"))
    assert record.end is not None and len(record.events) > 4
    assert len(record.chunks) == 25 and record.scenes[0]["number"] == 1
    assert run("replay", "b.jsonl", "--out", "c.wav", "--json") == 0
    again = json.loads(capfd.readouterr().out)
    assert again["same"] and again["whole"] and again["pcm_sha256"] == record.end["pcm_sha256"]
    np.testing.assert_allclose(soundfile.read("c.wav")[0], soundfile.read("b.wav")[0], atol=2**-23)
