"""The last bars again: held by a pad, set by a knob, a key or OSC, through scenes, a killed engine and a replay."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM, Controls
from legando.realtime.errors import RigError
from legando.realtime.osc.oscmap import event_of
from legando.realtime.performing.ownevent import control_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.processes import child_pid
from legando.realtime.recording.journal import read_take
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.controlnames import loop_of
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rigedit import scene_in
from legando.realtime.rigs.scene import Scene
from legando.realtime.screen.screenkeys import moves_of
from legando.realtime.screen.screenpanels import music
from legando.realtime.screen.status import SHOWN, Status
from tests.realtime.test_note_file import read as read_notes

CHUNK = 3840
BAR_S = 240 / 230


def styled(name: str, **values: object) -> StyledScene:
    scene = Scene(name=name, prompts=(Prompt(text=name),), **values)  # type: ignore[arg-type]
    return StyledScene(scene=scene, style=(0.5,) * STYLE_DIM, usual_tempo_bpm=120.0)


class Hands:
    """A performance and what is sent to it, chunk by chunk."""

    def __init__(self, *bindings: Binding) -> None:
        scenes = (styled("a"), styled("b", density=0.9), styled("c", loop=8), styled("d", loop=0))
        self.performance = Performance(scenes, bindings)
        self._chunk = 0

    def send(self, *messages: tuple[int, ...] | bytes) -> Controls:
        start, self._chunk = self._chunk * CHUNK, self._chunk + 1
        for message in messages:
            self.performance.feed(start, bytes(message))
        return self.performance.controls_for_chunk(start, CHUNK)


def test_a_loop_holds_while_its_pad_is_down_and_the_last_pad_wins() -> None:
    hands = Hands(
        Binding(control="loop.1", source="note 40"),
        Binding(control="loop.4", source="note 41"),
        Binding(control="loop.8", source="note 42", mode="toggle"),
        Binding(control="loop", source="cc 9"),
    )
    sent = [hands.send(pad).loop for pad in ((0x90, 40, 1), (0x90, 41, 1), (0x80, 41, 0), (0x80, 40, 0))]
    assert sent == [1, 4, 1, 0]
    assert [hands.send((0x90, 42, 9), (0x80, 42, 0)).loop for _ in range(2)] == [8, 0], "each press of a toggle"
    assert [hands.send((0xB0, 9, value)).loop for value in (0, 16, 40, 64, 127, 0)] == [0, 1, 2, 4, 8, 0]
    hands.send((0xB0, 9, 64))
    assert hands.send((0x90, 40, 1)).loop == 1 and hands.performance.value_of("loop.1") == 1.0
    assert hands.send(control_event("panic", 1.0)).loop == 4, "panic lets go of the pad"


def test_an_endless_knob_passes_all_lengths() -> None:
    hands = Hands(Binding(control="loop", source="cc 9", mode="relative"))
    seen = [hands.send((0xB0, 9, 1)).loop for _ in range(130)]
    assert sorted(set(seen)) == [0, 1, 2, 4, 8] == list(dict.fromkeys(seen))


def test_it_stays_through_scenes_but_for_one_that_says_it() -> None:
    hands = Hands()
    assert hands.send(control_event("loop", 2.0)).loop == 2
    loops = [hands.send(control_event(f"scene.{n}", 1.0)).loop for n in (2, 1, 3, 2, 4, 1)]
    assert loops == [2, 2, 8, 8, 0, 0]


def test_what_is_kept_is_the_scene_not_the_bars_that_repeat() -> None:
    """A kept scene would loop whatever had played before it."""
    hands = Hands()
    hands.send(control_event("loop", 2.0))
    index = hands.performance.keep()
    assert hands.performance.scenes[index].loop is None
    hands.send(control_event("scene.3", 1.0))
    index = hands.performance.keep()
    kept = hands.performance.scenes[index]
    assert kept.loop == 8
    assert "loop = 8" in scene_in('[[scene]]\nname = "x"\nprompts = ["x"]\n', kept)[0]


def test_what_is_no_loop_is_refused_in_a_scene_and_rounded_from_a_knob() -> None:
    with pytest.raises(RigError, match="loop = 3 is not one of 0, 1, 2, 4, 8"):
        styled("x", loop=3)
    assert [loop_of(value) for value in (-1.0, 0.4, 0.6, 2.9, 3.1, 5.9, 6.1, 99.0)] == [0, 0, 1, 2, 4, 4, 8, 8]


def test_osc_and_the_screen_reach_it() -> None:
    for address in ("/legando/loop", "/legando/control/loop"):
        assert event_of((address, (4,)), ()) == control_event("loop", 4.0)
    assert event_of(("/legando/control/loop/8", (1,)), ()) == control_event("loop.8", 1.0)
    status = Status(time_ns=0, scenes=("a",), scene=0, tempo_bpm=120.0, tick=0.0)
    values, passed = {"loop": 0.0}, []
    for _ in range(5):
        (move,) = moves_of("o", status, 0, values)
        passed.append(move.value)
        values[move.control] = move.value
    assert passed == [1.0, 2.0, 4.0, 8.0, 0.0] and "loop" in SHOWN
    for bars, words in ((0.0, None), (1.0, "loop 1 bar "), (4.0, "loop 4 bars ")):
        line = "".join(run.text for run in music(replace(status, values={"loop": bars}), 0, 120)[0])
        assert (words in line) if words else ("loop" not in line), line


def test_a_take_with_a_loop_and_a_killed_engine_is_made_again_bit_for_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped bundle: a bar comes round, while a knob moves, in another engine, and until it is let go."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "rig.toml").write_text(
        f'[osc]\nlisten = "127.0.0.1:{port}"\n[bridge]\npublish = "ipc://{tmp_path}/live.ipc"\n'
        '[[scene]]\nname = "one"\nprompts = ["fast drum and bass"]\ntempo_bpm = 230.0\nsection = "full"\n'
    )
    journal, notes = tmp_path / "take.jsonl", tmp_path / "take.mid"
    words = ["serve", "--rig", str(tmp_path / "rig.toml"), "--seconds", "10", "--journal", str(journal)]
    run = subprocess.Popen(
        [sys.executable, "-m", "legando.realtime.cli", *words],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        _wait(journal, 16)
        _say(port, "/legando/loop", 1.0)
        _wait(journal, 45)
        _say(port, "/legando/control/brightness", 0.9)
        engine = child_pid(run.pid, "legando.realtime.engine")
        assert engine is not None
        os.kill(engine, signal.SIGKILL)
        _wait(journal, 96)
        _say(port, "/legando/loop", 0.0)
        _, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 0, errors
    record = read_take(journal)
    assert sum(chunk.past is not None for chunk in record.chunks) == 1
    loops = [chunk.controls.get("loop", 0) for chunk in record.chunks]
    assert [bars for n, bars in enumerate(loops) if not n or bars != loops[n - 1]] == [0, 1, 0]
    assert main(["replay", "--json", str(journal), "--notes", str(notes)]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account["same"] and account["whole"]
    bars = _drums(notes)
    first = int(loops.index(1) * 0.08 / BAR_S) + 1
    assert bars[first - 1] and bars[first - 1] == bars[first] == bars[first + 1], bars
    last = int((len(loops) - 1 - loops[::-1].index(1)) * 0.08 / BAR_S)
    assert bars[last] == bars[first] and last - first >= 4, "another engine goes on in the loop"
    assert len({tuple(bar) for bar in bars[:9]}) > 1, "and it ends"


def _drums(notes: Path) -> list[list[tuple[int, int]]]:
    """Return the drums' strokes bar by bar: sixteenth and pitch."""
    bars: list[list[tuple[int, int]]] = [[] for _ in range(12)]
    for at_s, channel, pitch, _ in read_notes(notes)[1]:
        if channel == 9:
            tick = round(at_s / BAR_S * 16 - 0.2)  # some swing
            bars[tick // 16].append((tick % 16, pitch))
    return [sorted(bar) for bar in bars]


def _wait(journal: Path, count: int) -> None:
    until = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b'"chunk":') < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def _say(port: int, address: str, value: float) -> None:
    padded = address.encode() + b"\0" * (4 - len(address) % 4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(padded + b",f\0\0" + struct.pack(">f", value), ("127.0.0.1", port))
