"""`legando learn`: what was moved is known, and the rig file keeps all else as it was."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.commands import cli_learn
from legando.realtime.errors import RigError
from legando.realtime.midi.controllers import Controllers
from legando.realtime.midi.learning import ENOUGH, QUIET_S, Guess, Listener, guess_of
from legando.realtime.rigs.checks import nearest
from legando.realtime.rigs.controlnames import CONTROLS, find_control
from legando.realtime.rigs.rig import DEFAULT_RIG, read_rig
from legando.realtime.rigs.rigedit import bind_in, own_rig_text, save_rig
from legando.realtime.rigs.source import Source
from tests.realtime.conftest import JackServer
from tests.realtime.midi_ports import source

CC = 0xB0
NRPN = ((CC, 99, 2), (CC, 98, 44))
KNOB = Guess(Source("cc", 21), 1, "a knob", "knob")


def guess(*messages: tuple[int, ...]) -> Guess:
    controllers = Controllers()
    return guess_of([move for message in messages for move in controllers.feed(bytes(message))])


def ccs(number: int, *values: int) -> list[tuple[int, int, int]]:
    return [(CC | 2, number, value) for value in values]


@pytest.mark.parametrize(
    ("messages", "kind", "source", "encoding"),
    [
        (ccs(21, 60, 61, 63, 66, 70), "knob", Source("cc", 21), ""),
        (ccs(21, 3, 2, 1, 0), "knob", Source("cc", 21), ""),
        (ccs(21, 1, 1, 1, 2, 127, 127, 126), "encoder", Source("cc", 21), "twos"),
        (ccs(21, 127, 127, 127), "encoder", Source("cc", 21), "twos"),
        (ccs(21, 65, 65, 66, 63, 63), "encoder", Source("cc", 21), "offset"),
        (ccs(21, 1, 1, 1, 65, 65, 66), "encoder", Source("cc", 21), "sign"),
        (ccs(21, 127, 0), "button", Source("cc", 21), ""),
        (ccs(21, 127), "latch", Source("cc", 21), ""),
        ([m for v in (3, 4, 5) for m in (*ccs(21, v), *ccs(53, v * 9))], "knob", Source("cc14", 21), ""),
        (
            [(CC, 99, 2), (CC, 98, 44), (CC, 6, 1), (CC, 38, 3), (CC, 6, 2), (CC, 38, 9)],
            "knob",
            Source("nrpn", 300),
            "",
        ),
        ([m for v in (1, 2, 3) for m in (*NRPN, (CC, 6, v))], "knob", Source("nrpn", 300), ""),
        ([(0x99, 36, 80), (0xA9, 36, 50), (0x89, 36, 0)], "pad", Source("note", 36), ""),
        ([(0xE0, 0, 64), (0xE0, 5, 70)], "knob", Source("bend"), ""),
        ([(0xC0, 7)], "pad", Source("program", 7), ""),
        ([(0xD0, 7), (0xD0, 17)], "knob", Source("aftertouch"), ""),
    ],
)
def test_what_was_moved_is_known(messages: list[tuple[int, ...]], kind: str, source: Source, encoding: str) -> None:
    got = guess(*messages)
    assert (got.kind, got.source, got.encoding) == (kind, source, encoding), got


def test_an_encoder_turned_one_way_says_that_it_guesses() -> None:
    assert not guess(*ccs(21, 1, 1, 1, 1)).both_ways and guess(*ccs(21, 1, 1, 1, 127, 127)).both_ways


@given(st.lists(st.binary(min_size=1, max_size=4), max_size=60))
def test_any_messages_give_a_guess_that_can_be_written_or_a_sentence(messages: list[bytes]) -> None:
    listener = Listener()
    for message in messages:
        listener.feed(message, 0.0)
    got = listener.guess(QUIET_S)
    if got is not None:
        for name in ("density", "mute.bass", "scene.1", "filter"):
            got.binding_values(find_control(name))


def test_a_move_is_over_when_it_is_quiet_or_has_said_enough() -> None:
    listener = Listener()
    assert listener.guess(9.0) is None
    listener.feed(bytes((CC, 21, 5)), 1.0)
    assert listener.guess(1.0 + QUIET_S / 2) is None and listener.guess(1.0 + QUIET_S) is not None
    for value in range(ENOUGH):
        listener.feed(bytes((CC, 21, value)), 1.0)
    assert listener.guess(1.0) is not None


@pytest.mark.parametrize(
    ("kind", "control", "mode"),
    [
        ("button", "mute.bass", "toggle"),
        ("button", "freeze", "momentary"),
        ("latch", "mute.bass", "absolute"),
        ("encoder", "density", "relative"),
        ("encoder", "scene.1", None),
        ("knob", "density", None),
        ("pad", "section.break", None),
    ],
)
def test_a_binding_says_how_what_was_moved_counts(kind: str, control: str, mode: str | None) -> None:
    values = Guess(Source("cc", 5), 3, "", kind, "sign").binding_values(find_control(control))
    assert values.get("mode") == mode and (values.get("encoding") == "sign") == (mode == "relative")


RIG = """# my rig
[midi]
inputs = ["*"]   # all of them
[[midi.bind]]
control = "drive"  # the wheel
cc = 1
min = 0.2

