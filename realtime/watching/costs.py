"""What processes cost: processor time and resident memory of a host and its children, of Linux' /proc. [any]

Elsewhere nothing is found, and nothing is said. The joules are an estimate: a machine tells no program what one process
draws, and on most laptops the counters that there are (RAPL) are for administrators alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

WATTS_A_CORE = 5.0
"""What a busy core of a laptop draws; `legando evaluate --energy` reckons with the same."""

MODULES = {
    "realtime.engine": "engine",
    "playing.player": "player",
    "midi.midiprocess": "midi",
    "screen.screenprocess": "screen",
    "watching.monitorprocess": "monitor",
}
_PROC = Path("/proc")


class Costs:
    """State: what each process had taken when it was last looked at, and what has been taken in each part's name."""

    def __init__(self) -> None:
        self._last_s: dict[int, float] = {}
        self.processor_s: dict[str, float] = {}
        self.resident_bytes: dict[str, int] = {}

    @property
    def joules(self) -> float:
        """An estimate of what all of it has drawn."""
        return WATTS_A_CORE * sum(self.processor_s.values())

    def look(self, host: int, pids: Mapping[str, int]) -> None:
        """Look again. `pids` says which children lead; another engine or player stands by."""
        found: dict[str, int] = {"host": host}
        for pid in children(host):
            name = _name(pid)
            if name in ("engine", "player") and pids.get(name) != pid:
                name += "_standby"
            if name:
                found.setdefault(name, pid)
        self.resident_bytes = {}
        last_s: dict[int, float] = {}
        for name, pid in found.items():
            try:
                taken_s, resident = processor_s(pid), resident_bytes(pid)
            except (OSError, ValueError, IndexError):  # it has just ended
                continue
            more_s = max(0.0, taken_s - self._last_s.get(pid, 0.0))
            self.processor_s[name] = self.processor_s.get(name, 0.0) + more_s
            self.resident_bytes[name] = resident
            last_s[pid] = taken_s
        self._last_s = last_s


def children(pid: int) -> list[int]:
    """Return the children of all threads of a process. [any]"""
    found = []
    for path in (_PROC / str(pid) / "task").glob("*/children"):
        try:
            found += [int(word) for word in path.read_text().split()]
        except OSError:  # that thread has ended
            continue
    return found


def processor_s(pid: int) -> float:
    """Return the processor time that a process has had; raises OSError when it is gone. [any]"""
    words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds, what it shares included; raises OSError when it is gone. [any]"""
    return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _name(pid: int) -> str:
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
    return next((name for module, name in MODULES.items() if module in command), "")
