"""The plug-in in Ardour without a display: heard, recorded, and the music follows the session's tempo."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.bridge.plugin.conftest import Built
from tests.bridge.plugin.programs import SignalServer, hear
from tests.bridge.plugin.signal_server import RATE_HZ

SCANNER = Path("/usr/lib/ardour7/ardour-vst3-scanner")


def home(folder: Path) -> dict[str, str]:
    """Give Ardour a home of its own, so that no user's settings are read or changed."""
    (folder / "home").mkdir()
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    return {name: str(folder / "home") for name in names} | {"LD_LIBRARY_PATH": "/usr/lib/ardour7"}


@pytest.mark.live
@pytest.mark.hosts
@pytest.mark.parametrize("kind", ["lv2", "vst3"])
def test_a_session_plays_records_and_leads_the_plug_in(
    built: Built,
    server: Callable[..., SignalServer],
    require: Callable[[bool, str], None],
    tmp_path: Path,
    kind: str,
) -> None:
    require(shutil.which("ardour7-lua") is not None, "ardour7-lua not found; install ardour")
    source = server(chunk=512)
    environment = os.environ | home(tmp_path) | source.environment
    (tmp_path / "lv2").mkdir()
    if kind == "lv2":
        (tmp_path / "lv2" / "legando.lv2").symlink_to(built.lv2)
    else:
        vst3 = tmp_path / "home" / ".vst3"
        vst3.mkdir()
        shutil.copytree(built.vst3, vst3 / "legando.vst3")
        scan = [str(SCANNER), "-f", str(vst3 / "legando.vst3")]
        subprocess.run(scan, env=environment, capture_output=True, check=True, timeout=60)
    script = str(Path(__file__).with_name("ardour_session.lua"))
    session = tmp_path / "session"
    command = ["ardour7-lua", script, kind, "urn:legando:plugin" if kind == "lv2" else "legando", str(session)]
    done = subprocess.run(
        command, env=environment | {"LV2_PATH": str(tmp_path / "lv2")}, capture_output=True, text=True, timeout=120
    )
    assert "legando: done" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    # Ardour takes a VST3's latency when it loads it; of LV2 it hears at once that the buffer has been set to 250 ms.
    assert f"legando: latency {12000 if kind == 'lv2' else 1920}" in done.stdout, done.stdout
    source.wait_for_set("density", 0.25)
    source.wait_for("lead", lambda lead: abs(lead["tempo_bpm"] - 131.0) < 1e-3 and lead["playing"])
    source.wait_for("lead", lambda lead: abs(lead["tempo_bpm"] - 97.0) < 1e-3 and lead["playing"])
    source.wait_for("lead", lambda lead: not lead["playing"] and lead["tempo_bpm"] > 0)
    takes = sorted(session.glob("interchange/*/audiofiles/Take1*"))
    assert len(takes) == 2, [str(path) for path in session.rglob("*.wav")]
    sound = np.stack([soundfile.read(take, dtype="float32")[0] for take in takes], axis=1)
    runs = [run for run in hear(np.ascontiguousarray(sound)) if run.frames > 100]
    assert len(sound) > 2 * RATE_HZ
    # On a busy machine Ardour's dummy device itself loses time; the plug-in then goes on where it should be.
    assert sum(run.frames for run in runs) > 0.95 * len(sound), f"the recording breaks: {runs} of {len(sound)}"
    assert len(runs) <= 4, runs
