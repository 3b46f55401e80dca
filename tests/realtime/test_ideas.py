"""Another idea at a bar line: pressed, set or recalled, kept with a scene, and played again from a journal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM, Controls, Idea
from legando.realtime.errors import RigError
from legando.realtime.osc.oscmap import event_of
from legando.realtime.performing.ideas import NOTICE_CHUNKS
from legando.realtime.performing.ownevent import control_event, song_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.performing.songplace import SongPlace
from legando.realtime.processes import child_pid
from legando.realtime.recording.journal import read_take
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rigedit import scene_in
from legando.realtime.rigs.scene import Scene, SceneChanges
from legando.realtime.screen.screenkeys import moves_of
from legando.realtime.screen.screenpanels import model
from legando.realtime.screen.status import Status

CHUNK = 3840
BAR = 16
CHUNK_TICKS = 0.64
"""At 120 bpm."""


def styled(name: str, **values: object) -> StyledScene:
    scene = Scene(name=name, prompts=(Prompt(text=name),), tempo_bpm=120.0, **values)  # type: ignore[arg-type]
    return StyledScene(scene=scene, style=(0.5,) * STYLE_DIM, usual_tempo_bpm=120.0)


class Player:
    """Asks a performance for chunks, and hears ticks as an engine would."""

    def __init__(self, *scenes: StyledScene, seed: int = 5, at: str = "bar", **changes: int) -> None:
        rules = SceneChanges(at=at, **changes)
        self.performance = Performance(scenes or (styled("a"),), changes=rules, seed=seed)
        self.chunk = 0

    @property
    def tick(self) -> float:
        return self.performance._tick

    def press(self, name: str, value: float = 1.0) -> None:
        self.performance.feed(self.chunk * CHUNK, control_event(name, value))

    def next(self) -> Controls:
        self.chunk += 1
        return self.performance.controls_for_chunk((self.chunk - 1) * CHUNK, CHUNK)

    def until(self, tick: float) -> Controls:
        """Go on until the next chunk begins at a tick or after it; return the last snapshot."""
        controls = self.next()
        while self.tick < tick - 1e-9:
            controls = self.next()
        return controls


def idea(seed: int, origin: int) -> Idea:
    return Idea(seed=seed, origin=origin)


def test_next_and_back_begin_ideas_at_bar_lines_and_are_told_ahead() -> None:
    player = Player()
    assert player.next() == Player().next() and player.next().idea is None
    player.press("seed.next")
    told = player.next()
    assert told.idea is None and told.turn is not None and told.turn.tick == BAR
    assert told.turn.controls.idea == idea(6, BAR) and player.performance.coming_seed == 6
    assert player.performance.seed == 5 and player.performance.value_of("seed") == 6.0
    last = player.until(BAR)
    assert last.idea is None and last.turn is not None and last.turn.tick == BAR, "it turns inside this chunk"
    assert player.next().idea == idea(6, BAR) and player.performance.seed == 6
    player.press("seed.back")
    player.until(2 * BAR)
    assert player.next().idea == idea(5, 2 * BAR), "the run's own seed, from its beginning"
    assert player.performance.coming_seed is None


def test_an_idea_that_an_engine_could_not_prepare_in_time_comes_a_bar_later() -> None:
    for chunks in range(1, 24):
        player = Player()
        for _ in range(chunks):
            player.next()
        pressed = player.tick
        player.press("seed", 9.0)
        turn = player.next().turn
        assert turn is not None and turn.tick % BAR == 0
        assert turn.tick >= pressed + NOTICE_CHUNKS * CHUNK_TICKS - 1e-6 > turn.tick - BAR


def test_presses_add_up_and_what_plays_already_changes_nothing() -> None:
    player = Player()
    for _ in range(3):
        player.press("seed.next")
        player.press("seed.next", 0.0)
    turn = player.next().turn
    assert turn is not None and turn.controls.idea == idea(8, BAR)
    player.press("seed", 5.0)
    assert player.next().turn is None, "back to what plays: nothing comes"
    player.press("seed", 5.2)
    assert player.next().turn is None
    low = Player(seed=0)
    low.press("seed.back")
    assert low.next().turn is None, "there is none before the first"


@pytest.mark.parametrize(("at", "scene_line", "line"), [("bar", 16, 16), ("phrase", 128, 128), ("beat", 4, 16)])
def test_a_scene_with_a_seed_begins_its_idea_at_its_line(at: str, scene_line: int, line: int) -> None:
    player = Player(styled("a"), styled("b", seed=12, section="break"), at=at)
    player.next()
    player.press("scene.2")
    player.until(scene_line)
    controls = player.next()
    assert controls.section == "break"
    if line > scene_line:
        assert controls.turn is not None and controls.turn.tick == line and controls.idea is None
        player.until(line)
        controls = player.next()
    assert controls.idea == idea(12, line)
    player.press("scene.2")
    player.until(2 * line)
    again = player.next()
    assert again.idea is not None and again.idea.seed == 12 and again.idea.origin > line, "recalled, it begins anew"


def test_scene_and_idea_come_in_at_once_with_the_controls_of_the_scene() -> None:
    player = Player(styled("a"), styled("b", seed=12, section="break", key="C minor"))
    player.press("scene.2")
    turn = player.next().turn
    assert turn is not None and turn.tick == BAR
    assert (turn.controls.section, turn.controls.key, turn.controls.idea) == ("break", "C minor", idea(12, BAR))
    player.press("scene.1")
    assert player.next().turn is None, "another scene takes its idea away with it"
    now = Player(styled("a"), styled("b", seed=12, section="break"), at="now")
    now.press("scene.2")
    controls = now.next()
    assert controls.section == "break" and controls.idea is None
    assert controls.turn is not None and controls.turn.controls.idea == idea(12, BAR)
    now.press("scene.1")
    now.press("seed.next")
    turn = now.next().turn
    assert turn is not None and turn.controls.idea == idea(6, BAR)


def test_the_first_scenes_seed_holds_from_the_start_and_after_a_count_in() -> None:
    assert Player(styled("a", seed=3)).next().idea == idea(3, 0)
    counted = Player(styled("a", seed=3), count_in_bars=1)
    first = counted.next()
    assert first.click and first.turn is not None and first.turn.tick == BAR
    assert first.idea == first.turn.controls.idea == idea(3, BAR)
    pressed = Player(count_in_bars=1)
    pressed.next()
    pressed.press("seed.next")
    told = pressed.next()
    assert told.click and told.turn is not None and told.turn.controls.idea == idea(6, BAR)
    late = Player(count_in_bars=1)
    late.until(BAR - 1)
    late.press("seed.next")
    assert late.next().turn.controls.idea is None  # type: ignore[union-attr]
    late.until(2 * BAR)
    assert late.next().idea == idea(6, 2 * BAR)


def test_an_outside_song_that_leaps_gives_a_waiting_idea_another_line() -> None:
    for leap, lines in ((400.0, (400, 432)), (-300.0, (0, 64))):
        player = Player()
        begin = 320.0 if leap < 0 else 3.0
        player.performance.feed(0, song_event(SongPlace(120.0, begin, 0, True)))
        player.press("seed.next")
        player.next()
        frame = player.chunk * CHUNK
        place = SongPlace(120.0, begin + CHUNK_TICKS + leap, frame, True)
        player.performance.feed(frame, song_event(place))
        for _ in range(60):
            controls = player.next()
        assert controls.idea is not None and controls.idea.seed == 6
        assert lines[0] <= controls.idea.origin <= lines[1] and controls.idea.origin % BAR == 0


def test_what_is_kept_has_the_seed_that_plays_and_brings_it_back() -> None:
    player = Player()
    player.press("seed", 77.0)
    player.until(BAR)
    player.next()
    index = player.performance.keep()
    kept = player.performance.scenes[index]
    assert kept.seed == 77
    text, name = scene_in('[[scene]]\nname = "a"\nprompts = ["a"]\n', kept)
    assert "seed = 77" in text and name == "a (2)"
    player.press("seed.next")
    player.until(2 * BAR)
    player.press(f"scene.{index + 1}")
    player.until(4 * BAR)
    controls = player.next()
    assert controls.idea is not None and controls.idea.seed == 77 and controls.idea.origin >= 3 * BAR


def test_a_pad_a_knob_osc_and_the_screen_reach_it() -> None:
    performance = Performance(
        [styled("a")], [Binding(control="seed.next", source="note 36"), Binding(control="seed", source="cc 20")]
    )
    performance.feed(0, bytes((0x90, 36, 100)))
    performance.feed(9, bytes((0x80, 36, 0)))
    performance.controls_for_chunk(0, CHUNK)
    assert performance.coming_seed == 1
    performance.feed(CHUNK, bytes((0xB0, 20, 127)))
    performance.controls_for_chunk(CHUNK, CHUNK)
    assert performance.coming_seed == 127
    for address, arguments, name, value in (
        ("/legando/control/seed", (12,), "seed", 12.0),
        ("/legando/seed", (12,), "seed", 12.0),
        ("/legando/seed/next", (), "seed.next", 1.0),
        ("/legando/seed/back", (), "seed.back", 1.0),
        ("/legando/control/seed/next", (), "seed.next", 1.0),
    ):
        assert event_of((address, arguments), ()) == control_event(name, value)
    status = Status(time_ns=0, scenes=("a",), scene=0, tempo_bpm=120.0, tick=0.0, bundle="b", seed=7)
    assert [move.control for key in "nN" for move in moves_of(key, status, 0, {})] == ["seed.next", "seed.back"]
    assert "seed 7" in "".join(run.text for run in model(status, 80))
    coming = Status(time_ns=0, scenes=("a",), scene=0, tempo_bpm=120.0, tick=0.0, seed=7, coming_seed=8)
    assert "seed 7 → 8" in "".join(run.text for run in model(coming, 80))


def test_a_seed_that_is_none_is_refused() -> None:
    with pytest.raises(RigError, match="seed"):
        styled("a", seed=-1)


def test_a_take_with_ideas_and_a_killed_engine_is_made_again_bit_for_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped bundle: an idea, another engine in it, the idea before, a scene's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rig = '[osc]\nlisten = "127.0.0.1:{port}"\n[scenes]\nat = "bar"\n[bridge]\npublish = "ipc://{folder}/live.ipc"\n'
    for name, more in (("one", ""), ("two", "seed = 40")):
        rig += f'[[scene]]\nname = "{name}"\nprompts = ["fast drum and bass"]\ntempo_bpm = 230.0\n{more}\n'
    (tmp_path / "rig.toml").write_text(rig.replace("{port}", str(port)).replace("{folder}", str(tmp_path)))
    journal = tmp_path / "take.jsonl"
    words = ["serve", "--rig", str(tmp_path / "rig.toml"), "--seconds", "9", "--journal", str(journal)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.Popen(
        [sys.executable, "-m", "legando.realtime.cli", *words],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        _wait(journal, 3)
        _say(port, "/legando/seed/next")
        _wait(journal, 40)
        engine = child_pid(run.pid, "legando.realtime.engine")
        assert engine is not None
        os.kill(engine, signal.SIGKILL)
        _wait(journal, 50)
        _say(port, "/legando/seed/back")
        _wait(journal, 75)
        _say(port, "/legando/control/scene/2")
        _, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 0, errors
    record = read_take(journal)
    assert sum(chunk.past is not None for chunk in record.chunks) == 1
    seeds = [chunk.controls["idea"][0] for chunk in record.chunks if "idea" in chunk.controls]
    assert [seed for n, seed in enumerate(seeds) if not n or seed != seeds[n - 1]] == [1, 0, 40]
    assert main(["replay", "--json", str(journal)]) == 0
    account = json.loads(capsys.readouterr().out)
    assert account["same"] and account["whole"]


def _wait(journal: Path, count: int) -> None:
    until = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b'"chunk":') < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def _say(port: int, address: str) -> None:
    padded = address.encode() + b"\0" * (4 - len(address) % 4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(padded + b",\0\0\0", ("127.0.0.1", port))
