"""Another bundle comes in by a cross-fade while the music plays, goes back, and is refused when it is broken."""

import json
import os
import re
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from difflib import SequenceMatcher
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from legando.kernels.seam import DEFAULT_LIMITER
from legando.realtime.cli import main
from legando.realtime.crossfade import FADE_FRAMES, Mixer, faded, gains
from legando.realtime.errors import DeviceError
from legando.realtime.osc.oscwire import build_osc
from legando.realtime.ring import Frames, Ring
from legando.realtime.rollout import next_candidate
from legando.realtime.trials.comparison import compared
from legando.realtime.trials.stage import Stage, free_port
from tests.realtime.midi_ports import sink
from tests.realtime.note_messages import down

SPEC = "tone_generator:named"


def loudness_db(sound: np.ndarray) -> float:
    return float(10.0 * np.log10(np.mean(sound.astype(float) ** 2)))


@pytest.mark.parametrize("alike", [0.1, 0.25, 0.4, 0.6])
def test_a_fade_neither_dips_nor_swells(alike: float) -> None:
    """For as much correlation as two bundles have; gains that add up to 1 would dip by up to 2.6 dB."""
    rng = np.random.default_rng(0)
    own, third = (rng.normal(0, 0.1, (60_000, 2)).astype(np.float32) for _ in range(2))
    other = (alike * own + (1 - alike**2) ** 0.5 * third).astype(np.float32)
    whole = faded(own, other, 0, len(own))
    pieces = [loudness_db(whole[at : at + 6000]) for at in range(0, len(whole), 6000)]
    assert np.abs(np.array(pieces) - loudness_db(own)).max() < 1.2, pieces


