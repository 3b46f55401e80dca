"""What a report lets one hear and see: takes beside renders of the same score, and the codec's pairs. [any]

Each sound is a short file with a spectrogram beside it, made once: a report that goes on keeps what is there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import stft

from legando.engines.groove import tempo_of
from legando.engines.score import TICKS_PER_BAR
from legando.engines.timeline import SAMPLE_RATE_HZ, tick_seconds
from legando.engines.training.figures.codec_io import reconstruct
from legando.engines.training.figures.desk import Desk, piece_of
from legando.engines.training.figures.evaluate_takes import HELD_OUT_SEED
from legando.engines.training.music.composer import Piece
from legando.engines.training.music.dataset import make_piece
from legando.engines.training.music.renderer import render
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

Audio = NDArray[np.float32]

PROMPTS = (
    "deep house",
    "fast drum and bass",
    "ambient drone with soft pads",
    "smoky jazz trio",
    "dusty lo-fi beat",
    "sunny funk guitar",
)
TAKE_SECONDS, QUICK_TAKE_SECONDS = 12.0, 8.0
CODEC_PIECES = (0, 2, 9)
CODEC_SECONDS, CODEC_FROM_S = 6.0, 4.0
SOUNDS, PICTURES = "sounds", "pictures"
LOW_HZ, HIGH_HZ, BANDS = 40.0, 16_000.0, 220
FLOOR_DB, CEILING_DB = -100.0, -25.0
_WINDOW, _HOP = 4096, 960
_INK = "#7b8088"  # readable on white and on black: the pictures have no background
_VORBIS, _FLAC = ".ogg", ".flac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """One sound of the report: files relative to its folder, and what they are."""

    label: str
    sound: str
    picture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """Two sounds to compare."""

    title: str
    kind: str
    sounds: tuple[Sound, Sound]


def make_exhibits(folder: Path, desk: Desk, *, quick: bool = False) -> list[Exhibit]:
    """Write sounds and spectrograms into a report folder and return what they are; removes those of earlier runs.

    Raises LegandoError when a file cannot be written.
    """
    try:
        for name in (SOUNDS, PICTURES):
            (folder / name).mkdir(exist_ok=True)
        exhibits = [*_takes(folder, desk, quick=quick), *_codec_pairs(folder, desk, quick=quick)]
        wanted = {name for exhibit in exhibits for sound in exhibit.sounds for name in (sound.sound, sound.picture)}
        for path in [*(folder / SOUNDS).iterdir(), *(folder / PICTURES).iterdir()]:
            if path.suffix in (_VORBIS, _FLAC, ".png") and str(path.relative_to(folder).as_posix()) not in wanted:
                path.unlink()
    except (OSError, soundfile.SoundFileError) as error:
        raise LegandoError(f"the report in {folder} cannot be written ({error}); choose another folder") from error
    return exhibits


def _takes(folder: Path, desk: Desk, *, quick: bool) -> Iterator[Exhibit]:
    seconds = QUICK_TAKE_SECONDS if quick else TAKE_SECONDS
    for prompt in PROMPTS[: 2 if quick else None]:
        stem = f"{_slug(prompt)}-{seconds:g}s"

        def both(prompt: str = prompt) -> tuple[Audio, Audio]:
            tempo_bpm = round(tempo_of(desk.controls(prompt).style))
            take = desk.take(seconds, prompt=prompt, tempo_bpm=tempo_bpm)
            return take.audio, render(piece_of(take, desk.controls(prompt)))

        names = (("take", "take"), ("render", "render of its score"))
        yield Exhibit(title=prompt, kind="take", sounds=_pair(folder, stem, names, both, seconds, _VORBIS))


def _codec_pairs(folder: Path, desk: Desk, *, quick: bool) -> Iterator[Exhibit]:
    for number in CODEC_PIECES[: 1 if quick else None]:
        piece = make_piece(HELD_OUT_SEED + number, 16)
        bars = math.ceil((CODEC_FROM_S + CODEC_SECONDS) / (TICKS_PER_BAR * tick_seconds(piece.tempo_bpm)))
        piece = replace(piece, score=piece.score[: bars * TICKS_PER_BAR], bars=piece.bars[:bars])

        def both(piece: Piece = piece) -> tuple[Audio, Audio]:
            original = render(piece, held_out=True)
            again = reconstruct(desk.codec, piece, original)
            first = round(CODEC_FROM_S * SAMPLE_RATE_HZ)
            return original[first:], again[first:]

        title = f"{piece.genre.replace('_', ' ')}, piece {HELD_OUT_SEED + number}, instruments never trained on"
        names = (("original", "original"), ("codec", "through the codec"))
        stem = f"codec-{HELD_OUT_SEED + number}"
        yield Exhibit(title=title, kind="codec", sounds=_pair(folder, stem, names, both, CODEC_SECONDS, _FLAC))


def _pair(
    folder: Path,
    stem: str,
    names: tuple[tuple[str, str], tuple[str, str]],
    both: Callable[[], tuple[Audio, Audio]],
    seconds: float,
    suffix: str,
) -> tuple[Sound, Sound]:
    """Write the two sounds that `both` makes, unless all their files are there."""
    first, second = (
        Sound(label=label, sound=f"{SOUNDS}/{stem}-{name}{suffix}", picture=f"{PICTURES}/{stem}-{name}.png")
        for name, label in names
    )
    files = [folder / name for sound in (first, second) for name in (sound.sound, sound.picture)]
    if not all(file.is_file() for file in files):
        for sound, audio in zip((first, second), both(), strict=True):
            cut = audio[: round(seconds * SAMPLE_RATE_HZ)]
            write_sound(folder / sound.sound, cut)
            draw_spectrogram(folder / sound.picture, cut)
    return first, second


def write_sound(path: Path, audio: Audio) -> None:
    """Write audio (frames, 2) as FLAC or Ogg Vorbis, by the suffix; whole or not at all. [any]"""
    kind, subtype = {_FLAC: ("FLAC", "PCM_16"), _VORBIS: ("OGG", "VORBIS")}[path.suffix]
    with (
        whole_file(path) as part,
        soundfile.SoundFile(part, "w", SAMPLE_RATE_HZ, audio.shape[1], subtype, format=kind) as file,
    ):
        for at in range(0, len(audio), SAMPLE_RATE_HZ):  # libsndfile's Vorbis overflows its stack on long writes
            file.write(audio[at : at + SAMPLE_RATE_HZ])


def spectrogram_db(audio: Audio) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return levels in dB of full scale (bands, frames) and the bands' edges in Hz. [any]

    A sine of full scale reads about 0 dB: 1.5 bins is the noise bandwidth of the Hann window.
    """
    mono = audio.mean(1) if audio.ndim == 2 else audio
    hertz, _, spectrum = stft(mono, SAMPLE_RATE_HZ, nperseg=_WINDOW, noverlap=_WINDOW - _HOP)
    power = np.abs(2.0 * spectrum) ** 2 / 1.5
    total = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, axis=0)])  # up to the edges of bins
    edges = np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1)
    place = edges / (hertz[1] - hertz[0]) + 0.5
    low = place.astype(int)
    summed = total[low] + (place - low)[:, None] * (total[low + 1] - total[low])
    return 10 * np.log10(np.maximum(np.diff(summed, axis=0), 1e-14)), edges


