"""The command line with the bundle that legando ships: repeatable, steerable, and suspicious of damaged files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mido
import pytest

from legando.realtime.cli import main
from legando.realtime.instrument import SHIPPED, load_instrument


@pytest.fixture
def shipped(require: Callable[[bool, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the shipped bundle's folder, and work in an empty one."""
    from legando.engines.bundle import default_path

    require(default_path().is_dir(), "no bundle is shipped with this checkout")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return default_path()


def c_minor(path: Path) -> Path:
    """Write a file that holds a C minor chord."""
    ons = [mido.Message("note_on", note=note, velocity=80) for note in (60, 63, 67)]
    offs = [mido.Message("note_off", note=note, time=1920 * (note == 60)) for note in (60, 63, 67)]
    mido.MidiFile(tracks=[mido.MidiTrack([*ons, *offs])]).save(str(path))
    return path


def test_the_same_command_twice_gives_the_same_sound_and_any_other_gives_another(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sha(*words: str) -> str:
        assert main(["render", "--seconds", "2", "--out", "a.wav", "--json", *words]) == 0
        figures = json.loads(capsys.readouterr().out)
        assert max(figures["read_as"], key=figures["read_as"].get) in ("house", "ambient")
        assert figures["chunks"] >= 25 and len(figures["bundle_sha256"]) == 64
        return str(figures["pcm_sha256"])

    house = ("--prompt", "deep house", "--tempo", "120")
    first = sha(*house)
    assert sha(*house) == first
    chord = ("--midi", str(c_minor(Path("../c.mid"))))
    others = [(*house, "--seed", "1"), ("--prompt", "ambient pads", "--tempo", "120"), (*house, *chord)]
    others += [("--prompt", "deep house", "--tempo", "100")]
    assert len({first, *(sha(*words) for words in others)}) == 1 + len(others)


def test_without_a_tempo_the_prompts_usual_one_plays(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def sha(*words: str) -> str:
        command = ["render", "--prompt", "liquid drum and bass", "--seconds", "2", "--out", "a.wav", "--json"]
        assert main([*command, *words]) == 0
        return str(json.loads(capsys.readouterr().out)["pcm_sha256"])

    instrument = load_instrument(SHIPPED, None)
    usual = instrument.usual_tempo_bpm(instrument.encode([("liquid drum and bass", 1.0)]))
    assert 150.0 < usual < 180.0 and usual == round(usual)
    assert sha() == sha("--tempo", str(usual)) != sha("--tempo", "120")


@pytest.mark.parametrize("name", ["weights.safetensors", "decoder.onnx", "style.safetensors", "manifest.json"])
def test_a_damaged_bundle_is_refused_and_nothing_is_written(
    shipped: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(shipped, copy)
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 0x10 if name != "manifest.json" else 0xFF
    (copy / name).write_bytes(data)
    for words in (["render", "--prompt", "house", "--out", "a.wav"], ["bundle", "verify"], ["play", "--seconds", "1"]):
        asked = [str(copy)] if words[0] == "bundle" else ["--bundle", str(copy)]
        assert main(words + asked) == 2
        err = capfd.readouterr().err
        assert name in err and err.rstrip().splitlines()[-1].startswith("legando: ")
    assert list(Path.cwd().iterdir()) == []


def test_one_step_is_refused_unless_the_bundle_was_made_for_one(
    shipped: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rig = tmp_path / "rig.toml"
    rig.write_text('[engine]\nsteps = 1\n[[scene]]\nname = "a"\nprompts = ["house"]\n')
    render = ["render", "--prompt", "house", "--seconds", "0.2", "--steps", "1", "--out", "a.wav"]
    for words in (render, ["serve", "--rig", str(rig), "--seconds", "1", "--publish", f"ipc://{tmp_path}/audio"]):
        assert main(words) == 2
        err = capfd.readouterr().err.splitlines()
        assert err[-1].startswith("legando: ") and "steps = 1 is noise" in err[-1] and "2 or more" in err[-1]
    assert list(Path.cwd().iterdir()) == []
    copy = tmp_path / "copy"
    shutil.copytree(shipped, copy)
    about = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(about | {"steps": 1}))
    assert main([*render, "--bundle", str(copy)]) == 0


def test_a_folder_that_is_no_bundle_is_refused(
    shipped: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", "--prompt", "house", "--out", "a.wav", "--bundle", str(tmp_path)]) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and str(tmp_path) in err
    assert list(Path.cwd().iterdir()) == []


def test_verify_and_info_speak_about_the_shipped_bundle(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "verify"]) == 0
    assert "sha256" in capsys.readouterr().out
    assert main(["bundle", "info"]) == 0
    shown = capsys.readouterr().out
    assert str(shipped) in shown and "drum_and_bass" in shown
    assert shown.count("\nmeasured") < 70 and "more figures" in shown, "those that have a target"
    assert max(len(line) for line in shown.splitlines() if str(shipped) not in line) <= 100
    assert main(["bundle", "info", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about["sha256"] in shown
    assert {"name", "sha256", "files", "steps", "chunk_latents"} <= set(about)
