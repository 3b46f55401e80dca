"""What takes of a bundle show: time, chords, the codec's own loss, prompts, ten minutes, memory. [any]

Each function plays what it needs and returns figures; the tests of the shipped bundle call the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from legando.engines.groove import tempo_of
from legando.engines.timeline import GRAIN_FRAMES
from legando.engines.training.figures.codec_io import reconstruct
from legando.engines.training.figures.desk import PROMPT, Desk, Figure, piece_of
from legando.engines.training.figures.takes import Take, memory_growth_mb
from legando.engines.training.measures import metrics
from legando.engines.training.measures.metrics_chords import chord_agreement, chord_labels
from legando.engines.training.measures.metrics_codec import opinion_score
from legando.engines.training.measures.metrics_rhythm import (
    CHANCE_MOST,
    ONSETS_LEAST,
    beat_phase,
    onset_recall,
    strike_times,
    stroke_errors,
    stroke_times,
)
from legando.engines.training.measures.metrics_seams import seam_percentiles
from legando.engines.training.measures.tagger import Tagger, same_genre_share
from legando.engines.training.music.dataset import make_piece
from legando.engines.training.music.renderer import render

TEMPI_BPM = (100.0, 124.0, 170.0)
C_MINOR = (60, 63, 67)
PROMPTS = ("deep house", "ambient drone with soft pads", "fast drum and bass", "smoky jazz trio")
DRIFT_PROMPTS = ("deep house", "drum and bass", "ambient", "jazz")
HELD_OUT_SEED = 900_000
"""Seeds from here on are never trained on."""
DRIFT_WINDOW_S = 10.0
_ANY = float("inf")  # a bound that excuses a target that no bundle of ours has reached


def time_figures(desk: Desk, seconds: float = 30.0, tempi_bpm: Sequence[float] = TEMPI_BPM) -> list[Figure]:
    """Onsets against the requested grid, at each tempo; the 95th percentile is that of the drums asked for."""
    out = []
    for tempo in tempi_bpm:
        take = desk.take(seconds, tempo_bpm=tempo, density=0.7)
        phase = beat_phase(take.audio, tempo, swing=take.swing, start_s=take.start_s)
        times = strike_times(take.score, tempo, take.swing, take.start_s)
        recall, chance = onset_recall(take.audio, times)
        strokes = stroke_errors(take.audio, stroke_times(take.score, tempo, take.swing, take.start_s))
        at = f"at {tempo:g} bpm"
        out += [
            Figure(name=f"beat error {at}, median", value=phase.median_ms, unit="ms", at_most=10.0, bound=25.0),
            Figure(name=f"beat error {at}, 95 %", value=strokes.p95_ms, unit="ms", at_most=25.0, bound=_ANY),
            Figure(name=f"all onsets {at}, 95 %", value=phase.p95_ms, unit="ms"),
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
        Figure(name="held C minor, take / render", value=heard / max(rendered, 1e-9), at_least=0.8, bound=0.5),
    ]


def codec_figures(desk: Desk, pieces: int = 10, *, new_instruments: bool = True) -> list[Figure]:
    """The codec's reconstructions of pieces that it was not trained on; then with instruments that it never heard."""
    out: list[Figure] = []
    for held_out, of in ((False, ""), (True, ", new instruments"))[: 1 + new_instruments]:
        rows = []
        for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + pieces):
            piece = make_piece(seed, 16)
            original = render(piece, held_out=held_out)
            again = reconstruct(desk.codec, piece, original)
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
        before, after, *_ = np.nanmean(rows, 0).tolist()
        mel_db, side_db, level_db = np.nanmedian(rows, 0).tolist()[2:]
        bound = 0.0 if held_out else 0.8
        kept = after / max(before, 1e-9)
        out += [
            Figure(name=f"chords, reconstructions / originals{of}", value=kept, at_least=0.95, bound=bound),
            Figure(name=f"chords of originals{of}", value=before),
            Figure(name=f"codec mel distance{of}", value=mel_db, unit="dB"),
            Figure(name=f"codec side level error{of}", value=side_db, unit="dB", at_most=1.0, bound=_ANY),
            Figure(name=f"codec level error{of}", value=level_db, unit="dB"),
        ]
    return out


def opinion_figures(desk: Desk, pieces: int = 10) -> list[Figure]:
    """The codec's reconstructions as an ear would judge them, 1 to 5; then with instruments that it never heard."""
    out = []
    for held_out, of in ((False, ""), (True, ", new instruments")):
        scores = []
        for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + pieces):
            piece = make_piece(seed, 8)
            original = render(piece, held_out=held_out)
            scores.append(opinion_score(original, reconstruct(desk.codec, piece, original)))
        value = float(np.median(scores))
        out.append(Figure(name=f"codec opinion score (zimtohrli){of}", value=value, at_least=3.6, bound=0.0))
    return out


