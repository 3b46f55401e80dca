"""Another bundle comes in by a cross-fade while the music plays, goes back, and is refused when it is broken."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from legando.realtime.cli import main
from legando.realtime.crossfade import FADE_FRAMES, Mixer, faded, rising
from legando.realtime.oscwire import build_osc
from legando.realtime.ring import Ring
from legando.realtime.rollout import next_candidate

SPEC = "tone_generator:named"
MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"


def test_gains_add_up_to_one_and_the_fade_is_the_same_in_any_chunks() -> None:
    rng = np.random.default_rng(0)
    own, other = (rng.uniform(-1, 1, (6000, 2)).astype(np.float32) for _ in range(2))
    whole = faded(own, other, 0, 5000)
    parts = [faded(own[n : n + 960], other[n : n + 960], n, 5000) for n in range(0, 6000, 960)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.abs(whole).max() <= 1.0
    np.testing.assert_array_equal(whole[5000:], other[5000:])
    gain = rising(0, FADE_FRAMES, FADE_FRAMES)
    assert gain[0] < 1e-6 and gain[-1] > 1 - 1e-6 and (np.diff(gain[:, 0]) >= 0).all()


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


def test_a_bundle_rolls_out_and_back_without_a_click_and_a_broken_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    for name in ("new", "broken"):
        (tmp_path / name).mkdir()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (tmp_path / "rig.toml").write_text(
            f"""
            [bridge]
            publish = "ipc://{tmp_path}/a.ipc"
            [engine]
            candidates = ["new", "broken"]
            [osc]
            listen = "127.0.0.1:{port}"
            [[scene]]
            name = "calm"
            prompts = ["pads"]
            muted = ["drums"]
            """
        )
        take = tmp_path / "take.wav"
        words = ["serve", "--rig", str(tmp_path / "rig.toml"), "--seconds", "60", "--record", str(take)]
        run = subprocess.Popen([sys.executable, "-c", MAIN, *words], stderr=subprocess.PIPE, text=True)
        assert run.stderr is not None
        said: list[str] = []

        def wait_for(*, sentence: str) -> None:
            until = time.monotonic() + 60
            while sentence not in "".join(said):
                assert time.monotonic() < until and run.stderr is not None
                said.append(run.stderr.readline())

        try:
            wait_for(sentence="playing")
            time.sleep(2.0)
            for word, sentence in (("broken", "does not reproduce"), ("new", "new plays"), ("", "shipped plays")):
                address = "next" if word else "back"
                out.sendto(build_osc(f"/legando/bundle/{address}", (word,) if word else ()), ("127.0.0.1", port))
                wait_for(sentence=sentence)
            time.sleep(1.0)
            run.terminate()
            assert run.wait(20) == 143
        finally:
            run.kill()
            run.stderr.close()
    sound, _ = soundfile.read(take, dtype="float32")
    left = sound[:, 0]
    lines = [json.loads(line) for line in (tmp_path / "take.jsonl").read_text().splitlines()]
    begins = [line["roll"] for line in lines if "begin" in line]
    mains = [line["roll"] for line in lines if "main" in line]
    assert len(begins) == len(mains) == 2 and all(m - b >= FADE_FRAMES for b, m in zip(begins, mains, strict=True))
    old, new, back = (pitch_hz(left[at : at + 24_000]) for at in (begins[0] - 24_000, mains[0], mains[1]))
    assert new - old == pytest.approx(60.0, abs=3.0) and back == pytest.approx(old, abs=3.0)
    largest = 0.1 * 2 * np.pi * (new + 5) / 48_000
    assert np.abs(np.diff(left)).max() < 1.5 * largest  # no click, neither in the fades nor at their ends
    assert main(["replay", "--json", str(tmp_path / "take.jsonl")], instrument=SPEC) == 0
    assert json.loads(capsys.readouterr().out)["same"]
