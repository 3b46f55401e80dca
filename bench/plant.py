"""Plant: a slowdown or a stall on purpose, so that a test can see whether the bench finds it. [engine]

The environment variable `LEGANDO_BENCH_PLANT` holds `slow=PART:PERCENT` (that part takes so much longer, working) or
`stall=MS:SECONDS` (a chunk sleeps so long, once in so many seconds), or both with a comma between. For tests only.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from legando.realtime.errors import LegandoError

VARIABLE = "LEGANDO_BENCH_PLANT"


@dataclass(slots=True)
class Plant:
    """What is planted. State: when the last stall was."""

    part: str = ""
    share: float = 0.0
    stall_ns: int = 0
    every_ns: int = 0
    last_ns: int = 0

    @staticmethod
    def of_environment() -> Plant:
        """Read the variable; nothing is planted without it. Raises LegandoError."""
        text, plant = os.environ.get(VARIABLE, ""), Plant()
        for item in filter(None, text.split(",")):
            kind, _, rest = item.partition("=")
            first, _, second = rest.rpartition(":")
            try:
                if kind == "slow":
                    plant.part, plant.share = first, float(second) / 100.0
                elif kind == "stall":
                    plant.stall_ns, plant.every_ns = int(float(first) * 1e6), int(float(second) * 1e9)
                else:
                    raise ValueError(kind)
            except ValueError:
                raise LegandoError(f"{VARIABLE}={text!r}; write slow=PART:PERCENT or stall=MS:SECONDS") from None
        return plant

    def after(self, part: str, worked_ns: int) -> None:
        """Work on, if this part is to be slow, for a share of the processor time that it took."""
        if part.startswith(self.part) and self.share:
            until_ns = time.thread_time_ns() + round(self.share * worked_ns)
            while time.thread_time_ns() < until_ns:
                pass

    def chunk(self) -> None:
        """Sleep, if it is time for a stall; the first comes after a whole period."""
        if not self.every_ns:
            return
        now_ns = time.perf_counter_ns()
        self.last_ns = self.last_ns or now_ns
        if now_ns - self.last_ns >= self.every_ns:
            self.last_ns = now_ns
            time.sleep(self.stall_ns / 1e9)
