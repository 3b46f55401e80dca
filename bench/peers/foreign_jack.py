"""A message from one JACK client to another, each in a process of its own; runs in the environment `sound`. [audio]

Nothing of legando is imported here. The sender puts a number into the next period's buffer as soon as it is told to;
the receiver's callback says when that buffer came. So the wait for the next cycle is in the time, as it is for whoever
hands sound to JACK at a moment of his own.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import subprocess
import sys
import time
from typing import Any

ANSWER = struct.Struct("<QQ")


def receive() -> None:
    """Tell each number with its time on standard output, until standard input ends."""
    jack = importlib.import_module("jack")
    client = jack.Client("hops-in", no_start_server=True)
    port = client.inports.register("in")
    last = 0.0

    def process(_: int) -> None:
        nonlocal last
        now_ns = time.perf_counter_ns()
        number = memoryview(port.get_buffer()).cast("f")[0]
        if number != last and number:
            os.write(1, ANSWER.pack(int(number), now_ns))
        last = number

    client.set_process_callback(process)
    with client:
        client.connect("hops-out:out", port)
        os.write(1, ANSWER.pack(0, 0))
        sys.stdin.read()


def send() -> None:
    """Serve `{"run": "jack", "count": N}`: send so many numbers at uneven times, and return their ways' times."""
    jack = importlib.import_module("jack")
    random = importlib.import_module("random").Random(0)
    client = jack.Client("hops-out", no_start_server=True)
    port = client.outports.register("out")
    number = 0

    def process(_: int) -> None:
        memoryview(port.get_buffer()).cast("f")[0] = float(number)

    client.set_process_callback(process)
    with client:
        receiver: Any = subprocess.Popen(
            [sys.executable, __file__, "receive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        ANSWER.unpack(receiver.stdout.read(ANSWER.size))
        print(json.dumps({"ready": {"period_frames": client.blocksize}}), flush=True)
        for line in sys.stdin:
            wall = []
            for _ in range(json.loads(line)["count"]):
                time.sleep(random.uniform(0.004, 0.008))
                sent_ns = time.perf_counter_ns()
                number += 1
                while True:
                    found, came_ns = ANSWER.unpack(receiver.stdout.read(ANSWER.size))
                    if found == number:
                        break
                wall.append(came_ns - sent_ns)
            print(json.dumps({"wall_ns": wall, "cpu_ns": [0] * len(wall)}), flush=True)
        receiver.stdin.close()
        receiver.wait()


if __name__ == "__main__":
    (receive if sys.argv[1:] == ["receive"] else send)()
