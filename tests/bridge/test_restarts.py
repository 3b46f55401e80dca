"""A server that is killed and comes back: both clients notice, go on by themselves, and hear nothing old."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber
from legando.realtime.errors import LegandoError

PATIENT_S = 30.0
SERVER = """
import sys, time
import numpy as np
from legando.bridge import controlmessages as say
from legando.bridge.control import ControlServer
from legando.bridge.publisher import Publisher
run = int(sys.argv[3])
position = 0
with Publisher(sys.argv[1]) as audio, ControlServer(sys.argv[2]) as control:
    print(audio.stream_id.hex(), flush=True)
    control.tell_values({"density": 0.5})
    control.tell(say.SCENE, say.SceneEvent(run + 1, 1000, "again"))
    begin = time.perf_counter()
    while True:
        audio.publish(np.full((480, 2), run / 1024, np.float32), position)
        position += 480
        time.sleep(max(0.0, begin + position / 48000 - time.perf_counter()))
"""


def restart(times: int, audio: str, control: str) -> None:
    """Kill and start the server so often; judge what the clients hear of each run."""
    random_ = random.Random(1)
    back_s: list[float] = []
    remote: Remote | None = None
    with Subscriber(audio) as listener:
        for run in range(times + 1):
            command = [sys.executable, "-c", SERVER, audio, control, str(run)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                try:
                    assert server.stdout is not None and server.stdout.readline()
                    ready_s = time.monotonic()
                    first = listener.receive(PATIENT_S * 1e3)
                    back_s.append(time.monotonic() - ready_s)
                    assert first is not None, f"run {run} is not heard"
                    assert first.restarted == (run > 0)
                    blocks = [first]
                    for _ in range(random_.randrange(5, 15)):
                        block = listener.receive(PATIENT_S * 1e3)
                        assert block is not None
                        blocks.append(block)
                    assert all((block.frames == run / 1024).all() for block in blocks), "an older run's sound"
                    assert all(block.latency_ns < 500_000_000 for block in blocks), "a stale burst"
                    assert not any(block.restarted or block.gap_frames for block in blocks[1:])
                    if remote is None:
                        remote = Remote(control, timeout_ms=PATIENT_S * 1e3)
                    remote.set("density", 0.5)  # greets again by itself
                    until = time.monotonic() + PATIENT_S
                    while (scene := remote.state.scene) is None or scene.number != run + 1:
                        assert time.monotonic() < until, f"run {run}: {scene}"
                        remote.event(20)
                finally:
                    server.kill()
            while listener.receive(1.0) is not None:
                pass  # what was on its way
            with pytest.raises(LegandoError):
                Remote(control, timeout_ms=20.0)
            assert listener.restarts == run
        assert listener.malformed == 0
        assert remote is not None
        remote.close()
    back_s.sort()
    logging.getLogger(__name__).info(
        "%d restarts: heard again after %.0f ms (half), %.0f ms (the slowest)",
        *(times, 1e3 * back_s[len(back_s) // 2], 1e3 * back_s[-1]),
    )


def test_a_server_that_is_killed_5_times_is_heard_and_steered_again(tmp_path: Path) -> None:
    restart(5, f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc")


@pytest.mark.soak
def test_a_server_that_is_killed_100_times_is_heard_and_steered_again(tmp_path: Path) -> None:
    restart(100, f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc")
