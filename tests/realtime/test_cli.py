"""The command line: every mistake is one sentence and status 2, and leaves nothing behind."""

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import time
import tomllib
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
MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"


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


def rig_file(text: str) -> str:
    path = Path("../rig.toml")
    path.write_text(text + '[[scene]]\nname = "a"\nprompts = ["house"]\n')
    return str(path)


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


RENDER = ("render", "--prompt", "house", "--seconds", "1", "--out", "a.wav")
MISTAKES: list[tuple[tuple[str, ...], list[str]]] = [
    (("render", "--out", "a.wav"), ["no prompt", "TEXT:WEIGHT"]),
    (("render", "--prompt", "--out", "a.wav"), ["no prompt"]),
    (("render", "--prompt", "house:loud", "--out", "a.wav"), ["'loud'", "'house'", "not a number"]),
    (("render", "--prompt", "house:nan", "--out", "a.wav"), ["nan", "'house'"]),
    (("render", "--prompt", "house:-1", "--out", "a.wav"), ["-1", "'house'"]),
    (("render", "--prompt", "house \udcff", "--out", "a.wav"), ["'house \\udcff'", "UTF-8"]),
    (("render", "--prompt", "house:0", "--out", "a.wav"), ["weigh 0"]),
    (("render", "--prompt", "", "--out", "a.wav"), ["empty"]),
    (("render", "--prompt", "house"), ["--out"]),
    ((*RENDER, "--tempo", "9000"), ["--tempo", "9000", "40 to 240"]),
    ((*RENDER, "--tempo", "nan"), ["--tempo", "nan"]),
    ((*RENDER, "--tempo", "fast"), ["--tempo", "fast"]),
    ((*RENDER, "--seconds", "-3"), ["--seconds", "-3"]),
    ((*RENDER, "--seconds", "inf"), ["--seconds", "inf"]),
    ((*RENDER, "--seed", "-1"), ["--seed", "-1"]),
    ((*RENDER, "--seed", "1.5"), ["--seed", "1.5"]),
    ((*RENDER, "--midi", "none.mid"), ["none.mid", "check the name"]),
    ((*RENDER, "--midi", "../cut.mid"), ["cut.mid", "truncated"]),
    ((*RENDER, "--bundle", "none"), ["bundle", "none"]),
    ((*RENDER, "--out", "nowhere/a.wav"), ["nowhere", "does not exist"]),
    ((*RENDER, "--out", ".."), [".. is a folder"]),
    ((*RENDER, "--temp", "100"), ["--temp"]),
    (("play", "--rig", "none.toml"), ["none.toml"]),
    (("play", "--rig", "../bad.toml"), ["bad.toml", "brightnes", "'brightness'"]),
    (("play", "--rig", "../device.toml", "--seconds", "1"), ["no-such-card-9"]),
    (("play", "--rig", "../deep.toml"), ["deep.toml", "nested too deep"]),
    (("play", "--rig", "../loop.toml"), ["loop.toml", "symbolic links"]),
    (("play", "--rig", "../huge"), ["huge", "1 MB"]),
    (("learn", "--rig", "../huge"), ["huge", "1 MB"]),
    (("replay", "../huge"), ["huge", "no journal"]),
    (("play", "--midi", "../cut.mid"), ["cut.mid", "truncated"]),
    (("play", "--out", "nowhere/a.wav"), ["nowhere"]),
    (("play", "--seconds", "0"), ["--seconds"]),
    (("serve", "--publish", "tcp://8.8.8.8:1234"), ["8.8.8.8", "loopback"]),
    (("serve", "--publish", "http://x"), ["http://x", "tcp://"]),
    (("serve", "--bundle", "none", "--record", "a.flac"), ["none"]),
    (("listen", "tcp://127.0.0.1:1", "--seconds", "-1", "--out", "a.wav"), ["--seconds", "-1"]),
    (("listen", "nonsense", "--seconds", "1", "--out", "a.wav"), ["nonsense", "tcp://"]),
    (("bench", "live", "peers"), ["live and peers", "alone"]),
    (("bench", "record", "live", "nonsense"), ["nonsense", "energy"]),
    (("bench", "chunk", "--kills", "3"), ["--kills", "`legando bench chunk`", "belongs to `legando bench live`"]),
    (("bench", "--cable"), ["--cable", "`legando bench`", "`legando bench loopback`"]),
    (("bench", "live", "--gate"), ["--gate", "`legando bench SUITE`"]),
    (("bench", "live", "--hogs", "2"), ["--hogs", "`legando bench live --soak`"]),
    (("bench", "live", "--kills", "2", "--flood", "9"), ["--flood", "`legando bench live --kills`"]),
    (("bench", "loopback", "--bundle", "x"), ["--bundle", "`legando bench SUITE`", "`legando bench record`"]),
    (("bench", "figures", "--json"), ["--json"]),
    (("bench", "chunk", "--install"), ["--install", "`legando bench peers`"]),
    (("bundle", "polish"), ["polish", "info"]),
    (("bundle", "verify", "none"), ["none"]),
    (("sing",), ["sing"]),
    ((), ["COMMAND"]),
]


