"""`legando evaluate`: measure a bundle against its targets, part by part, and write a report. [control]

    legando evaluate [--bundle DIR] [--json] [--report DIR] [--write] [--quick] [--only PART,...] [--energy]
    legando evaluate --only drift [--prompts TEXT,...]

A part that cannot be measured is listed with the reason and the others go on; Ctrl-C keeps what there is. With a report
folder, each part is kept as it ends, and the same command goes on where it stopped. Exit status: 0 when all targets are
met, 1 when one is missed or not measured, 2 for bad input. torch is imported when the work begins, not for `--help`.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from legando.realtime.arguments import Parser
from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK, EXIT_USER, exit_of

if TYPE_CHECKING:
    from legando.engines.training.figures.desk import Desk, Figure
    from legando.engines.training.figures.evaluate_parts import Part
    from legando.engines.training.figures.results import PartResult, Results

EXIT_MISSED = 1
TRAIN_HINT = "evaluation needs torch and more: pip install 'legando[train]'"
_SPEED_S = 600.0  # seconds over which the speed is estimated: parts differ


def build_parser() -> Parser:
    """Return the parser of the command. [control]"""
    parser = Parser(
        prog="legando evaluate",
        description="Measure a bundle against its targets: offline, on scores and sounds that it was not trained on. "
        "Status 1 when a target is missed.",
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what is measured", "Without any of these: all of the shipped bundle.")
    where = parser.add_argument_group("where the figures go", "Without any of these: to the screen, as a table.")
    what.add_argument("--bundle", type=Path, metavar="DIR", help="the model; default: the shipped one")
    where.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    where.add_argument(
        "--report", type=Path, metavar="DIR", help="write an HTML report with sounds; goes on with one that was stopped"
    )
    where.add_argument("--write", action="store_true", help="write the figures into the bundle's manifest")
    what.add_argument("--quick", action="store_true", help="fewer and shorter samples, minutes instead of an hour")
    what.add_argument("--only", metavar="PART,...", help="only these parts; a part that is unknown lists them all")
    what.add_argument("--prompts", metavar="TEXT,...", help="for the part drift: what plays for ten minutes each")
    what.add_argument(
        "--energy", action="store_true", help="only the energy parts: joules and network passes, normal and eco mode"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate a bundle from the command line; returns the exit status."""
    try:
        return evaluate(argv)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("legando"):
            raise
        print(f"legando: {error.name} is missing; {TRAIN_HINT}", file=sys.stderr)
    except LegandoError as error:
        print(f"legando: {error}", file=sys.stderr)
    return EXIT_USER


def evaluate(argv: Sequence[str] | None = None) -> int:
    """Do the command's work and return its exit status; raises LegandoError for bad input. [control]"""
    args = build_parser().parse_args(argv)
    from legando.engines.bundle import Bundle
    from legando.engines.training.figures.desk import Desk
    from legando.engines.training.figures.evaluate_parts import DRIFT, ENERGY, parts
    from legando.engines.training.figures.results import Results, content_of, open_folder, write_figures

    if args.write and (args.only is not None or args.energy):
        raise LegandoError("--write puts a whole evaluation into the manifest; leave out --only and --energy")
    bundle = Bundle.load(args.bundle)
    desk = Desk(bundle)
    prompts = None if args.prompts is None else _items(args.prompts)
    every = parts(desk, quick=args.quick, prompts=prompts)
    names = choose(every, args.only, energy=args.energy, energy_parts=ENERGY, asked_only=(*ENERGY, DRIFT))
    if prompts is not None and (not prompts or DRIFT not in names):
        raise LegandoError(f"--prompts is what the part {DRIFT} plays; write --only {DRIFT} --prompts 'jazz,ambient'")
    results = Results(bundle=bundle.name, hash=bundle.hash, content=content_of(bundle))
    if args.report is not None:
        results = open_folder(args.report, results)
    again = () if prompts is None else (DRIFT,)  # what is kept may be that of other prompts
    todo = {name: every[name] for name in names if name in again or not results.has(name, quick=args.quick)}
    stopped: KeyboardInterrupt | None = None
    try:
        measure(desk, todo, results, quick=args.quick, folder=args.report)
        if args.write:
            write_figures(bundle, results)
        if args.report is not None:
            from legando.engines.training.figures.report import write_report

            with _working("report"):
                write_report(args.report, results, desk, quick=args.quick)
    except KeyboardInterrupt as stop:
        stopped = stop
        if args.report is not None:
            results.save(args.report)
    if args.json:
        print(json.dumps(results.as_json(), allow_nan=False))
    else:
        _print_results(results)
    if args.report is not None:
        page = args.report / "index.html"
        print(f"report: {page if page.exists() else 'not written; the same command goes on'}", file=sys.stderr)
    if stopped is not None:
        return exit_of(stopped)
    return EXIT_OK if results.met else EXIT_MISSED


