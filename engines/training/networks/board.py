"""What a training shows while it runs: a live table on a terminal, a line a minute where the output is a file. [any]

One board is active at a time. A run that finds one joins it (`legando train all` opens one for all its stages), else it
opens its own. The board is also where a stage learns that it must end: after a signal, or at a time limit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

LINE_EVERY_S = 60.0


@dataclass(slots=True)
class Row:
    """One stage as it is shown. `state` is waiting, running, done or stopped; `left_s` below 0 is unknown."""

    state: str = "waiting"
    fraction: float = 0.0
    step: int = 0
    rate: float = 0.0
    left_s: float = -1.0
    figures: dict[str, float] = field(default_factory=dict)


class Board:
    """The stages of a training and how far they are; a context manager. [any]

    `minutes` ends the stage under way after so long; `over` says so, and `stopped` that a signal or the limit did it.
    """

    def __init__(self, stages: Sequence[str], *, minutes: float | None = None, quiet: bool = False) -> None:
        self.rows = {name: Row() for name in stages}
        self.stopped = False
        self.begun_s = time.monotonic()
        self.deadline_s = None if minutes is None else self.begun_s + 60.0 * minutes
        self._quiet = quiet
        self._live: Live | None = None
        self._line_s = -LINE_EVERY_S
        self._outer: Board | None = None

    def __enter__(self) -> Board:
        global _active
        self._outer, _active = _active, self
        if not self._quiet and sys.stderr.isatty():
            console = Console(stderr=True)
            self._live = Live(get_renderable=self.table, console=console, refresh_per_second=2.0)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _active
        _active = self._outer
        if self._live is not None:
            self._live.stop()

    @property
    def over(self) -> bool:
        """Whether whatever runs should save and end."""
        if self.deadline_s is not None and time.monotonic() >= self.deadline_s:
            self.stopped = True
        return self.stopped

    @property
    def left_s(self) -> float:
        """Seconds until the limit; infinite without one."""
        return float("inf") if self.deadline_s is None else max(0.0, self.deadline_s - time.monotonic())

    def show(
        self,
        name: str,
        state: str = "running",
        *,
        fraction: float | None = None,
        step: int | None = None,
        rate: float | None = None,
        left_s: float | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Update a stage; what is left out stays as it was. Changes of state are always said."""
        row = self.rows.setdefault(name, Row())
        changed = row.state != state
        row.state = state
        row.fraction = row.fraction if fraction is None else fraction
        row.step = row.step if step is None else step
        row.rate = row.rate if rate is None else rate
        row.left_s = row.left_s if left_s is None else left_s
        if figures is not None:
            row.figures.update(figures)
        if state == "done":
            row.fraction, row.left_s = 1.0, 0.0
        now = time.monotonic()
        if self._quiet or self._live is not None or (not changed and now - self._line_s < LINE_EVERY_S):
            return
        self._line_s = now
        sys.stderr.write(line(name, row) + "\n")
        sys.stderr.flush()

    def table(self) -> Table:
        """Lay out all stages, the running one with its losses."""
        limit = "" if self.deadline_s is None else f", {clock(self.left_s)} left of this run"
        out = Table(title=f"{clock(time.monotonic() - self.begun_s)} spent{limit}", title_justify="left")
        for column in ("stage", "", "done", "step", "steps/s", "left"):
            out.add_column(column, justify="left" if column in ("stage", "") else "right", no_wrap=True)
        out.add_column("latest")
        colours = {"running": "bold green", "done": "dim", "stopped": "yellow", "waiting": ""}
        for name, row in self.rows.items():
            known = row.state in ("running", "stopped") or row.step
            out.add_row(
                name,
                row.state,
                f"{row.fraction:.0%}" if known or row.state == "done" else "",
                str(row.step) if row.step else "",
                f"{row.rate:.2f}" if row.state == "running" and row.rate else "",
                clock(row.left_s) if row.state == "running" and row.left_s >= 0 else "",
                "  ".join(f"{key} {value:.4g}" for key, value in row.figures.items()),
                style=colours[row.state],
            )
        return out


def active() -> Board | None:
    """Return the board that is open in this process, if any. [any]"""
    return _active


def line(name: str, row: Row) -> str:
    """Return one stage as one line of text. [any]"""
    parts = [name, f"{row.fraction:.0%}" if row.state == "running" else row.state]
    if row.step:
        parts += [f"step {row.step}"]
    if row.state == "running" and row.rate:
        parts += [f"{row.rate:.2f}/s"]
    if row.state == "running" and row.left_s >= 0:
        parts += [f"{clock(row.left_s)} left"]
    return "  ".join(parts + [f"{key} {value:.4g}" for key, value in row.figures.items()])


def clock(seconds: float) -> str:
    """Return a time as m:ss or h:mm:ss. [any]"""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


_active: Board | None = None