@pytest.mark.parametrize(("words", "named"), MISTAKES, ids=[" ".join(words)[:60] for words, _ in MISTAKES])
def test_a_mistake_is_one_sentence_with_status_2_and_leaves_nothing(
    in_empty_folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], named: list[str]
) -> None:
    Path("../cut.mid").write_bytes(PERFORMANCE.read_bytes()[:200])
    scene = '[[scene]]\nname = "a"\nprompts = ["house"]\n'
    Path("../bad.toml").write_text(scene + "brightnes = 0.5\n")
    Path("../deep.toml").write_text("a = " + "[" * 5000)
    Path("../loop.toml").symlink_to("loop.toml")
    with Path("../huge").open("wb") as huge:
        huge.truncate(1 << 40)
    Path("../device.toml").write_text('[audio]\ndevice = "no-such-card-9"\n' + scene)
    assert run(*words) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("legando")
    for word in named:
        assert word in err
    assert list(in_empty_folder.iterdir()) == []


@pytest.mark.parametrize(("redirect", "status"), [(">&-", 0), ("2>&- >&- <&-", 0), (">/dev/full", 2)])
def test_closed_streams_and_a_full_disk_behind_them_show_no_traceback(redirect: str, status: int) -> None:
    words = shlex.join([sys.executable, "-c", MAIN, "render", "--prompt", "house", "--seconds", "0.2", "--json"])
    done = subprocess.run(f"{words} --out a.wav {redirect}", shell=True, stderr=subprocess.PIPE, text=True)
    assert done.returncode == status and "Traceback" not in done.stderr and done.stderr.count("\n") == (status > 0)
    assert soundfile.info("a.wav").frames == 9600, "whole, and nothing was printed into it"


def test_letters_that_a_terminal_or_a_system_has_not_show_no_traceback() -> None:
    def tell(*words: str | bytes) -> subprocess.CompletedProcess[str]:
        plain = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
        return subprocess.run([sys.executable, "-c", MAIN, *words], env=plain, capture_output=True, text=True)

    assert run("render", "--prompt", "größe", "--seconds", "0.2", "--out", "ü.wav") == 0
    told = tell("info", "ü.wav")
    assert told.returncode == 0 and told.stderr == "" and "scene     gr\\xf6\\xdfe\n" in told.stdout
    Path(os.fsdecode(b"\xff.wav")).touch()
    odd = tell("info", b"\xff.wav")
    assert odd.returncode == 2 and odd.stderr.startswith("legando: ") and odd.stderr.count("\n") == 1


def test_a_file_that_may_not_be_overwritten_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("a.wav")
    path.write_bytes(b"precious")
    path.chmod(stat.S_IRUSR)
    if os.access(path, os.W_OK):
        path.chmod(0o600)  # the superuser may write anywhere; a mistake found later must still spare the file
        assert run(*RENDER, "--bundle", "none") == 2
    else:
        assert run(*RENDER) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert path.read_bytes() == b"precious"


