"""`legando train all --hours H`: everything from composing to a measured bundle, by one command. [control]

The hours are for all sessions together and are shared out by `SHARES`. Every stage goes on where it stood, so the same
command again finishes what a signal, a limit or a crash cut short, and more hours train further. While codec,
adversarial, flow and distil train, spare cores go on rendering new pieces, which the crops take in.

SIGINT, SIGTERM and SIGHUP end a training after its step and save; any other work stops where it is, since all of it is
written whole or not at all: pieces, embeddings of prompts, the bundle, each part of the evaluation.

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
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from legando.engines.training.music.fresh import FreshPieces
from legando.engines.training.networks.board import Board
from legando.engines.training.networks.progress import STOPS
from legando.engines.training.train_stages import FRESH_FACTOR, STAGES, Plan, stages
from legando.realtime.arguments import Parser
from legando.realtime.exits import Terminated

EXIT_LEFT = 3
SAVING_S = 15.0
"""Kept back of a run's minutes for the last checkpoint."""
AGAIN_S = 0.1
"""How soon an interruption that was passed over comes again."""


def train_all(plan: Plan, *, quiet: bool = False) -> bool:
    """Do all stages in order; return whether nothing is left. [control]"""
    limit = None if plan.minutes_per_run is None else max(0.1, plan.minutes_per_run - SAVING_S / 60.0)
    board = Board([*STAGES, "evaluate"], minutes=limit, quiet=quiet)
    with _stop_on_signals(board):
        try:
            return _train(plan, board) and _evaluate(plan, board)
        except KeyboardInterrupt:  # a signal or the limit, outside the loop of a training
            return False
        except Exception:  # what an interrupted import of a C extension makes of a signal: ImportError and worse
            if board.over:
                return False
            raise


def _train(plan: Plan, board: Board) -> bool:
    """Do the stages before the evaluation; return whether all are done and time is left."""
    cores = os.cpu_count() or 1
    wanted = plan.pieces_wanted(cores)
    with contextlib.ExitStack() as stack:
        stack.enter_context(board)
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
            with _alarm(float("inf") if stage.minds_limit else board.left_s):
                stage.work()
            if not stage.done():
                board.show(stage.name, "stopped")
                return False
            board.show(stage.name, "done")
    return not board.over


def _evaluate(plan: Plan, board: Board) -> bool:
    """Measure the bundle and write the figures into its manifest; return whether that was finished.

    Raises LegandoError when it can never be finished: the bundle or what is kept of its evaluation is damaged.
    """
    figures = plan.runs / "figures.json"
    if plan.evaluation == "none":
        return True
    if figures.exists() and figures.stat().st_mtime > (plan.out / "weights.safetensors").stat().st_mtime:
        board.show("evaluate", "done")
        return True
    from legando.engines.bundle import Bundle
    from legando.engines.training.figures.evaluate import evaluate
    from legando.engines.training.figures.results import content_of

    board.show("evaluate", "running")
    report = plan.runs / f"report-{content_of(Bundle.load(plan.out))[:8]}"  # one for each sound: it goes on, or is new
    words = ["--bundle", str(plan.out), "--json", "--report", str(report), "--write"]
    part = figures.with_suffix(".part")
    with _alarm(board.left_s), part.open("w") as file, contextlib.redirect_stdout(file):
        evaluate([*words, "--quick"] if plan.evaluation == "quick" else words)
    if board.over:
        return False
    part.replace(figures)
    board.show("evaluate", "done")
    return True


@contextlib.contextmanager
def _stop_on_signals(board: Board) -> Iterator[None]:
    """Let what stops a training note on the board that all must end, and interrupt what runs.

    A training has handlers of its own meanwhile: the first signal lets it finish its step and save. Python passes over
    an interruption that a callback of the garbage collector or of a weak reference meets; it comes again soon after.
    """
    previous: dict[int, Any] = {signal.SIGALRM: signal.getsignal(signal.SIGALRM)}
    hook, comes_again = sys.unraisablehook, False

    def stop(number: int, frame: FrameType | None) -> None:
        board.stopped = True
        raise Terminated(number)

    def passed_over(lost: sys.UnraisableHookArgs) -> None:
        nonlocal comes_again
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            hook(lost)
            return
        comes_again = True
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)

    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:
            previous[number] = signal.signal(number, stop)
    sys.unraisablehook = passed_over
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if comes_again:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
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
