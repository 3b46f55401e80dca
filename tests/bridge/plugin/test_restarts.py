"""The server is killed and started again under a playing plug-in: the sound comes back, the host never waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.bridge.plugin.conftest import Built
from tests.bridge.plugin.programs import ClapHost, SignalServer, hear
from tests.bridge.plugin.signal_server import RATE_HZ

pytestmark = pytest.mark.alone

BUFFER_MS = 60.0


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.soak)])
def test_the_sound_returns_by_itself(
    built: Built,
    server: Callable[..., SignalServer],
    host: Callable[..., ClapHost],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
    times: int,
) -> None:
    daw = host(seconds=60.0 + 6.0 * times)
    daw.ask(f"param 0 {daw.parameters()['buffer']['id']} {BUFFER_MS}")
    daw.ask(f"activate {RATE_HZ} 256")
    source = server(chunk=256)
    daw.ask("start paced")
    daw.wait_for_sound()
    back_ms = []
    for again in range(1, times + 1):
        source.kill()
        start = again * 100_000
        source = server(chunk=256, start=start)
        back_ms.append(_back_ms(daw, source, start))
    daw.ask("stop")
    blocks = daw.blocks
    durations_us = blocks["duration_ns"] / 1e3
    said = (
        f"{times} restarts: sound is back after {np.median(back_ms):.0f} ms, at worst {max(back_ms):.0f} ms, from the "
        f"new server's first frame (of which {BUFFER_MS:.0f} ms are the buffer); process() took "
        f"{np.median(durations_us):.1f} us, 99.9% under {np.percentile(durations_us, 99.9):.0f} us, at worst "
        f"{durations_us.max():.0f} us of {256 / RATE_HZ * 1e6:.0f} us; it waited {int(blocks['switches'].sum())} times"
    )
    record_property("restarts", said)
    with capsys.disabled():
        print(f"\n{said}")  # noqa: T201
    assert int(blocks["switches"].sum()) == 0
    assert max(back_ms) < 5000


def _back_ms(daw: ClapHost, source: SignalServer, start: int) -> float:
    """Wait until the new server's sound is heard, and return how long after its first frame was due that was."""
    until = time.monotonic() + 20
    while True:
        blocks = daw.blocks
        sound = daw.sound()
        tail = max(0, len(sound) - 6 * RATE_HZ)
        for run in hear(sound[tail:]):
            if run.frames > 1000 and start <= run.position < start + 30 * RATE_HZ:
                at = tail + run.frame
                block = blocks[np.searchsorted(blocks["frame"], at, side="right") - 1]
                heard_ns = int(block["start_ns"]) + (at - int(block["frame"])) * 1_000_000_000 // RATE_HZ
                return (heard_ns - source.began_ns) / 1e6
        assert time.monotonic() < until, "no sound came back"
        time.sleep(0.05)


def test_a_folder_without_a_server_costs_nothing(host: Callable[..., ClapHost], tmp_path: Path) -> None:
    daw = host(environment={"LEGANDO_AUDIO": f"ipc://{tmp_path}/no/such.ipc", "LEGANDO_CONTROL": "nonsense"})
    daw.ask(f"activate {RATE_HZ} 128")
    daw.ask("run 24000 paced")
    assert not daw.sound().any()
    assert int(daw.blocks["switches"].sum()) == 0
    daw.ask("deactivate")
