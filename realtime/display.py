"""What the performer sees while it plays or renders: one line with meters and time left. [control]

On a terminal the line is drawn over itself ten times a second; anywhere else a plain line comes every ten seconds, so
that logs stay short. All of it goes to standard error; standard output is for results.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from legando.realtime.meter import (
    Levels,
    MeterState,
    clock,
    render_meter,
    render_progress,
    rest,
    shows_unicode,
    step_meter,
)

TERMINAL_EVERY_NS = 100_000_000
PLAIN_EVERY_NS = 10_000_000_000


class Display:
    """One line of progress. State: the meter and when it was last drawn."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._terminal = self._stream.isatty()
        self._unicode = shows_unicode(self._stream)
        self._began_ns = self._drawn_ns = self._stepped_ns = time.perf_counter_ns()
        self._meter: MeterState = rest()
        self._open = False

    def say(self, text: str) -> None:
        """Write one whole line, without breaking the one that is drawn."""
        if not self._quiet:
            self.end()
            self._stream.write(text + "\n")
            self._stream.flush()

    def show_render(self, levels: Levels, done_s: float, total_s: float) -> None:
        """Show how much of a file is made."""
        if not self._step(levels):
            return
        self._draw(
            render_progress(
                self._meter,
                done_seconds=done_s,
                total_seconds=total_s,
                elapsed_ns=time.perf_counter_ns() - self._began_ns,
                width=self._width(),
                unicode=self._unicode,
            )
        )

    def show_live(self, levels: Levels, *, text: str, played_s: float, total_s: float | None) -> None:
        """Show where a live run is: time left (or gone, when there is no end), words such as the scene, the meter."""
        if not self._step(levels):
            return
        when = f"{clock(played_s)}" if total_s is None else f"{clock(max(0.0, total_s - played_s))} left"
        head = f"{when}  {text}  "
        width = self._width()
        meter = render_meter(self._meter, max(24, min(60, width - len(head))), unicode=self._unicode)
        self._draw((head + meter)[:width])

    def end(self) -> None:
        """Leave the drawn line standing and go on below it."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False

    def _step(self, levels: Levels) -> bool:
        """Let the meter move, and say whether it is time to draw."""
        now_ns = time.perf_counter_ns()
        self._meter = step_meter(levels, self._meter, now_ns - self._stepped_ns)
        self._stepped_ns = now_ns
        if self._quiet or now_ns - self._drawn_ns < (TERMINAL_EVERY_NS if self._terminal else PLAIN_EVERY_NS):
            return False
        self._drawn_ns = now_ns
        return True

    def _draw(self, line: str) -> None:
        if self._terminal:
            self._stream.write(f"\r{line}\x1b[K")
            self._open = True
        else:
            self._stream.write(line.rstrip() + "\n")
        self._stream.flush()

    def _width(self) -> int:
        return shutil.get_terminal_size((100, 24)).columns - 1
