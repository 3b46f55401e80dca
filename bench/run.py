"""The run: suites one after the other, each with its progress, into one `Results`. [control]

A machine whose neighbours share its caches is faster or slower for minutes, and a median of half a minute is that of
its moment. So the suites that time chunks or ways between processes sit several times, as far from one another as the
run is long.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from legando.bench.machine import machine
from legando.bench.samples import Outcome, Results
from legando.bench.suite_bridge import bridge_suite
from legando.bench.suite_chunk import CHUNK_SITTINGS, HELD_SITTINGS, Advance, Sittings, chunk_suite, held_suite
from legando.bench.suite_midi import midi_suite
from legando.bench.suite_ring import WAY_SITTINGS, ring_suite
from legando.bench.suite_start import START_SITTINGS, memory_suite, start_suite
from legando.realtime.errors import LegandoError

Suite = Callable[[Path | None, bool, Advance], Outcome | Sittings]


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
SITTINGS = {
    "chunk": CHUNK_SITTINGS, "held": HELD_SITTINGS, "ring": WAY_SITTINGS, "bridge": WAY_SITTINGS, "midi": WAY_SITTINGS,
    "start": START_SITTINGS,
}  # fmt: skip
"""How often a suite sits in a run, quick and whole; any other once."""
EXTRA = ("peers",)
"""Run only when named: what they need is installed apart."""
EXPECTED_S = {
    "chunk": (20.0, 90.0), "held": (24.0, 240.0), "ring": (8.0, 27.0), "bridge": (17.0, 41.0), "midi": (6.0, 18.0),
    "start": (12.0, 36.0), "memory": (14.0, 45.0), "roofline": (10.0, 12.0), "peers": (120.0, 220.0),
}  # fmt: skip
"""About how long each takes on two quiet cores, quick and whole: for the time that is left, which the run corrects."""


def check_suites(names: Sequence[str]) -> list[str]:
    """Return the suites to run, all without names. Raises LegandoError."""
    for name in names:
        if name not in SUITES:
            raise LegandoError(f"there is no suite {name!r}; choose from {', '.join(SUITES)}")
    return list(dict.fromkeys(names)) or [name for name in SUITES if name not in EXTRA]


def left_s(names: Sequence[str], ran: Mapping[str, tuple[float, float]], quick: bool) -> float:
    """Return about how many seconds a run still takes. [any]

    `ran`: of each suite that has begun, the share that is done and the seconds that it took. What they took beside what
    was expected says how fast this machine is.
    """
    expected = {name: EXPECTED_S[name][0 if quick else 1] for name in names}
    planned = sum(expected[name] * share for name, (share, _) in ran.items())
    pace = (sum(seconds for _, seconds in ran.values()) + 10.0) / (planned + 10.0)  # the first alone says little yet
    rest = 0.0
    for name in names:
        share, seconds = ran.get(name, (0.0, 0.0))
        rest += (1.0 - share) * ((1.0 - share) * pace * expected[name] + seconds)
    return rest


def in_turn(names: Sequence[str], quick: bool) -> list[str]:
    """Return the suites in the order in which they sit: the sittings of each as far apart as the run is long. [any]

    Each place is the share of the run's expected time at which the middle of a sitting would best lie.
    """
    mode = 0 if quick else 1
    single = [name for name in names if name not in SITTINGS]
    whole_s = sum(EXPECTED_S[name][mode] for name in single)
    places, gone_s = [], 0.0
    for name in single:
        places.append(((gone_s + EXPECTED_S[name][mode] / 2.0) / whole_s, name))
        gone_s += EXPECTED_S[name][mode]
    for name, counts in SITTINGS.items():
        places += [((index + 0.5) / counts[mode], name) for index in range(counts[mode]) if name in names]
    return [name for _, name in sorted(places, key=lambda place: place[0])]


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
    about = machine()
    running: dict[str, _Running] = {}

    def left() -> float:
        return left_s(names, {name: (one.share, one.seconds) for name, one in running.items()}, quick)

    for name in in_turn(names, quick):
        if name not in running:
            running[name] = _Running(name, bundle=bundle, quick=quick, progress=progress, left=left)
        running[name].sit()
    return Results(machine=about, outcomes={name: running[name].told() for name in names}, quick=quick)


class _Running:
    """One suite of a run: its progress, the seconds that it has taken, and in the end its outcome."""

    def __init__(
        self, name: str, *, bundle: Path | None, quick: bool, progress: Progress, left: Callable[[], float]
    ) -> None:
        self.share = self._before_s = 0.0
        self._name, self._bundle, self._quick = name, bundle, quick
        self._text, self._suite = SUITES[name]
        self._progress, self._left = progress, left
        self._task = progress.add_task(f"{name}: {self._text}", total=1.0)
        self._began_s: float | None = None
        self._sittings: Sittings | None = None
        self._outcome: Outcome | None = None

    @property
    def seconds(self) -> float:
        """What it has taken in all its sittings, the one under way included."""
        return self._before_s + (0.0 if self._began_s is None else time.monotonic() - self._began_s)

    def sit(self) -> None:
        """Run up to the next pause, or to the end; nothing when it has ended."""
        if self._outcome is not None:
            return
        self._began_s = time.monotonic()
        if self._sittings is None:
            self._advance(0.0)
            if self._progress.disable:
                left = self._left()
                sys.stderr.write(f"{self._name}: {self._text}; about {left // 60:.0f}:{left % 60:02.0f} left\n")
        try:
            self._outcome = self._next()
        except LegandoError as error:  # what the other suites have measured is worth keeping
            self._outcome = Outcome(suite=self._name, skipped=str(error))
        self._before_s, self._began_s = self.seconds, None
        if self._outcome is not None:
            self.share = 1.0
            self._progress.update(self._task, completed=1.0)

    def told(self) -> Outcome:
        """Return the outcome, with the time that it took."""
        assert self._outcome is not None
        return replace(self._outcome, seconds=self._before_s)

    def _next(self) -> Outcome | None:
        if self._sittings is None:
            begun = self._suite(self._bundle, self._quick, self._advance)
            if isinstance(begun, Outcome):
                return begun
            self._sittings = begun
        try:
            next(self._sittings)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        return None

    def _advance(self, share: float) -> None:
        self.share = share
        self._progress.update(self._task, completed=share, left_s=self._left())
