"""The command line: every mistake is one sentence and status 2, and leaves nothing behind."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from legando.realtime.cli import main
from legando.realtime.rigs.rig import DEFAULT_RIG
from tests.realtime.tone_generator import SPEC

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
    (("engines", "list", "--days", "3"), ["--days", "`legando engines list`", "belongs to `legando engines gc`"]),
    (("engines", "gc", "--again"), ["--again", "`legando engines build`"]),
    (("gpu", "check", "--quick"), ["--quick", "`legando gpu check --report`"]),
    (("bundle", "verify", "--json"), ["--json", "`legando bundle info`"]),
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
