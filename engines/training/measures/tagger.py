"""The tagger: names the genre of a clip. It has learned from sounds that no bundle is trained on. [any]

A softmax regression on `tagger_point`, trained on renders with held-out patches, so that it knows genres by their
rhythm, harmony and mix and not by the very instruments of the training set. It ships as `tagger.safetensors`; when
composer or renderer have changed, make it again (about half an hour of one core):

    python -m legando.engines.training.measures.tagger
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.optimize import minimize
from scipy.special import log_softmax

from legando.engines.score import TICKS_PER_BAR
from legando.engines.timeline import SAMPLE_RATE_HZ, tick_seconds
from legando.engines.training.measures.metrics_embedding import BAR_WIDTH, CLIP_WIDTH, tagger_point
from legando.engines.training.music.clips import CLIP_S, genre_tempo_bpm, pure_style, random_moods, render_clip
from legando.realtime.arguments import Parser
from legando.realtime.controls import GENRES
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

Floats = NDArray[np.floating[Any]]

TAGGER_PATH = Path(__file__).parent / "tagger.safetensors"
TRAIN_SEED = 700_000
"""Seeds of the tagger's own pieces: below those held out for evaluation, above those that bundles are trained on."""
CLIPS_EACH = 96
DECAY = 0.01
"""Chosen by `cross_validated` on the tagger's own clips, never by what it says of a bundle."""
FOLDS = 4
_REMAKE = "run `python -m legando.engines.training.measures.tagger`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagger:
    """Standardise (mean and scale, (width,)), then weights (width, genres) and bias (genres,) of a softmax."""

    genres: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    def log_chances(self, points: Floats) -> Floats:
        """Return log probabilities (n, genres) of points (n, width)."""
        logits = (points - self.mean) / self.scale @ self.weights + self.bias
        return np.asarray(log_softmax(logits, axis=1))

    def genre(self, point: Floats) -> str:
        """Name the most likely genre of one point (width,)."""
        return self.genres[int(self.log_chances(point[None]).argmax())]

    def save(self, path: Path) -> None:
        """Write a safetensors file of a few kilobytes, whole or not at all."""
        tensors = {name: getattr(self, name).astype(np.float32) for name in ("mean", "scale", "weights", "bias")}
        with whole_file(path) as part:
            save_file(tensors, part, metadata={"genres": json.dumps(self.genres)})

    @classmethod
    def load(cls, path: Path = TAGGER_PATH) -> Tagger:
        """Read a tagger. Raises LegandoError when it is missing, damaged or knows other genres than ours."""
        try:
            with safe_open(path, "numpy") as file:
                genres = tuple(json.loads(file.metadata()["genres"]))
                tensors = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise LegandoError(f"cannot read the tagger {path}: {error}; {_REMAKE}") from error
        if genres != GENRES or tensors["weights"].shape != (CLIP_WIDTH + BAR_WIDTH, len(GENRES)):
            raise LegandoError(f"the tagger {path} was trained for other genres or embeddings; {_REMAKE}")
        return cls(genres=genres, **tensors)


def fit(points: Floats, labels: NDArray[np.int64], genres: Sequence[str], *, decay: float = DECAY) -> Tagger:
    """Train a tagger on points (n, width) with labels 0.. into `genres`: L-BFGS from zero, so always the same. [any]"""
    mean, scale = points.mean(0), points.std(0) + 1e-3
    x, wanted = (points - mean) / scale, np.eye(len(genres))[labels]
    shape = (x.shape[1] + 1, len(genres))

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(shape)
        logs = log_softmax(x @ w[:-1] + w[-1], axis=1)
        error = (np.exp(logs) - wanted) / len(x)
        gradient = np.concatenate([x.T @ error + decay * w[:-1], error.sum(0, keepdims=True)])
        return -float((logs * wanted).sum()) / len(x) + 0.5 * decay * float((w[:-1] ** 2).sum()), gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    w = found.reshape(shape)
    return Tagger(genres=tuple(genres), mean=mean, scale=scale, weights=w[:-1], bias=w[-1])


