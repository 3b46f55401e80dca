"""Hops over the bridge: one way, beside bare libzmq, chunk by chunk in the same run. [control]

A second process receives both: through `Subscriber`, and from a bare SUB socket. It notes the arrival on the monotonic
clock, which both processes share, and answers over a PUSH socket. Both messages have as many bytes, and both receivers
wait in `recv`. Inside `awake` all of it is urgent: other work of the machine is not what is measured.
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
from legando.bridge.keys import new_keys, server_keys
from legando.bridge.publisher import Publisher
from legando.bridge.wire import HEADER_BYTES
from legando.realtime.errors import LegandoError
from legando.realtime.processes import tied

ARRIVAL = struct.Struct("<Q")
START_S = 20.0

RECEIVER = """
import struct, sys, time
from pathlib import Path
import zmq
from legando.bridge.keys import client_keys
from legando.bridge.subscriber import Subscriber
legando_url, bare_url, answer_url, folder = sys.argv[1:]
keys = client_keys(Path(folder)) if folder else None
context, own = zmq.Context(), zmq.Context()  # bare has one to itself, as a Subscriber has
bare, answer = own.socket(zmq.SUB), context.socket(zmq.PUSH)
if keys is not None:
    keys.arm(bare)
bare.setsockopt(zmq.SUBSCRIBE, b"")
bare.connect(bare_url)
answer.setsockopt(zmq.LINGER, 0)
answer.connect(answer_url)
def tell():
    answer.send(struct.pack("<Q", time.perf_counter_ns()))
with Subscriber(legando_url, keys=keys) as subscriber:
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
own.term()
context.destroy(linger=0)
"""


class Hops:
    """The sending side and the receiving processes of a transport: `ipc` (its sockets in `folder`), `tcp`, `curve`."""

    def __init__(self, transport: str, folder: Path, *, listeners: int = 1) -> None:
        """Start the receivers and wait until all paths are open. Raises LegandoError."""
        self.context, self.bare_context = zmq.Context(), zmq.Context()
        self.bare = self.bare_context.socket(zmq.PUB)
        keys, where = None, ""
        if transport == "curve":
            where = str(folder / "keys")
            new_keys(Path(where))
            keys = server_keys(Path(where))
            keys.arm(self.bare)
        self.answer = self.context.socket(zmq.PULL)
        self.answer.setsockopt(zmq.RCVTIMEO, 10_000)
        urls = [f"ipc://{folder}/{name}" if transport == "ipc" else "tcp://127.0.0.1:0" for name in ("l", "b", "a")]
        self.publisher = Publisher(urls[0], keys=keys)
        for sock, url in ((self.bare, urls[1]), (self.answer, urls[2])):
            sock.setsockopt(zmq.LINGER, 0)
            sock.bind(url)
        addresses = [
            self.publisher.endpoint,
            *(s.getsockopt_string(zmq.LAST_ENDPOINT) for s in (self.bare, self.answer)),
        ]
        command = [*tied(), sys.executable, "-c", RECEIVER, *addresses, where]
        self.receivers = [subprocess.Popen(command, env=environment()) for _ in range(listeners)]
        self.position = 0
        self._bare_messages: dict[int, bytes] = {}
        self._meet()

    def _meet(self) -> None:
        """Greet on each path until its subscription has arrived here; the receiver skips what is left over."""
        deadline = time.monotonic() + START_S
        greeting = np.zeros((1, 2), np.float32)
        for path in ("bare", "bridge"):
            for _ in self.receivers:
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
        """Return the one-way time of one bare chunk, to the last of the receivers."""
        message = self._bare_messages.get(len(frames))
        if message is None:
            message = self._bare_messages[len(frames)] = bytes(HEADER_BYTES) + frames.tobytes()
        sent_ns = time.perf_counter_ns()
        self.bare.send(message)
        return self._arrived_us(sent_ns)

    def hop_us(self, frames: Any) -> float:
        """Return the one-way time of one chunk through Publisher and Subscriber, to the last of the receivers."""
        sent_ns = time.perf_counter_ns()
        self.publisher.publish(frames, self.position, sent_ns)
        self.position += len(frames)
        return self._arrived_us(sent_ns)

    def _arrived_us(self, sent_ns: int) -> float:
        last_ns = max(ARRIVAL.unpack(self.answer.recv())[0] for _ in self.receivers)
        return float(last_ns - sent_ns) / 1e3

    def close(self) -> None:
        """Let the receiver go, and close all sockets."""
        self.bare.send(b"bye")
        for receiver in self.receivers:
            try:
                receiver.wait(5.0)
            except subprocess.TimeoutExpired:
                receiver.kill()
                receiver.wait()
        self.publisher.close()
        self.bare.close()
        self.answer.close()
        self.bare_context.term()
        self.context.term()
