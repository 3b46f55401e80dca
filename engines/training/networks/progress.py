"""A training run on disk: resumable checkpoints, a live progress line, loss history and curves. [any]

A run is a folder:

| file | holds |
|---|---|
| `checkpoint.safetensors` | networks and optimizer moments as tensors; step, time, settings as JSON in its header |
| `checkpoint.safetensors.previous` | the checkpoint before, for when the newest is damaged |
| `history.jsonl` | a JSON object per row: step, elapsed seconds, means of the values logged since the row before |
| `curves.png` | the history as pictures |
| `spectrograms.png` | what the networks make now beside the original, where the training draws it |

Runs add up: `Run(folder, seconds=...)` counts the time of earlier sessions, so a stopped run goes on where it stood and
a finished one goes on when it is given more. Ctrl-C or SIGTERM ends the loop after the current step and saves, without
pictures; a kill loses what came after the latest save, `save_every_s` at most.

    run = Run(Path("runs/codec"), seconds=3600)
    run.restore({"model": model}, {"adam": optimizer})
    for step in run.steps():
        set_rate(optimizer, run.fraction)
        ...
        run.log(loss=loss)
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from legando.engines.training.networks.board import Board, active
from legando.engines.training.networks.checkpoint import (
    CHECKPOINT,
    PREVIOUS,
    read_checkpoint,
    read_model,
    read_newest,
    under,
    write_checkpoint,
)
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

__all__ = ["CHECKPOINT", "PREVIOUS", "Run", "draw_curves", "read_checkpoint", "read_history", "read_model"]

HISTORY = "history.jsonl"
CURVES = "curves.png"
STOPS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))
"""What ends a training after its step: Ctrl-C, a polite kill, a terminal that was closed."""


class Run:
    """One training run in a folder. Limits: `seconds` of training in all, or `steps` in all, or both. [any]

    `step` is the number of finished steps, `elapsed_s` the training time, both over all sessions of the run.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float | None = None,
        steps: int | None = None,
        save_every_s: float = 180.0,
        row_every_steps: int = 20,
        quiet: bool = False,
    ) -> None:
        if seconds is None and steps is None:
            raise LegandoError("a training run has no end; give it seconds or steps")
        self.folder = folder
        self.seconds = seconds
        self.limit_steps = steps
        self.save_every_s = save_every_s
        self.row_every_steps = row_every_steps
        self.quiet = quiet
        self.step = 0
        self.elapsed_s = 0.0
        self.stopping = False
        self.draw: Callable[[Path], None] | None = None
        """Called with the folder after each save: draws what the networks make now."""
        self._models: dict[str, nn.Module] = {}
        self._optimizers: dict[str, torch.optim.Optimizer] = {}
        self._sums: dict[str, tuple[float | Tensor, int]] = {}
        self._row_step = 0
        self._session = (0, 0.0)
        self._board: Board | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def fraction(self) -> float:
        """How far the run is, 0..1: what a learning-rate schedule should follow."""
        parts = []
        if self.seconds is not None:
            parts.append(self.elapsed_s / self.seconds)
        if self.limit_steps is not None:
            parts.append(self.step / self.limit_steps)
        return min(1.0, max(parts))

    def restore(self, models: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]) -> bool:
        """Register what is saved and load the checkpoint, if the folder has one; return whether it had. [any]"""
        self._models = dict(models)
        self._optimizers = dict(optimizers)
        found = read_newest(self.folder)
        if found is None:
            (self.folder / HISTORY).unlink(missing_ok=True)
            return False
        tensors, about = found
        try:
            for name, model in self._models.items():
                model.load_state_dict(under(tensors, f"model/{name}/"))
            for name, optimizer in self._optimizers.items():
                _restore_optimizer(optimizer, under(tensors, f"optimizer/{name}/"), about["optimizers"][name])
        except (RuntimeError, KeyError, ValueError) as error:
            why = " ".join(str(error).split())[:300]
            raise LegandoError(f"{self.folder} holds another network ({why}); give a new folder") from error
        torch.set_rng_state(tensors["rng"])
        self.step = self._row_step = int(about["step"])
        self.elapsed_s = float(about["elapsed_s"])
        self._drop_history_after(self.step)
        return True

    def steps(self) -> Iterator[int]:
        """Yield step numbers until the limit or a signal, saving every few minutes and at the end. [any]"""
        previous = self._catch_signals()
        last = saved = time.perf_counter()
        self._session = (self.step, self.elapsed_s)
        shared = active()
        self._board = shared or Board([self.folder.name], quiet=self.quiet)
        try:
            with nullcontext() if shared else self._board:
                self._show({})
                while not (self.stopping or self._board.over) and self.fraction < 1.0:
                    yield self.step
                    self.step += 1
                    now = time.perf_counter()
                    self.elapsed_s += now - last
                    if self.step - self._row_step >= self.row_every_steps:
                        self._write_row()
                    if now - saved > self.save_every_s:
                        self.save()
                        saved = time.perf_counter()
                    last = time.perf_counter()
                self.stopping = self.stopping or self._board.over
                self.save()
                self._show({}, "done" if self.fraction >= 1.0 else "stopped")
        finally:
            self._board = None
            for number, handler in previous.items():
                signal.signal(number, handler)

    def log(self, **values: float | Tensor) -> None:
        """Add values of this step to the means of the next row; tensors stay on their device until then. [any]"""
        for name, value in values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + (value.detach() if isinstance(value, Tensor) else value), count + 1)

    def save(self) -> None:
        """Write the checkpoint (whole or not at all), the pending row and, unless told to stop, the pictures. [any]

        Raises LegandoError, and keeps the checkpoint before, when a network holds numbers that are not finite.
        """
        self._write_row()
        for name, model in self._models.items():
            if not all(bool(torch.isfinite(value).all()) for value in model.state_dict().values()):
                raise LegandoError(
                    f"{name} in {self.folder} is not finite after step {self.step}; "
                    f"run again to go on from the checkpoint before"
                )
        tensors: dict[str, Tensor] = {"rng": torch.get_rng_state()}
        about: dict[str, Any] = {
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "optimizers": {},
        }
        for name, model in self._models.items():
            tensors |= {f"model/{name}/{key}": _own(value) for key, value in model.state_dict().items()}
        for name, optimizer in self._optimizers.items():
            state = optimizer.state_dict()
            scalars: dict[str, dict[str, Any]] = {}
            for index, values in state["state"].items():
                for key, value in values.items():
                    if isinstance(value, Tensor):
                        tensors[f"optimizer/{name}/{index}/{key}"] = _own(value)
                    else:
                        scalars.setdefault(str(index), {})[key] = value
            about["optimizers"][name] = {"groups": state["param_groups"], "scalars": scalars}
        write_checkpoint(self.folder, tensors, about)
        if self.stopping:  # whoever sent the signal, or lent the machine, waits for the checkpoint alone
            return
        draw_curves(self.folder)
        if self.draw is not None:
            self.draw(self.folder)

    def _write_row(self) -> None:
        self._row_step = self.step
        if not self._sums:
            return
        means = {name: float(total) / count for name, (total, count) in self._sums.items()}
        self._sums.clear()
        row = {"step": self.step, "elapsed_s": round(self.elapsed_s, 3)} | {k: round(v, 6) for k, v in means.items()}
        with (self.folder / HISTORY).open("a") as file:
            file.write(json.dumps(row) + "\n")
        self._show(means)

    def _show(self, means: Mapping[str, float], state: str = "running") -> None:
        if self._board is None:
            return
        first_step, first_s = self._session
        rate = (self.step - first_step) / max(self.elapsed_s - first_s, 1e-9)
        left_s = self.elapsed_s * (1.0 - self.fraction) / max(self.fraction, 1e-9) if self.fraction else -1.0
        self._board.show(
            self.folder.name, state, fraction=self.fraction, step=self.step, rate=rate, left_s=left_s, figures=means
        )

    def _catch_signals(self) -> dict[int, Any]:
        """Turn the first of `STOPS` into a clean stop; the second one acts as before. An ignored one stays so."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        previous: dict[int, Any] = {}

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopping = True
            if self._board is not None:
                self._board.stopped = True
            signal.signal(number, previous[number])

        for number in STOPS:
            if signal.getsignal(number) != signal.SIG_IGN:
                previous[number] = signal.signal(number, stop)
        return previous

    def _drop_history_after(self, step: int) -> None:
        """Forget rows that were written after the checkpoint: their steps are trained again."""
        rows = [row for row in read_history(self.folder) if row["step"] <= step]
        with whole_file(self.folder / HISTORY) as part:
            part.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the rows of a run's history; a last line cut short by a crash is left out. [any]"""
    path = folder / HISTORY
    rows: list[dict[str, float]] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def draw_curves(folder: Path) -> None:
    """Draw each logged value against training time into `curves.png`. [any]"""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = read_history(folder)
    names = sorted({name for row in rows for name in row} - {"step", "elapsed_s"})
    if not names:
        return
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(4.5 * columns, 2.8 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    for index, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, index + 1)
        points = [(row["elapsed_s"] / 60.0, row[name]) for row in rows if name in row]
        axes.plot([x for x, _ in points], [y for _, y in points], marker="." if len(points) < 30 else None, linewidth=1)
        axes.set_title(name, fontsize=9)
        axes.grid(alpha=0.3)
        axes.set_xlabel("minutes", fontsize=8)
    with whole_file(folder / CURVES) as part:
        figure.savefig(part, format="png", dpi=90)


def _restore_optimizer(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor], about: dict[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in about["scalars"].items()}
    for key, value in moments.items():
        index, name = key.split("/", 1)
        state.setdefault(int(index), {})[name] = value
    groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in about["groups"]]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _own(value: Tensor) -> Tensor:
    """A copy on the CPU that shares memory with nothing: safetensors refuses shared memory."""
    return value.detach().cpu().contiguous().clone()
