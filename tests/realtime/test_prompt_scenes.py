"""What a prompt has become is a scene like those of the rig: added once, recalled, and forgotten for others."""

from __future__ import annotations

import pytest

from legando.realtime.errors import RigError
from legando.realtime.performing.desk import Desk
from legando.realtime.performing.ownevent import control_event
from legando.realtime.performing.performance import Performance
from legando.realtime.rigs.controlnames import COUNTED_MAX
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Rig
from legando.realtime.rigs.scene import Scene, SceneChanges
from legando.realtime.show import Show
from tests.realtime.prompted import styled
from tests.realtime.tone_generator import make

CHUNK = 3840


def test_a_scene_is_added_once_and_its_name_is_its_own() -> None:
    desk = Desk([styled("a"), styled("b")])
    before = desk.scenes
    assert desk.add(styled("jazz")) == 2 == desk.add(styled("jazz"))
    assert before == desk.scenes[:2] and len(before) == 2, "the tuple that was is as it was"
    other = styled("jazz", tempo_bpm=150.0)
    assert desk.add(other) == 3 == desk.add(other)
    assert [scene.name for scene in desk.scenes] == ["a", "b", "jazz", "jazz (2)"]
    assert desk.scene_index == 0, "nothing plays by being added"
    desk.recall(3)
    assert desk.tempo_bpm == 150.0


def test_the_prompt_asked_for_longest_ago_makes_room_but_never_the_one_that_plays_or_comes() -> None:
    desk = Desk([styled("rig")])
    for number in range(1, COUNTED_MAX):
        assert desk.add(styled(f"p{number}")) == number
    desk.recall(1)
    assert desk.add(styled("p3")) == 3, "asked for again: it stays"
    assert [desk.add(styled(f"new {number}"), keep=(2,)) for number in range(3)] == [4, 5, 6]
    assert len(desk.scenes) == COUNTED_MAX and desk.scenes[0].name == "rig"
    assert [desk.scenes[index].name for index in (1, 2, 3, 4)] == ["p1", "p2", "p3", "new 0"]
    with pytest.raises(RigError, match="leave no room for one more"):
        Desk([styled(f"r{number}") for number in range(COUNTED_MAX)]).add(styled("x"))


def test_an_added_scene_comes_in_at_the_line_with_its_fade() -> None:
    performance = Performance([styled("a", 120.0)], changes=SceneChanges(at="bar", fade_beats=4.0))
    performance.controls_for_chunk(0, CHUNK)
    index = performance.add(styled("x" * 90))
    performance.feed(CHUNK, control_event(f"scene.{index + 1}", 1.0))
    made = [performance.controls_for_chunk(k * CHUNK, CHUNK) for k in range(1, 60)]
    assert performance.scene_index == 1 and performance.scene.name == "x" * 90
    assert all(controls.style[0] == 0.01 for controls in made[:20]), "the bar is not over"
    turns = [controls.turn for controls in made if controls.turn]
    assert turns and {turn.tick for turn in turns} == {16.0}
    shares = [controls.style[0] for controls in made]
    assert shares == sorted(shares) and any(0.2 < share < 0.8 for share in shares) and shares[-1] == 0.9
    coming = performance.add(styled("waits"))
    performance.feed(60 * CHUNK, control_event(f"scene.{coming + 1}", 1.0))
    performance.controls_for_chunk(60 * CHUNK, CHUNK)
    for number in range(COUNTED_MAX):
        performance.add(styled(f"p{number}"))
    assert performance.coming is not None and performance.coming.name == "waits"
    assert performance.scene.name == "x" * 90


def test_a_show_can_begin_with_another_scene() -> None:
    scenes = tuple(Scene(name=name, prompts=(Prompt(text=name),)) for name in ("a", "b"))
    show = Show(rig=Rig(scenes=scenes), bundle=None, piece=None, seconds=None, first=1)
    performance = show.performance(make(None))
    assert (performance.scene_index, performance.scenes) == (1, scenes)
