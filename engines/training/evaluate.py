"""Evaluate a bundle: the figures that say whether it makes music, beside their targets.

Each function plays what it needs and returns figures; the tests of the shipped bundle call the same functions. [any]

    legando train evaluate [--bundle DIR] [--quick] [--json]
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from legando.engines.bundle import Bundle
from legando.engines.style import StyleEncoder
from legando.engines.timeline import GRAIN_FRAMES
from legando.engines.training import metrics
from legando.engines.training.codec_io import reconstruct
from legando.engines.training.composer import Piece
from legando.engines.training.dataset import make_piece
from legando.engines.training.metrics_chords import chord_agreement, chord_labels
from legando.engines.training.metrics_rhythm import CHANCE_MOST, ONSETS_LEAST, beat_phase, onset_recall, strike_times
from legando.engines.training.metrics_seams import seam_percentiles
from legando.engines.training.renderer import render
from legando.engines.training.takes import Take, memory_growth_mb, play
from legando.realtime.arguments import Parser
from legando.realtime.controls import GENRES, Controls
from legando.realtime.errors import LegandoError

TEMPI_BPM = (100.0, 124.0, 170.0)
C_MINOR = (60, 63, 67)
PROMPT = "deep house"
PROMPTS = ("deep house", "ambient drone with soft pads", "fast drum and bass", "smoky jazz trio")
HELD_OUT_SEED = 900_000
"""Seeds from here on are never trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number, and what it must be; no target means that it is shown only."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure meets its target; a figure that could not be measured does not."""
        if self.at_most is None and self.at_least is None:
            return True
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return low <= self.value <= high

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"


class Desk:
    """A bundle with what evaluations need of it: styles of prompts, encoded once, and fresh takes."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._encoder = StyleEncoder(bundle)

    def controls(self, prompt: str = PROMPT, **changes: Any) -> Controls:
        """Return controls for a prompt with some of them changed."""
        return Controls(style=tuple(self._encoder.encode([(prompt, 1.0)])), **changes)

    def take(self, seconds: float, *, prompt: str = PROMPT, seed: int = 0, **changes: Any) -> Take:
        """Play a prompt for some seconds."""
        return play(self.bundle, self.controls(prompt, **changes), seconds=seconds, seed=seed)


def piece_of(take: Take, controls: Controls, seed: int = 0) -> Piece:
    """Return the score that a take was made from, as a piece that the renderer can play."""
    genre = GENRES[int(np.argmax(controls.style[: len(GENRES)]))]
    return Piece(
        score=take.score,
        tempo_bpm=take.tempo_bpm,
        swing=take.swing,
        style=controls.style,
        genre=genre,
        key=(0, "minor"),
        seed=seed,
    )


def time_figures(desk: Desk, seconds: float = 30.0, tempi_bpm: Sequence[float] = TEMPI_BPM) -> list[Figure]:
    """Onsets against the requested grid, at each tempo."""
    out = []
    for tempo in tempi_bpm:
        take = desk.take(seconds, tempo_bpm=tempo, density=0.7)
        phase = beat_phase(take.audio, tempo, swing=take.swing, start_s=take.start_s)
        times = strike_times(take.score, tempo, take.swing, take.start_s)
        recall, chance = onset_recall(take.audio, times)
        at = f"at {tempo:g} bpm"
        out += [
            Figure(name=f"beat error {at}, median", value=phase.median_ms, unit="ms", at_most=25.0),
            Figure(name=f"beat error {at}, 95 %", value=phase.p95_ms, unit="ms"),
            Figure(name=f"beat error {at} / chance", value=phase.chance, at_most=CHANCE_MOST),
            Figure(name=f"onsets {at}", value=phase.onsets, at_least=ONSETS_LEAST),
            Figure(name=f"tempo lead {at}", value=phase.tempo_lead),
            Figure(name=f"struck notes heard {at} / chance", value=recall / max(chance, 1e-9), at_least=2.0),
        ]
    return out


def held_chord_figures(desk: Desk, seconds: float = 24.0, seed: int = 0) -> list[Figure]:
    """A held C minor chord, heard in the take and in a render of the score that the take was made from."""
    take = desk.take(seconds, held=C_MINOR, seed=seed)
    piece = piece_of(take, desk.controls(), seed)
    labels = chord_labels(take.score, take.tempo_bpm, take.swing)
    wanted = sum(end - start for start, end, root, triad in labels if (root, triad) == (0, "min"))
    heard = chord_agreement(take.audio, chord_labels(take.score, take.tempo_bpm, take.swing, take.start_s))
    rendered = chord_agreement(render(piece), labels)
    return [
        Figure(
            name="held C minor, share of the score's chords",
            value=wanted / max(sum(end - start for start, end, *_ in labels), 1e-9),
            at_least=0.9,
        ),
        Figure(name="held C minor, heard in the take", value=heard),
        Figure(name="held C minor, heard in its render", value=rendered),
        Figure(name="held C minor, take / render", value=heard / max(rendered, 1e-9), at_least=0.5),
    ]


def codec_figures(desk: Desk, pieces: int = 10, *, new_instruments: bool = True) -> list[Figure]:
    """The codec's reconstructions of pieces that it was not trained on; then with instruments that it never heard."""
    out: list[Figure] = []
    for held_out, of in ((False, ""), (True, ", new instruments"))[: 1 + new_instruments]:
        rows = []
        for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + pieces):
            piece = make_piece(seed, 16)
            original = render(piece, held_out=held_out)
            again = reconstruct(desk.bundle, piece, original)
            original = original[: len(again)]
            labels = chord_labels(piece.score, piece.tempo_bpm, piece.swing)
            rows.append(
                (
                    chord_agreement(original, labels),
                    chord_agreement(again, labels),
                    metrics.mel_distance_db(original, again),
                    metrics.side_error_db(original, again),
                    metrics.loudness_db(again) - metrics.loudness_db(original),
                )
            )
        before, after, mel_db, side_db, level_db = np.nanmean(rows, 0).tolist()
        target = None if held_out else 0.8
        out += [
            Figure(name=f"chords, reconstructions / originals{of}", value=after / max(before, 1e-9), at_least=target),
            Figure(name=f"chords of originals{of}", value=before),
            Figure(name=f"codec mel distance{of}", value=mel_db, unit="dB"),
            Figure(name=f"codec side level error{of}", value=side_db, unit="dB"),
            Figure(name=f"codec level error{of}", value=level_db, unit="dB"),
        ]
    return out


