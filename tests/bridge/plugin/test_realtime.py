"""The plug-in's process() neither allocates, locks, waits nor enters the kernel, whatever the server does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from tests.bridge.plugin.conftest import Built
from tests.bridge.plugin.programs import ClapHost, SignalServer
from tests.bridge.plugin.signal_server import RATE_HZ

pytestmark = pytest.mark.alone

ROOMY_MS = 200
NOT_OURS = "does not dispatch system calls"


def checked(
    built: Built, host: Callable[..., ClapHost], *, rate_hz: int = RATE_HZ, block: int = 128, **options: float
) -> ClapHost:
    """Open the plug-in under the check."""
    daw = host(environment={"LD_PRELOAD": str(built.rtcheck)}, **options)
    assert daw.about["checked"] is True
    daw.ask(f"param 0 {daw.parameters()['buffer']['id']} {ROOMY_MS}")
    daw.ask(f"activate {rate_hz} {block}")
    return daw


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("malloc", "free"),  # the last of the two that it calls
        ("lock", "pthread_mutex_lock"),
        ("write", "write"),
        ("nanosleep", "nanosleep"),
        ("syscall", "system call 110"),
    ],
)
def test_the_check_sees_what_is_not_allowed(
    built: Built, host: Callable[..., ClapHost], require: Callable[[bool, str], None], fault: str, name: str
) -> None:
    daw = checked(built, host, seconds=2)
    daw.ask("run 1280 free")
    daw.ask(f"bad {fault}")
    daw.ask("run 1280 free")
    marks = daw.blocks["marks"]
    daw.end()
    if fault == "syscall":
        require(not any(NOT_OURS in line for line in daw.errors), "Linux 5.11 or newer on x86-64 is needed")
    assert marks[:10].sum() == 0
    assert marks[10] > 0
    assert any(name in line for line in daw.errors), daw.errors


@pytest.mark.parametrize(
    ("rate_hz", "block"), [(48_000, 128), (44_100, 128), (48_000, 1), (44_100, 17), (96_000, 4096)]
)
def test_process_makes_no_forbidden_call(
    built: Built, server: Callable[..., SignalServer], host: Callable[..., ClapHost], rate_hz: int, block: int
) -> None:
    daw = checked(built, host, rate_hz=rate_hz, block=block, seconds=120)
    parameters = daw.parameters()
    daw.ask("urgent")  # 48,000 calls a second are too many for a thread that waits its turn on a busy machine
    daw.ask("start paced")
    time.sleep(0.3)  # nobody there
    source = server(chunk=480)
    daw.wait_for_sound(timeout_s=60.0)
    resampling = daw.ask(f"value 0 {parameters['resampling']['id']}")["value"]
    assert resampling == (rate_hz != RATE_HZ), "both ways through the player are checked"
    source.wait_for("clients", lambda clients: clients["count"] == 1)
    daw.ask("transport 1 120 0")
    for step in range(30):
        daw.ask(f"midi 0 {step % block} 144 {40 + step} 100")
        daw.ask(f"param 0 {parameters['density']['id']} {step / 30}")
        daw.ask(f"param 0 {parameters['buffer']['id']} {ROOMY_MS + 5 * (step % 3)}")
        daw.ask(f"transport {step % 2} {100 + step} {step}")
        time.sleep(0.02)
    source.wait_for("midi", lambda said: said["bytes"][1] == 69)
    source.kill()
    time.sleep(0.5)
    server(chunk=3840, start=10_000_000)
    daw.wait_for_sound(since=len(daw.sound()), timeout_s=60.0)
    daw.ask("stop")
    blocks = daw.blocks
    daw.end()
    assert int(blocks["frames"].sum()) > 0.5 * rate_hz
    assert int(blocks["marks"].sum()) == 0, [line for line in daw.errors if "rtcheck" in line]
    assert int(blocks["switches"].sum()) == 0, "it waited"
    assert not any("rtcheck:" in line and NOT_OURS not in line for line in daw.errors), daw.errors
    typical_us = float(np.median(blocks["duration_ns"])) / 1e3
    if block >= 128:
        assert typical_us < block / rate_hz * 1e6 / 4, f"{typical_us} us: too long for a period of {block} frames"