def draw_spectrogram(path: Path, audio: Audio) -> None:
    """Draw audio (frames, 2): time in seconds, frequency up to 16 kHz on a logarithmic axis, level in dB. [any]"""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    levels, edges = spectrogram_db(audio)
    figure = Figure(figsize=(5.2, 2.4), dpi=170, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    seconds = np.arange(levels.shape[1] + 1) * _HOP / SAMPLE_RATE_HZ
    mesh = axes.pcolormesh(seconds, edges, levels, cmap="magma", vmin=FLOOR_DB, vmax=CEILING_DB, rasterized=True)
    axes.set_yscale("log")
    axes.set_ylim(LOW_HZ, HIGH_HZ)
    axes.set_xlim(0.0, len(audio) / SAMPLE_RATE_HZ)
    ticks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 16000]
    axes.set_yticks(ticks, [f"{hz // 1000}k" if hz >= 1000 else str(hz) for hz in ticks])
    axes.set_yticks([], minor=True)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("frequency (Hz)")
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, aspect=30)
    bar.set_label("level (dB of full scale)")
    for one in (axes, bar.ax):
        one.tick_params(colors=_INK, which="both", labelsize=8.5)
        one.xaxis.label.set_color(_INK)
        one.yaxis.label.set_color(_INK)
        for spine in one.spines.values():
            spine.set_color(_INK)
    bar.outline.set_edgecolor(_INK)
    with whole_file(path) as part:
        figure.savefig(part, format="png", transparent=True)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
