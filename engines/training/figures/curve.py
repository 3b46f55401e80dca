"""`legando train curve RUN ... --report DIR`: what more hours of training would buy, as a picture and in numbers. [any]

    for n in 400 800 1600; do legando train codec --steps $n --runs runs/short/$n; done
    legando train curve runs/short/400/codec runs/short/800/codec runs/short/1600/codec runs/codec --report runs/curve

Each RUN is a finished training of the codec with a schedule of its own; `RUN,ADVERSARIAL` adds the decoder of an
adversarial run. All are judged on the same held-out pieces by zimtohrli, as `legando evaluate` does; what is judged
stays in the report. Hours are those of the longest run's machine at its pace, so that runs on a busy one count alike.

Files in DIR: `curve.json`, `curve.png`.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from legando.engines.codec import Codec
from legando.engines.oscillators import harmonic_table
from legando.engines.timeline import FEATURES, LATENT_FRAMES, VOICE_FIELDS, VOICES
from legando.engines.training.figures.codec_io import reconstruct
from legando.engines.training.figures.curve_fit import Floats, Outlook, outlook, since_change, smoothed
from legando.engines.training.figures.evaluate_takes import HELD_OUT_SEED
from legando.engines.training.measures.metrics_codec import opinion_score
from legando.engines.training.music.composer import Piece
from legando.engines.training.music.dataset import make_piece
from legando.engines.training.music.renderer import render
from legando.engines.training.networks.checkpoint import read_newest
from legando.engines.training.networks.learner import WARM_UP_STEPS
from legando.engines.training.networks.losses import SpectralLoss, kl_loss
from legando.engines.training.networks.progress import read_history
from legando.engines.training.networks.train_codec import (
    BATCH,
    CROP_LATENTS,
    Excitation,
    averaged_codec,
    spectral_sum,
)
from legando.realtime.arguments import Parser
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

TARGET, MOST = 3.6, 5.0
"""The opinion score that is wanted, and that of a copy equal to its original."""
H100_FLOPS = 989e12
"""Dense bfloat16 operations a second of an H100 SXM, as published by NVIDIA."""
H100_SHARE = (0.01, 0.05)
"""The share of them that a network as small as this is assumed to get: an estimate, never measured here."""
FILE, PICTURE = "curve.json", "curve.png"
"""Names in the report's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One training, judged: its name, steps on spectra and against the judge, hours, and the score of each piece."""

    run: str
    steps: int
    adversarial_steps: int
    hours: float
    scores: tuple[float, ...]


def held_out_pieces(count: int) -> list[tuple[Piece, Floats]]:
    """Return pieces that no bundle was trained on, as `legando evaluate` judges them, with their audio (frames, 2)."""
    pieces = [make_piece(seed, 8) for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + count)]
    return [(piece, render(piece)) for piece in pieces]


def judge(spectral: Path, adversarial: Path | None, pieces: Sequence[tuple[Piece, Floats]]) -> tuple[float, ...]:
    """Return the opinion score of a codec's reconstruction of each piece. [any]"""
    codec = averaged_codec(spectral, adversarial).eval()
    scores = []
    for piece, audio in pieces:
        again = reconstruct(codec, piece, audio)
        scores.append(round(opinion_score(audio[: len(again)], again), 4))
    return tuple(scores)


def progress_of(folder: Path) -> tuple[int, float]:
    """Return steps and seconds of a run's newest checkpoint. [any]"""
    found = read_newest(folder)
    if found is None:
        raise LegandoError(f"{folder} holds no checkpoint; give the folder of a training, as runs/codec")
    return int(found[1]["step"]), float(found[1]["elapsed_s"])


