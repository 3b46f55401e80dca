"""Chord agreement: how often a recogniser that knows nothing of us hears the chord that the score asked for. [any]

Recogniser: basic-pitch's note posterior (Bittner et al. 2022, arXiv 2203.09893), run straight from its ONNX file;
folded to chroma over short steps; matched with templates of our chord qualities on twelve roots, each counted as its
triad; smoothed with Viterbi. It is right about nine times in ten on clean renders, so compare audio with a render of
the same score and not with 1. On music without the chord it is right about once in twelve.

basic-pitch is installed with `pip install --no-deps basic-pitch==0.4.0`: only its model file is used, never its code.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from legando.engines.score import CHORD, HOLD, QUALITIES, Score, chord_of
from legando.engines.timeline import SAMPLE_RATE_HZ, swung, tick_seconds
from legando.realtime.errors import LegandoError

Floats = NDArray[np.floating[Any]]
Label = tuple[float, float, int, str]
"""start_s, end_s, root (C = 0), "maj" or "min"."""

TRIADS: dict[str, str] = {"maj": "maj", "maj7": "maj", "7": "maj", "min": "min", "min7": "min", "min9": "min"}
"""The triad that a quality counts as; sus4 and dim are neither, and are not judged."""

STEP_S = 0.1
_RATE_HZ = 22_050
_HOP = 256
_WINDOW = 2 * _RATE_HZ - _HOP
_EDGE = 15  # posterior frames dropped at each side of a window, as basic-pitch does
_PITCH_LOW = 21  # MIDI pitch of the first of 88 posterior rows
_FLOOR = 0.2  # posterior of silence
_BASS_HIGH = 52  # pitches below tell the root
_STAY = 6.0  # log odds of staying in a chord from one step to the next, against going to one other


@dataclass(frozen=True, slots=True)
class Recognised:
    """Chords heard: one (root, minor) a step of `STEP_S`; root -1 where nothing tonal sounds."""

    roots: NDArray[np.int64]
    minor: NDArray[np.bool_]


def model_path() -> Path | None:
    """Return where basic-pitch keeps its ONNX model, None when it is not installed. [any]"""
    spec = importlib.util.find_spec("basic_pitch")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "saved_models" / "icassp_2022" / "nmp.onnx"
        if path.is_file():
            return path
    return None


@functools.cache
def _session() -> Any:
    import onnxruntime

    path = model_path()
    if path is None:
        raise LegandoError("chord agreement needs basic-pitch 0.4.0; run `pip install --no-deps basic-pitch==0.4.0`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def note_posterior(audio: Floats) -> NDArray[np.float32]:
    """Return the probability of each of 88 piano pitches, every 256/22050 s: (steps, 88). [any]

    `audio` is (frames, channels) at 48 kHz; the level does not matter.
    """
    mono = np.asarray(audio, np.float64).mean(1)
    wave = resample_poly(mono, 147, 320).astype(np.float32)
    peak = float(np.abs(wave).max(initial=0.0))
    if peak > 0.0:
        wave *= 0.5 / peak
    hop = _WINDOW - 2 * _EDGE * _HOP
    windows = max(1, -(-len(wave) // hop))
    padded = np.zeros(_EDGE * _HOP + windows * hop + _WINDOW, np.float32)
    padded[_EDGE * _HOP : _EDGE * _HOP + len(wave)] = wave
    session = _session()
    feed, steps = session.get_inputs()[0].name, hop // _HOP
    parts = []
    for first in range(0, windows, 8):
        batch = np.stack([padded[w * hop : w * hop + _WINDOW] for w in range(first, min(first + 8, windows))])
        notes = session.run(["StatefulPartitionedCall:1"], {feed: batch[:, :, None]})[0]  # b t pitch
        parts.append(notes[:, _EDGE : _EDGE + steps].reshape(-1, notes.shape[2]))
    return np.concatenate(parts)[: max(1, round(len(wave) / _HOP))]


def chroma(posterior: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Fold a note posterior into (steps, 12) chroma of all pitches and of the bass alone, one a `STEP_S`. [any]"""
    presence = np.maximum(posterior - _FLOOR, 0.0)
    steps = max(1, int(len(presence) * _HOP / _RATE_HZ / STEP_S))
    edges = np.round(np.arange(steps + 1) * STEP_S * _RATE_HZ / _HOP).astype(int)
    means = np.stack([presence[a : max(b, a + 1)].mean(0) for a, b in itertools.pairwise(edges)])
    classes = (np.arange(88) + _PITCH_LOW) % 12
    fold = np.eye(12)[classes]
    low = (np.arange(88) + _PITCH_LOW < _BASS_HIGH)[:, None]
    return means @ fold, means @ (fold * low)


