"""Suite `midi`: the way of a message from a port to the host, beside a bare pipe between two processes. [control]

All is real: the port on a dummy JACK server, the MIDI process, the socket pair, the reader's thread. After each message
a process that holds none of our code sleeps for a millisecond, as the MIDI process does between two looks at a port,
stamps eight bytes and sends them over a socket pair to a thread that waits here.
"""

from __future__ import annotations

import contextlib
import math
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe

from legando.bench.awake import awake
from legando.bench.samples import Outcome
from legando.bench.suite_chunk import Advance, Sittings
from legando.bench.suite_ring import SAMPLE_RATE_HZ, WARM_UP, WAY_SITTINGS, beside, joined
from legando.bench.workerlink import environment
from legando.realtime.errors import DeviceError
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.processes import tied

STRIDE = 0.6180339887498949  # the golden section: places in a period that lie evenly however many there are
LOST_S = 1.0
TIME = struct.Struct("<q")

SENDER = f"""
import os, struct, sys, time
from multiprocessing.connection import Connection
if hasattr(os, "SCHED_FIFO"):
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param({HOST_PRIORITY}))
    except OSError:
        pass
line = Connection(int(sys.argv[1]))
while line.recv_bytes():
    time.sleep(0.001)
    line.send_bytes(struct.pack("<q", time.perf_counter_ns()))
"""


def midi_suite(quick: bool, advance: Advance) -> Sittings:
    """Time a message from before it is sent on a virtual port until the host's thread has it. [control]

    Details: the ratio of the way from the MIDI process to the host to a bare pipe's, and how many were lost.
    """
    sittings = WAY_SITTINGS[0 if quick else 1]
    count = WARM_UP + (100 if quick else 600) // sittings
    stamped, arrived, bare = (list[list[float]]() for _ in range(3))
    for sitting in range(sittings):
        if sitting:
            yield
        for pooled in (stamped, arrived, bare):
            pooled.append([])
        try:
            why = _sit(count, stamped[-1], arrived[-1], bare[-1])
        except DeviceError as error:
            why = str(error)
        if why is not None:
            return Outcome(suite="midi", skipped=why)
        advance((sitting + 1) / sittings)
    lost = sittings * count - sum(map(len, arrived))
    if min(map(len, arrived)) <= WARM_UP:
        return Outcome(suite="midi", skipped=f"{lost} of {sittings * count} messages were lost; is JACK MIDI whole?")
    passed = [[b - a for a, b in zip(*pair, strict=True)] for pair in zip(stamped, arrived, strict=True)]
    series = [
        joined("sent to stamped by the port", stamped),
        joined("sent to the host", arrived),
        joined("stamped to the host", passed),
        joined("bare pipe, stamped to the host", bare),
    ]
    return Outcome(suite="midi", series=series, detail={"lost": lost, "stamped to the host": beside(*series[2:])})


def _sit(count: int, stamped_us: list[float], arrived_us: list[float], bare_us: list[float]) -> str | None:
    """Send so many messages, and as many over a bare pipe; return why there is no MIDI here. Raises DeviceError."""
    from legando.realtime.instrument import SHIPPED
    from legando.realtime.midi.hands import Hands
    from legando.realtime.midi.livemessage import LiveMessage
    from legando.realtime.rigs.rig import read_rig
    from legando.realtime.trials.stage import Stage

    sent_ns = 0

    def hear(live: LiveMessage) -> None:
        arrived_us.append((time.perf_counter_ns() - sent_ns) / 1e3)
        stamped_us.append((live.time_ns - sent_ns) / 1e3)

    with awake(), bare_pipe(bare_us) as ask, Stage(instrument=SHIPPED) as stage:
        stage.write_rig()
        hands = Hands(read_rig(stage.rig_path), hear)
        try:
            if (why := hands.open()) is not None:
                return why
            period_s = stage.server.period_frames / SAMPLE_RATE_HZ
            due_s = time.monotonic()
            for number in range(count):
                # all places in a period of the server are met, equally often
                due_s += (2 + STRIDE) * period_s
                due_s += period_s * math.ceil(max(0.0, time.monotonic() - due_s) / period_s)
                time.sleep(max(0.0, due_s - time.monotonic()))
                before, sent_ns = len(arrived_us), time.perf_counter_ns()
                stage.hands.send_message([0xB0, 20, number % 128])
                _await_more(arrived_us, before)
                before = len(bare_us)
                ask()
                _await_more(bare_us, before)
        finally:
            hands.close()
    return None


def _await_more(values: list[float], before: int) -> None:
    until = time.monotonic() + LOST_S
    while len(values) == before and time.monotonic() < until:
        time.sleep(0.0005)


@contextlib.contextmanager
def bare_pipe(took_us: list[float]) -> Iterator[Callable[[], None]]:
    """Yield what makes another process send over a pipe; a thread here adds how long each took, in microseconds."""
    ours, theirs = Pipe()
    command = [*tied(), sys.executable, "-c", SENDER, str(theirs.fileno())]
    sender = subprocess.Popen(command, env=environment(), pass_fds=(theirs.fileno(),))
    theirs.close()

    def receive() -> None:
        real_time(HOST_PRIORITY)
        with contextlib.suppress(EOFError, OSError):
            while True:
                stamped_ns = TIME.unpack(ours.recv_bytes())[0]
                took_us.append((time.perf_counter_ns() - stamped_ns) / 1e3)

    receiver = threading.Thread(target=receive, name="bare pipe", daemon=True)
    receiver.start()
    try:
        yield lambda: ours.send_bytes(b"next")
    finally:
        ours.send_bytes(b"")
        sender.wait()
        receiver.join()
        ours.close()
