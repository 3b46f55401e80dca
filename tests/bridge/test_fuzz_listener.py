"""A listener whose sender mixes nonsense into the stream: it hands out every true block, and nothing else."""

from __future__ import annotations

import json
import logging
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from legando.bridge.keys import client_keys, new_keys, server_keys
from legando.bridge.subscriber import Subscriber
from legando.bridge.wire import MAX_MESSAGE_BYTES, Packer

GROWTH_BYTES = 8 * 2**20
FRAMES = 32
LISTENER = """
import json, os, sys, logging
from pathlib import Path
from legando.bridge.keys import client_keys
from legando.bridge.subscriber import Subscriber
logging.disable()
blocks = int(sys.argv[2])
keys = client_keys(Path(sys.argv[3])) if len(sys.argv) > 3 else None
def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
wrong = gaps = restarts = began = 0
position = None
with Subscriber(sys.argv[1], max_age_ms=None, keys=keys) as listener:
    while position is None or position < blocks * 32:
        block = listener.receive(60_000)
        if block is None:
            break
        if position is None:
            print("heard", flush=True)
        else:
            wrong += block.frame_position != position
        wrong += bool((block.frames != block.frame_position % 4096 / 4096).any())
        gaps, restarts = gaps + bool(block.gap_frames), restarts + block.restarted
        position = block.frame_position + len(block.frames)
        if listener.blocks == blocks // 10:
            began = resident()
    print(json.dumps({"wrong": wrong, "gaps": gaps, "restarts": restarts, "refused": listener.malformed,
                      "repeats": listener.account.continuity.repeats, "grown": resident() - began,
                      "whole": position == blocks * 32}))
"""


def true_blocks() -> Iterator[bytes]:
    """Yield the messages of a stream whose samples tell their position."""
    packer = Packer("main", bytes(range(16)))
    number = 0
    while True:
        position = number * FRAMES
        frames = np.full((FRAMES, 2), position % 4096 / 4096, np.float32)
        times = time.perf_counter_ns(), time.time_ns()
        yield packer.pack(frames, sequence=number, frame_position=position, timestamp_ns=times[0], wall_ns=times[1])
        number += 1


def nonsense(random_: random.Random, true: bytes, old: bytes) -> list[bytes]:
    """Return what no server sends: each way of being wrong comes up."""
    message = bytearray(true)
    way = random_.randrange(10)
    if way == 0:
        return [b"main\0" + random_.randbytes(random_.randrange(2000))]
    if way == 1:
        return [true[: random_.randrange(5, len(true))]]
    if way == 2:
        return [true + random_.randbytes(random_.randrange(1, 100))]
    if way == 3:
        message[36] = random_.choice([0, 1, 3, 255])
    elif way == 4:
        message[32:36] = random_.randbytes(3) + b"\0"
    elif way == 5:
        message[random_.choice([37, 38, 39])] = random_.choice([0, 33, 255])
    elif way == 6:
        message[96:100] = random_.choice([0, FRAMES - 1, FRAMES + 1, 2**32 - 1]).to_bytes(4, "little")
    elif way == 7:  # not a number, or without end
        at = 104 + 4 * random_.randrange(2 * FRAMES)
        message[at : at + 4] = random_.choice([b"\0\0\x80\x7f", b"\0\0\x80\xff", b"\x01\0\xc0\x7f"])
    elif way == 8:
        return [old]  # a repeat
    else:
        return [true[:60], true[60:], b"", random_.randbytes(30)]
    return [bytes(message)]


def fuzz(frames: int, sock: zmq.Socket[bytes], url: str, *folder: str) -> dict[str, int]:
    """Send so many frames, one in ten of them true, and return the listener's account."""
    random_ = random.Random(5)
    sock.setsockopt(zmq.LINGER, 0)
    sock.setsockopt(zmq.XPUB_NODROP, 1)  # wait for the listener: what is missing at its side was lost there
    sock.setsockopt(zmq.SNDTIMEO, 60_000)
    sock.bind(url)
    address = sock.getsockopt_string(zmq.LAST_ENDPOINT)
    blocks = frames // 10
    command = [sys.executable, "-c", LISTENER, address, str(blocks), *folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        assert sock.poll(20_000) and sock.recv() == b"\1main\0"
        old = b""
        for _, true in zip(range(blocks), true_blocks(), strict=False):
            sock.send(true)
            for _ in range(9):
                for part in (parts := nonsense(random_, true, old or true))[:-1]:
                    sock.send(part, zmq.SNDMORE)
                sock.send(parts[-1])
            old = true
        assert listener.stdout is not None and listener.stdout.readline() == "heard\n"
        account: dict[str, int] = json.loads(listener.stdout.readline())
    assert listener.returncode == 0
    return account


def judge(account: dict[str, int], frames: int) -> None:
    logging.getLogger(__name__).info("%d frames: %s", frames, account)
    assert account["whole"] and (account["wrong"], account["gaps"], account["restarts"]) == (0, 0, 0), account
    assert account["refused"] > 0.7 * frames and account["repeats"] > 0.05 * frames, account
    assert account["grown"] < GROWTH_BYTES, account


def test_10_000_frames_of_nonsense_reach_no_ear(tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.XPUB) as sock:
        judge(fuzz(10_000, sock, f"ipc://{tmp_path}/a.ipc"), 10_000)


@pytest.mark.soak
def test_1_000_000_frames_of_nonsense_reach_no_ear(tmp_path: Path) -> None:
    new_keys(tmp_path / "keys")
    with zmq.Context() as context, context.socket(zmq.XPUB) as sock:
        server_keys(tmp_path / "keys").arm(sock)
        judge(fuzz(1_000_000, sock, "tcp://127.0.0.1:0", str(tmp_path / "keys")), 1_000_000)


def test_a_frame_that_is_too_large_costs_the_connection_and_the_sound_comes_back(tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.PUB) as sock:
        sock.setsockopt(zmq.LINGER, 0)
        sock.bind(f"ipc://{tmp_path}/a.ipc")
        stream = true_blocks()
        with Subscriber(f"ipc://{tmp_path}/a.ipc") as listener:
            for _ in range(2):
                until = time.monotonic() + 20
                while listener.receive(2.0) is None:
                    assert time.monotonic() < until
                    sock.send(next(stream))
                sock.send(b"main\0" + bytes(MAX_MESSAGE_BYTES))
                sock.send(next(stream))
            assert (listener.restarts, listener.malformed) == (0, 0)


def test_a_listener_with_the_wrong_key_hears_nothing_of_a_true_stream(tmp_path: Path) -> None:
    for name in ("keys", "others"):
        new_keys(tmp_path / name)
    with zmq.Context() as context, context.socket(zmq.PUB) as sock:
        sock.setsockopt(zmq.LINGER, 0)
        server_keys(tmp_path / "keys").arm(sock)
        sock.bind("tcp://127.0.0.1:0")
        stream = true_blocks()
        with Subscriber(sock.getsockopt_string(zmq.LAST_ENDPOINT), keys=client_keys(tmp_path / "others")) as listener:
            for _ in range(50):
                sock.send(next(stream))
                assert listener.receive(2.0) is None
            assert listener.malformed == 0
