"""The room: reverberation that a performer adds by turning space above what the prompt says. [engine]

The networks were taught rooms by pieces that stay in one room: turned up for four seconds they fill the gaps by half a
standard deviation and dull the sound by more. So they keep to the prompt's own space, or less, and this does the rest,
at once. It lies between decoder and seam, before the limiter: overlap-added sound in, what the room answers added on
top; the dry sound is not touched. Nothing is sent: nothing is changed, bit for bit, once the last tail has died away.

Send: what is above 150 Hz (the bass would blur), thinned out by a few echoes of either sign (velvet noise: Karjalainen
and Jarvelainen, AES 2007). Room: a feedback delay network of eight lines and a Hadamard matrix (Jot and Chaigne, AES
1991). All lines are longer than a block, so that a block is a few additions of arrays; only sums and products that are
rounded correctly, so that every machine gives the same bits, and chunk sizes only differ in how a ramp of the send is
divided. `kernels/room.cu` does the same on a card, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from legando.realtime.controls import GENRE_SLOTS, MOODS, Controls

F32 = NDArray[np.float32]

SPACE_AT = GENRE_SLOTS + MOODS.index("space")
"""Where in a style its space stands."""
BLOCK_FRAMES = 960
DECAY_S = 1.6
"""Time in which the tail falls by 60 dB."""
SEND = 0.25
"""Linear gain of the send when space is turned up all the way."""
_RATE_HZ = 48_000
LINES = np.array((1009, 1171, 1361, 1579, 1811, 2081, 2389, 2741))
"""Lengths of the lines: primes, each about 1.15 times the one before, all above `BLOCK_FRAMES`."""
GAINS = (10.0 ** (-3.0 * LINES / (DECAY_S * _RATE_HZ)) / np.sqrt(len(LINES))).astype(np.float32)
BRIGHT = np.float32(0.72)
"""How much of a line comes back as it is; the rest comes one frame later, which dulls what echoes often."""
ECHOES = (
    ((0, 1), (167, -1), (331, -1), (502, 1), (683, 1), (829, -1), (1013, 1), (1187, -1)),
    ((59, 1), (211, 1), (397, -1), (547, -1), (719, 1), (907, 1), (1091, -1), (1259, 1)),
)
"""For each channel the frame and the sign of the echoes that a stroke is thinned out to."""
LOW_CUT_DOUBLINGS = 7
_LOW_CUT = 1 << LOW_CUT_DOUBLINGS  # frames of the mean that the send does without
PAST = 1280 + _LOW_CUT  # frames of the send that echoes and low cut look back
LINE_PAST = int(LINES.max()) + 1
SILENT = 1e-5


def room_send(controls: Controls) -> float:
    """Return how much is sent to the room, 0..`SEND`: how far space is turned up from what the prompt says. [any]"""
    return controls.turned_up("space", SEND)


class Room:
    """Owns the delay lines; all memory is allocated here. [engine]"""

    latency_frames = 0

    def __init__(self, max_frames: int, overlap_frames: int) -> None:
        """Allocate for chunks of up to `max_frames`, a multiple of `BLOCK_FRAMES`, that overlap as the decoder's do."""
        self._overlap = overlap_frames
        self._tail = np.zeros((2, overlap_frames), np.float32)
        self._sent = np.zeros((2, PAST + max_frames), np.float32)
        self._work = np.zeros((2, 2, PAST + max_frames), np.float32)
        self._spread = np.zeros((2, max_frames), np.float32)
        self._lines = np.zeros((len(LINES), LINE_PAST + max_frames), np.float32)
        self._block = np.zeros((2, len(LINES), BLOCK_FRAMES), np.float32)
        self._late = np.zeros(BLOCK_FRAMES, np.float32)
        self._count = np.arange(1, max_frames + 1, dtype=np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._tail.fill(0.0)
        self._sent.fill(0.0)
        self._lines.fill(0.0)
        self._send = 0.0
        self._rings = False

    def process(self, y: F32, send: float) -> None:
        """Add the room's answer to a decoder's chunk y (2, frames + overlap) in place. [engine]

        The linear gain of the send moves from the last call's to `send`, reached at the last frame.
        """
        frames = y.shape[1] - self._overlap
        fresh = self._sent[:, PAST : PAST + frames]
        np.copyto(fresh, y[:, :frames])
        fresh[:, : self._overlap] += self._tail
        np.copyto(self._tail, y[:, frames:])
        if not (self._rings or send or self._send):
            return
        if not np.isfinite(fresh).all():  # a broken network; the seam silences it, the lines must not keep it
            fresh.fill(0.0)
        if send == self._send:
            fresh *= np.float32(send)
        else:
            step = np.float32((send - self._send) / frames)
            fresh *= self._count[:frames] * step + np.float32(self._send)
            self._send = send
        self._rings = True
        self._echo(frames)
        for start in range(0, frames, BLOCK_FRAMES):
            self._answer(y, start, min(BLOCK_FRAMES, frames - start))
        self._sent[:, :PAST] = self._sent[:, frames : frames + PAST]
        self._lines[:, :LINE_PAST] = self._lines[:, frames : frames + LINE_PAST]
        if not send and max(np.abs(self._lines).max(), np.abs(self._sent[:, :PAST]).max()) < SILENT:
            self._sent.fill(0.0)
            self._lines.fill(0.0)
            self._rings = False

    def _echo(self, frames: int) -> None:
        """Cut the lows of what was sent, and strew it: `_sent` to `_spread`."""
        whole = PAST + frames
        mean, other = self._work[0, :, :whole], self._work[1, :, :whole]
        np.copyto(mean, self._sent[:, :whole])
        for doubling in range(LOW_CUT_DOUBLINGS):
            lag = 1 << doubling
            np.copyto(other, mean)
            other[:, lag:] += mean[:, :-lag]
            mean, other = other, mean
        mean *= np.float32(-1.0 / _LOW_CUT)
        half = _LOW_CUT // 2
        mean[:, half:] += self._sent[:, : whole - half]
        for row, out, echoes in zip(mean, self._spread, ECHOES, strict=True):
            out[:frames] = 0.0
            for frame, sign in echoes:
                part = row[PAST - frame : whole - frame]
                (np.add if sign > 0 else np.subtract)(out[:frames], part, out=out[:frames])

    def _answer(self, y: F32, start: int, frames: int) -> None:
        """Run all lines over a block, and add what comes out of them to y: even lines left, odd lines right."""
        heard, mixed, late = self._block[0, :, :frames], self._block[1, :, :frames], self._late[:frames]
        for line, length, gain, out in zip(self._lines, LINES, GAINS, heard, strict=True):
            at = LINE_PAST + start - int(length)
            np.multiply(line[at : at + frames], gain * BRIGHT, out=out)
            np.multiply(line[at - 1 : at - 1 + frames], gain * (1 - BRIGHT), out=late)
            out += late
        for channel in range(2):
            np.add.reduce(heard[channel::2], axis=0, out=late)
            y[channel, start : start + frames] += late
        size = len(LINES)
        while size > 1:  # Hadamard, by halves
            size //= 2
            pairs, mixes = (a.reshape(-1, 2, size, frames) for a in (heard, mixed))
            np.add(pairs[:, 0], pairs[:, 1], out=mixes[:, 0])
            np.subtract(pairs[:, 0], pairs[:, 1], out=mixes[:, 1])
            heard, mixed = mixed, heard
        at = LINE_PAST + start
        for index, (line, row) in enumerate(zip(self._lines, heard, strict=True)):
            np.add(row, self._spread[index % 2, start : start + frames], out=line[at : at + frames])
