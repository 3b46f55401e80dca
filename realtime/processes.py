"""Processes of a live run as Linux' /proc tells of them: whose children they are, what they cost. [any]

Elsewhere there is no /proc: no children are found, and the rest raises OSError. Trials tie theirs to themselves.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

MODULES = {
    "legando.realtime.engine": "engine",
    "legando.realtime.playing.player": "player",
    "legando.realtime.midi.midiprocess": "midi",
    "legando.realtime.screen.screenprocess": "screen",
    "legando.realtime.watching.monitorprocess": "monitor",
}
"""What a host's children run, and what they are called."""

_PROC = Path("/proc")


@functools.cache
def tied() -> tuple[str, ...]:
    """Return the words that start a program which is told to end when the thread that starts it has ended, however.

    None where there is no setpriv: a killed trial leaves its programs behind there.
    """
    return ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


def children(pid: int) -> Iterator[tuple[int, str]]:
    """Yield id and module of each child of a process that runs one of `MODULES`, the oldest first. [any]"""
    for child in _child_ids(pid):
        try:
            words = (_PROC / str(child) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has just ended
            continue
        module = next((word for word in words if word in MODULES), None)
        if module is not None:
            yield child, module


def child_pid(pid: int, module: str) -> int | None:
    """Return the oldest child of a process that runs one of `MODULES`, None while there is none. [any]"""
    return next((child for child, runs in children(pid) if runs == module), None)


def _child_ids(pid: int) -> list[int]:
    """Return the children of all threads of a process."""
    found = []
    for path in (_PROC / str(pid) / "task").glob("*/children"):
        try:
            found += [int(word) for word in path.read_text().split()]
        except OSError:  # that thread has ended
            continue
    return sorted(found)


def processor_s(pid: int) -> float:
    """Return the processor time that a process has had; raises OSError when it is gone. [any]"""
    words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds, what it shares included; raises OSError when it is gone. [any]"""
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_handles(pid: int) -> int:
    """Return how many file handles a process holds; raises OSError when it is gone. [any]"""
    return len(os.listdir(_PROC / str(pid) / "fd"))  # noqa: PTH208