def step_operations() -> float:
    """Return the floating-point operations of one step of the codec's training on spectra, as torch counts them. [any]

    Products of matrices and convolutions, forward and backward; Fourier transforms are not counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    torch.manual_seed(0)
    codec, loss = Codec(), SpectralLoss()
    audio = 0.1 * torch.randn(1, 2, CROP_LATENTS * LATENT_FRAMES)
    frames, voices = torch.zeros(1, CROP_LATENTS, FEATURES), torch.zeros(1, 2 * CROP_LATENTS, VOICES, VOICE_FIELDS)
    table = harmonic_table(codec.config.harmonics)
    with FlopCounterMode(display=False) as counter:
        mean, log_variance = codec.encoder(audio)
        made = codec.decoder(mean, frames, voices, Excitation("cpu")(0, 1), table)
        (spectral_sum(loss(made, audio, 0)) + kl_loss(mean, log_variance)).backward()
    return float(BATCH * counter.get_total_flops())


def draw(path: Path, points: Sequence[Point], ahead: Outlook, runs: Sequence[Path], target: float) -> None:
    """Draw the judged points with their laws, and the losses of other runs, against hours. [any]"""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes, losses = figure.subplots(1, 2)
    plain = [point for point in points if not point.adversarial_steps]
    last = max(point.hours for point in points)
    far = max(10.0 * last, min(1.5 * ahead.high if math.isfinite(ahead.high) else 0.0, 1000.0 * last))
    grid = np.geomspace(0.8 * min(point.hours for point in points), far, 120)
    band = np.quantile([law.at(grid) for law in ahead.laws], (0.1, 0.9), axis=0)
    axes.fill_between(grid, band[0], band[1], color="tab:blue", alpha=0.18, label="80 % of resampled laws")
    axes.plot(grid, ahead.law.at(grid), color="tab:blue", linewidth=1.2, label="saturating power law")
    axes.plot(grid, ahead.line.at(grid), color="tab:gray", linewidth=1, linestyle=":", label="line in log hours")
    axes.axhline(target, color="tab:red", linewidth=1, linestyle="--", label=f"target {target:g}")
    for kind, marker, colour, label in (
        (plain, "o", "tab:blue", "trained on spectra"),
        ([p for p in points if p.adversarial_steps], "^", "tab:orange", "then against a discriminator"),
    ):
        if kind:
            medians = [float(np.median(point.scores)) for point in kind]
            axes.plot([point.hours for point in kind], medians, marker, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_ylim(min(float(np.median(p.scores)) for p in points) - 0.15, max(target, ahead.line.at(grid)[-1]) + 0.15)
    axes.set_title("codec: zimtohrli's opinion, median of held-out pieces", fontsize=9)
    axes.set_xlabel("hours of training", fontsize=8)
    axes.legend(fontsize=7, loc="lower right")
    axes.grid(alpha=0.3)
    for run in runs:
        rows = [row for row in read_history(run) if row["step"] > WARM_UP_STEPS]
        if len(rows) < 20:
            continue
        places, means = smoothed([_loss(row) for row in rows])
        hours = np.interp(places, np.arange(len(rows)), [row["elapsed_s"] / 3600.0 for row in rows])
        begin = since_change(means)
        losses.plot(hours[begin:], means[begin:] / means[-1], linewidth=1.2, label=run.name)
    losses.set_xscale("log")
    losses.set_title("training losses against their last, since data or terms last changed", fontsize=9)
    losses.set_xlabel("hours of training", fontsize=8)
    losses.legend(fontsize=7)
    losses.grid(alpha=0.3, which="both")
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=90)


def _loss(row: dict[str, float]) -> float:
    """Return a row's loss; of a codec the parts that every version of it has had."""
    return row["log_mel"] + 0.5 * row["linear"] + row["tone"] if "log_mel" in row else row["loss"]


def show(points: Sequence[Point], ahead: Outlook, target: float, about: dict[str, Any]) -> None:
    """Print points and outlook."""
    console = Console()
    table = Table(title="codec: opinion score of held-out pieces")
    for column in ("run", "steps", "adversarial", "hours", "median"):
        table.add_column(column, justify="left" if column == "run" else "right")
    for point in points:
        median = f"{float(np.median(point.scores)):.3f}"
        table.add_row(point.run, str(point.steps), str(point.adversarial_steps), f"{point.hours:.2f}", median)
    console.print(table)
    law = ahead.law
    console.print(
        f"law {law.limit:.3f} - {law.scale:.3f} hours^-{law.power:.2f}: {target:g} after {_hours(ahead.hours)} "
        f"(80 %: {_hours(ahead.low)} to {_hours(ahead.high)}; {ahead.never:.0%} of the resampled laws never reach it); "
        f"line in log hours: {_hours(ahead.line_hours)}",
        soft_wrap=True,
    )
    low, high = about["h100_ratio"]
    console.print(
        f"this machine {about['operations_a_second'] / 1e9:.1f} G operations a second; an H100 is estimated to be "
        f"{low:.0f} to {high:.0f} times as fast ({H100_SHARE[0]:.0%} to {H100_SHARE[1]:.0%} of its published peak)",
        soft_wrap=True,
    )


