"""Hops over the bridge: one way, beside bare libzmq, chunk by chunk in the same run. [control]

A second process receives both: through `Subscriber`, and from a bare SUB socket. It notes the arrival on the monotonic
clock, which both processes share, and answers over a PUSH socket.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import zmq

from legando.bench.workerlink import environment
from legando.bridge.publisher import Publisher
from legando.realtime.errors import LegandoError

ARRIVAL = struct.Struct("<Q")
START_S = 20.0

RECEIVER = """
import struct, sys, time
import zmq
from legando.bridge.subscriber import Subscriber
legando_url, bare_url, answer_url = sys.argv[1:]
context = zmq.Context()
bare, answer = context.socket(zmq.SUB), context.socket(zmq.PUSH)
bare.setsockopt(zmq.SUBSCRIBE, b"")
bare.connect(bare_url)
answer.setsockopt(zmq.LINGER, 0)
answer.connect(answer_url)
def tell():
    answer.send(struct.pack("<Q", time.perf_counter_ns()))
with Subscriber(legando_url) as subscriber:
    bare.recv()
    tell()
    subscriber.receive()
    tell()
    while True:
        while (message := bare.recv()) == b"hello":
            pass
        if message == b"bye":
            break
        tell()
        while len(subscriber.receive().frames) == 1:
            pass
        tell()
bare.close()
context.destroy(linger=0)
"""


class Hops:
    """The sending side and the receiving process of one transport, `ipc` (its sockets in `folder`) or `tcp`."""

    def __init__(self, transport: str, folder: Path) -> None:
        """Start the receiver and wait until both paths are open. Raises LegandoError."""
        self.context = zmq.Context()
        self.bare = self.context.socket(zmq.PUB)
        self.answer = self.context.socket(zmq.PULL)
        self.answer.setsockopt(zmq.RCVTIMEO, 10_000)
        urls = [f"ipc://{folder}/{name}" if transport == "ipc" else "tcp://127.0.0.1:0" for name in ("l", "b", "a")]
        self.publisher = Publisher(urls[0])
        for sock, url in ((self.bare, urls[1]), (self.answer, urls[2])):
            sock.setsockopt(zmq.LINGER, 0)
            sock.bind(url)
        addresses = [
            self.publisher.endpoint,
            *(s.getsockopt_string(zmq.LAST_ENDPOINT) for s in (self.bare, self.answer)),
        ]
        self.receiver = subprocess.Popen([sys.executable, "-c", RECEIVER, *addresses], env=environment())
        self.position = 0
        self._meet()

    def _meet(self) -> None:
        """Greet on each path until its subscription has arrived here; the receiver skips what is left over."""
        deadline = time.monotonic() + START_S
        greeting = np.zeros((1, 2), np.float32)
        for path in ("bare", "bridge"):
            while not self.answer.poll(20):
                if path == "bare":
                    self.bare.send(b"hello")
                else:
                    self.publisher.publish(greeting, 0)
                if time.monotonic() > deadline:
                    self.close()
                    raise LegandoError(f"the receiving process did not answer within {START_S:g} s; try again")
            self.answer.recv()

    def bare_hop_us(self, frames: Any) -> float:
        """Return the one-way time of one bare chunk."""
        sent_ns = time.perf_counter_ns()
        self.bare.send(frames)
        return float(ARRIVAL.unpack(self.answer.recv())[0] - sent_ns) / 1e3

    def hop_us(self, frames: Any) -> float:
        """Return the one-way time of one chunk through Publisher and Subscriber."""
        sent_ns = time.perf_counter_ns()
        self.publisher.publish(frames, self.position, sent_ns)
        self.position += len(frames)
        return float(ARRIVAL.unpack(self.answer.recv())[0] - sent_ns) / 1e3

    def close(self) -> None:
        """Let the receiver go, and close all sockets."""
        self.bare.send(b"bye")
        try:
            self.receiver.wait(5.0)
        except subprocess.TimeoutExpired:
            self.receiver.kill()
            self.receiver.wait()
        self.publisher.close()
        self.bare.close()
        self.answer.close()
        self.context.term()
