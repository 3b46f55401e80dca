"""Cores that stay awake, and a thread that is not put off: on these the ways between processes are measured. [control]

A core without work sleeps, and waking it takes as long as a hop, or longer where a hypervisor must do it; how long
differs from minute to minute. So each core is kept awake by a process of the lowest priority there is, which anything
else displaces at once: what `cyclictest` does with `/dev/cpu_dma_latency`, but heeded by virtual machines too.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from legando.realtime.priority import START_PRIORITY
from legando.realtime.processes import tied

_SPIN = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while True:
    pass
"""


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Keep all cores awake and this thread urgent until the end of the block, as far as the system allows. [control]

    What is started meanwhile is as urgent; where Linux's schedulers are missing, nothing is done.
    """
    if not hasattr(os, "SCHED_IDLE"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    command = [*tied(), sys.executable, "-S", "-c", _SPIN]
    spinners = [subprocess.Popen(command) for _ in os.sched_getaffinity(0)]
    try:
        if before[0] == os.SCHED_OTHER:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(START_PRIORITY))
        yield
    finally:
        os.sched_setscheduler(0, *before)
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