def choose(
    every: Mapping[str, Part],
    only: str | None,
    *,
    energy: bool,
    energy_parts: Sequence[str],
    asked_only: Sequence[str] | None = None,
) -> list[str]:
    """Return the names of the parts that are asked for, in their own order. Raises LegandoError for unknown ones.

    Those of `asked_only` (the energy parts, if left out) do not belong to the parts that run when none is named.
    """
    hidden = energy_parts if asked_only is None else asked_only
    asked = [] if only is None else _items(only)
    if only is not None and not asked:
        raise LegandoError(f"--only names no part; parts are {', '.join(every)}")
    for name in asked:
        if name not in every:
            near = difflib.get_close_matches(name, every, n=1)
            meant = f", perhaps {near[0]!r} is meant" if near else ""
            raise LegandoError(f"there is no part {name!r}{meant}; parts are {', '.join(every)}")
    if energy:
        asked += energy_parts
    return [name for name in every if (name in asked if asked else name not in hidden)]


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def measure(desk: Desk, todo: Mapping[str, Part], results: Results, *, quick: bool, folder: Path | None = None) -> None:
    """Measure parts one after the other and keep each as it ends; Ctrl-C is noted for those left and raised again."""
    from legando.engines.training.figures.results import PartResult

    waiting = list(todo)
    with _progress(desk, todo) as begin:
        try:
            for name, part in todo.items():
                begin(name)
                desk.exhibits = {}
                results.keep(name, _measured(desk, part, quick=quick))
                waiting.remove(name)
                if folder is not None:
                    results.save(folder)
        except KeyboardInterrupt:
            for name in waiting:
                results.keep(name, PartResult(missing="interrupted"))
            raise


def _measured(desk: Desk, part: Part, *, quick: bool) -> PartResult:
    """Run one part; whatever stops it becomes the reason why it has no figures, and the others go on."""
    from legando.engines.training.figures.results import PartResult

    began = time.perf_counter()
    try:
        figures = part.run()
    except LegandoError as error:
        return PartResult(missing=str(error))
    except ModuleNotFoundError as error:
        return PartResult(missing=f"{error.name} is missing; {TRAIN_HINT}")
    except Exception as error:  # a fault of ours in one part must not cost the figures of an hour
        place = traceback.extract_tb(error.__traceback__)[-1]
        return PartResult(missing=f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {error}")
    seconds = time.perf_counter() - began
    return PartResult(figures=figures, exhibits=dict(desk.exhibits), seconds=seconds, quick=quick)


@contextlib.contextmanager
def _progress(desk: Desk, todo: Mapping[str, Part]) -> Iterator[Callable[[str], None]]:
    """Show the part's name, a bar and the time left on standard error; a line for each part where it is a file.

    The bar counts seconds of audio made, of those that the parts say they need.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    total = sum(part.seconds for part in todo.values())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=_SPEED_S,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("evaluate", total=total)
        before_s = part_s = inside_s = 0.0
        began = time.perf_counter()

        def begin(name: str) -> None:
            nonlocal before_s, part_s, inside_s
            before_s += part_s
            part_s, inside_s = todo[name].seconds, 0.0
            progress.update(task, description=name, completed=before_s)
            if not console.is_terminal:
                took_s = time.perf_counter() - began
                left = f", about {took_s * (total - before_s) / before_s / 60:.0f} min left" if before_s else ""
                number = list(todo).index(name) + 1
                print(f"legando: measuring {name} ({number} of {len(todo)}{left})", file=sys.stderr, flush=True)

        def on_seconds(seconds: float) -> None:
            nonlocal inside_s
            inside_s = min(inside_s + seconds, 0.95 * part_s)
            progress.update(task, completed=before_s + inside_s)

        desk.on_seconds = on_seconds
        try:
            yield begin
        finally:
            desk.on_seconds = None


@contextlib.contextmanager
def _working(what: str) -> Iterator[None]:
    with Console(stderr=True).status(f"writing the {what} ..."):
        yield


def _print_results(results: Results) -> None:
    console = Console()
    console.print(table(results.figures, f"bundle {results.bundle}"))
    for name, reason in results.missing.items():
        console.print(f"not measured: {name}: {reason}", markup=False, highlight=False, soft_wrap=True)


def table(figures: Sequence[Figure], title: str) -> Table:
    """Lay figures out beside their targets."""
    out = Table(title=title)
    for column in ("figure", "value", "", "target", "met"):
        out.add_column(column, justify="right" if column == "value" else "left")
    for figure in figures:
        mark = "" if not figure.target else "yes" if figure.met else "[red]no[/red]"
        out.add_row(figure.name, figure.shown, figure.unit, figure.target, mark)
    return out


if __name__ == "__main__":
    sys.exit(main())
