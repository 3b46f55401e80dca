"""A living server under a flood of nonsense: it does not die, does not grow, and who belongs here notices nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from legando.bridge.keys import client_keys, new_keys
from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber

FLOODS = Path(__file__).with_name("floods.py")
PATIENT_MS = 20_000
GROWTH_BYTES = 16 * 2**20
"""What a server may grow by, whatever comes: its queues at their fullest."""

SERVER = """
import sys, time, logging
from pathlib import Path
import numpy as np
from legando.bridge import controlmessages as say
from legando.bridge.control import ControlServer
from legando.bridge.keys import server_keys
from legando.bridge.publisher import Publisher
from legando.realtime.midi.livemessage import LiveMessage
logging.disable()
position, strange = 0, 0
keys = server_keys(Path(sys.argv[3])) if sys.argv[3] != "-" else None
with Publisher(sys.argv[1], keys=keys) as audio, ControlServer(sys.argv[2], keys=keys) as control:
    print(audio.endpoint, control.endpoint, flush=True)
    control.tell_values({"density": 0.5})
    begin = time.perf_counter()
    while True:
        for one in control.take():
            if isinstance(one, LiveMessage) and not one.message.startswith(b"\\xff\\x7f"):
                strange += 1
        audio.publish(np.full((480, 2), position % 48000 / 48000, np.float32), position)
        position += 480
        total = control.refusals.total
        control.tell(say.SCENE, say.SceneEvent(min(total, 2**31), strange, str(control.refusals.of("key"))))
        time.sleep(max(0.0, begin + position / 48000 - time.perf_counter()))
"""


@contextlib.contextmanager
def serving(audio: str, control: str, keys: str = "-") -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """Run a server of its own process; yield it and its two addresses."""
    command = [sys.executable, "-c", SERVER, audio, control, keys]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            audio, control = server.stdout.readline().split()
            yield server, audio, control
        finally:
            server.kill()


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fuzz(frames: int, urls: tuple[str, str], folder: str = "-", strangers: tuple[str, ...] = ()) -> None:
    """Flood both endpoints of a server with so many frames while a listener and a player work with it."""
    keys = None if folder == "-" else client_keys(Path(folder))
    share = frames // (5 if strangers else 4)
    with (
        serving(*urls, folder) as (server, audio, control),
        Remote(control, timeout_ms=PATIENT_MS, keys=keys) as remote,
        contextlib.ExitStack() as stack,
    ):

        def flood(what: str, count: int, seed: int, *folders: str) -> subprocess.Popen[bytes]:
            words = [what, control if "control" in what else audio, str(count), str(seed), *folders]
            return stack.enter_context(subprocess.Popen([sys.executable, str(FLOODS), *words]))

        first = [flood("control", 1000, 0, folder), flood("audio", 1000, 0, folder)]
        assert [one.wait() for one in first] == [0, 0]
        listener = stack.enter_context(Subscriber(audio, max_age_ms=None, keys=keys))
        assert listener.receive(PATIENT_MS) is not None
        before = resident_bytes(server.pid)
        floods = [flood("control", share, seed, folder) for seed in (1, 2, 3)]
        floods.append(flood("audio", share, 4, folder))
        if strangers:
            floods.append(flood("knock control", share, 5, *strangers))
            floods.append(flood("knock audio", share // 10, 6, *strangers))
        slowest_ns = asked = 0
        while any(one.poll() is None for one in floods):
            asked_ns = time.perf_counter_ns()
            remote.set("density", 0.5)
            asked += 1
            slowest_ns = max(slowest_ns, time.perf_counter_ns() - asked_ns)
            while (block := listener.receive(5.0)) is not None:
                assert (block.frames == block.frames[0, 0]).all()
                assert block.frames[0, 0] == pytest.approx(block.frame_position % 48000 / 48000)
        grown = resident_bytes(server.pid) - before
        logging.getLogger(__name__).info(
            "%d frames: grown by %.1f MiB, %d blocks, %d missing, %d requests, the slowest took %.0f ms",
            *(frames, grown / 2**20, listener.blocks, listener.lost_frames, asked, slowest_ns / 1e6),
        )
        assert all(one.wait() == 0 for one in floods)
        assert server.poll() is None
        assert listener.receive(2000) is not None
        assert (listener.gaps, listener.restarts, listener.malformed) == (0, 0, 0)
        assert remote.get("density") == 0.5
        assert grown < GROWTH_BYTES, f"the server has grown by {grown} bytes"
        assert slowest_ns < 5_000_000_000
        until = time.monotonic() + 20
        while (scene := remote.state.scene) is None or scene.number < 2.5 * share:  # some of it is well formed
            assert time.monotonic() < until, f"only {scene} refusals were counted"
            remote.event(100)
        assert not strangers or int(scene.name) > 0, "strangers were counted"


def fuzz_with_keys(frames: int, folder: Path) -> None:
    """Flood a server that is open to other machines: by a client that may enter, and by some that may not."""
    mine, unknown, elsewhere = folder / "keys", folder / "unknown", folder / "elsewhere"
    for one in (mine, unknown, elsewhere):
        new_keys(one)
    shutil.copy(mine / "server.key", unknown)  # knows the server, is not known to it
    shutil.copy(mine / "client.key_secret", elsewhere)  # takes it for another one
    urls = ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0")
    fuzz(frames, urls, str(mine), (str(unknown), str(elsewhere), "-"))


def test_12_000_frames_of_nonsense_disturb_nobody(tmp_path: Path) -> None:
    fuzz(12_000, (f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc"))


def test_6_000_frames_from_those_with_and_without_keys_disturb_nobody(tmp_path: Path) -> None:
    fuzz_with_keys(6_000, tmp_path)


@pytest.mark.soak
def test_1_000_000_frames_of_nonsense_disturb_nobody(tmp_path: Path) -> None:
    fuzz(1_000_000, (f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc"))


@pytest.mark.soak
def test_1_000_000_frames_from_those_with_and_without_keys_disturb_nobody(tmp_path: Path) -> None:
    fuzz_with_keys(1_000_000, tmp_path)


def test_a_foreign_protocol_and_a_silent_peer_end_without_harm(tmp_path: Path) -> None:
    with (
        serving(f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc") as (server, _, control),
        Remote(control, timeout_ms=PATIENT_MS) as remote,
    ):
        random_ = random.Random(3)
        peers = []
        for n in range(300):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(control.removeprefix("ipc://"))
            if n % 3 == 0:
                peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            elif n % 3 == 1:
                peer.sendall(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + random_.randbytes(200))
            peers.append(peer)
        remote.set("density", 0.5)
        for peer in peers:
            peer.close()
        remote.set("density", 0.6)
        assert server.poll() is None
