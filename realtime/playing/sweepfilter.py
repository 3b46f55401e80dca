"""The sweep filter: one knob from low-pass over open to high-pass, as on a DJ's mixer; no click however it is moved.

A state variable filter in the topology-preserving form (Zavalishin, "The Art of VA Filter Design", 2.1.2, ch. 4;
Simper, "Linear Trapezoidal Integrated SVF"), whose states stay meaningful while the cutoff moves. Python cannot run a
recursion sample by sample in a callback, so 16 samples are one matrix product: output and new state are linear in
input and old state. The matrices of all knob positions are made once; while the knob moves, each hop cross-fades from
those of the old position to those of the new one, so that no step is left to hear. [audio]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from legando.realtime.ring import Frames

HOP = 16
"""Samples in one product."""

SIDE = 256
"""Positions on each side of the open middle; the knob moves one position a hop: from end to end in 171 ms."""

LOW_PASS_HZ = (18_000.0, 60.0)
HIGH_PASS_HZ = (25.0, 8_000.0)
"""Cutoffs next to the middle, and at the knob's ends."""

_BLEND = 48
"""Over so many positions beside the middle the filter fades in: the middle itself passes bit for bit."""
_DAMPING = 2.0**0.5  # 1/Q of a Butterworth filter: no peak

Matrices = npt.NDArray[np.float32]


def knob_matrices(sample_rate_hz: int, hop: int = HOP) -> Matrices:
    """Return (2 SIDE + 1, hop + 2, hop + 2): for each position, `hop` samples and 2 states to the next ones. [any]"""
    position = np.arange(-SIDE, SIDE + 1)
    way = np.abs(position) / SIDE
    high = (position > 0).astype(float)
    low_hz = LOW_PASS_HZ[0] * (LOW_PASS_HZ[1] / LOW_PASS_HZ[0]) ** way
    high_hz = HIGH_PASS_HZ[0] * (HIGH_PASS_HZ[1] / HIGH_PASS_HZ[0]) ** way
    wet = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1.0, np.abs(position) / _BLEND))
    g = np.tan(np.pi * np.where(high, high_hz, low_hz) / sample_rate_hz)
    a1 = 1.0 / (1.0 + g * (g + _DAMPING))
    a2, a3 = g * a1, g * g * a1
    # Each signal is a row of weights over (inputs, 2 states).
    rows = np.zeros((len(position), hop + 2, hop + 2))
    basis = np.eye(hop + 2)
    s1, s2 = (np.tile(basis[hop + i], (len(position), 1)) for i in (0, 1))
    a1, a2, a3, wet, high = (v[:, None] for v in (a1, a2, a3, wet, high))
    for n in range(hop):
        x = basis[n][None]
        band = a1 * s1 + a2 * (x - s2)
        low = s2 + a2 * s1 + a3 * (x - s2)
        s1, s2 = 2.0 * band - s1, 2.0 * low - s2
        rows[:, n] = (1.0 - wet) * x + wet * np.where(high > 0, x - _DAMPING * band - low, low)
    rows[:, hop], rows[:, hop + 1] = s1, s2
    return np.ascontiguousarray(rows, dtype=np.float32)


class SweepFilter:
    """State: where the knob is, and two numbers for each channel. Allocated once."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._matrices = knob_matrices(sample_rate_hz)
        self._in: Frames = np.zeros((HOP + 2, channels), dtype=np.float32)
        self._out: Frames = np.zeros_like(self._in)
        self._single = knob_matrices(sample_rate_hz, 1)
        self._single_in: Frames = np.zeros((3, channels), dtype=np.float32)
        self._single_out: Frames = np.zeros_like(self._single_in)
        self._old: Frames = np.zeros_like(self._in)
        self._ramp: Frames = np.repeat((np.arange(1, HOP + 1, dtype=np.float32) / HOP)[:, None], channels, axis=1)
        self._position = 0

    def process(self, block: Frames, knob: float) -> None:
        """Filter a block in place, on the way to a knob at -1 (low-pass), 0 (open) .. 1 (high-pass). [audio]

        A knob that is no number between them is left where it was.
        """
        target = round(knob * SIDE) if -1.0 <= knob <= 1.0 else self._position
        if target == 0 and self._position == 0:
            return
        for start in range(0, len(block), HOP):
            before = self._position
            self._position += (target > before) - (target < before)
            piece = block[start : start + HOP]
            if len(piece) == HOP:
                self._hop(piece, before)
            else:
                self._rest(piece)
            if self._position == 0:
                self._in[HOP:] = 0.0  # open: forget, so that each side begins from nothing

    def _hop(self, piece: Frames, before: int) -> None:
        self._in[:HOP] = piece
        np.matmul(self._matrices[self._position + SIDE], self._in, out=self._out)
        if before != self._position:
            old, new = self._old[:HOP], self._out[:HOP]
            np.matmul(self._matrices[before + SIDE], self._in, out=self._old)
            np.subtract(new, old, out=new)
            np.multiply(new, self._ramp, out=new)
            np.add(new, old, out=new)
        piece[:] = self._out[:HOP]
        self._in[HOP:] = self._out[HOP:]

    def _rest(self, piece: Frames) -> None:
        """Filter the end of a block whose length is no multiple of a hop, sample by sample."""
        given, made, state = self._single_in, self._single_out, self._in[HOP:]
        for n in range(len(piece)):
            given[0], given[1:] = piece[n], state
            np.matmul(self._single[self._position + SIDE], given, out=made)
            piece[n], state[:] = made[0], made[1:]
