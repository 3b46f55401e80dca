"""One-way latency of the bridge beside bare libzmq, chunk by chunk in the same run. [control]

A second process receives both: through `Subscriber`, and from a bare SUB socket. It notes the arrival on the monotonic
clock, which both processes share, and answers over a PUSH socket. Each round sends one bare and one legando chunk a
millisecond apart, so that both meet the same machine. The timed figure is publish, arrival and answer together; the
one-way figures are in `extra_info`, in microseconds.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from legando.bridge.publisher import Publisher

Describe = Callable[..., dict[str, float]]

ROUNDS = 300
WARM_UP_ROUNDS = 20
PACE_S = 0.001
ARRIVAL = struct.Struct("<Q")

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
    """The sending side and the receiving process of one transport."""

    def __init__(self, transport: str, folder: Path) -> None:
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
        self.receiver = subprocess.Popen([sys.executable, "-c", RECEIVER, *addresses])
        self.position = 0
        self._meet()

    def _meet(self) -> None:
        """Greet on each path until its subscription has arrived here; the receiver skips what is left over."""
        deadline = time.monotonic() + 20.0
        greeting = np.zeros((1, 2), np.float32)
        for path in ("bare", "bridge"):
            while not self.answer.poll(20):
                if path == "bare":
                    self.bare.send(b"hello")
                else:
                    self.publisher.publish(greeting, 0)
                assert time.monotonic() < deadline, "the receiving process does not answer"
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


@pytest.fixture(params=["ipc", "tcp"])
def hops(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hops]:
    opened = Hops(request.param, tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("frames", [128, 3840])
def test_one_way_latency_beside_bare_libzmq(benchmark: Any, describe: Describe, hops: Hops, frames: int) -> None:
    noise = np.random.default_rng(1).standard_normal((frames, 2)).astype(np.float32)
    bare_us: list[float] = []
    bridge_us: list[float] = []

    def bare_first() -> None:
        time.sleep(PACE_S)
        bare_us.append(hops.bare_hop_us(noise))
        time.sleep(PACE_S)

    benchmark.group = f"bridge hop, {frames} frames"
    benchmark.pedantic(
        lambda: bridge_us.append(hops.hop_us(noise)),
        setup=bare_first,
        rounds=ROUNDS,
        iterations=1,
        warmup_rounds=WARM_UP_ROUNDS,
    )
    bare, bridge = (np.array(times[WARM_UP_ROUNDS:]) / 1e6 for times in (bare_us, bridge_us))
    assert len(bare) == len(bridge) == ROUNDS
    figures = describe(benchmark, bridge, name="bridge", frames=frames) | describe(benchmark, bare, name="bare")
    figures["ratio_p50"] = round(figures["bridge_p50_us"] / figures["bare_p50_us"], 2)
    figures["ratio_p99"] = round(figures["bridge_p99_us"] / figures["bare_p99_us"], 2)
    benchmark.extra_info.update(figures)
    # A wait, a copy of the queue or a poll that creeps into the path costs a millisecond, whatever the machine's load.
    assert figures["bridge_p50_us"] <= 3.0 * figures["bare_p50_us"] + 1000.0
