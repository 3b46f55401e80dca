"""The run: suites one after the other, each with its progress, into one `Results`. [control]"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from legando.bench.machine import machine
from legando.bench.samples import Outcome, Results
from legando.bench.suite_chunk import Advance, chunk_suite, held_suite
from legando.bench.suite_ring import ring_suite
from legando.bench.suite_start import memory_suite, start_suite
from legando.bench.suite_transport import bridge_suite, midi_suite
from legando.realtime.errors import LegandoError

Suite = Callable[[Path | None, bool, Advance], Outcome]


def _roofline(bundle: Path | None, quick: bool, advance: Advance) -> Outcome:
    from legando.bench.roofline import roofline_suite

    return roofline_suite(bundle, quick, advance)


def _peers(bundle: Path | None, quick: bool, advance: Advance) -> Outcome:
    from legando.bench.peers.suite import peers_suite

    return peers_suite(bundle, quick, advance)


SUITES: dict[str, tuple[str, Suite]] = {
    "chunk": ("what a chunk costs, part by part", chunk_suite),
    "held": ("whether chunks come in time", held_suite),
    "ring": ("shared memory", lambda _, quick, advance: ring_suite(quick, advance)),
    "bridge": ("ZeroMQ beside bare libzmq", lambda _, quick, advance: bridge_suite(quick, advance)),
    "midi": ("from a MIDI port to the host", lambda _, quick, advance: midi_suite(quick, advance)),
    "start": ("from nothing to the first sound", start_suite),
    "memory": ("resident memory", memory_suite),
    "roofline": ("how close to the processor's limits", _roofline),
    "peers": ("others beside us, in turn", _peers),
}
EXTRA = ("peers",)
"""Run only when named: what they need is installed apart."""
EXPECTED_S = {
    "chunk": (14.0, 70.0), "held": (20.0, 186.0), "ring": (3.0, 12.0), "bridge": (9.0, 39.0), "midi": (7.0, 17.0),
    "start": (12.0, 30.0), "memory": (14.0, 64.0), "roofline": (10.0, 14.0), "peers": (120.0, 220.0),
}  # fmt: skip
"""About how long each takes on two quiet cores, quick and whole: for the time that is left, which the run corrects."""


def check_suites(names: Sequence[str]) -> list[str]:
    """Return the suites to run, all without names. Raises LegandoError."""
    for name in names:
        if name not in SUITES:
            raise LegandoError(f"there is no suite {name!r}; choose from {', '.join(SUITES)}")
    return list(dict.fromkeys(names)) or [name for name in SUITES if name not in EXTRA]


def left_s(
    names: Sequence[str], done: dict[str, float], running: str, share: float, ran_s: float, quick: bool
) -> float:
    """Return about how many seconds a run still takes. [any]

    `done`: seconds that finished suites took; the one that runs has done a `share` in `ran_s`. What finished suites
    took beside what was expected says how fast this machine is.
    """
    expected = {name: EXPECTED_S[name][0 if quick else 1] for name in names}
    planned = sum(expected[name] for name in done)
    pace = (sum(done.values()) + 10.0) / (planned + 10.0)  # the first suite alone says little yet
    rest = sum(pace * expected[name] for name in names if name not in done and name != running)
    if running:
        whole = pace * expected[running]
        if share > 0.05:
            whole = (1.0 - share) * whole + share * ran_s / share
        rest += max(0.0, (1.0 - share) * whole)
    return rest


class _Left(ProgressColumn):
    """The time that the whole run still takes, beside the suite that runs."""

    def render(self, task: Task) -> Text:
        left = task.fields.get("left_s")
        return Text("" if left is None or task.finished else f"{left // 60:.0f}:{left % 60:02.0f} left")


def progress_bars(*, quiet: bool = False) -> Progress:
    """Return bars on standard error; nothing is drawn where that is no terminal. [control]"""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:36}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        _Left(),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def run_suites(names: Sequence[str], *, bundle: Path | None, quick: bool, progress: Progress) -> Results:
    """Run suites by name; one that cannot run here is kept with its reason. Raises LegandoError. [control]"""
    outcomes: dict[str, Outcome] = {}
    about = machine()
    for name in names:
        text, suite = SUITES[name]
        task = progress.add_task(f"{name}: {text}", total=1.0)

        began = time.monotonic()
        done = {other: outcome.seconds for other, outcome in outcomes.items()}

        def advance(
            share: float, task: TaskID = task, name: str = name, began: float = began, done: Any = done
        ) -> None:
            left = left_s(names, done, name, share, time.monotonic() - began, quick)
            progress.update(task, completed=share, left_s=left)

        advance(0.0)
        if progress.disable:
            left = left_s(names, done, name, 0.0, 0.0, quick)
            sys.stderr.write(f"{name}: {text}; about {left // 60:.0f}:{left % 60:02.0f} left\n")
        try:
            outcome = suite(bundle, quick, advance)
        except LegandoError as error:  # what the other suites have measured is worth keeping
            outcome = Outcome(suite=name, skipped=str(error))
        outcomes[name] = replace(outcome, seconds=time.monotonic() - began)
        progress.update(task, completed=1.0)
    return Results(machine=about, outcomes=outcomes, quick=quick)
