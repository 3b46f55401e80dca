"""Onsets: where in a recording an event is first heard, and at what time. Pure functions of arrays. [any]

Two streams are compared: what left the engine (`stream`), and what a recorder got from the sound server, with the time
of each frame. While the player's immediate controls rest, the second is a stretch of the first, bit for bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from legando.realtime.ring import Frames

BLOCK = 256
PROBE = 48
HEARD = 1e-3
"""A difference of -60 dB of full scale counts as heard."""

NOTE_SHARE = 0.1
"""A note begins where its pitch is within 20 dB of the loudest that it becomes."""

NOTE_WINDOW_FRAMES = 240


def place(piece: Frames, stream: Frames, near: int = 0, reach: int | None = None) -> int | None:
    """Return where a piece lies in a stream, bit for bit, the nearest to `near` first; None where nowhere. [any]"""
    low, high = 0, len(stream) - len(piece) + 1
    if reach is not None:
        low, high = max(low, near - reach), min(high, near + reach)
    if high <= low or not piece.any():
        return None
    starts = low + np.flatnonzero(stream[low:high, 0] == piece[0, 0])
    for start in starts[np.argsort(np.abs(starts - near))]:
        if np.array_equal(stream[start : start + len(piece)], piece):
            return int(start)
    return None


def offsets(recorded: Frames, stream: Frames) -> npt.NDArray[np.int64]:
    """Return for each block of `BLOCK` recorded frames how far behind the stream it is: stream frame - recorded frame.

    Blocks between two that agree on one offset have it too: there an immediate control was at work. Elsewhere, as in
    silence and concealment, it is -1.
    """
    blocks = len(recorded) // BLOCK
    found = np.full(blocks, -1, dtype=np.int64)
    now: int | None = None
    for number in range(blocks):
        at = number * BLOCK
        piece = recorded[at : at + BLOCK]
        if not piece.any():
            continue
        if now is None or not np.array_equal(piece, stream[at + now : at + now + BLOCK]):
            guess = place(piece[:PROBE], stream, near=at + (now or 0), reach=None if now is None else 24_000)
            if guess is None or not np.array_equal(piece, stream[guess : guess + BLOCK]):
                continue
            now = guess - at
        found[number] = now
    known = np.flatnonzero(found >= 0)
    for before, after in itertools.pairwise(known):
        if found[before] == found[after]:
            found[before:after] = found[before]
    return found


def breaks(found: npt.NDArray[np.int64]) -> int:
    """Return how often the sequence of a recording breaks, by its `offsets`: jumps, and stretches of neither. [any]"""
    known = np.flatnonzero(found >= 0)
    if not len(known):
        return 0
    inner = found[known[0] : known[-1] + 1]
    return int(np.count_nonzero((inner[1:] != inner[:-1]) & (inner[1:] >= 0)))


def heard_at_us(frame: int, found: npt.NDArray[np.int64], times_us: npt.NDArray[np.int64]) -> int | None:
    """Return when a frame of the stream was handed to the server, None if it never was. [any]"""
    starts = np.arange(len(found)) * BLOCK + found
    inside = np.flatnonzero((found >= 0) & (starts <= frame) & (frame < starts + BLOCK))
    if not len(inside):
        return None
    return int(times_us[frame - found[inside[0]]])


def first_difference(made: Frames, without: Frames, least: float = HEARD) -> int | None:
    """Return the first frame in which two takes differ by more than `least`; None when they never do. [any]"""
    wrong = np.flatnonzero(np.any(np.abs(made - without) > least, axis=1))
    return int(wrong[0]) if len(wrong) else None


def first_of_pitch(made: Frames, without: Frames, hz: float, sample_rate_hz: int) -> int | None:
    """Return the frame at which a pitch begins that one take has and the other has not; None when it does not. [any]

    The difference is moved down by the pitch and smoothed over 5 ms (a Hann window); the onset is where it passes a
    tenth of its largest. Chords that the same key makes the model play, at other pitches, do not count.
    """
    difference = (made - without).mean(axis=1)
    t = np.arange(len(difference)) / sample_rate_hz
    window = np.hanning(NOTE_WINDOW_FRAMES)
    lowered = np.convolve(difference * np.exp(-2j * np.pi * hz * t), window / window.sum(), mode="same")
    envelope = 2.0 * np.abs(lowered)
    if envelope.max() < HEARD:
        return None
    return int(np.flatnonzero(envelope >= NOTE_SHARE * envelope.max())[0])


def percentiles(values_ms: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 (nearest rank), rounded to the microsecond; all 0 without values. [any]"""
    values = np.percentile(values_ms if len(values_ms) else [0.0], (50.0, 95.0, 99.0), method="inverted_cdf")
    return {name: round(float(value), 3) for name, value in zip(("p50", "p95", "p99"), values, strict=True)}
