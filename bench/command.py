"""`legando bench [SUITE...]`: measure, tell, keep, compare, judge. [control]"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from legando.bench.against import Comparison, against_commit, against_file, read_results
from legando.bench.history import append, default_history
from legando.bench.moved import moved_lines
from legando.bench.page import write_page
from legando.bench.run import check_suites, progress_bars, run_suites
from legando.bench.samples import PERCENTS, Results
from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK
from legando.realtime.wholefile import whole_file

JUDGED = ("chunk", "held")
EXIT_SHUT = 1
"""The gate stays shut."""


def command(arguments: argparse.Namespace, instrument: str) -> int:
    """Run the bench that was asked for: suites, the peers' installation, the reports, the pages' figures. [control]"""
    if arguments.what == ["figures"]:
        from legando.bench.figures import figures_lines

        lines, wrong = figures_lines(fill=arguments.write)
        print("\n".join([*lines, *wrong]), file=sys.stderr if wrong else sys.stdout)
        return EXIT_SHUT if wrong else EXIT_OK
    if arguments.what[:1] == ["record"]:
        from legando.bench.record import record

        failed = record(arguments.what[1:], instrument=instrument, bundle=arguments.bundle)
        for name, why in failed.items():
            print(f"{name}: not recorded: {why}", file=sys.stderr)
        return EXIT_SHUT if failed else EXIT_OK
    if arguments.install:
        from legando.bench.peers.install import install

        failed = install(lambda text: print(text, file=sys.stderr))
        for name, why in failed.items():
            print(f"{name}: not installed: {why}", file=sys.stderr)
        return EXIT_SHUT if failed else EXIT_OK
    return suites_command(arguments)


def suites_command(arguments: argparse.Namespace) -> int:
    """Run the suites that were asked for, and all that is to happen with their figures. [control]"""
    names = check_suites(arguments.what)
    file = Path(arguments.against) if arguments.against is not None else None
    earlier = file is not None and (file.is_file() or file.suffix == ".json")
    before: Results | None = None
    if earlier and file is not None:
        before = read_results(file)  # a mistake is told now, not after ten minutes
        if "chunk" not in names:
            raise LegandoError("a comparison with a file needs the suite chunk; name it too")
    comparison: Comparison | None = None
    with progress_bars() as progress:
        if arguments.against is not None and not earlier:
            task = progress.add_task(f"against {arguments.against}: taking turns", total=1.0)
            comparison = against_commit(
                arguments.against,
                bundle=arguments.bundle,
                quick=arguments.quick,
                advance=lambda share: progress.update(task, completed=share),
            )
        results = run_suites(names, bundle=arguments.bundle, quick=arguments.quick, progress=progress)
    if earlier and file is not None:
        comparison = against_file(file, results)
    out = sys.stderr if arguments.json == "-" else sys.stdout
    print("\n".join(lines_of(results)), file=out)
    if comparison is not None:
        print("\n".join(comparison.lines()), file=out)
    if before is not None:
        print("\n".join(moved_lines(before, results)), file=out)
    _keep(arguments, results, comparison)
    remember(arguments.history, results)
    shut = failures(results, comparison) if arguments.gate else []
    for line in shut:
        print(f"gate: {line}", file=sys.stderr)
    return EXIT_SHUT if shut else EXIT_OK


def failures(results: Results, comparison: Comparison | None) -> list[str]:
    """Return why the gate stays shut: p99 over the deadline or late chunks, here or more than before. [any]

    With a comparison, that alone judges: a slow machine is then slow for both. What was to be judged and could not be
    measured keeps the gate shut too.
    """
    told = [
        f"{name} was not measured: {outcome.skipped}"
        for name, outcome in results.outcomes.items()
        if outcome.skipped and name in JUDGED
    ]
    if comparison is not None:
        return told + comparison.failures
    for outcome in results.outcomes.values():
        for one in outcome.series:
            if one.deadline is None or not one.values or outcome.suite == "ring":
                continue
            p99 = one.figures()["p99"]
            if outcome.suite == "chunk" and p99 > one.deadline and one.name == "as played":
                told.append(f"p99 of a chunk is {p99:.1f} ms, its budget {one.deadline:.1f} ms")
            if outcome.suite == "held" and one.name == "late" and one.misses:
                told.append(f"{one.misses} of {len(one.values)} chunks came late, {outcome.detail['underruns']} heard")
    return told


def lines_of(results: Results) -> list[str]:
    """Return the figures as a table of text. [any]"""
    lines = []
    for name, outcome in results.outcomes.items():
        if outcome.skipped:
            lines.append(f"{name}: not measured: {outcome.skipped}")
            continue
        if outcome.series:
            width = max(len(one.name) for one in outcome.series)
            lines.append(f"{name:{width + 5}}" + "".join(f"{label:>10}" for label in PERCENTS) + "    misses")
        for one in outcome.series:
            figures = one.figures()
            cells = "".join(f"{figures[label]:10.2f}" for label in PERCENTS) if figures else ""
            misses = "" if one.misses is None else f"{one.misses:10d}"
            lines.append(f"  {one.name:{width}} {one.unit:2}{cells}{misses}")
        if name == "roofline":
            for network, told in outcome.detail["networks"].items():
                lines.append(f"  {network}: {told['measured_ms']:.2f} ms, {told['times_floor']:g} times its floor")
    return lines


def remember(history: Path | None, results: Results) -> None:
    """Add a line to the history; a place that nobody asked for need not be one that can be written. [control]"""
    try:
        append(history or default_history(), results)
    except LegandoError as error:
        if history is not None:
            raise
        print(f"not in the history: {error}", file=sys.stderr)


def _keep(arguments: argparse.Namespace, results: Results, comparison: Comparison | None) -> None:
    plain = results.plain()
    if comparison is not None:
        plain["against"] = comparison.plain()
    if arguments.json == "-":
        print(json.dumps(plain))
    elif arguments.json is not None:
        path = Path(arguments.json)
        try:
            with whole_file(path) as part:
                part.write_text(json.dumps(plain), encoding="utf-8")
        except OSError as error:
            raise LegandoError(f"{path} cannot be written ({error.strerror}); choose another file") from error
    if arguments.report is not None:
        path, why = write_page(arguments.report, results, comparison)
        print(f"report: {path}" + (f" ({why})" if why else ""), file=sys.stderr)
