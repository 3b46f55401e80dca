"""The LV2 plug-in in jalv, on a JACK server without hardware: heard at its ports, played and led through them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bridge.plugin.conftest import Built
from tests.bridge.plugin.programs import Listener, SignalServer, check_exact, hear
from tests.bridge.plugin.signal_server import RATE_HZ
from tests.realtime.conftest import JackServer

URI = "urn:legando:plugin"
LATENCY_MS = 200


@contextmanager
def jalv(built: Built, folder: Path, **values: float) -> Iterator[None]:
    """Run jalv with our plug-in alone in sight."""
    (folder / "lv2").mkdir()
    (folder / "lv2" / "legando.lv2").symlink_to(built.lv2)
    environment = os.environ | {
        "LV2_PATH": str(folder / "lv2"),
        "LEGANDO_AUDIO": f"ipc://{folder}/a.ipc",
        "LEGANDO_CONTROL": f"ipc://{folder}/c.ipc",
    }
    controls = [word for symbol, value in values.items() for word in ("-c", f"{symbol}={value}")]
    with (folder / "jalv.log").open("wb") as log:
        process = subprocess.Popen(
            ["jalv", "-n", "legando", "-x", *controls, URI],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
        )
        try:
            yield
            assert process.poll() is None, (folder / "jalv.log").read_text()
        finally:
            process.terminate()
            process.wait(20)
            assert process.stdin is not None
            process.stdin.close()


@pytest.mark.live
def test_jalv_plays_exactly_what_was_sent_and_passes_on_notes_and_tempo(
    built: Built,
    server: Callable[..., SignalServer],
    jack_server: JackServer,
    require: Callable[[bool, str], None],
    tmp_path: Path,
) -> None:
    require(shutil.which("jalv") is not None, "jalv not found; install jalv")
    require(built.jackprobe is not None, "JACK's headers not found; install libjack-jackd2-dev")
    source = server(chunk=512)
    with (
        jalv(built, tmp_path, buffer=LATENCY_MS, density=0.25),
        Listener([str(built.jackprobe), "60"], tmp_path, channels=2) as probe,
    ):
        probe.ask("connect legando:lv2_audio_out_1 legando:lv2_audio_out_2 legando:lv2_events_in")
        probe.wait_for_sound()
        source.wait_for_set("density", 0.25)
        source.wait_for("clients", lambda clients: clients["count"] == 1)
        for key in range(60, 70):
            probe.ask(f"midi {key} 144 {key} 100")
            time.sleep(0.02)
        probe.ask("tempo 133")
        probe.ask("roll")
        lead = source.wait_for("lead", lambda said: abs(said["tempo_bpm"] - 133.0) < 1e-3 and said["playing"])
        time.sleep(0.7)
        probe.ask("halt")
        source.wait_for("lead", lambda said: not said["playing"])
        source.wait_for("midi", lambda said: said["bytes"] == [144, 69, 100])
        until = time.monotonic() + 15
        while abs(late_ms := _late_ms(probe.sound()[-RATE_HZ:], probe, source)) > 8.0 and time.monotonic() < until:
            time.sleep(0.2)
        sound, blocks = np.array(probe.sound()), np.array(probe.blocks)
    check_exact(sound[-RATE_HZ // 2 :])
    assert abs(late_ms) <= 8.0, f"{late_ms} ms later than reported, with one period of JACK's"
    _check_notes(blocks, source)
    assert lead["frame_position"] is not None


def _late_ms(newest: NDArray[np.float32], probe: Listener, source: SignalServer) -> float:
    """Return how much later the newest sound is than the buffer and the time that a chunk takes to be made."""
    blocks = probe.blocks
    run = max(hear(newest), key=lambda run: run.frames)
    first = int(blocks["frame"][-1] + blocks["frames"][-1]) - len(newest)
    inside = blocks[(blocks["frame"] >= first + run.frame) & (blocks["frame"] < first + run.frame + run.frames)]
    due = np.array([source.position_at(int(start)) for start in inside["start_ns"]])
    late = due - (run.position + inside["frame"].astype(np.int64) - first - run.frame)
    return float(np.min(late)) * 1e3 / RATE_HZ - LATENCY_MS - 512e3 / RATE_HZ


def _check_notes(blocks: NDArray[Any], source: SignalServer) -> None:
    """Each note was meant for its frame within the period in which JACK gave it."""
    notes = [said for said in source.of("midi") if said["bytes"][0] == 144]
    sent = blocks[blocks["marks"] > 0]
    assert [said["bytes"][1] for said in notes] == list(range(60, 70))
    assert len(sent) == 10
    ideal = sent["start_ns"].astype(np.int64) + np.arange(60, 70) * 1_000_000_000 // RATE_HZ
    off_ms = (np.array([said["time_ns"] for said in notes]) - ideal) / 1e6
    assert np.ptp(off_ms[np.abs(off_ms - np.median(off_ms)) < 3.0]) < 6.0
    # For two seconds after a drop-out of JACK's the plug-in counts on the calls that were not late, as with all delays.
    assert abs(np.median(off_ms)) < 60.0, f"{off_ms} ms from the frame"
