"""Floods: nonsense for the endpoints of a server, sent by processes of their own.

Run as a program: `floods.py WHAT ENDPOINT FRAMES SEED KEYS ...`; each of KEYS is a folder of a client's, `-` for none.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import zmq

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge import wire as audiowire
from legando.bridge.keys import ClientKeys, client_keys
from legando.bridge.machine import clock_id

PATIENT_MS = 60_000


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


def hello() -> bytes:
    return wire.pack(say.Hello(0, clock_id(), "fuzz"), number=1, timestamp_ns=time.perf_counter_ns())


def greet(sock: zmq.Socket[bytes]) -> None:
    """Say hello until it is answered: by then all that was sent before has been taken."""
    until = time.monotonic() + PATIENT_MS / 1e3
    while time.monotonic() < until:
        sock.send(hello())
        while sock.poll(200):
            if isinstance(wire.parse(sock.recv()).body, say.Welcome):
                return
    sys.exit("the server does not greet")


def settle(sock: zmq.Socket[bytes]) -> None:
    """Wait until all that was sent has been taken, then leave: what the system still held would be thrown away."""
    greet(sock)
    sock.send(wire.pack(say.Bye(), number=2, timestamp_ns=time.perf_counter_ns()))


def flood_control(endpoint: str, frames: int, seed: int, keys: ClientKeys | None) -> None:
    """Send so much nonsense to a control endpoint from one connection after another; every other one says hello."""
    random_ = random.Random(seed)
    with zmq.Context() as context:
        sent = 0
        while sent < frames:
            with context.socket(zmq.DEALER) as sock:
                sock.linger = sock.sndtimeo = PATIENT_MS
                if keys is not None:
                    keys.arm(sock)
                sock.connect(endpoint)
                if random_.random() < 0.5:
                    greet(sock)  # its answer shall not be taken for that of the hello at the end
                for _ in range(min(5000, frames - sent)):
                    sock.send_multipart(nonsense(random_, random_.randrange(2**33)))
                    sent += 1
                    if sent % 20 == 0:
                        while sock.poll(0):
                            sock.recv()
                settle(sock)
                if sent % 10_000 == 0:
                    sock.send(bytes(wire.MAX_MESSAGE_BYTES * 50))  # ends the connection


def flood_audio(endpoint: str, frames: int, seed: int, keys: ClientKeys | None) -> None:
    """Send so much nonsense to an audio endpoint, which wants subscriptions alone."""
    random_ = random.Random(seed)
    with zmq.Context() as context:
        for start in range(0, frames, 5000):
            with context.socket(zmq.XSUB) as sock:
                sock.linger = sock.sndtimeo = PATIENT_MS
                if keys is not None:
                    keys.arm(sock)
                sock.connect(endpoint)
                for _ in range(min(5000, frames - start)):
                    way = random_.randrange(3)
                    head = b"" if way else random_.choice([b"\1main", b"\0main", b"\1"])  # subscribed, or no longer
                    sock.send(head + random_.randbytes(random_.randrange(60)))
                if start % 20_000 == 0:
                    sock.send(random_.randbytes(5000))  # ends the connection


def knock(endpoint: str, frames: int, keys: list[ClientKeys | None], kind: int) -> None:
    """Send so many frames with keys that are not the right ones, or none; nothing may come back."""
    with zmq.Context() as context:
        for number, start in enumerate(range(0, frames, 2000)):
            with context.socket(kind) as sock:
                sock.linger = 0
                sock.sndhwm = 2100
                mine = keys[number % len(keys)]
                if mine is not None:
                    mine.arm(sock)
                sock.connect(endpoint)
                if kind == zmq.SUB:
                    sock.subscribe(b"")
                else:
                    for _ in range(min(2000, frames - start)):
                        sock.send(bytes(40))
                if sock.poll(100):
                    sys.exit("a stranger was answered")


if __name__ == "__main__":
    what, endpoint, frames, seed, *folders = sys.argv[1:]
    several = [None if folder == "-" else client_keys(Path(folder)) for folder in folders]
    if what == "control":
        flood_control(endpoint, int(frames), int(seed), several[0])
    elif what == "audio":
        flood_audio(endpoint, int(frames), int(seed), several[0])
    else:
        knock(endpoint, int(frames), several, zmq.DEALER if what == "knock control" else zmq.SUB)
