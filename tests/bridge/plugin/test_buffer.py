"""How much buffer a plug-in needs: one instance for each of some sizes, side by side for ten minutes under load.

Server and host have the priorities that legando's own server and a DAW have, where the system gives them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.bridge.plugin.programs import ClapHost, SignalServer
from tests.bridge.plugin.signal_server import RATE_HZ

BUFFERS_MS = (3, 5, 8, 12, 20, 40, 80, 160)


@pytest.mark.soak
@pytest.mark.parametrize("minutes", [10])
def test_the_buffer_that_never_runs_dry(
    server: Callable[..., SignalServer], host: Callable[..., ClapHost], capsys: pytest.CaptureFixture[str], minutes: int
) -> None:
    server(chunk=128, urgent=True)
    daw = host(instances=len(BUFFERS_MS), seconds=-2)
    parameters = daw.parameters()
    for instance, buffer_ms in enumerate(BUFFERS_MS):
        daw.ask(f"param {instance} {parameters['buffer']['id']} {buffer_ms}")
    daw.ask("urgent")
    daw.ask(f"activate {RATE_HZ} 128")
    load = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        daw.ask("start paced")
        daw.wait_for_sound(len(BUFFERS_MS) - 1)
        at_first = [_shown(daw, instance, "underruns") for instance in range(len(BUFFERS_MS))]
        needed: list[float] = []
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            time.sleep(4.0)
            needed.append(_shown(daw, len(BUFFERS_MS) - 1, "buffer_needed"))
        dry = [int(_shown(daw, n, "underruns") - at_first[n]) for n in range(len(BUFFERS_MS))]
        daw.ask("stop")
    finally:
        load.kill()
        load.wait()
    enough = next((ms for ms, count in zip(BUFFERS_MS, dry, strict=True) if count == 0), None)
    needed.sort()
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{minutes} minutes of 128-frame chunks beside a process that burns a core (at a load of "
            f"{os.getloadavg()[1]:.0f} on {os.cpu_count()} cores); underruns by buffer: "
            + ", ".join(f"{ms} ms {count}" for ms, count in zip(BUFFERS_MS, dry, strict=True))
            + f"; the least without any is {enough} ms; what the plug-in shows as needed: median "
            f"{needed[len(needed) // 2]:.1f} ms, at worst {needed[-1]:.1f} ms"
        )
    assert enough is not None, "even the largest ran dry"
    assert dry[-1] == 0


def _shown(daw: ClapHost, instance: int, symbol: str) -> float:
    """Return what an instance shows."""
    identity = _ids.setdefault(symbol, daw.parameters()[symbol]["id"])
    return float(daw.ask(f"value {instance} {identity}")["value"])


_ids: dict[str, int] = {}
