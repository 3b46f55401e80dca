"""The data set: pieces composed, rendered and kept in a folder, one file a piece; building it resumes. [any]

Run `python -m legando.engines.training.music.dataset --out data/train --pieces 200 --workers 2`.

Each `piece_%06d.npz`, numbered by its seed (no pickle), holds: audio int16 (frames, 2), score int16 (ticks, 5),
tempo_bpm, swing, style (STYLE_DIM), genre (its index), seed, pair. `piece_%06d_brightness.npz` is the twin of the piece
of that seed with the brightness changed (see `pairs.py`), its `pair` says `000123 brightness`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import TICKS_PER_BAR, Score, check_score
from legando.engines.timeline import tick_seconds
from legando.engines.training.music.composer import Piece, compose
from legando.engines.training.music.pairs import control_of, twin
from legando.engines.training.music.renderer import render
from legando.realtime.arguments import Parser, number
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS, STYLE_DIM, TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

OLD_GENRE_SLOTS = (12,)
"""How many genres a style had room for in pieces of earlier versions; genres have never changed their places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One rendered piece: `audio` int16 (frames, 2) at 48 kHz (divide by 32767), its score and labels."""

    audio: NDArray[np.int16]
    score: Score
    tempo_bpm: float
    swing: float
    style: NDArray[np.float32]
    genre: str
    seed: int
    pair: str = ""


def make_piece(seed: int, bars: int, genre: str | None = None) -> Piece:
    """Compose the piece of a seed, genres in turn, cut or grown to 20 to 40 s by whole pairs of bars. [any]"""
    genre = genre or GENRES[seed % len(GENRES)]
    first = compose(seed, genre=genre, bars=1)
    bar_s = TICKS_PER_BAR * tick_seconds(first.tempo_bpm)
    fits = int(np.clip(bars, np.ceil(20.0 / bar_s), np.floor(40.0 / bar_s)))
    return compose(seed, genre=genre, bars=max(2, fits // 2 * 2), tempo_bpm=first.tempo_bpm)


def save(path: Path, piece: Piece, audio: NDArray[np.float32], pair: str = "") -> None:
    """Write one piece under a temporary name, then rename it into place. [any]"""
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(
            file,
            audio=np.round(audio * 32767.0).astype(np.int16),
            score=piece.score,
            tempo_bpm=np.float64(piece.tempo_bpm),
            swing=np.float64(piece.swing),
            style=np.array(piece.style, np.float32),
            genre=np.int64(GENRES.index(piece.genre)),
            seed=np.int64(piece.seed),
            pair=np.array(pair),
        )


def load(path: Path | str) -> Item:
    """Read one piece; upgrade the style of older versions. [any]

    Raises LegandoError, naming the file, when it is damaged (the archive's checksums are verified) or no piece.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as data:
            item = Item(
                audio=data["audio"],
                score=data["score"],
                tempo_bpm=float(data["tempo_bpm"]),
                swing=float(data["swing"]),
                style=upgraded_style(data["style"]),
                genre=GENRES[int(data["genre"])],
                seed=int(data["seed"]),
                pair=str(data["pair"]) if "pair" in data else "",
            )
        check_score(item.score)
        if item.audio.dtype != np.int16 or item.audio.ndim != 2 or item.audio.shape[1] != 2 or len(item.audio) == 0:
            raise ValueError(f"audio is {item.audio.dtype} of shape {item.audio.shape}, not int16 (frames, 2)")
        if not (TEMPO_MIN_BPM <= item.tempo_bpm <= TEMPO_MAX_BPM and np.isfinite(item.style).all()):
            raise ValueError(f"tempo is {item.tempo_bpm:g} bpm, or the style holds no finite numbers")
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise LegandoError(f"{path} is no sound piece ({why}); delete it and render it again") from error
    return item


def upgraded_style(style: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a style of any known layout, more slots for genres put in as zeros, in today's. [any]"""
    if style.ndim != 1 or len(style) - len(MOODS) not in (*OLD_GENRE_SLOTS, GENRE_SLOTS):
        raise ValueError(f"a style has {STYLE_DIM} numbers, this one has shape {style.shape}")
    out = np.zeros(STYLE_DIM, np.float32)
    out[: len(style) - len(MOODS)] = style[: -len(MOODS)]
    out[GENRE_SLOTS:] = style[-len(MOODS) :]
    return out


def piece_paths(folder: Path | str) -> list[Path]:
    """Return the finished pieces of a folder in order. [any]"""
    return sorted(Path(folder).glob("piece_*.npz"))


def render_one(job: tuple[Path, int, int, bool, str]) -> float:
    """Render the piece of (path, seed, bars, held_out, genre) into its file; return its length in seconds. [any]"""
    path, seed, bars, held_out, genre = job
    piece = make_piece(seed, bars, genre)
    audio = render(piece, held_out=held_out)
    save(path, piece, audio)
    return len(audio) / 48_000


def render_twin(job: tuple[Path, int, int, bool, str], control: str) -> float:
    """Render the twin of the piece of a job into its file; return its length in seconds. [any]

    A folder's piece that an earlier version composed otherwise is kept to, but has no twin in density: returns 0.
    """
    path, seed, bars, held_out, genre = job
    piece = make_piece(seed, bars, genre)
    first = path.with_name(f"piece_{seed:06d}.npz")
    if first.exists() and not np.array_equal((item := load(first)).score, piece.score):
        if control == "density":
            return 0.0
        piece = replace(
            make_piece(seed, bars, item.genre),
            score=item.score,
            tempo_bpm=item.tempo_bpm,
            swing=item.swing,
            style=tuple(item.style.tolist()),
            bars=(),
        )
    other = twin(piece, control)
    audio = render(other, held_out=held_out)
    save(path, other, audio, f"{seed:06d} {control}")
    return len(audio) / 48_000


def _render(job: tuple[Path, int, int, bool, str, str]) -> float:
    path, seed, bars, held_out, genre, control = job
    one = (path, seed, bars, held_out, genre)
    return render_twin(one, control) if control else render_one(one)


def build(
    folder: Path | str,
    *,
    pieces: int,
    seed0: int = 0,
    bars: int = 16,
    workers: int = 1,
    held_out: bool = False,
    genres: Sequence[str] = GENRES,
    pairs: float = 0.0,
    progress: bool = True,
) -> int:
    """Render pieces with seeds seed0, seed0 + 1, ... that are not there yet; return how many were made. [any]

    `genres` take turns by seed; files are named by seed, so that a folder can be grown with other genres under other
    seeds. `pairs` is the share of pieces that get a twin. Raises ValueError for an unknown genre, or none.
    """
    if not genres or (unknown := set(genres) - set(GENRES)):
        raise ValueError(
            f"cannot render {', '.join(sorted(unknown)) if genres else 'no genres'}; choose from {', '.join(GENRES)}"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = range(seed0, seed0 + pieces)
    jobs = []
    for seed in seeds:
        genre, control = genres[seed % len(genres)], control_of(seed, pairs)
        jobs.append((folder / f"piece_{seed:06d}.npz", seed, bars, held_out, genre, ""))
        if control:
            jobs.append((folder / f"piece_{seed:06d}_{control}.npz", seed, bars, held_out, genre, control))
    jobs = [job for job in jobs if not job[0].exists()]
    begun, seconds = time.perf_counter(), 0.0

    def report(done: int) -> None:
        if not progress:
            return
        spent = time.perf_counter() - begun
        left = spent / done * (len(jobs) - done)
        bar = "#" * (30 * done // len(jobs))
        line = (
            f"[{bar:<30}] {done}/{len(jobs)} pieces, {seconds / 60:.1f} min of audio, {seconds / spent:.1f} x real time"
        )
        end = "\r" if sys.stderr.isatty() and done < len(jobs) else "\n"
        if sys.stderr.isatty() or done % 10 == 0 or done == len(jobs):
            print(f"{line}, {left / 60:.1f} min left", end=end, file=sys.stderr, flush=True)

    if workers <= 1 or len(jobs) <= 1:
        for done, job in enumerate(jobs, 1):
            seconds += _render(job)
            report(done)
        return len(jobs)
    with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        for done, length in enumerate(pool.imap_unordered(_render, jobs), 1):
            seconds += length
            report(done)
    return len(jobs)


def main(argv: Sequence[str] | None = None) -> None:
    """Build a data set from the command line. [any]"""
    parser = Parser(
        prog="legando train data", description="Compose and render pieces into a folder. Interrupt and rerun freely."
    )
    parser.add_argument("--out", required=True, type=Path, help="folder, made if need be")
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--seed0", type=int, default=0, help="seed of the first piece")
    parser.add_argument("--bars", type=int, default=16, help="bars wished for; every piece is kept between 20 and 40 s")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--held-out", action="store_true", help="use only the patch families that training never sees")
    parser.add_argument(
        "--genres", default=",".join(GENRES), help="genres to render, in turn by seed (give other seeds other genres)"
    )
    parser.add_argument(
        "--pairs",
        type=number("share of pieces", 0.0, 1.0),
        default=0.0,
        help="share of pieces rendered twice, the second time with one mood, the chords or the genre changed",
    )
    args = parser.parse_args(argv)
    genres = tuple(args.genres.split(","))
    if unknown := [genre for genre in genres if genre not in GENRES]:
        parser.error(f"there is no genre {unknown[0]}; choose from {', '.join(GENRES)}")
    build(
        args.out,
        pieces=args.pieces,
        seed0=args.seed0,
        bars=args.bars,
        workers=args.workers,
        held_out=args.held_out,
        genres=genres,
        pairs=args.pairs,
    )


if __name__ == "__main__":
    main()