def genre_clips(
    first_seed: int, clips_each: int, *, held_out: bool, genres: Sequence[str] = GENRES
) -> Iterator[tuple[int, float, Floats]]:
    """Render clips of each genre in turn at about its own tempo, moods drawn; yields its index, bpm, audio. [any]"""
    for index in range(clips_each * len(genres)):
        seed, label = first_seed + index, index % len(genres)
        rng = np.random.default_rng([seed, 77])
        tempo = genre_tempo_bpm(genres[label]) * float(rng.uniform(0.94, 1.06))
        yield label, tempo, render_clip(seed, pure_style(genres[label], random_moods(rng)), tempo, held_out=held_out)


def accuracy(tagger: Tagger, points: Floats, labels: NDArray[np.int64]) -> float:
    """Return the share of points whose genre is recognised. [any]"""
    return float((tagger.log_chances(points).argmax(1) == labels).mean())


def cross_validated(points: Floats, labels: NDArray[np.int64], *, decay: float = DECAY) -> float:
    """Return the share that is recognised of clips by taggers that have not heard them, `FOLDS` in turn. [any]"""
    order = np.random.default_rng(0).permutation(len(points))
    hits = 0.0
    for fold in range(FOLDS):
        apart = np.zeros(len(points), np.bool_)
        apart[order[fold::FOLDS]] = True
        tagger = fit(points[~apart], labels[~apart], GENRES, decay=decay)
        hits += accuracy(tagger, points[apart], labels[apart]) * apart.sum()
    return float(hits / len(points))


def same_genre_share(tagger: Tagger, audio: Floats, tempo_bpm: float, start_s: float = 0.0) -> float:
    """Return the share of a long take's windows that the tagger calls by the take's own genre. [any]

    Windows of about `CLIP_S` that begin with a bar, side by side; the take's own genre is that of all of them together
    in its second minute (of all it has, when it is shorter than two).
    """
    bar_s = TICKS_PER_BAR * tick_seconds(tempo_bpm)
    step_s = math.ceil(CLIP_S / bar_s) * bar_s
    starts = np.arange(start_s, len(audio) / SAMPLE_RATE_HZ - CLIP_S, step_s)
    windows = [audio[round(at * SAMPLE_RATE_HZ) : round((at + CLIP_S) * SAMPLE_RATE_HZ)] for at in starts]
    logs = tagger.log_chances(np.array([tagger_point(window, tempo_bpm) for window in windows]))
    second = (starts >= 60.0) & (starts < 120.0)
    own = int(logs[second if second.any() else slice(None)].sum(0).argmax())
    return float((logs.argmax(1) == own).mean())


def main(argv: Sequence[str] | None = None) -> int:
    """Train the tagger from the command line. [any]"""
    parser = Parser(
        prog="python -m legando.engines.training.measures.tagger", description="Train the tagger of genres."
    )
    parser.add_argument("--out", type=Path, default=TAGGER_PATH, help="file; the one that ships when left out")
    parser.add_argument("--clips", type=int, default=CLIPS_EACH, help="clips of each genre")
    args = parser.parse_args(argv)
    if args.clips < 1:
        parser.error(f"--clips {args.clips}: give 1 or more")
    console = Console(stderr=True)
    points, labels = [], []
    clips = genre_clips(TRAIN_SEED, args.clips, held_out=True)
    for label, tempo, audio in track(clips, "render", total=args.clips * len(GENRES), console=console):
        points.append(tagger_point(audio, tempo))
        labels.append(label)
    heard, meant = np.array(points), np.array(labels)
    fit(heard, meant, GENRES).save(args.out)
    told = f"; of clips apart {cross_validated(heard, meant):.0%} are recognised" if args.clips >= FOLDS else ""
    console.print(f"{args.out}: {len(points)} clips of {len(GENRES)} genres{told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