def test_a_fade_is_never_louder_than_both_and_the_same_in_any_chunks() -> None:
    rng = np.random.default_rng(0)
    ceiling = np.float32(DEFAULT_LIMITER.ceiling)
    own, other = (rng.uniform(-ceiling, ceiling, (6000, 2)).astype(np.float32) for _ in range(2))
    own[2500:2600] = other[2500:2600] = ceiling
    whole = faded(own, other, 0, 5000)
    parts = [faded(own[n : n + 960], other[n : n + 960], n, 5000) for n in range(0, 6000, 960)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.abs(whole).max() <= ceiling + 1e-6
    np.testing.assert_array_equal(whole[5000:], other[5000:])
    np.testing.assert_allclose(whole[:1], own[:1], atol=1e-5)  # no step where it begins, however loud
    leaving, coming = gains(0, FADE_FRAMES, FADE_FRAMES)
    assert coming[0] < 1e-6 and coming[-1] > 1 - 1e-6 and (np.diff(coming[:, 0]) > -1e-6).all()
    assert (leaving + coming).max() == pytest.approx(1.217, abs=0.01)


def test_a_newcomer_that_falls_behind_is_left_out() -> None:
    with Ring.create() as ring:
        other = np.full((960, 2), 0.5, np.float32)
        ring.write(other)
        mixer = Mixer(Ring.attach(ring.name), 9600, 9600)
        own = np.zeros((960, 2), np.float32)
        assert mixer.mix(9600, own, 0.05).max() < 0.01 and not mixer.failed
        began = time.monotonic()
        np.testing.assert_array_equal(mixer.mix(10_560, own, 0.05), own)
        assert mixer.failed and time.monotonic() - began < 1.0
        mixer.close()


def test_candidates_have_numbers_names_and_an_order() -> None:
    one, two = Path("/x/one"), Path("/x/two")
    assert next_candidate([one, two], None, "next") == one
    assert next_candidate([one, two], one, "next") == two and next_candidate([one, two], two, "next") == one
    assert next_candidate([one, two], None, "2") == two and next_candidate([one, two], None, "two") == two
    assert next_candidate([one, two], None, "other") is None and next_candidate([], one, "next") == one


def pitch_hz(sound: np.ndarray) -> float:
    """Return the strongest frequency of one channel: float32 (frames,)."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * 48_000 / len(sound))


@pytest.mark.live
def test_a_bundle_rolls_out_and_back_without_a_break_and_a_broken_one_is_refused(
    require: Callable[[bool, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    for name in ("new", "broken"):
        (tmp_path / name).mkdir()
    take = tmp_path / "take.wav"
    with ExitStack() as stack:
        try:
            stage = stack.enter_context(Stage(instrument=SPEC))
        except DeviceError as error:
            require(False, str(error))
        sent = stack.enter_context(sink("rack", "synth"))
        out = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        address = ("127.0.0.1", free_port())
        stage.write_rig(
            more=f'[osc]\nlisten = "127.0.0.1:{address[1]}"\n[monitor]\naddress = "127.0.0.1:0"',
            engine=f"candidates = ['{tmp_path}/new', '{tmp_path}/broken']",
        )
        with stage.rig_path.open("a") as rig:
            rig.write('muted = ["drums"]\n')
        heard: list[Frames] = []

        def wait_for(sentence: str, timeout_s: float = 60.0) -> None:
            until = time.monotonic() + timeout_s
            while sentence not in stage.said():
                assert time.monotonic() < until and stage.playing, stage.said()
                heard.extend(stage.listen(0.05))

        stage.start_play("--record", str(take), "--midi-out", "synth", "--json")
        heard += stage.listen(1.5)
        out.sendto(build_osc("/legando/dislike", ()), address)
        for word, sentence in (("broken", "does not reproduce"), ("new", "new plays"), ("", "shipped plays")):
            which = "next" if word else "back"
            out.sendto(build_osc(f"/legando/bundle/{which}", (word,) if word else ()), address)
            wait_for(sentence)
            if word == "new":
                heard += stage.listen(0.5)  # until it is heard alone
                out.sendto(build_osc("/legando/like", ()), address)
        heard += stage.listen(2.2)  # the last second is not compared
        url = re.search(r"metrics at (http://\S+/metrics)", " ".join(stage.said().split()))
        assert url is not None
        with urllib.request.urlopen(url[1], timeout=10) as answer:
            page = answer.read().decode()
        figures = stage.stop_play()
    sound, _ = soundfile.read(take, dtype="float32")
    left = sound[:, 0]
    lines = [json.loads(line) for line in take.with_suffix(".jsonl").read_text().splitlines()]
    begins = [line["roll"] for line in lines if "begin" in line]
    mains = [line["roll"] for line in lines if "main" in line]
    assert len(begins) == len(mains) == 2 and all(m - b >= FADE_FRAMES for b, m in zip(begins, mains, strict=True))
    old, new, back = (pitch_hz(left[at : at + 24_000]) for at in (begins[0] - 24_000, mains[0], mains[1]))
    assert new - old == pytest.approx(60.0, abs=3.0) and back == pytest.approx(old, abs=3.0)
    comparison = compared(sound, np.concatenate(heard))
    # What was heard is what was made, over both fades; a machine that stands still has told of it.
    assert [one.plain() for one in comparison.breaks if not one.of_the_server] == [], (figures, begins, mains)
    assert comparison.same_frames > mains[1]
    largest = 0.1 * 2 * np.pi * (new + 5) / 48_000
    assert np.abs(np.diff(left)).max() < 1.5 * largest  # no click, neither in the fades nor at their ends
    middle = begins[0] + FADE_FRAMES // 2
    assert loudness_db(left[middle - 4800 : middle + 4800]) > loudness_db(left[begins[0] - 9600 : begins[0]]) - 1.6
    notes = tmp_path / "take.mid"
    assert main(["replay", "--json", str(take.with_suffix(".jsonl")), "--notes", str(notes)], instrument=SPEC) == 0
    assert json.loads(capsys.readouterr().out)["same"]
    # The newcomers' notes go on where the others' ended; those that were sent are those of the take, but for what a
    # machine that stands still leaves out.
    bass = [bytes(message.bytes()) for message in mido.MidiFile(notes) if getattr(message, "channel", None) == 1][1:]
    live = [message for _, message in sent if message[0] & 0x0F == 1 and message[0] & 0xF0 != 0xB0]
    assert len(live) > 30 and SequenceMatcher(None, live, bass[: len(live)]).ratio() > 0.9
    assert not down([message for _, message in sent])
    # Who watches is told, and what was liked is known of each bundle.
    for outcome, count in (("tried", 3), ("played", 2), ("refused", 1)):
        assert f'legando_rollouts_total{{outcome="{outcome}"}} {count}.0' in page
    assert main(["feedback", "--json", str(take.with_suffix(".jsonl"))]) == 0
    told = json.loads(capsys.readouterr().out)
    marks = {one["bundle"]: (one["likes"], one["dislikes"]) for one in told["bundles"]}
    assert marks == {"tone": (0, 1), "new": (1, 0)} and told["comparisons"][0]["bundle"].startswith("new ")
