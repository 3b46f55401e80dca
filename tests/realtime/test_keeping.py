"""Keeping what plays: knobs, mutes and weights as they are become a scene, at once and in the rig file."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber
from legando.realtime.controls import STYLE_DIM
from legando.realtime.host import Host
from legando.realtime.keeping import Keeper
from legando.realtime.performing.ownevent import control_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import DEFAULT_RIG, read_rig
from legando.realtime.rigs.rigedit import own_rig_text, scene_in
from legando.realtime.rigs.scene import Scene
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

CHUNK = 3840
OWN = """# mine
[midi]
feedback = true   # lights

[[scene]]
name = "dawn"   # the first
prompts = ["warm pads", "late night jazz:0.4"]
"""
DAWN = Scene(name="dawn", prompts=(Prompt(text="warm pads"), Prompt(text="late night jazz", weight=0.4)))


def styled(scene: Scene) -> StyledScene:
    styles = tuple((float(n == 0), float(n > 0), *((0.5,) * (STYLE_DIM - 2))) for n in range(len(scene.prompts)))
    return StyledScene(scene=scene, style=styles[0], usual_tempo_bpm=100.0, prompt_styles=styles)


def played(performance: Performance, chunk: int, **moved: float) -> bool:
    """Move controls, play two chunks, and say whether what plays is to be kept."""
    for name, value in moved.items():
        performance.feed(chunk * CHUNK, control_event(name.replace("__", "."), value))
    performance.controls_for_chunk(chunk * CHUNK, CHUNK)
    wants = performance.wants_keep
    performance.controls_for_chunk((chunk + 1) * CHUNK, CHUNK)
    assert not performance.wants_keep, "once"
    return wants


def test_what_hands_have_moved_is_kept_beside_the_rigs_own_scene() -> None:
    performance = Performance([styled(DAWN)])
    moved = {
        "brightness": 0.25,
        "weight__2": 0.9,
        "mute__lead": 1.0,
        "tempo_bpm": 131.0,
        "key": 1.0,
        "temperature": 1.2,
    }
    assert not played(performance, 0, **moved)
    assert played(performance, 2, keep=1.0)
    before = performance.controls_for_chunk(4 * CHUNK, CHUNK)
    assert performance.keep() == 1 and performance.scene_index == 0, "nothing is recalled by it"
    kept = performance.scenes[1]
    assert performance.scenes[0] == DAWN and kept.name == "dawn (2)"
    assert [prompt.weight for prompt in kept.prompts] == [1.0, 0.9]
    assert (kept.tempo_bpm, kept.brightness, kept.density, kept.temperature) == (131.0, 0.25, None, 1.2)
    assert kept.muted == {"lead"} and kept.key == "C major"
    played(performance, 5, brightness=0.9, mute__lead=0.0, tempo_bpm=90.0)
    played(performance, 30, scene__2=1.0)
    after = performance.controls_for_chunk(40 * CHUNK, CHUNK)
    assert after.style_now() == pytest.approx(before.style_now(), abs=1e-3)
    assert after.muted == {"lead"} and after.key == "C major"
    assert (after.tempo_bpm, after.temperature) == (131.0, 1.2)


def test_a_typed_prompt_is_kept_in_its_place_and_stays_when_others_make_room() -> None:
    performance = Performance([styled(DAWN)])
    jazz = styled(Scene(name="smoky jazz", prompts=(Prompt(text="smoky jazz"),)))
    assert performance.add(jazz) == 1
    played(performance, 0, scene__2=1.0)
    assert performance.keep() == 1 and len(performance.scenes) == 2
    assert performance.scenes[1].name == "smoky jazz" and performance.scenes[1].tempo_bpm == 100.0
    assert performance.keep() == 1, "the same again is the same scene"
    for number in range(200):
        performance.add(styled(Scene(name=f"typed {number}", prompts=(Prompt(text=f"typed {number}"),))))
    assert performance.scenes[1].name == "smoky jazz"


def test_a_pad_that_is_down_is_not_kept_and_weights_of_nothing_neither() -> None:
    performance = Performance([styled(DAWN)])
    played(performance, 0, section__build=1.0, weight__1=0.0, weight__2=0.0)
    index = performance.keep()
    kept = performance.scenes[index]
    assert kept.section is None and kept.prompts == DAWN.prompts


def test_a_rig_file_gets_one_scene_more_and_keeps_its_comments(tmp_path: Path) -> None:
    scene = Scene(
        name="dawn",
        prompts=(Prompt(text="a 7:8 groove"), Prompt(text="dub", weight=0.25)),
        tempo_bpm=93.5,
        muted=frozenset(("lead", "bass")),
        section="break",
        key="A minor",
        fade_beats=4.0,
    )
    text, name = scene_in(OWN, scene)
    assert text.startswith(OWN) and name == "dawn (2)"
    (tmp_path / "a.toml").write_text(text)
    rig = read_rig(tmp_path / "a.toml")
    assert [one.name for one in rig.scenes] == ["dawn", "dawn (2)"]
    assert rig.scenes[1].prompts == scene.prompts and rig.scenes[1].muted == scene.muted
    assert (rig.scenes[1].tempo_bpm, rig.scenes[1].section, rig.scenes[1].key) == (93.5, "break", "A minor")
    assert (rig.scenes[1].fade_beats, rig.scenes[1].temperature, rig.scenes[1].density) == (4.0, 1.0, None)


def test_who_plays_the_shipped_rig_gets_a_copy_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = DEFAULT_RIG.read_bytes()
    with Keeper(read_rig().file) as keeper:
        keeper.keep(DAWN)
        keeper.keep(DAWN)
    said = list(keeper.take_news())
    assert len(said) == 2 and all("--rig rig.toml" in sentence for sentence in said)
    names = [scene.name for scene in read_rig(tmp_path / "rig.toml").scenes]
    assert names[:8] == [scene.name for scene in read_rig().scenes], "those of the shipped rig"
    assert names[8:] == ["dawn (2)", "dawn (3)"], "which has a dawn"
    assert DEFAULT_RIG.read_bytes() == shipped


@pytest.mark.parametrize("fault", ["folder", "text", "bytes"])
def test_what_cannot_be_kept_is_said_and_the_file_is_as_it_was(tmp_path: Path, fault: str) -> None:
    file = tmp_path / ("nowhere/a.toml" if fault == "folder" else "a.toml")
    if fault != "folder":
        file.write_bytes(b"[[scene]\n" if fault == "text" else b"\xff\xfe")
    with Keeper(file) as keeper:
        keeper.keep(DAWN)
    (said,) = keeper.take_news()
    assert said.startswith("'dawn' is not kept: ")
    assert not file.exists() if fault == "folder" else file.stat().st_size < 10


def test_a_program_keeps_what_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    audio, control = f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc"
    file = tmp_path / "own.toml"
    file.write_text(f'{OWN}\n[bridge]\npublish = "{audio}"\ncontrol = "{control}"\n')
    show = Show(rig=read_rig(file), bundle=None, piece=None, seconds=3.0)
    host = Host(show, instrument=SPEC, display=Display(quiet=True), sound=False)
    thread = threading.Thread(target=host.run)
    thread.start()
    try:
        with Subscriber(audio) as sound:
            assert sound.receive(20_000) is not None, "the host plays"
        with Remote(control) as remote:
            remote.set("density", 0.8)
            remote.set("keep", 1.0)
            until(
                lambda: (
                    remote.event(50.0) is not None and remote.state.scene is not None and remote.state.scene.scenes == 2
                )
            )
    finally:
        thread.join(30)
    assert [scene.name for scene in read_rig(file).scenes] == ["dawn", "dawn (2)"]
    assert read_rig(file).scenes[1].density == 0.8


def test_ones_own_rig_starts_without_a_midi_file() -> None:
    text, name = scene_in(own_rig_text(), DAWN)
    assert "midi_file" not in text and name == "dawn (2)"