[[bind]]  # the big knob
source = "cc 21"  # left of the screen
channel = 1
control = "density"
curve = "exp"

# what plays
[[scene]]
name = "a"
prompts = ["house"]
"""


def test_a_new_binding_joins_the_others_and_every_comment_stays(tmp_path: Path) -> None:
    text, before = bind_in(RIG, {"source": "note 36", "channel": 10, "control": "scene.1"})
    assert before == "" and [line for line in RIG.splitlines() if line not in text.splitlines()] == []
    save_rig(tmp_path / "rig.toml", text)
    rig = read_rig(tmp_path / "rig.toml")
    assert [(str(b.origin), b.control) for b in rig.binds] == [("cc 21", "density"), ("note 36", "scene.1")]


def test_a_source_that_was_bound_is_bound_anew_in_its_place(tmp_path: Path) -> None:
    text, before = bind_in(RIG, {"source": "cc 21", "channel": 1, "control": "filter", "mode": "relative"})
    assert before == "density" and "# left of the screen" in text and "# the big knob" in text and "curve" not in text
    save_rig(tmp_path / "rig.toml", text)
    (bound,) = read_rig(tmp_path / "rig.toml").binds
    assert (bound.control, bound.way, bound.channel) == ("filter", "relative", 1)
    text, before = bind_in(RIG, {"source": "cc 1", "control": "space"})
    assert before == "drive" and "# the wheel" in text and "cc = 1" not in text
    save_rig(tmp_path / "rig.toml", text)
    assert read_rig(tmp_path / "rig.toml").midi.bindings[0].control == "space"


def test_a_file_that_would_not_be_a_rig_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    path.chmod(0o600)
    text, _ = bind_in(RIG, {"source": "cc 9", "control": "scene.7"})
    with pytest.raises(RigError, match=r"rig\.toml: control = 'scene\.7'") as caught:
        save_rig(path, text)
    assert path.read_text() == RIG and "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["rig.toml"], "nothing is left behind"
    save_rig(path, RIG + "# more\n")
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_text().endswith("# more\n")


def test_the_first_rig_of_ones_own_is_the_shipped_one_for_live_playing(tmp_path: Path) -> None:
    save_rig(tmp_path / "rig.toml", own_rig_text())
    mine, shipped = read_rig(tmp_path / "rig.toml"), read_rig()
    assert mine.scenes == shipped.scenes and mine.bindings == shipped.bindings
    assert mine.performance.midi_file == "" and mine.performance.seconds is None
    comments = [line for line in DEFAULT_RIG.read_text().splitlines() if line.startswith("#")]
    assert all(line in own_rig_text().splitlines() for line in comments)


def session(path: Path, answers: list[str | None], *guesses: Guess) -> tuple[int, list[str]]:
    said: list[str] = []
    waiting = list(guesses)

    def listen() -> Guess:
        if not waiting:
            raise KeyboardInterrupt
        return waiting.pop(0)

    return cli_learn.learn(path, listen, lambda _: answers.pop(0), said.append), said


def test_a_session_saves_by_number_and_by_name_and_asks_again_after_a_slip(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    pad = Guess(Source("note", 40), 10, "a pad", "pad")
    answers: list[str | None] = [
        "99",
        "brightnes",
        "weight.7",
        "brightness",
        "",
        str(list(CONTROLS).index("freeze") + 1),
    ]
    learnt, said = session(path, answers, KNOB, pad, pad)
    assert learnt == 2 and not answers
    slips = ["no number 99", "did you mean 'brightness'", "this rig has no weight.7"]
    assert all(any(slip in line for line in said) for slip in slips), said
    assert any("cc 21 moves brightness instead of density; saved in" in line for line in said)
    assert [(str(b.origin), b.control) for b in read_rig(path).binds] == [
        ("cc 21", "brightness"),
        ("note 40", "freeze"),
    ]
    assert any("scene.1 (a)" in line for line in said), "scenes are listed by name"


@pytest.mark.parametrize("answer", ["q", None])
def test_a_session_ends_on_q_and_when_nobody_answers(tmp_path: Path, answer: str | None) -> None:
    assert session(tmp_path / "rig.toml", [answer], KNOB)[0] == 0
    assert not (tmp_path / "rig.toml").exists()


def test_nearest_is_silent_when_nothing_is_near() -> None:
    assert nearest("zzzz", CONTROLS) == ""


def test_a_rig_that_is_not_there_is_made_unless_its_folder_is_missing(tmp_path: Path) -> None:
    assert cli_learn.text_of(tmp_path / "new.toml") is None
    (tmp_path / "old.toml").write_text(RIG)
    assert cli_learn.text_of(tmp_path / "old.toml") == RIG
    with pytest.raises(RigError, match="nowhere"):
        cli_learn.text_of(tmp_path / "nowhere" / "new.toml")


def test_questions_go_to_standard_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("  density \n"))
    assert cli_learn.ask("which? ") == "density" and cli_learn.ask("which? ") is None
    assert capsys.readouterr().out == ""


@pytest.mark.live
@pytest.mark.timeout(60)
def test_learn_hears_a_real_controller_and_writes_the_rig(jack_server: JackServer, tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_text(RIG.replace('inputs = ["*"]', 'inputs = ["*"]\napi = "jack"'))
    command = [sys.executable, "-c", "import sys; from legando.realtime.cli import main; sys.exit(main())"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with (
        source("box", "encoders") as box,
        subprocess.Popen(
            [*command, "learn", "--rig", str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process,
    ):
        assert process.stdin is not None and process.stderr is not None
        said = ""
        while "turn a knob" not in said:
            said = process.stderr.readline()
            assert said
        time.sleep(0.1)
        for value in (1, 1, 1, 127, 127, 127):
            box.send_message([0xB4, 30, value])
            time.sleep(0.02)
        process.stdin.write("temperature\n")
        process.stdin.flush()
        rest = ""
        while "saved in" not in rest or "turn a knob" not in rest:
            rest += (line := process.stderr.readline())
            assert line, rest
        process.send_signal(signal.SIGINT)
        rest += process.communicate(timeout=20)[1]
    assert process.returncode == 0, rest
    assert "1 binding saved" in rest
    assert "cc 30 on channel 5: an encoder that sends steps (1, 127: twos)" in rest
    bound = read_rig(path).binds[-1]
    assert (str(bound.origin), bound.channel, bound.way, bound.control) == ("cc 30", 5, "relative", "temperature")
