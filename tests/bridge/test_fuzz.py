"""A living server under a flood of nonsense: it does not die, does not grow, and who belongs here notices nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import zmq

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge import wire as audiowire
from legando.bridge.machine import clock_id
from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber

SERVER = """
import sys, time, logging
import numpy as np
from legando.bridge import controlmessages as say
from legando.bridge.control import ControlServer
from legando.bridge.publisher import Publisher
from legando.realtime.livemessage import LiveMessage
logging.disable()
position, strange = 0, 0
chunk = np.zeros((480, 2), np.float32)
with Publisher(sys.argv[1]) as audio, ControlServer(sys.argv[2]) as control:
    control.tell_values({"density": 0.5})
    begin = time.perf_counter()
    while True:
        for one in control.take():
            if isinstance(one, LiveMessage) and not one.message.startswith(b"\\xff\\x7f"):
                strange += 1
        audio.publish(chunk, position)
        position += 480
        r = control.refusals
        control.tell(say.SCENE, say.SceneEvent(min(r.total, 2**31), strange, f"{control.accepted}"))
        time.sleep(max(0.0, begin + position / 48000 - time.perf_counter()))
"""


def resident_bytes(pid: int) -> int:
    """Return the memory that a process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def nonsense(random_: random.Random, number: int) -> list[bytes]:
    """Return one message that nobody should send: each way of being wrong comes up."""
    now = time.perf_counter_ns()
    bodies: list[say.Body] = [
        say.Set(random_.random(), "density"), say.Get(""), say.Ping(), say.Midi(0, 3, b"\x90\x40\x40"),
        say.Transport(120.0, 0.0, 0, 0, 1), say.Value(0.5, 0.0, 1.0, 0, "density"),
    ]  # fmt: skip
    good = random_.choice(bodies)
    message = bytearray(wire.pack(good, number=number & 0xFFFFFFFF, timestamp_ns=now))
    way = random_.randrange(10)
    if way == 0:
        return [random_.randbytes(random_.randrange(wire.MAX_MESSAGE_BYTES))]
    if way == 1:
        return [bytes(message[: random_.randrange(len(message))])]
    if way == 2:
        return [bytes(message) + random_.randbytes(random_.randrange(1, 100))]
    if way == 3:
        message[4] = random_.choice([0, 1, 3, 255])
        return [bytes(message)]
    if way == 4:
        message[random_.randrange(len(message))] ^= 1 << random_.randrange(8)
        return [bytes(message)]
    if way == 5:
        return [bytes(message), b"", random_.randbytes(30)]
    if way == 6:
        message[0:4] = b"\0" * 4
        return [bytes(message)]
    if way == 7:
        message[5] = random_.randrange(256)
        return [bytes(message)]
    if way == 8:
        return [audiowire.MAGIC + random_.randbytes(120)]
    return [bytes(message)]  # well formed, from a stranger or a repeat


def flood(endpoint: str, frames: int, seed: int, greets: bool) -> None:
    """Send so much nonsense from one connection after another."""
    random_ = random.Random(seed)
    with zmq.Context() as context:
        sent = 0
        while sent < frames:
            with context.socket(zmq.DEALER) as sock:
                sock.linger = 2000
                sock.sndtimeo = 5000
                sock.connect(endpoint)
                if greets:
                    hello = say.Hello(0, clock_id(), "fuzz")
                    sock.send(wire.pack(hello, number=1, timestamp_ns=time.perf_counter_ns()))
                for _ in range(min(5000, frames - sent)):
                    sock.send_multipart(nonsense(random_, random_.randrange(2**33)))
                    sent += 1
                    if sent % 20 == 0:
                        while sock.poll(0):
                            sock.recv()
                if sent % 10_000 == 0:
                    sock.send(bytes(wire.MAX_MESSAGE_BYTES * 50))  # ends the connection


def fuzz(frames: int, tmp_path: Path) -> None:
    """Flood a server with so many frames while a listener and a player work with it."""
    audio, control = f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc"
    with subprocess.Popen([sys.executable, "-c", SERVER, audio, control]) as server:
        try:
            with Remote(control, timeout_ms=20_000.0) as remote, Subscriber(audio) as listener:
                assert listener.receive(20_000) is not None
                flood(control, 2000, 0, True)
                before = resident_bytes(server.pid)
                floods = [
                    threading.Thread(target=flood, args=(control, frames // 2, seed, seed == 1)) for seed in (1, 2)
                ]
                for one in floods:
                    one.start()
                slowest_ns = 0
                while any(one.is_alive() for one in floods):
                    asked_ns = time.perf_counter_ns()
                    remote.set("density", 0.5)
                    slowest_ns = max(slowest_ns, time.perf_counter_ns() - asked_ns)
                    while listener.receive(0.0) is not None:
                        pass
                    time.sleep(0.005)
                for one in floods:
                    one.join()
                assert listener.receive(2000) is not None
                assert (listener.gaps, listener.restarts, listener.malformed) == (0, 0, 0)
                assert remote.get("density") == 0.5
                assert server.poll() is None
                grown = resident_bytes(server.pid) - before
                assert grown < 16 * 2**20, f"the server has grown by {grown} bytes"
                assert slowest_ns < 5_000_000_000
                until = time.monotonic() + 10
                while (scene := remote.state.scene) is None or scene.number < frames // 2:
                    assert time.monotonic() < until, f"only {scene} refusals were counted"
                    remote.event(100)
        finally:
            server.kill()


def test_100_000_frames_of_nonsense_disturb_nobody(tmp_path: Path) -> None:
    fuzz(100_000, tmp_path)


@pytest.mark.soak
def test_1_000_000_frames_of_nonsense_disturb_nobody(tmp_path: Path) -> None:
    fuzz(1_000_000, tmp_path)


def test_a_foreign_protocol_and_a_silent_peer_end_without_harm(tmp_path: Path) -> None:
    import socket

    path = tmp_path / "c.ipc"
    with subprocess.Popen([sys.executable, "-c", SERVER, f"ipc://{tmp_path}/a.ipc", f"ipc://{path}"]) as server:
        try:
            with Remote(f"ipc://{path}", timeout_ms=20_000.0) as remote:
                random_ = random.Random(3)
                peers = []
                for n in range(300):
                    peer = socket.socket(socket.AF_UNIX)
                    peer.connect(str(path))
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
        finally:
            server.kill()
