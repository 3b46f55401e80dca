"""The screen on a real terminal: a live run in a pseudo-terminal, whose screen is killed and stopped while it plays."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from legando.bridge.listen import ListenReport, listen
from legando.realtime.recording.verify import verify
from legando.realtime.rigs.rig import DEFAULT_RIG
from legando.realtime.screen.display import TERMINAL_EVERY_NS, Display
from legando.realtime.screen.meter import measure
from legando.realtime.screen.status import Status
from legando.realtime.screen.terminal import can_take
from tests.realtime.tone_generator import SPEC

MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"
ESCAPES = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[PX^_\]].*?\x1b\\|[@-Z\\-_])", re.DOTALL)


class Typed:
    """A command as typed into a terminal of 80 by 24, and all that it has drawn."""

    def __init__(self, words: list[str], **variables: str) -> None:
        self.drawn = b""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        environment = os.environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONUTF8": "1"} | variables
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._slave = slave  # held open: what has been drawn last can still be read
        self.stalled = threading.Event()
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            if not self.stalled.is_set() and select.select([self._master], [], [], 0.05)[0]:
                self.drawn += os.read(self._master, 65536)
            else:
                time.sleep(0.02)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def text(self, start: int = 0) -> str:
        """What was drawn from a byte on, without escape sequences."""
        return ESCAPES.sub(b" ", self.drawn[start:]).decode(errors="replace")

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 30.0) -> None:
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until and self.process.poll() is None, self.text()[-3000:]
            time.sleep(0.02)

    @property
    def screen_pids(self) -> list[int]:
        listing = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "screenprocess"], capture_output=True, text=True
        )
        return [int(word) for word in listing.stdout.split()]

    def settings(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._stop.set()
        self._reader.join()
        os.close(self._master)
        os.close(self._slave)


def state_of(pid: int) -> str:
    """Return the letter of a process's state, Z for one that has ended; empty when it is gone."""
    shown = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def test_the_music_goes_on_whatever_happens_to_the_screen(tmp_path: Path) -> None:
    endpoint, journal = f"ipc://{tmp_path}/live.ipc", tmp_path / "take.jsonl"
    rig, shipped = tmp_path / "rig.toml", DEFAULT_RIG.read_text()
    rig.write_text(shipped.replace('takes = ""', f'takes = "{tmp_path}"'))
    words = ["serve", "--tui", "--live", "--rig", str(rig), "--publish", endpoint, "--journal", str(journal)]
    reports: list[ListenReport] = []
    heard_enough = threading.Event()

    def until_enough(*_: float) -> None:
        if heard_enough.is_set():
            raise KeyboardInterrupt

    listener = threading.Thread(
        target=lambda: reports.append(listen(endpoint, 60.0, tmp_path / "a.wav", until_enough, timeout_s=40))
    )
    listener.start()
    typed = Typed(words)
    try:
        typed.wait_for(lambda: "Slack" in typed.text() and "Cmin" in typed.text())
        assert "dawn" in typed.text() and "of 150 ms" in typed.text() and len(typed.screen_pids) == 1

        typed.type(b"d")  # a key moves what a hand would
        typed.wait_for(lambda: "drums off" in typed.text())
        typed.type(b"+")  # and one says what the performer thinks
        typed.wait_for(lambda: "liked: 0:" in typed.text())
        typed.type(b"p")  # words become a scene of their own
        typed.wait_for(lambda: "enter plays" in typed.text())
        typed.type(b"smoky jazz:loud\r")
        typed.wait_for(lambda: "is not a number" in typed.text())
        typed.type(b"psmoky jazz\r")
        typed.wait_for(lambda: "smoky jazz: scene" in typed.text())
        typed.type(b"r")  # a take begins, and ends with the music
        typed.wait_for(lambda: "REC" in typed.text() and "recording to" in typed.text())

        (killed,) = typed.screen_pids
        at = len(typed.drawn)
        os.kill(killed, signal.SIGKILL)
        typed.wait_for(lambda: "Slack" in typed.text(at))  # another one draws
        assert typed.screen_pids != [killed] and "drums off" in typed.text(at)

        (stopped,) = typed.screen_pids
        at = len(typed.drawn)
        os.kill(stopped, signal.SIGSTOP)  # hangs: it is replaced after HANG_S
        typed.wait_for(lambda: typed.screen_pids not in ([], [stopped]) and "Slack" in typed.text(at))

        typed.stalled.set()  # a terminal that stands still, as over a stalled connection
        time.sleep(2.0)
        heard_enough.set()
        listener.join(40)
        typed.stalled.clear()
        assert reports and reports[0].reason == "interrupted" and reports[0].seconds > 5.0
        assert reports[0].gaps == 0 and reports[0].lost_frames == 0

        at = len(typed.drawn)
        typed.type(b"q")
        typed.wait_for(lambda: "Stop the music?" in typed.text(at))
        typed.type(b"y")
        assert typed.process.wait(20) == 130 and not typed.screen_pids
        assert typed.settings() == typed.before, "the terminal is as it was"
    finally:
        heard_enough.set()
        typed.close()
        listener.join()
    assert "played" in typed.text() and "control to sound" in typed.text(), "the account stands on the terminal"
    (take,) = tmp_path.glob("legando-*.flac")
    assert soundfile.info(take).duration > 5.0 and take.name in typed.text()
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    named = [bytes.fromhex(event["midi"]) for event in events if event.get("midi", "").startswith("ff7f")]
    assert any(message.endswith(b"mute.drums") for message in named), "keys are in the journal, as hands are"
    assert [event["kind"] for event in events if "mark" in event] == ["like"]
    assert [event["prompts"] for event in events if event.get("name") == "smoky jazz"] == [[["smoky jazz", 1.0]]]
    found = verify(take)
    assert (found.samples, found.journal) == ("as written", "whole") and found.origin["from_frame"] > 0


