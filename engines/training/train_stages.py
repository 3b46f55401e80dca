"""The stages of `legando train all`: what each does, its share of the time, when nothing is left of it. [control]"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legando.engines.training.music.fresh import FreshPieces
from legando.engines.training.networks.board import Board
from legando.engines.training.networks.checkpoint import trained_s
from legando.engines.training.networks.seal import unsound
from legando.realtime.errors import BundleError, LegandoError

STAGES = ("data", "codec", "adversarial", "flow", "distil", "language", "style", "bundle")
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
STALL_S = 300.0
"""After so long without a new piece the processes that render are started anew: one of them was killed."""


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
    """One stage: whether nothing is left of it, its work, and whether that ends by itself at the board's limit."""

    name: str
    done: Callable[[], bool]
    work: Callable[[], None]
    minds_limit: bool = True


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
        parts = [runs / name for name in ("codec", "adversarial", "flow", "distil", "language", "style")]
        newest = max((file.stat().st_mtime for part in parts for file in part.glob("*.safetensors")), default=0.0)
        manifest = plan.out / "manifest.json"
        return manifest.exists() and manifest.stat().st_mtime > newest and _whole(plan.out)

    def spoken() -> bool:
        checkpoint, model = (runs / "language" / name for name in ("checkpoint.safetensors", "model.safetensors"))
        if not trained("language")() or not model.exists():
            return False
        late = model.stat().st_mtime >= checkpoint.stat().st_mtime  # else killed before it was written
        return late and _sound(model)

    def read() -> bool:
        head = runs / "style" / "style.safetensors"
        return head.exists() and _sound(head)

    yield Stage("data", lambda: _rendered(plan.data) >= wanted, render)
    yield Stage("codec", trained("codec"), codec)
    yield Stage("adversarial", trained("adversarial"), adversarial)
    yield Stage("flow", trained("flow"), flow)
    yield Stage("distil", distilled, distil)
    yield Stage("language", spoken, language)
    yield Stage("style", read, style, minds_limit=False)
    yield Stage("bundle", bundled, bundle, minds_limit=False)


def _sound(path: Path) -> bool:
    """Return whether a finished file may be used, naming it where not."""
    why = unsound(path)
    if why:
        print(f"{path} {why}; making it again", file=sys.stderr, flush=True)
    return not why


def _whole(bundle: Path) -> bool:
    """Return whether a bundle's files are what its manifest says, naming the first that is not."""
    from legando.engines.bundle import Bundle

    try:
        Bundle.load(bundle)
    except BundleError as error:
        print(f"{str(error).split(';')[0]}; making the bundle again", file=sys.stderr, flush=True)
        return False
    return True


def _rendered(folder: Path) -> int:
    return sum(1 for _ in folder.glob("piece_*.npz"))


def _render(folder: Path, wanted: int, cores: int, board: Board) -> None:
    """Render on all cores until the folder holds `wanted` pieces."""
    while not board.over and _rendered(folder) < wanted:
        if not _render_once(folder, wanted, cores, board) and not board.over:
            raise LegandoError(
                f"{folder} holds {_rendered(folder)} of {wanted} pieces and no more could be rendered; "
                "see what was skipped, and whether processes are killed for want of memory"
            )


def _render_once(folder: Path, wanted: int, cores: int, board: Board) -> int:
    """Render what is missing until nothing has come for `STALL_S`; return how many pieces came."""
    begun = latest = time.monotonic()
    with FreshPieces(folder, workers=cores, most_pieces=wanted) as pieces:
        while pieces.left and not board.over and time.monotonic() - latest < STALL_S:
            if pieces.take(wait_s=1.0):
                latest = time.monotonic()
            rate = pieces.rendered / (time.monotonic() - begun)
            board.show(
                "data",
                fraction=1.0 - pieces.left / wanted,
                rate=rate,
                left_s=pieces.left / rate if rate else -1.0,
                figures={"pieces": _rendered(folder)},
            )
        return pieces.rendered
