"""Takes that a key begins and ends: each has a file of its own, whole when the music stops, and nobody waits for it."""

import json
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from legando.realtime.enginelink import EngineProcess, Made
from legando.realtime.playing.playerlink import PlayerProcess, PlayerSettings
from legando.realtime.recording.kept import plain_kept
from legando.realtime.recording.takes import Takes, take_path
from legando.realtime.ring import Frames, PlayerState, Ring
from legando.realtime.screen.display import Display
from legando.realtime.supervise import SPARE_AFTER_CHUNKS, SPARE_AFTER_FRAMES, EngineWatch, PlayerWatch
from tests.realtime.test_pacer import SETTINGS


def chunks(count: int) -> list[Frames]:
    rng = np.random.default_rng(3)
    return [rng.uniform(-0.5, 0.5, (3840, 2)).astype(np.float32) for _ in range(count)]


def test_each_take_is_a_file_of_what_was_played_between_two_presses(tmp_path: Path) -> None:
    takes = Takes(tmp_path, {"seed": 7})
    played = chunks(9)
    pressed = {2: 7680, 5: 0, 6: 23_040}  # the last one ends with the music
    for number, chunk in enumerate(played):
        if number in pressed:
            takes.toggle(pressed[number])
        takes.sound(chunk)
    assert takes.running and takes.seconds == pytest.approx(3 * 0.08)
    takes.close()
    assert not takes.running and takes.seconds is None
    told = list(takes.take_news())
    assert [line.split(" to ")[0] for line in told if line.startswith("recorded")] == ["recorded 0.2 s"] * 2
    files = [Path(line.rpartition(" to ")[2]) for line in told if line.startswith("recording")]
    assert len(set(files)) == 2 and all(path.parent == tmp_path for path in files)
    assert [(one.what, one.path, one.seconds, one.why) for one in takes.kept] == [
        ("take", path, pytest.approx(0.24), None) for path in files
    ]
    for path, (first, last) in zip(files, ((2, 5), (6, 9)), strict=True):
        sound, rate = soundfile.read(path, dtype="float32")
        assert rate == 48_000
        np.testing.assert_allclose(sound, np.concatenate(played[first:last]), atol=2.0**-23)
        with soundfile.SoundFile(path) as file:
            said = json.loads(file.comment)
        assert (said["seed"], said["from_frame"]) == (7, pressed[first])


def test_a_folder_that_takes_nothing_is_said_and_the_music_goes_on(tmp_path: Path) -> None:
    takes = Takes(tmp_path / "none", {})
    takes.toggle(0)
    takes.sound(chunks(1)[0])
    assert not takes.running
    (sentence,) = takes.take_news()
    assert sentence.startswith("nothing is recorded: folder") and "does not exist" in sentence
    takes.close()


def test_a_take_that_a_full_disk_ends_is_told_when_all_is_over(tmp_path: Path) -> None:
    takes = Takes(tmp_path, {})
    takes.toggle(0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        for chunk in chunks(40):
            takes.sound(chunk)
        takes.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (kept,) = takes.kept
    assert kept.why is not None and "cannot be written" in kept.why and 0.1 < kept.seconds < 3.2
    assert plain_kept([kept])["kept"]["takes"][0]["whole"] is False


def test_a_second_take_in_the_same_second_has_another_name(tmp_path: Path) -> None:
    now = time.localtime(0)
    first = take_path(tmp_path, now)
    first.touch()
    assert take_path(tmp_path, now).name == f"{first.stem}-2.flac"


@pytest.mark.parametrize(("spares", "kept"), [(True, 2), (False, 0)])
def test_spares_stand_by_unless_the_rig_says_no(spares: bool, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(EngineProcess, "keep_spare", lambda self: asked.append(self))
    monkeypatch.setattr(PlayerProcess, "keep_spare", lambda self: asked.append(self))
    monkeypatch.setattr(PlayerProcess, "alive", True)
    made = Made(
        position_frames=0, frames=3840, cost_ns=1, late_ns=0, tick=0.0, chord="", steps=1, score=[], next_tick=0.0
    )
    with Ring.create() as ring:
        display = Display(quiet=True)
        engine = EngineWatch(EngineProcess(SETTINGS), ring, display, spares=spares)
        for _ in range(SPARE_AFTER_CHUNKS):
            engine.check(made, needed=False)
        player = PlayerWatch(PlayerProcess("", PlayerSettings()), ring, display, spares=spares)
        ring.publish(
            played_frames=SPARE_AFTER_FRAMES + 1,
            underruns=0,
            concealed_frames=0,
            skipped_frames=0,
            state=PlayerState.PLAYING,
        )
        player.check()
    assert len(asked) == kept
