"""Real-time priority and locked memory, where the system allows them. [control]

The engine asks for SCHED_FIFO below the sound server's own threads (JACK: 70, its clients' callbacks: 65), so that a
busy machine takes its time from everything else first. Where that is not allowed, all works as before, and the host
says so in one line.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import resource
import shutil
import subprocess

START_PRIORITY = 30
"""For a process that takes another's place, until it has its own: below all that plays."""

ENGINE_PRIORITY = 40
HOST_PRIORITY = 45
"""Above the engine: the engine waits for the host's answer, which takes a fraction of a millisecond."""

PLAYER_PRIORITY = 60
"""For the callback of a host API that gives its thread no priority of its own."""

HINT = "no real-time priority; a busy machine may break the sound (on Linux: allow rtprio 70 in limits.conf)"
_LOCK_NOW_AND_LATER = 3  # MCL_CURRENT | MCL_FUTURE


@functools.cache
def urgently() -> tuple[str, ...]:
    """Return the words that start a program with real-time priority; none where that is not allowed."""
    words = ("chrt", "--fifo", str(START_PRIORITY))
    if shutil.which(words[0]) is None:
        return ()
    tried = subprocess.run([*words, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return words if tried.returncode == 0 else ()


def real_time(priority: int) -> int:
    """Ask for a real-time priority for the calling thread; return the one that it has now, 0 for none."""
    if not hasattr(os, "sched_setscheduler"):
        return 0
    with contextlib.suppress(OSError):  # the system has the last word
        has = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR)
        if has and os.sched_getparam(0).sched_priority >= priority:
            return os.sched_getparam(0).sched_priority
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
        return priority
    return 0


def give_back_memory() -> None:
    """Let the system have what this process has freed and glibc keeps; elsewhere nothing happens. [any]"""
    if os.name == "posix":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
            ctypes.CDLL(None).malloc_trim(0)


def lock_memory() -> bool:
    """Keep this process in memory, now and later, if it may have as much as it likes; say whether that is so."""
    if not hasattr(resource, "RLIMIT_MEMLOCK") or os.name != "posix":
        return False
    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if not unlimited and os.geteuid() != 0:  # with a limit, a later allocation would fail
        return False
    try:
        return bool(ctypes.CDLL(None).mlockall(_LOCK_NOW_AND_LATER) == 0)
    except (OSError, AttributeError):
        return False
