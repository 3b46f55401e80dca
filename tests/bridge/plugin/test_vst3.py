"""The VST3 plug-in in a host made with JUCE (minihost), as most hosts for it are; it is called at the pace of sound.

A host that renders offline calls as fast as it can. A live instrument has nothing to give then but what has come: the
sound of a moment, and silence for the rest; so render from a recording, or at real-time speed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bridge.plugin.conftest import Built
from tests.bridge.plugin.programs import REPOSITORY, SignalServer, hear
from tests.bridge.plugin.signal_server import RATE_HZ

BUFFER_MS = 200.0
BLOCK = 256


def play(plugin: str, sound_path: str) -> None:
    """Be the host, in a process of its own: what DPF and JUCE do at exit is not pytest's business."""
    import minihost

    host = minihost.Plugin(plugin, sample_rate=RATE_HZ, max_block_size=BLOCK, in_channels=0, out_channels=2)
    latencies = [host.latency_samples]
    names = [host.get_param_info(number)["name"] for number in range(host.num_params)]
    first = names.index("Density")
    normal = [host.get_param(n) == host.get_param_info(n)["default_value"] for n in range(first, host.num_params)]
    buffer = host.find_param("Buffer")
    host.set_param(buffer, next(n for n in np.linspace(0, 1, 2001) if _ms(host, buffer, n) >= BUFFER_MS))
    host.set_param(host.find_param("Density"), 0.25)
    recorded, silence, out = [], np.zeros((0, BLOCK), np.float32), np.zeros((2, BLOCK), np.float32)
    began = time.perf_counter()
    for call in range(4 * RATE_HZ // BLOCK):
        while time.perf_counter() < began + call * BLOCK / RATE_HZ:
            time.sleep(0.001)
        at = call - 300
        beats = max(0, at) * BLOCK / RATE_HZ * 131.0 / 60.0
        host.set_transport(131.0, position_samples=max(0, at) * BLOCK, position_beats=beats, is_playing=at >= 0)
        notes = [(17, 0x90, 60, 100), (200, 0x80, 60, 0)] if call == 400 else []
        host.process_midi(silence, out, notes)
        recorded.append(out.T.copy())
    latencies.append(host.latency_samples)
    np.concatenate(recorded).tofile(sound_path)
    state = host.get_state()
    host.set_param(host.find_param("Density"), 1.0)
    host.set_state(state)
    density = host.get_param(host.find_param("Density"))
    host.close()
    sys.stdout.write(json.dumps({"latencies": latencies, "density": density, "normal": normal}) + "\n")


def _ms(host: Any, buffer: int, value: float) -> float:
    return float(host.param_to_text(buffer, value).split()[0])


def test_a_juce_host_plays_steers_and_leads_it(
    built: Built, server: Callable[..., SignalServer], require: Callable[[bool, str], None], tmp_path: Path
) -> None:
    require(importlib.util.find_spec("minihost") is not None, "minihost not found; pip install minihost")
    source = server()
    out = tmp_path / "vst3.f32"
    done = subprocess.run(
        [sys.executable, "-m", "tests.bridge.plugin.test_vst3", str(built.vst3), str(out)],
        env=os.environ | source.environment | {"PYTHONPATH": os.pathsep.join([*sys.path, str(REPOSITORY)])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert all(said["normal"]), f"parameters begin at their defaults, not so: {said['normal']}"
    assert said["latencies"][0] == 40 * RATE_HZ // 1000
    assert abs(said["latencies"][1] - BUFFER_MS * RATE_HZ / 1000) <= 12
    assert abs(said["density"] - 0.25) < 1e-6, "the state holds it"
    sound = np.fromfile(out, dtype="<f4").reshape(-1, 2)
    longest = max(hear(sound), key=lambda run: run.frames)
    assert longest.frames > RATE_HZ, "bit by bit"
    source.wait_for_set("density", 0.25)
    on = source.wait_for("midi", lambda midi: midi["bytes"] == [0x90, 60, 100])
    off = source.wait_for("midi", lambda midi: midi["bytes"] == [0x80, 60, 0])
    assert abs((off["time_ns"] - on["time_ns"]) * RATE_HZ / 1e9 - 183) < 0.01
    lead = source.wait_for("lead", lambda lead: lead["tempo_bpm"] == 131.0 and lead["playing"] and lead["tick"] > 1)
    begins = lead["frame_position"] - lead["tick"] * 15.0 * RATE_HZ / 131.0
    heard_at = longest.frame + begins - longest.position - said["latencies"][1]
    assert abs(heard_at - 300 * BLOCK) < 4, f"the song began at {heard_at}"


if __name__ == "__main__":
    play(sys.argv[1], sys.argv[2])
