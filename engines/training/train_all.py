"""`legando train all --hours H`: everything from composing to a measured bundle, by one command. [control]

The hours are for all sessions together and are shared out by `SHARES`. Every stage goes on where it stood, so the same
command again finishes what a signal, a limit or a crash cut short, and more hours train further. While codec,
adversarial, flow and distil train, spare cores go on rendering new pieces, which the crops take in.

Exit status: 0 when all is done, 3 when work is left (run the same command again), 2 for bad input.

On a GPU that is lent for ten minutes at a time:

    until legando train all --hours 0.5 --device cuda --minutes-per-run 10; do [ $? = 3 ] || break; done

The first ten minutes render (on all cores) and train most of the codec, the second finish it and train the decoder
against the discriminator, the third train flow, student and language model, and a rest writes and measures the bundle.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from legando.engines.training.music.fresh import FreshPieces
from legando.engines.training.networks.board import Board
from legando.engines.training.networks.checkpoint import trained_s
from legando.realtime.arguments import Parser
from legando.realtime.errors import LegandoError

EXIT_LEFT = 3
TRAININGS = {"codec": 32.0, "adversarial": 20.0, "flow": 28.0, "language": 20.0}
"""How a day on two cores was best spent, in parts of a hundred: the codec holds everything back, so it gets most."""
DATA_SHARE, DISTIL_SHARE = 0.08, 0.05
SHARES = {name: part / 100.0 * (1.0 - DATA_SHARE - DISTIL_SHARE) for name, part in TRAININGS.items()} | {
    "data": DATA_SHARE,
    "distil": DISTIL_SHARE,
}
PIECES_PER_CORE_S = 0.15
"""Pieces of half a minute that one core renders in a second (measured)."""
LEAST_PIECES, MOST_PIECES = 48, 2000
FRESH_FACTOR = 5
"""Rendering beside a training goes on to so many times the pieces it began with."""
SAVING_S = 15.0
"""Kept back of a run's minutes for the last checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one command is to do. `pieces` None takes what the hours ask for; `hours` count over all sessions."""

    hours: float
    data: Path
    runs: Path
    out: Path
    threads: int
    device: str = "cpu"
    minutes_per_run: float | None = None
    pieces: int | None = None
    fresh_workers: int | None = None
    evaluation: str = "quick"
    name: str = "legando"

    def __post_init__(self) -> None:
        if not self.hours > 0.0:
            raise LegandoError(f"{self.hours:g} hours are too few; give more than 0")
        if self.minutes_per_run is not None and not self.minutes_per_run > 0.0:
            raise LegandoError(f"{self.minutes_per_run:g} minutes a run are too few; give more than 0")
        if self.threads < 1:
            raise LegandoError(f"{self.threads} threads are too few; give 1 or more")

    def seconds(self, stage: str) -> float:
        """Return a stage's time over all sessions."""
        return SHARES[stage] * self.hours * 3600.0

    def pieces_wanted(self, cores: int) -> int:
        """Return how many pieces to render before training starts."""
        if self.pieces is not None:
            return self.pieces
        return int(min(MOST_PIECES, max(LEAST_PIECES, self.seconds("data") * PIECES_PER_CORE_S * cores)))

    def spare_cores(self, cores: int) -> int:
        """Return how many processes render beside a training."""
        if self.fresh_workers is not None:
            return self.fresh_workers
        return max(0, cores - (2 if self.device.startswith("cuda") else self.threads))


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: whether nothing is left of it, and its work."""

    name: str
    done: Callable[[], bool]
    work: Callable[[], None]


def train_all(plan: Plan, *, quiet: bool = False) -> bool:
    """Do all stages in order; return whether nothing is left. [control]"""
    cores = os.cpu_count() or 1
    wanted = plan.pieces_wanted(cores)
    limit = None if plan.minutes_per_run is None else max(0.1, plan.minutes_per_run - SAVING_S / 60.0)
    with contextlib.ExitStack() as stack:
        board = Board([*STAGES, "evaluate"], minutes=limit, quiet=quiet)
        stack.enter_context(board)
        stack.enter_context(_stop_on_signals(board))
        fresh = FreshPieces(plan.data, workers=plan.spare_cores(cores), most_pieces=FRESH_FACTOR * wanted)
        rendering = False
        for stage in stages(plan, board, wanted, cores, fresh):
            if stage.done():
                board.show(stage.name, "done")
                continue
            if board.over:
                return False
            if stage.name in ("codec", "adversarial", "flow", "distil") and not rendering:
                stack.enter_context(fresh)
                rendering = True
            board.show(stage.name, "running")
            stage.work()
            if not stage.done():
                board.show(stage.name, "stopped")
                return False
            board.show(stage.name, "done")
        if board.over:
            return False
    return _evaluate(plan, board)


def stages(plan: Plan, board: Board, wanted: int, cores: int, fresh: FreshPieces) -> Iterator[Stage]:
    """Yield the stages before the evaluation in order. [control]"""
    runs = plan.runs
    common: dict[str, Any] = {"threads": plan.threads, "device": plan.device}

    def trained(name: str) -> Callable[[], bool]:
        return lambda: trained_s(runs / name) >= plan.seconds(name)

    def render() -> None:
        _render(plan.data, wanted, cores, board)

    def codec() -> None:
        from legando.engines.training.networks.train_codec import train

        train(plan.data, runs / "codec", seconds=plan.seconds("codec"), fresh=fresh, **common)

    def adversarial() -> None:
        from legando.engines.training.networks.train_codec import train_adversarial

        seconds = plan.seconds("adversarial")
        train_adversarial(plan.data, runs / "codec", runs / "adversarial", seconds=seconds, fresh=fresh, **common)

    def flow() -> None:
        from legando.engines.training.networks.train_flow import train

        train(plan.data, runs / "codec", runs / "flow", seconds=plan.seconds("flow"), fresh=fresh, **common)

    def distil() -> None:
        from legando.engines.training.networks.train_distil import train

        seconds = plan.seconds("distil")
        train(plan.data, runs / "codec", runs / "flow", runs / "distil", seconds=seconds, fresh=fresh, **common)

    def distilled() -> bool:
        from legando.engines.training.networks.train_distil import is_student_of

        return trained("distil")() and is_student_of(runs / "distil", runs / "flow")

    def language() -> None:
        from legando.engines.training.networks.train_language import train

        train(runs / "language", seconds=plan.seconds("language"), workers=plan.spare_cores(cores), **common)

    def style() -> None:
        from legando.engines.training.networks.train_style import installed_tokenizer, train

        train(runs / "style", installed_tokenizer())

    def bundle() -> None:
        from legando.engines.training.networks.make_bundle import make_bundle

        make_bundle(runs, plan.out, name=plan.name)

    def bundled() -> bool:
        manifest = plan.out / "manifest.json"
        parts = [runs / name for name in ("codec", "adversarial", "flow", "distil", "language", "style")]
        newest = max((file.stat().st_mtime for part in parts for file in part.glob("*.safetensors")), default=0.0)
        return manifest.exists() and manifest.stat().st_mtime > newest

    yield Stage("data", lambda: _rendered(plan.data) >= wanted, render)
    yield Stage("codec", trained("codec"), codec)
    yield Stage("adversarial", trained("adversarial"), adversarial)
    yield Stage("flow", trained("flow"), flow)
    yield Stage("distil", distilled, distil)
    yield Stage(
        "language", lambda: trained("language")() and (runs / "language" / "model.safetensors").exists(), language
    )
    yield Stage("style", lambda: (runs / "style" / "style.safetensors").exists(), style)
    yield Stage("bundle", bundled, bundle)


STAGES = ("data", "codec", "adversarial", "flow", "distil", "language", "style", "bundle")


def _rendered(folder: Path) -> int:
    return sum(1 for _ in folder.glob("piece_*.npz"))


def _render(folder: Path, wanted: int, cores: int, board: Board) -> None:
    """Render on all cores until the folder holds `wanted` pieces."""
    begun = time.monotonic()
    before = _rendered(folder)
    with FreshPieces(folder, workers=cores, most_pieces=wanted) as pieces:
        while pieces.left and not board.over:
            pieces.take(wait_s=1.0)
            rate = pieces.rendered / (time.monotonic() - begun)
            board.show(
                "data",
                fraction=1.0 - pieces.left / wanted,
                rate=rate,
                left_s=pieces.left / rate if rate else -1.0,
                figures={"pieces": before + pieces.rendered},
            )
    if not board.stopped and _rendered(folder) < wanted:
        raise LegandoError(f"{folder} holds {_rendered(folder)} of {wanted} pieces and no more could be rendered")


def _evaluate(plan: Plan, board: Board) -> bool:
    """Measure the bundle and write the figures into its manifest; return whether that was finished."""
    figures = plan.runs / "figures.json"
    if plan.evaluation == "none":
        return True
    if figures.exists() and figures.stat().st_mtime > (plan.out / "weights.safetensors").stat().st_mtime:
        return True
    from legando.engines.bundle import Bundle
    from legando.engines.training.figures.evaluate import main
    from legando.engines.training.figures.results import content_of
    from legando.engines.training.networks.make_bundle import make_bundle

    report = plan.runs / f"report-{content_of(Bundle.load(plan.out))[:8]}"  # one for each sound: it goes on, or is new
    words = ["--bundle", str(plan.out), "--json", "--report", str(report)]
    part = figures.with_suffix(".part")
    with part.open("w") as file, contextlib.redirect_stdout(file), _alarm(board.left_s):
        status = main([*words, "--quick"] if plan.evaluation == "quick" else words)
    if status not in (0, 1) or board.over:
        return False
    make_bundle(plan.runs, plan.out, name=plan.name, figures=part)
    part.replace(figures)
    figures.touch()  # newer than the bundle that now holds them
    return True


@contextlib.contextmanager
def _stop_on_signals(board: Board) -> Iterator[None]:
    """Between trainings (which do so themselves), turn the first SIGINT or SIGTERM into a clean stop."""
    previous: dict[signal.Signals, Any] = {}

    def stop(number: int, frame: FrameType | None) -> None:
        board.stopped = True
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for caught, handler in previous.items():
            signal.signal(caught, handler)


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt as Ctrl-C does after so many seconds, if finite."""
    if seconds == float("inf"):
        yield
        return
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, previous)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `legando train all`; returns the exit status. [control]"""
    cores = os.cpu_count() or 1
    parser = Parser(
        prog="legando train all",
        description="Train everything, from data to a measured bundle. The same command again goes on; "
        "exit status 3 says that work is left.",
    )
    parser.add_argument("--hours", type=float, required=True, help="training time of all stages and sessions together")
    parser.add_argument("--data", type=Path, default=Path("data/train"), help="folder of pieces (default: data/train)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--out", type=Path, help="folder of the bundle (default: RUNS/bundle)")
    parser.add_argument("--threads", type=int, default=cores, help=f"processor threads (default: {cores})")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--minutes-per-run", type=float, help="save everything and end after so many minutes")
    parser.add_argument("--pieces", type=int, help="pieces to render first (default: by the hours)")
    parser.add_argument(
        "--fresh-workers", type=int, help="processes that render more beside the trainings (default: spare cores)"
    )
    parser.add_argument(
        "--evaluation", choices=("quick", "full", "none"), default="quick", help="how to measure (default: quick)"
    )
    parser.add_argument("--name", default="legando", help="name in the bundle's manifest")
    options = vars(parser.parse_args(argv))
    options["out"] = options["out"] or options["runs"] / "bundle"
    done = train_all(Plan(**options))
    if not done:
        print("work is left; run the same command again to go on", file=sys.stderr)
    return 0 if done else EXIT_LEFT