def test_help_names_every_command_and_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0 and re.fullmatch(r"legando \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert run("--help") == 0
    text = capsys.readouterr().out
    for command in ("render", "play", "serve", "listen", "devices", "bundle", "train"):
        assert command in text
    heavy = "numpy|onnxruntime|rtmidi|sounddevice|zmq|torch"
    probe = "import sys\nfrom legando.realtime.cli import main\nmain(['--help'])\n"
    probe += f"print([name for name in {heavy!r}.split('|') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert shown.rstrip().endswith("[]")


STOPPED_IN_AN_IMPORT = """
import os, signal, sys, time

class Stopper:
    def find_spec(self, name, *_):
        if name == {module!r}:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(5)
            except KeyboardInterrupt as stop:
                raise stop if {module!r} == "argparse" else ImportError("initialization failed") from stop

sys.meta_path.insert(0, Stopper())
from {entry} import main
sys.exit(main())
"""


@pytest.mark.parametrize("module", ["argparse", "soundfile"])
def test_ctrl_c_while_modules_load_is_no_traceback(in_empty_folder: Path, module: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    entry, _, name = project["project"]["scripts"]["legando"].partition(":")
    assert name == "main"
    probe = STOPPED_IN_AN_IMPORT.format(module=module, entry=entry)
    words = ["render", "--prompt", "house", "--seconds", "1", "--out", "a.wav"]
    shown = subprocess.run([sys.executable, "-c", probe, *words], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout, shown.stderr) == (130, "", "")
    assert list(in_empty_folder.iterdir()) == []


@pytest.mark.parametrize("command", ["play", "serve", "bench", "evaluate", "train"])
def test_long_helps_are_in_groups_each_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(command, "--help") == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80 and len(text.splitlines()) <= 75
    heads = re.findall(r"(?m)^(\S.*):\n((?:  .*\n)*)", text)
    assert len(heads) >= 2
    for head, body in heads:
        if head == "options":
            assert re.findall(r"(?m)^  (-\S+)", body) == ["-h,"]
        else:
            assert re.match(r"  [A-Za-z]", body), f"{head} says nothing of itself"


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_render_that_is_stopped_leaves_nothing(in_empty_folder: Path, sent: signal.Signals, status: int) -> None:
    command = [sys.executable, "-c", MAIN, "render", "--prompt", "house", "--seconds", "20000", "--out", "a.wav"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        part = in_empty_folder / ".a.wav.part"
        until = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size > 100_000):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        process.send_signal(sent)
        _, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert b"Traceback" not in err
    assert list(in_empty_folder.iterdir()) == []


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


def test_a_fallback_that_is_stopped_keeps_what_was_made(
    in_empty_folder: Path, monkeypatch: pytest.MonkeyPatch, require: Callable[[bool, str], None]
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "legando-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    from legando.realtime.playing.devices import has_output

    require(not has_output()[0], "this machine has a sound device")
    command = [sys.executable, "-c", MAIN, "play", "--live", "--seconds", "20000", "--json", "--journal", "a.jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        part = in_empty_folder / ".take.wav.part"
        until = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size > 100_000):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and b"Traceback" not in err
    assert sorted(path.name for path in in_empty_folder.iterdir()) == ["a.jsonl", "take.wav"]
    figures, frames = json.loads(out), soundfile.info("take.wav").frames
    assert frames > 10_000 and figures["interrupted"] is True and figures["seconds"] == frames / 48_000
    record = read_take(in_empty_folder / "a.jsonl")
    assert record.end is not None and 0 <= len(record.chunks) * 3840 - frames <= 3840


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -c {shlex.quote(MAIN)} render --prompt house --seconds 1 --out a.wav --json | true"
    shown = subprocess.run(["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True)
    assert "Traceback" not in shown.stderr and shown.returncode == 141
    assert Path("a.wav").exists()


def test_training_without_torch_says_what_to_install() -> None:
    probe = "import sys; sys.modules['torch'] = None\nfrom legando.realtime.cli import main\n"
    probe += "sys.exit(main(['train', 'codec']))"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert shown.returncode == 2 and "pip install 'legando[train]'" in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_devices_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("devices") == 0
    shown = capsys.readouterr().out
    assert "sound devices:" in shown and "MIDI inputs:" in shown
    assert "--midi" not in shown.partition("MIDI outputs:")[2], "a file is no output"
