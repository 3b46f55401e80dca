"""The run: suites one after the other, each with its progress, into one `Results`. [control]"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from legando.bench.machine import machine
from legando.bench.samples import Outcome, Results
from legando.bench.suite_chunk import Advance, chunk_suite, held_suite
from legando.bench.suite_start import memory_suite, start_suite
from legando.bench.suite_transport import bridge_suite, midi_suite, ring_suite
from legando.realtime.errors import LegandoError

Suite = Callable[[Path | None, bool, Advance], Outcome]


def _roofline(bundle: Path | None, quick: bool, advance: Advance) -> Outcome:
    from legando.bench.roofline import roofline_suite

    return roofline_suite(bundle, quick, advance)


SUITES: dict[str, tuple[str, Suite]] = {
    "chunk": ("what a chunk costs, part by part", chunk_suite),
    "held": ("whether chunks come in time", held_suite),
    "ring": ("shared memory", lambda _, quick, advance: ring_suite(quick, advance)),
    "bridge": ("ZeroMQ beside bare libzmq", lambda _, quick, advance: bridge_suite(quick, advance)),
    "midi": ("from a MIDI port to the host", lambda _, quick, advance: midi_suite(quick, advance)),
    "start": ("from nothing to the first sound", start_suite),
    "memory": ("resident memory", memory_suite),
    "roofline": ("how close to the processor's limits", _roofline),
}


def check_suites(names: Sequence[str]) -> list[str]:
    """Return the suites to run, all without names. Raises LegandoError."""
    for name in names:
        if name not in SUITES:
            raise LegandoError(f"there is no suite {name!r}; choose from {', '.join(SUITES)}")
    return list(dict.fromkeys(names)) or list(SUITES)


def progress_bars(*, quiet: bool = False) -> Progress:
    """Return bars on standard error; nothing is drawn where that is no terminal. [control]"""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:36}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
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

        def advance(share: float, task: int = task) -> None:
            progress.update(task, completed=share)  # type: ignore[arg-type]

        began = time.monotonic()
        try:
            outcome = suite(bundle, quick, advance)
        except LegandoError as error:  # what the other suites have measured is worth keeping
            outcome = Outcome(suite=name, skipped=str(error))
        outcomes[name] = replace(outcome, seconds=time.monotonic() - began)
        progress.update(task, completed=1.0)
    return Results(machine=about, outcomes=outcomes, quick=quick)
