"""Fresh data: pieces rendered by other processes while a training runs, so that nothing is learnt by heart. [any]

The workers fill the data set's folder in order of its seeds, as `legando train data` does; what they finish stays there
for later runs. They run at low priority and end with the training, after the piece in hand where that is killed, or
when the folder holds `most_pieces`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from legando.engines.training.music.dataset import render_one
from legando.realtime.controls import GENRES

if TYPE_CHECKING:
    from multiprocessing.pool import IMapIterator, Pool

Job = tuple[Path, int, int, bool, str]
Outcome = tuple[Path, str]


class FreshPieces:
    """Processes that render the pieces which a folder lacks; a context manager. [control]

    `take` returns the files finished since the last call and never waits. `rendered` counts them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        most_pieces: int,
        seed0: int = 0,
        bars: int = 16,
        genres: Sequence[str] = GENRES,
    ) -> None:
        self.folder = folder
        self.workers = workers
        self.rendered = 0
        folder.mkdir(parents=True, exist_ok=True)
        jobs: list[Job] = [
            (folder / f"piece_{seed:06d}.npz", seed, bars, False, genres[seed % len(genres)])
            for seed in range(seed0, seed0 + most_pieces)
        ]
        self.jobs = [job for job in jobs if not job[0].exists()]
        self._left = len(self.jobs)
        self._pool: Pool | None = None
        self._done: IMapIterator[Outcome] | None = None

    def __enter__(self) -> FreshPieces:
        self.jobs = [job for job in self.jobs if not job[0].exists()]  # others may have rendered meanwhile
        self._left = len(self.jobs)
        if self.workers > 0 and self.jobs:
            self._pool = multiprocessing.get_context("spawn").Pool(
                min(self.workers, len(self.jobs)), _begin_worker, (os.getpid(),)
            )
            self._done = self._pool.imap_unordered(_render, self.jobs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()
            self._pool = self._done = None

    @property
    def left(self) -> int:
        """Pieces that are still to be rendered."""
        return self._left

    def take(self, most: int | None = None, wait_s: float = 0.0) -> list[Path]:
        """Return at most `most` newly finished files, waiting `wait_s` for the first. A failure is said and skipped."""
        out: list[Path] = []
        while self._done is not None and self._left and (most is None or len(out) < most):
            try:
                path, failure = self._done.next(timeout=0.0 if out else wait_s)
            except multiprocessing.TimeoutError:
                break
            self._left -= 1
            if failure:
                print(f"skipped: {path} could not be rendered ({failure})", file=sys.stderr, flush=True)
                continue
            self.rendered += 1
            out.append(path)
        return out


_trainer = 0
"""In a worker: the process that it renders for."""


def _begin_worker(trainer: int) -> None:
    """Leave signals to the trainer, which ends its workers; give way to it."""
    global _trainer
    _trainer = trainer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)


def _render(job: Job) -> Outcome:
    if os.getppid() != _trainer:  # it was killed: what it had asked for is still in the pipe, hours of it
        os._exit(0)
    try:
        render_one(job)
    except Exception as error:  # whatever a renderer may raise about one seed must not end the training
        return job[0], f"{type(error).__name__}: {error}"
    return job[0], ""
