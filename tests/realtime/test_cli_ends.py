"""However a command is stopped, whatever its streams are: no traceback, and nothing half-written."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from legando.realtime.cli import main
from legando.realtime.recording.journal import read_take
from tests.realtime.tone_generator import SPEC

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
