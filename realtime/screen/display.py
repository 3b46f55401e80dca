"""What the performer sees while it plays or renders: one line with meters and time left. [control]

On a terminal the line is drawn over itself ten times a second; anywhere else a plain line comes every ten seconds, so
that logs stay short. All of it goes to standard error; standard output is for results.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.report import faults
from legando.realtime.screen.meter import (
    Levels,
    MeterState,
    clock,
    render_live,
    render_progress,
    rest,
    shows_unicode,
    step_meter,
)
from legando.realtime.screen.status import Status
from legando.realtime.screen.terminal import can_take

TERMINAL_EVERY_NS = 100_000_000
PLAIN_EVERY_NS = 10_000_000_000


class Display:
    """One line of progress. State: the meter and when it was last drawn."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._terminal = self._stream.isatty()
        self._unicode = shows_unicode(self._stream)
        self._drawn_ns = self._stepped_ns = time.perf_counter_ns()
        self._began_ns = 0  # when the first piece of a render was made
        self._meter: MeterState = rest()
        self._open = False
        self.stop_wanted = False
        """Whether the performer has asked for the end by a key."""

    def say(self, text: str) -> None:
        """Write one whole line, above the one that is drawn; on a terminal it breaks between words."""
        if self._quiet:
            return
        self._take_away()
        if self._terminal:
            text = textwrap.fill(text, self._width(), subsequent_indent="  ", break_long_words=False)
        self._write(text + "\n")

    def wait_for(self, text: str) -> None:
        """Show on a terminal what is waited for, until anything else is drawn or said."""
        if self._terminal and not self._quiet:
            self._draw(f"{text} ..."[: self._width()])

    def show_render(self, levels: Levels, done_s: float, total_s: float) -> None:
        """Show how much of a file is made, and how long the rest will take."""
        self._began_ns = self._began_ns or time.perf_counter_ns()
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

    def show_live(self, levels: Levels, tell: Callable[[], Status]) -> None:
        """Show where a live run is: time left (or gone, without an end), the music, what went wrong, the meter.

        `tell` is called when it is time to draw.
        """
        if not self._step(levels):
            return
        status = tell()
        when = clock(status.played_s)
        if status.total_s is not None:
            when = f"{clock(status.total_s - status.played_s)} left"
        self._draw(
            render_live(
                self._meter,
                when=when,
                scene=status.scene_name,
                chord=status.chord,
                tempo_bpm=status.tempo_bpm,
                faults=faults(status.underruns, status.xruns, status.steps, status.full_steps),
                width=self._width(),
                unicode=self._unicode,
            )
        )

    def listen(self, on_move: Callable[[str, float], None], on_prompt: Callable[[str], None]) -> None:
        """Say who is told of the controls that keys move, and of the prompts that are typed; the line has none."""

    def take(self) -> Iterator[LiveMessage]:
        """Yield what keys have moved since the last call: nothing."""
        return iter(())

    def take_record_pressed(self) -> bool:
        """Say whether the record key was pressed since the last call; the line has none."""
        return False

    def end(self) -> None:
        """Take the drawn line away: what is said next stands in its place."""
        self._take_away()

    def _take_away(self) -> None:
        if self._open:
            self._write("\r\x1b[K")
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
        if self._terminal and not self._takes_output():
            return  # a terminal that stands still (Ctrl-S, a stalled connection) must not hold up the music
        self._open = self._terminal
        self._write(f"\r{line}\x1b[K" if self._terminal else line.rstrip() + "\n")

    def _takes_output(self) -> bool:
        try:
            return can_take(self._stream.fileno())
        except (OSError, ValueError):  # no file, as in a test
            return True

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal was closed: the take is worth more than the line
            self._stream.write(text)
            self._stream.flush()

    def _width(self) -> int:
        return shutil.get_terminal_size((100, 24)).columns - 1