def test_a_screen_ends_with_its_host_and_leaves_the_terminal_whole(tmp_path: Path) -> None:
    typed = Typed(["serve", "--tui", "--live", "--publish", f"ipc://{tmp_path}/live.ipc"])
    try:
        typed.wait_for(lambda: "Slack" in typed.text())
        (screen,) = typed.screen_pids
        typed.process.kill()
        until = time.monotonic() + 10
        while (state := state_of(screen)) not in ("", "Z"):
            assert time.monotonic() < until, f"the screen has outlived its host, in state {state}"
            time.sleep(0.05)
        assert typed.settings() == typed.before
    finally:
        typed.close()


@pytest.mark.parametrize(
    ("words", "variables", "sentence"),
    [
        (["--tui"], {"TERM": "dumb"}, "too simple for the screen"),
        (["--plain", "--seconds", "1"], {}, "played 1.0 s"),
        (["--seconds", "1"], {}, "played 1.0 s"),  # serve: the line, unless the screen is asked for
    ],
)
def test_the_line_stays(words: list[str], variables: dict[str, str], sentence: str, tmp_path: Path) -> None:
    typed = Typed(["serve", "--live", "--publish", f"ipc://{tmp_path}/live.ipc", *words], **variables)
    try:
        typed.process.wait(40)
        time.sleep(0.2)
        assert sentence in " ".join(typed.text().split())
        assert b"\x1b[?1049h" not in typed.drawn
    finally:
        typed.close()


def test_asking_for_a_screen_without_a_terminal_is_refused_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAIN, "serve", "--tui", "--live", "--publish", f"ipc://{tmp_path}/live.ipc"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=40)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr == "legando: the screen needs a terminal for input and output; use --plain\n"


def test_a_terminal_that_stands_still_does_not_hold_up_the_line() -> None:
    master, slave = pty.openpty()
    os.set_blocking(slave, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(slave, b"x" * 100)
    os.set_blocking(slave, True)
    assert not can_take(slave)
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        display = Display(stream)
        status = Status(time_ns=0, scenes=("dawn",), scene=0, tempo_bpm=120.0, tick=0.0)

        def show() -> None:
            time.sleep(2 * TERMINAL_EVERY_NS / 1e9)
            display.show_live(measure(np.zeros((9, 2), np.float32)), lambda: status)

        shower = threading.Thread(target=show, daemon=True)
        shower.start()
        shower.join(5)
        held_up = shower.is_alive()
        while not can_take(slave):
            os.read(master, 65536)
        shower.join(5)
        assert not held_up
    os.close(master)