def _hours(hours: float) -> str:
    return "never" if math.isinf(hours) else f"{hours:.1f} h" if hours < 1000 else f"{hours:.1e} h"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `legando train curve`; returns the exit status. [any]"""
    parser = Parser(prog="legando train curve", description="Draw what more hours of training the codec would buy.")
    parser.add_argument(
        "runs", nargs="+", metavar="RUN[,ADVERSARIAL]", help="finished codec trainings of several lengths"
    )
    parser.add_argument("--report", type=Path, required=True, metavar="DIR", help="folder of picture and numbers")
    parser.add_argument("--losses", type=Path, nargs="*", default=[], metavar="RUN", help="runs whose losses are drawn")
    parser.add_argument("--pieces", type=int, default=16, help="held-out pieces to judge by (default: 16)")
    parser.add_argument("--target", type=float, default=TARGET, help=f"opinion score wanted (default: {TARGET:g})")
    options = parser.parse_args(argv)
    pairs = [tuple(Path(part) for part in text.split(",")) for text in options.runs]
    if any(len(pair) > 2 for pair in pairs):
        parser.error("give RUN or RUN,ADVERSARIAL")
    if sum(len(pair) == 1 for pair in pairs) < 3:
        parser.error("a curve needs three codec runs of different lengths or more; train short ones with --steps")
    if options.pieces < 2:
        parser.error(f"--pieces {options.pieces}: give 2 or more")
    points = judged(pairs, options.report, options.pieces)
    plain = [point for point in points if not point.adversarial_steps]
    hours, scores = np.array([p.hours for p in plain]), np.array([p.scores for p in plain])
    ahead = outlook(hours, scores, options.target, most=MOST)
    longest = max(plain, key=lambda point: point.steps)
    speed = step_operations() * longest.steps / (3600.0 * longest.hours)
    about = {
        "target": options.target,
        "points": [asdict(point) for point in points],
        "law": asdict(ahead.law),
        "line": asdict(ahead.line),
        "hours": [_finite(value) for value in (ahead.low, ahead.hours, ahead.high)],
        "never": ahead.never,
        "line_hours": _finite(ahead.line_hours),
        "operations_a_second": speed,
        "h100_ratio": [share * H100_FLOPS / speed for share in H100_SHARE],
    }
    _write(options.report / FILE, about)
    draw(options.report / PICTURE, points, ahead, options.losses, options.target)
    show(points, ahead, options.target, about)
    return 0


def judged(pairs: Sequence[tuple[Path, ...]], report: Path, count: int) -> list[Point]:
    """Return the points of runs in order of hours; those that the report holds are not judged again. [any]"""
    report.mkdir(parents=True, exist_ok=True)
    kept = _kept(report / FILE)
    progress = {folder: progress_of(folder) for pair in pairs for folder in pair}
    most_steps, their_s = max(progress[pair[0]] for pair in pairs)
    pace_s = their_s / max(1, most_steps)
    pieces: list[tuple[Piece, Floats]] = []
    points = []
    for pair in pairs:
        steps, judge_steps = progress[pair[0]][0], progress[pair[1]][0] if len(pair) == 2 else 0
        name = ",".join(str(folder) for folder in pair)
        found = next((p for p in kept if (p.run, p.steps, p.adversarial_steps) == (name, steps, judge_steps)), None)
        if found is None or len(found.scores) != count:
            pieces = pieces or held_out_pieces(count)
            print(f"judging {name}", file=sys.stderr, flush=True)
            seconds = pace_s * steps + (progress[pair[1]][1] if len(pair) == 2 else 0.0)
            scores = judge(pair[0], pair[1] if len(pair) == 2 else None, pieces)
            found = Point(run=name, steps=steps, adversarial_steps=judge_steps, hours=seconds / 3600.0, scores=scores)
            kept = [*(p for p in kept if p.run != name), found]
            _write(report / FILE, {"points": [asdict(point) for point in kept]})
        points.append(found)
    return sorted(points, key=lambda point: point.hours)


def _kept(path: Path) -> list[Point]:
    try:
        return [Point(**{**row, "scores": tuple(row["scores"])}) for row in json.loads(path.read_text())["points"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LegandoError(f"{path} is damaged ({error}); delete it, all will be judged again") from error


def _write(path: Path, about: dict[str, Any]) -> None:
    with whole_file(path) as part:
        part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


if __name__ == "__main__":
    sys.exit(main())