def endless_figures(desk: Desk, seconds: float = 600.0, prompt: str = PROMPT) -> list[Figure]:
    """A long take: its last minute against its second, clipping, seams, cost. Three minutes or more."""
    take = desk.take(seconds, prompt=prompt)
    moved = metrics.drift(take.minute(60.0), take.minute(take.seconds - 60.0))
    played = render(piece_of(take, desk.controls(prompt)))
    minute = 60 * take.sample_rate_hz
    score_moved = metrics.drift(played[minute : 2 * minute], played[-minute:])
    click, flux = seam_percentiles(take.audio, take.chunk_frames)
    inner, _ = seam_percentiles(take.audio, take.chunk_frames, first_frame=3 * GRAIN_FRAMES)
    chunk_ms = 1000.0 * take.chunk_frames / take.sample_rate_hz
    return [
        Figure(name=f"loudness, minute 2 to {seconds / 60:g}", value=abs(moved.loudness_db), unit="dB", at_most=3.0),
        Figure(name=f"centroid, minute 2 to {seconds / 60:g}", value=abs(moved.centroid), at_most=0.25),
        Figure(name="the same in a render of the score: what the music itself moved", value=abs(score_moved.centroid)),
        Figure(name="loudness", value=metrics.loudness_db(take.audio), unit="LUFS"),
        Figure(name="clipped frames", value=metrics.clipped_frames(take.audio), at_most=0.0),
        Figure(name="seam percentile, click", value=click, at_most=0.60),
        Figure(name="seam percentile, flux", value=flux, at_most=0.60),
        Figure(name="the same inside chunks, where grains meet, click", value=inner),
        Figure(name="processor time / audio time", value=take.cpu_s / take.seconds, at_most=0.5),
        Figure(name="rtf", value=float(take.costs_ms.mean()) / chunk_ms, at_most=0.5),
        Figure(name="chunk, 99 %", value=float(np.percentile(take.costs_ms, 99)), unit="ms"),
    ]


def memory_figures(desk: Desk, seconds: float = 600.0) -> list[Figure]:
    """Growth of the process over a long run."""
    grown = memory_growth_mb(desk.bundle, desk.controls(), seconds=seconds)
    return [Figure(name=f"memory growth over {seconds:g} s", value=grown, unit="MB", at_most=8.0)]


def prompt_figures(desk: Desk, seconds: float = 20.0, prompts: Sequence[str] = PROMPTS) -> list[Figure]:
    """Takes of different prompts against takes of one prompt with different seeds."""
    takes = [[desk.take(seconds, prompt=prompt, seed=seed).audio for seed in (0, 1)] for prompt in prompts]
    return [Figure(name="prompts apart / seeds apart", value=metrics.prompt_distance(takes), at_least=1.2)]


def parts(desk: Desk, *, quick: bool = False) -> dict[str, Callable[[], list[Figure]]]:
    """Return the parts of an evaluation by name; `quick` takes fewer and shorter samples."""
    return {
        "time": lambda: time_figures(desk, 16.0 if quick else 30.0),
        "held chord": lambda: held_chord_figures(desk, 16.0 if quick else 32.0),
        "codec": lambda: codec_figures(desk, 4 if quick else 20),
        "prompts": lambda: prompt_figures(desk, 12.0 if quick else 20.0),
        "endless": lambda: endless_figures(desk, 180.0 if quick else 600.0),
        "memory": lambda: memory_figures(desk, 60.0 if quick else 600.0),
    }


def table(figures: Sequence[Figure], title: str) -> Table:
    """Lay figures out beside their targets."""
    out = Table(title=title)
    for column in ("figure", "value", "", "target", "met"):
        out.add_column(column, justify="right" if column == "value" else "left")
    for figure in figures:
        mark = "" if not figure.target else "yes" if figure.met else "[red]no[/red]"
        out.add_row(figure.name, f"{figure.value:.3g}", figure.unit, figure.target, mark)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate a bundle from the command line; exit status 1 when a target is missed, 2 for bad input."""
    parser = Parser(prog="legando train evaluate", description="Measure a bundle against its targets.")
    parser.add_argument("--bundle", type=Path, help="bundle folder; the shipped one when left out")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter samples")
    parser.add_argument("--json", action="store_true", help="print one object instead of a table")
    args = parser.parse_args(argv)
    errors = Console(stderr=True)
    try:
        bundle = Bundle.load(args.bundle)
        work = parts(Desk(bundle), quick=args.quick)
        figures: list[Figure] = []
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=errors, transient=True) as progress:
            task = progress.add_task("evaluate", total=len(work))
            for name, part in work.items():
                progress.update(task, description=name)
                figures += part()
                progress.advance(task)
    except LegandoError as error:
        errors.print(f"error: {error}", markup=False)
        return 2
    if args.json:
        rows = [asdict(figure) | {"met": figure.met} for figure in figures]
        print(json.dumps({"bundle": bundle.name, "hash": bundle.hash, "quick": args.quick, "figures": rows}))
    else:
        Console().print(table(figures, f"bundle {bundle.name}"))
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