@functools.cache
def _templates() -> tuple[Floats, NDArray[np.int64], NDArray[np.bool_], Floats]:
    rows, roots, minor, bass = [], [], [], []
    for root in range(12):
        for name, triad in TRIADS.items():
            row = np.zeros(12)
            for place, step in enumerate(QUALITIES[name][:4]):
                row[(root + step) % 12] = 1.0 if place < 3 else 0.7
            rows.append(row / np.linalg.norm(row))
            roots.append(root)
            minor.append(triad == "min")
            bass.append(np.eye(12)[root])
    return np.array(rows), np.array(roots), np.array(minor), np.array(bass)


def recognise_chords(audio: Floats) -> Recognised:
    """Return the triads heard in audio (frames, channels) at 48 kHz. [any]"""
    every, bass = chroma(note_posterior(audio))
    rows, roots, minor, root_rows = _templates()
    # A little smoothing over time, so that an arpeggio or a stab sounds on; then cosine to each template.
    kernel = np.hanning(9)[1:-1]
    kernel /= kernel.sum()
    smooth = np.apply_along_axis(np.convolve, 0, every, kernel, mode="same")[: len(every)]
    smooth_bass = np.apply_along_axis(np.convolve, 0, bass, kernel, mode="same")[: len(bass)]
    fit = smooth @ rows.T / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 0.05)
    fit += 0.35 * (smooth_bass @ root_rows.T) / np.maximum(np.linalg.norm(smooth_bass, axis=1, keepdims=True), 0.1)
    path = _viterbi(6.0 * fit, _STAY)
    silent = smooth.sum(1) < 0.05
    return Recognised(np.where(silent, -1, roots[path]), minor[path])


def _viterbi(score: Floats, stay: float) -> NDArray[np.int64]:
    """Return the best path through (steps, states) when leaving a state costs `stay`."""
    steps, states = score.shape
    best, back = score[0].copy(), np.zeros((steps, states), np.int64)
    for t in range(1, steps):
        leave = int(best.argmax())
        moved = best[leave] - stay
        back[t] = np.where(best >= moved, np.arange(states), leave)
        best = np.maximum(best, moved) + score[t]
    path = np.empty(steps, np.int64)
    path[-1] = best.argmax()
    for t in range(steps - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


def chord_labels(score: Score, tempo_bpm: float, swing: float = 0.0, start_s: float = 0.0) -> list[Label]:
    """Return when each chord of a score sounds, and as which triad; chords that are neither are left out. [any]

    `score` is (ticks, 5); `start_s` is when its first tick sounds.
    """
    labels: list[Label] = []
    since, triad = 0.0, None
    for tick, token in enumerate([*score[:, CHORD].tolist(), 0]):
        if token == HOLD:
            continue
        now = start_s + swung(tick, swing) * tick_seconds(tempo_bpm)
        if triad is not None and now > since:
            labels.append((since, now, *triad))
        chord = chord_of(token)
        triad = (chord[0], TRIADS[chord[1]]) if chord is not None and chord[1] in TRIADS else None
        since = now
    return labels


def chord_agreement(audio: Floats, labels: Sequence[Label], *, heard: Recognised | None = None) -> float:
    """Return the share of labelled time in which the recognised triad is the labelled one, 0..1. [any]

    Pass `heard` to judge one recognition against several labellings. NaN when no label lies inside the audio.
    """
    found = recognise_chords(audio) if heard is None else heard
    centres = (np.arange(len(found.roots)) + 0.5) * STEP_S
    judged, right = 0, 0
    for start_s, end_s, root, triad in labels:
        inside = (centres >= start_s) & (centres < end_s)
        judged += int(inside.sum())
        right += int((inside & (found.roots == root) & (found.minor == (triad == "min"))).sum())
    return right / judged if judged else float("nan")


def held_labels(root: int, triad: str, start_s: float, end_s: float) -> list[Label]:
    """Return the labelling of one chord that is held for the whole time. [any]"""
    return [(start_s, end_s, root, triad)]


assert SAMPLE_RATE_HZ * 147 == _RATE_HZ * 320