def endless_figures(desk: Desk, seconds: float = 600.0, prompt: str = PROMPT) -> list[Figure]:
    """A long take: its last minute against its second, clipping, seams, cost. Three minutes or more."""
    take = desk.take(seconds, prompt=prompt)
    desk.show("drift", prompt=prompt, **_curve(take))
    moved = metrics.drift(take.minute(60.0), take.minute(take.seconds - 60.0))
    played = render(piece_of(take, desk.controls(prompt)))
    minute = 60 * take.sample_rate_hz
    score_moved = metrics.drift(played[minute : 2 * minute], played[-minute:])
    click, flux = seam_percentiles(take.audio, take.chunk_frames)
    inner, _ = seam_percentiles(take.audio, take.chunk_frames, first_frame=3 * GRAIN_FRAMES)
    chunk_ms = 1000.0 * take.chunk_frames / take.sample_rate_hz
    same = same_genre_share(Tagger.load(), take.audio, take.tempo_bpm, take.start_s)
    return [
        Figure(
            name=f"loudness, minute 2 to {seconds / 60:g}",
            value=abs(moved.loudness_db),
            unit="dB",
            at_most=2.0,
            bound=3.0,
        ),
        Figure(name=f"centroid, minute 2 to {seconds / 60:g}", value=abs(moved.centroid), at_most=0.15, bound=0.25),
        Figure(name="the same in a render of the score: what the music itself moved", value=abs(score_moved.centroid)),
        Figure(name="share of the take in one genre, by the tagger", value=same, at_least=0.9, bound=0.0),
        Figure(name="loudness", value=metrics.loudness_db(take.audio), unit="LUFS"),
        Figure(name="clipped frames", value=metrics.clipped_frames(take.audio), at_most=0.0),
        Figure(name="seam percentile, click", value=click, at_most=0.52, bound=0.60),
        Figure(name="seam percentile, flux", value=flux, at_most=0.55, bound=0.60),
        Figure(name="the same inside chunks, where grains meet, click", value=inner),
        Figure(name="processor time / audio time", value=take.cpu_s / take.seconds, at_most=0.35, bound=0.5),
        Figure(name="rtf", value=float(take.costs_ms.mean()) / chunk_ms, at_most=0.35, bound=0.5),
        Figure(name="chunk, 99 %", value=float(np.percentile(take.costs_ms, 99)), unit="ms"),
    ]


def drift_figures(desk: Desk, prompts: Sequence[str] = DRIFT_PROMPTS, seconds: float = 600.0) -> list[Figure]:
    """Long takes of several prompts, each at its style's own tempo: the last minute against the second."""
    tagger = Tagger.load()
    out = []
    for prompt in prompts:
        take = desk.take(seconds, prompt=prompt, tempo_bpm=tempo_of(desk.controls(prompt).style))
        first, last = take.minute(60.0), take.minute(take.seconds - 60.0)
        moved = metrics.drift(first, last)
        same = same_genre_share(tagger, take.audio, take.tempo_bpm, take.start_s)
        of = f"{prompt} at {take.tempo_bpm:.0f} bpm, minute 2 to {seconds / 60:g}"
        desk.show(f"drift of {prompt}", prompt=prompt, **_curve(take))
        out += [
            Figure(name=f"loudness, {of}", value=abs(moved.loudness_db), unit="dB", at_most=2.0, bound=_ANY),
            Figure(name=f"centroid, {of}", value=abs(moved.centroid), at_most=0.15, bound=_ANY),
            *(
                Figure(name=f"{what} of {prompt}, {when} minute", value=measured(minute), unit=unit)
                for what, unit, measured in (
                    ("loudness", "LUFS", metrics.loudness_db),
                    ("centroid", "Hz", metrics.spectral_centroid_hz),
                )
                for when, minute in (("second", first), ("last", last))
            ),
            Figure(name=f"share of {prompt} in one genre, by the tagger", value=same, at_least=0.9, bound=0.0),
        ]
    return out


def memory_figures(desk: Desk, seconds: float = 600.0) -> list[Figure]:
    """Growth of the process over a long run."""
    grown = memory_growth_mb(desk.bundle, desk.controls(), seconds=seconds)
    return [Figure(name=f"memory growth over {seconds:g} s", value=grown, unit="MB", at_most=8.0)]


def prompt_figures(desk: Desk, seconds: float = 20.0, prompts: Sequence[str] = PROMPTS) -> list[Figure]:
    """Takes of different prompts against takes of one prompt with different seeds."""
    takes = [[desk.take(seconds, prompt=prompt, seed=seed).audio for seed in (0, 1)] for prompt in prompts]
    return [Figure(name="prompts apart / seeds apart", value=metrics.prompt_distance(takes), at_least=1.2)]


def _curve(take: Take) -> dict[str, list[float]]:
    """Return loudness and centroid of a take, one a `DRIFT_WINDOW_S`."""
    size = round(DRIFT_WINDOW_S * take.sample_rate_hz)
    windows = [take.audio[at : at + size] for at in range(0, len(take.audio) - size + 1, size)]
    return {
        "seconds": [DRIFT_WINDOW_S * (index + 0.5) for index in range(len(windows))],
        "loudness_db": [round(metrics.loudness_db(window), 2) for window in windows],
        "centroid_hz": [round(metrics.spectral_centroid_hz(window), 1) for window in windows],
    }
