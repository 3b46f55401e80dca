"""Every file says that a generative model made it, and of what; `legando info` tells what was changed since."""

import io
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.cli import main
from legando.realtime.errors import LegandoError
from legando.realtime.recording.flacnotes import FIELD, fields_of
from legando.realtime.recording.origin import SOURCE_TYPE, UNFINISHED, origin_of, origin_text
from legando.realtime.recording.riff import chunks, texts
from legando.realtime.recording.takefile import as_int24, open_take
from legando.realtime.recording.verify import verify
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.ring import Frames
from tests.realtime.tone_generator import SPEC

ABOUT = {"bundle": "/home/somebody/bundle", "bundle_name": "tön", "bundle_sha256": "0" * 64, "seed": 7, "eco": False}


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def noise(frames: int) -> Frames:
    return np.random.default_rng(frames).uniform(-1.1, 1.1, (frames, 2)).astype(np.float32)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_a_rendering_says_what_it_is_and_is_a_whole_wav_file(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.wav"
    with WavWriter(path, subtype=subtype) as writer:
        writer.about = ABOUT
        writer.write(noise(1001))
    found = verify(path)
    assert (found.samples, found.marked, found.journal, found.bundle) == ("as written", True, "none", "")
    assert "journal   none was kept with it" in found.lines()
    assert found.origin["digital_source_type"] == SOURCE_TYPE and found.origin["bundle_name"] == "tön"
    assert found.origin["written_by"].startswith("legando ") and "bundle" not in found.origin, "no folder of ours"
    data = path.read_bytes()
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8 and b"somebody" not in data
    with path.open("rb") as file:
        parts = list(chunks(file))
    assert [name for name, _, _ in parts][-2:] == [b"LIST", b"_PMX"]
    assert parts[-1][1] + parts[-1][2] + parts[-1][2] % 2 == len(data)
    assert len(soundfile.read(path)[0]) == 1001
    if subtype == "FLOAT":
        assert found.origin["samples_sha256"] == writer.pcm_sha256


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_take_is_as_written_at_every_moment_and_at_its_end(tmp_path: Path, name: str) -> None:
    path, sound = tmp_path / name, noise(100_000)
    take = open_take(path, sample_rate_hz=48_000, channels=2, about=ABOUT)
    for number, block in enumerate(np.array_split(sound, 23)):
        take.write(block)
        if number % 5 == 4:
            take.sync()
            shutil.copy(path, tmp_path / f"{number}-{name}")  # as a crash would leave it
    take.close()
    lengths = []
    for number in (4, 9, 14, 19):
        found = verify(tmp_path / f"{number}-{name}")
        assert found.samples == "as written" and found.origin["seed"] == 7 and found.marked
        lengths.append(found.seconds)
    assert lengths == sorted(set(lengths)) and lengths[-1] > 1.4
    assert verify(path).samples == "as written" and soundfile.info(path).frames == 100_000
    held, _ = soundfile.read(path, dtype="int32")
    expected = as_int24(sound) if name == "a.flac" else soundfile.read(path, dtype="int32")[0]
    np.testing.assert_array_equal(held, expected)


def test_flac_holds_what_libsndfile_would_have_made_of_it(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "b.flac", noise(5000), 48_000, "PCM_24")
    np.testing.assert_array_equal(soundfile.read(tmp_path / "b.flac", dtype="int32")[0], as_int24(noise(5000)))


@pytest.mark.parametrize("name", ["a.wav", "b.wav", "a.flac"])
def test_another_program_finds_the_marking(tmp_path: Path, name: str, require: Callable[[bool, str], None]) -> None:
    """ExifTool, which photo desks and archives read IPTC's fields with."""
    exiftool = shutil.which("exiftool")
    require(exiftool is not None, "exiftool not found; install libimage-exiftool-perl")
    assert exiftool is not None
    if name == "b.wav":
        with WavWriter(tmp_path / name) as writer:
            writer.write(noise(4800))
    else:
        take = open_take(tmp_path / name, sample_rate_hz=48_000, channels=2, about=ABOUT)
        take.write(noise(48_000))
        take.close()
    read = subprocess.run([exiftool, "-json", str(tmp_path / name)], capture_output=True, text=True, timeout=30)
    (found,) = json.loads(read.stdout)
    assert SOURCE_TYPE in (found.get("DigitalSourceType"), found.get("Digitalsourcetype"))
    assert "Warning" not in found and "Error" not in found and found["Software"].startswith("legando")


def test_flac_says_it_in_fields_that_any_reader_finds(tmp_path: Path) -> None:
    take = open_take(tmp_path / "a.flac", sample_rate_hz=48_000, channels=2, about=ABOUT)
    take.write(noise(10_000))
    take.close()
    with soundfile.SoundFile(tmp_path / "a.flac") as file:
        said = json.loads(file.comment)
    assert said["seed"] == 7 and said["samples_sha256"] != UNFINISHED
    fields = fields_of((tmp_path / "a.flac").read_bytes())
    assert f"DIGITALSOURCETYPE={fields['DIGITALSOURCETYPE']}" == FIELD
    assert fields["SOFTWARE"].startswith("legando") and json.loads(fields["COMMENT"]) == said


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_what_was_changed_since_is_told(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    take = open_take(path, sample_rate_hz=48_000, channels=2, about=ABOUT)
    take.write(noise(48_000) * np.float32(0.5))
    take.close()
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["good"] is True
    sound, rate = soundfile.read(path, dtype="int32" if name == "a.flac" else "float32")
    (tmp_path / f"cut-{name}").write_bytes(path.read_bytes()[:100_000])
    cut = "cut off" if name == "a.flac" else "changed"  # what WAV says stands behind the samples in the longer file
    assert verify(tmp_path / f"cut-{name}").samples == cut
    with soundfile.SoundFile(path) as file:
        comment = file.comment
    sound[1000, 1] *= -1
    with soundfile.SoundFile(path, "w", rate, 2, "PCM_24" if name == "a.flac" else "FLOAT") as file:
        file.comment = comment
        file.write(sound)
    assert main(["info", str(path)]) == 2
    words = capsys.readouterr().out
    assert "samples   changed" in words and "the marking for other programs was taken off" in words
    soundfile.write(path, sound, rate, "PCM_24" if name == "a.flac" else "FLOAT")
    assert main(["info", str(path)]) == 2
    told = capsys.readouterr().err
    assert "does not say where it comes from" in told and told.count("\n") == 1


def test_what_is_no_sound_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    for path in (tmp_path / "a.wav", tmp_path / "none.flac", tmp_path):
        with pytest.raises(LegandoError, match="give a WAV or FLAC file"):
            verify(path)


def test_a_damaged_journal_is_told_and_one_of_another_sound(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", subtype="FLOAT") as writer:
        writer.about = ABOUT
        writer.write(noise(3840))
    (tmp_path / "a.jsonl").write_text("nonsense\n")
    assert verify(tmp_path / "a.wav").journal.startswith("damaged: line 1")


def test_render_says_prompts_seed_and_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.wav"
    words = ["render", "--prompt", "deep house", "dub:0.5", "--seconds", "1", "--seed", "11", "--out", str(path)]
    assert main(words, instrument=SPEC) == 0
    capsys.readouterr()
    assert main(["info", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    origin = found["origin"]
    assert (origin["seed"], origin["scenes"]) == (11, [[["deep house", 1.0], ["dub", 0.5]]])
    assert (origin["bundle_licence"], origin["engine"]) == ("CC0-1.0", "sines") and found["marked"]
    assert main(["info", str(path)]) == 0
    words_told = capsys.readouterr().out
    assert "trainedAlgorithmicMedia" in words_told and "samples   as written" in words_told
    assert "scene     deep house; dub:0.5\n" in words_told


def test_the_shipped_bundle_is_found_by_its_hash(tmp_path: Path) -> None:
    from legando.engines.bundle import Bundle

    with WavWriter(tmp_path / "a.wav") as writer:
        writer.about = {"bundle_name": "x", "bundle_sha256": Bundle.load().hash}
        writer.write(noise(10))
    assert verify(tmp_path / "a.wav").bundle.endswith("bundles/default")


def test_the_text_is_as_long_for_any_digest_and_is_read_again() -> None:
    assert len(origin_text(ABOUT)) == len(origin_text(ABOUT, "f" * 64))
    again = origin_of(origin_text(ABOUT, "f" * 64))
    assert again is not None and again["seed"] == 7 and again["samples_sha256"] == "f" * 64
    assert origin_of("{}") is None and origin_of("a comment of somebody's") is None and origin_of("[]") is None
    assert origin_of("[" * 100_000) is None


@given(st.binary(max_size=400))
def test_no_damage_raises(data: bytes) -> None:
    for whole in (
        data,
        b"RIFF\0\0\0\0WAVE" + data,
        b"RIFF\0\0\0\0WAVELIST" + data,
        b"RF64\0\0\0\0WAVEds64\x1c\0\0\0" + data,
    ):
        texts(io.BytesIO(whole))
    fields_of(b"fLaC\x04\0\1\0" + data)
    fields_of(data)
