"""The trials of `bench live`: a flood of nonsense, faders at full speed; and that both can fail."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from legando.realtime.cli import main
from legando.realtime.playing.playback import LEVEL_SLEW_MS
from legando.realtime.processes import children
from legando.realtime.recording.journal import MadeChunk, TakeRecord
from legando.realtime.ring import Frames
from legando.realtime.trials import bench_flood, bench_rollout
from legando.realtime.trials.bench_flood import PANIC, midi_nonsense, osc_nonsense, stuck_notes
from legando.realtime.trials.bench_rollout import fade_level_db
from legando.realtime.trials.bench_sweep import judge
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

RATE_HZ = 48_000
CHUNK = 3840


@pytest.mark.live
def test_a_flood_leaves_no_note_and_no_delay_behind(
    bench: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_flood, "MEASURE_S", 2.5)
    monkeypatch.setattr(bench_flood, "SLACK_MS", 500.0)  # a busy machine; the soak measures
    assert main(["bench", "live", "--flood", "10000", "--json"], instrument=SPEC) == 0, capsys.readouterr()
    report = json.loads(capsys.readouterr().out)
    assert report["events_kept"] > 2_000 and report["same_processes"] and report["stuck_notes"] == []
    assert report["first_hand_after_s"] < 2.0
    for kind in ("note", "knob", "immediate"):
        assert report["before"][kind]["count"] and report["after"][kind]["count"], report


@pytest.mark.soak  # what moves in the player is tested without a device in `test_playback`
@pytest.mark.live
def test_faders_at_full_speed_do_not_click(bench: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--sweeps", "10", "--json"], instrument=SPEC) == 0, capsys.readouterr()
    report = json.loads(capsys.readouterr().out)
    assert set(report["faders"]) == {"level", "filter", "mute", "brightness", "space"}
    assert all(told["moves"] > 20 for told in report["faders"].values()) and report["clean"]


@pytest.mark.live
def test_a_bundle_rolls_out_and_back_and_its_level_is_told(
    bench: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bench_rollout, "REST_S", 1.5)
    words = ["bench", "live", "--rollout", str(tmp_path), "--times", "1", "--json"]
    status = main(words, instrument=SPEC)
    report = json.loads(capsys.readouterr().out)
    assert report["rolled"] == 2 and len(report["level_db"]) == 2 and report["compared_s"] > 5.0
    assert status == (0 if report["breaks_of_play"] == 0 else 1)
    assert main([*words[:3], str(tmp_path / "gone"), "--json"], instrument=SPEC) == 2


def test_the_level_of_a_fade_is_that_of_its_loudest_and_softest_half_second() -> None:
    sound = np.ones((6 * 48_000, 2), np.float32)
    sound[120_000:168_000] *= 0.5
    most, least = fade_level_db(sound, 96_000)
    assert most == pytest.approx(0.0, abs=0.01) and least == pytest.approx(-6.02, abs=0.01)


@pytest.mark.soak
@pytest.mark.live
def test_a_hundred_thousand_messages_change_nothing_for_good(bench: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--flood", "100000", "--json"]) == 0, capsys.readouterr()


def test_what_a_killed_bench_had_started_ends(require: Callable[[bool, str], None], tmp_path: Path) -> None:
    require(shutil.which("setpriv") is not None, "setpriv is not on the PATH; install util-linux")
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    words = [sys.executable, "-m", "legando.realtime.watching.bench_monitor", "--instrument", SPEC]
    environment = os.environ | {"PYTHONPATH": path, "TMPDIR": str(tmp_path)}  # what it had no time to clear up, too
    with subprocess.Popen(words, env=environment) as bench:
        try:
            until(lambda: any(list(children(host)) for host in begun(bench.pid)))
            (host,) = begun(bench.pid)
            others = [pid for pid, _ in children(host)]
        finally:
            bench.kill()
    until(lambda: not any(runs(pid) for pid in (host, *others)))


def begun(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def swept(music: Frames, slew_ms: float) -> Frames:
    """Return music under a level that goes between 0 and 1 each 30 ms, as fast as `slew_ms` for the whole way."""
    step, gain, gains = 1000.0 / (RATE_HZ * max(slew_ms, 1e-3)), 0.0, np.zeros(len(music), np.float32)
    for at in range(len(music)):
        target = float(at // 1440 % 2)
        gain = min(target, gain + step) if target > gain else max(target, gain - step)
        gains[at] = gain
    return music * gains[:, None]


@pytest.mark.parametrize(("slew_ms", "clean"), [(LEVEL_SLEW_MS, True), (0.0, False), (0.1, False)])
def test_a_fader_that_jumps_is_heard_as_clicks(slew_ms: float, clean: bool) -> None:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    chord = sum(0.2 * np.sin(2 * np.pi * hz * t) for hz in (110.0, 138.6, 164.8, 220.0))
    hiss = np.random.default_rng(1).normal(0.0, 0.001, len(t))
    music = np.repeat((chord + hiss).astype(np.float32)[:, None], 2, axis=1)
    assert judge(swept(music, slew_ms), music)["clean"] is clean


def record(held: list[list[int]], events: tuple[tuple[int, bytes], ...]) -> TakeRecord:
    chunks = (MadeChunk(frame=n * CHUNK, controls={"held": pitches}, pcm="") for n, pitches in enumerate(held))
    return TakeRecord(header={}, about={}, events=events, chunks=tuple(chunks), rolls=(), end=None, cut=False)


def test_a_note_that_a_panic_leaves_is_found_and_a_hands_own_is_not() -> None:
    panic = (4 * CHUNK, PANIC)
    hand = (20 * CHUNK, bytes((0x90, 84, 110)))
    quiet: list[list[int]] = [[60, 61]] * 5 + [[]] * 16 + [[84]] * 2 + [[]] * 2
    assert stuck_notes(record(quiet, (panic, hand))) == []
    assert stuck_notes(record([[60, 61]] * 5 + [[61]] * 16 + [[84]] * 2 + [[]] * 2, (panic, hand))) == [61]
    assert stuck_notes(record([*quiet, [84]], (panic, hand))) == [84]


def test_nonsense_is_sometimes_sense_and_never_too_long_for_a_port() -> None:
    rng = random.Random(1)
    messages = [midi_nonsense(rng) for _ in range(5_000)]
    assert all(len(message) <= 3 or message[0] == 0xF0 for message in messages)
    assert all(message[0] & 0x0F for message in messages if message[0] < 0xF0), "channel 1 is for the hands"
    assert len({len(message) for message in messages}) > 8
    datagrams = [osc_nonsense(rng) for _ in range(5_000)]
    assert sum(data.startswith(b"/legando/") for data in datagrams) > 1_000
    assert sum(data.startswith(b"#bundle") for data in datagrams) > 500
