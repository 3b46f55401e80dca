"""A training run on disk: resumable checkpoints, a live progress line, loss history and curves. [any]

A run is a folder:

| file | holds |
|---|---|
| `checkpoint.safetensors` | networks and optimizer moments as tensors; step, time, settings as JSON in its header |
| `history.jsonl` | a JSON object per row: step, elapsed seconds, means of the values logged since the row before |
| `curves.png` | the history as pictures |

Runs add up: `Run(folder, seconds=...)` counts the time of earlier sessions, so a stopped run goes on where it stood and
a finished one goes on when it is given more. Ctrl-C or SIGTERM ends the loop after the current step and saves.

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
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from legando.realtime.errors import LegandoError

FORMAT = 1
CHECKPOINT = "checkpoint.safetensors"
HISTORY = "history.jsonl"
CURVES = "curves.png"


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
        self._models: dict[str, nn.Module] = {}
        self._optimizers: dict[str, torch.optim.Optimizer] = {}
        self._sums: dict[str, tuple[float | Tensor, int]] = {}
        self._row_step = 0
        self._line_s = 0.0
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
        path = self.folder / CHECKPOINT
        if not path.exists():
            (self.folder / HISTORY).unlink(missing_ok=True)
            return False
        tensors, about = read_checkpoint(path)
        for name, model in self._models.items():
            model.load_state_dict(_under(tensors, f"model/{name}/"))
        for name, optimizer in self._optimizers.items():
            _restore_optimizer(optimizer, _under(tensors, f"optimizer/{name}/"), about["optimizers"][name])
        torch.set_rng_state(tensors["rng"])
        self.step = self._row_step = int(about["step"])
        self.elapsed_s = float(about["elapsed_s"])
        self._drop_history_after(self.step)
        return True

    def steps(self) -> Iterator[int]:
        """Yield step numbers until the limit or a signal, saving every few minutes and at the end. [any]"""
        previous = self._catch_signals()
        last = saved = time.perf_counter()
        try:
            while not self.stopping and self.fraction < 1.0:
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
            self.save()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            if not self.quiet and sys.stderr.isatty():
                sys.stderr.write("\n")

    def log(self, **values: float | Tensor) -> None:
        """Add values of this step to the means of the next row; tensors stay on their device until then. [any]"""
        for name, value in values.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (total + (value.detach() if isinstance(value, Tensor) else value), count + 1)

    def save(self) -> None:
        """Write the checkpoint (whole or not at all), the pending row and the curves. [any]"""
        self._write_row()
        tensors: dict[str, Tensor] = {"rng": torch.get_rng_state()}
        about: dict[str, Any] = {
            "format": FORMAT,
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
        part = self.folder / (CHECKPOINT + ".part")
        save_file(tensors, part, metadata={"run": json.dumps(about)})
        part.replace(self.folder / CHECKPOINT)
        draw_curves(self.folder)

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

    def _show(self, means: Mapping[str, float]) -> None:
        """One live line on a terminal; a line every 30 s where the output is a file."""
        terminal = sys.stderr.isatty()
        now = time.perf_counter()
        if self.quiet or (not terminal and now - self._line_s < 30.0):
            return
        self._line_s = now
        speed = self.step / max(self.elapsed_s, 1e-9)
        left_s = self.elapsed_s * (1.0 - self.fraction) / max(self.fraction, 1e-9)
        figures = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        line = f"{self.folder.name} {self.fraction:4.0%}  step {self.step}  {speed:.2f}/s  {_clock(left_s)} left"
        line = f"{line}  {figures}"
        sys.stderr.write(f"\r\x1b[2K{line[:160]}" if terminal else line + "\n")
        sys.stderr.flush()

    def _catch_signals(self) -> dict[int, Any]:
        """Turn the first SIGINT or SIGTERM into a clean stop; the second one acts as before."""
        if threading.current_thread() is not threading.main_thread():
            return {}
        previous: dict[int, Any] = {}

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopping = True
            signal.signal(number, previous[number])

        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, stop)
        return previous

    def _drop_history_after(self, step: int) -> None:
        """Forget rows that were written after the checkpoint: their steps are trained again."""
        rows = [row for row in read_history(self.folder) if row["step"] <= step]
        part = self.folder / (HISTORY + ".part")
        part.write_text("".join(json.dumps(row) + "\n" for row in rows))
        part.replace(self.folder / HISTORY)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint, on the CPU, and what its header says. [any]"""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if "run" not in metadata:
            raise LegandoError(f"{path} is no training checkpoint; give a folder that a training run has written")
        about: dict[str, Any] = json.loads(metadata["run"])
        if about.get("format") != FORMAT:
            raise LegandoError(
                f"{path} has checkpoint format {about.get('format')}, this version reads {FORMAT}; use a new folder"
            )
        # safe_open is no mapping: it has keys() but cannot be iterated
        return {key: file.get_tensor(key) for key in file.keys()}, about  # noqa: SIM118


def read_model(folder: Path, name: str = "model") -> dict[str, Tensor]:
    """Return one network's state dict out of a run's checkpoint. [any]"""
    tensors = _under(read_checkpoint(folder / CHECKPOINT)[0], f"model/{name}/")
    if not tensors:
        raise LegandoError(f"{folder / CHECKPOINT} holds no network named {name}")
    return tensors


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
    part = folder / (CURVES + ".part")
    figure.savefig(part, format="png", dpi=90)
    part.replace(folder / CURVES)


def _restore_optimizer(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor], about: dict[str, Any]) -> None:
    state: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in about["scalars"].items()}
    for key, value in moments.items():
        index, name = key.split("/", 1)
        state.setdefault(int(index), {})[name] = value
    groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in about["groups"]]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _own(value: Tensor) -> Tensor:
    """A copy on the CPU that shares memory with nothing: safetensors refuses shared memory."""
    return value.detach().cpu().contiguous().clone()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
