"""What processes cost: processor time and resident memory of a host and its children, of Linux' /proc. [any]

Elsewhere nothing is found, and nothing is said. The joules are an estimate: a machine tells no program what one process
draws, and on most laptops the counters that there are (RAPL) are for administrators alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from legando.realtime.processes import MODULES, children, processor_s, resident_bytes

WATTS_A_CORE = 5.0
"""What a busy core of a laptop draws; `legando evaluate --energy` reckons with the same."""


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
        for pid, module in children(host):
            name = MODULES[module]
            if name in ("engine", "player") and pids.get(name) != pid:
                name += "_standby"
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
