"""Sound watch: is what leaves the engine music still? Level, silence, clipping and brightness of the sound. [any]

Pure but for what it remembers. The monitor feeds it what it reads from the ring, before the player's level. Spectral
centroid: the mean frequency of the power spectrum over windows of `WINDOW_FRAMES` (Peeters 2004, 6.1.1). What is usual
is what this very scene sounded like in the minute after it settled, so that drift shows whatever the style.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

SPAN_S = 15.0
"""Level and centroid are those of so long a time: the usual interval between two scrapes."""

PIECE_S = 0.1
SILENT = 1e-3
"""A piece whose root mean square lies below this (-60 dBFS) is silence."""

CLIPPED = 0.9999
SETTLE_S = 8.0
LEARN_S = 60.0
LEARNT_S = 20.0
"""After `SETTLE_S` a scene is learnt for `LEARN_S`; something is known of it after `LEARNT_S`."""

WINDOW_FRAMES = 4096


class SoundWatch:
    """State: the last `SPAN_S` in pieces of `PIECE_S`, what has been counted, what is usual in this scene."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._piece_frames = round(PIECE_S * sample_rate_hz)
        self._rest = np.zeros((0, 2), dtype=np.float32)
        self._pieces: deque[tuple[float, float, float]] = deque(maxlen=round(SPAN_S / PIECE_S))  # peak, power, centroid
        self._window = np.hanning(WINDOW_FRAMES).astype(np.float32)
        self._hz = np.fft.rfftfreq(WINDOW_FRAMES, 1.0 / sample_rate_hz)
        self._scene: Hashable = None
        self._scene_s = 0.0
        self._learnt: list[tuple[float, float]] = []  # log centroid and power of the pieces that were learnt
        self.seconds = self.silent_s = self.silence_s = 0.0
        self.clipped = self.not_finite = 0

    def scene(self, scene: Hashable) -> None:
        """Say what plays; another scene, or another bundle, has another usual sound."""
        if scene != self._scene:
            self._scene, self._scene_s, self._learnt = scene, 0.0, []

    def hear(self, frames: NDArray[np.float32]) -> None:
        """Take in what comes next: float32 (frames, channels)."""
        bad = ~np.isfinite(frames)
        if bad.any():
            self.not_finite += int(bad.sum())
            frames = np.where(bad, np.float32(0.0), frames)
        frames = np.concatenate((self._rest, frames)) if len(self._rest) else frames
        whole = len(frames) // self._piece_frames
        for piece in np.split(frames[: whole * self._piece_frames], whole) if whole else ():
            self._piece(piece)
        self._rest = frames[whole * self._piece_frames :].copy()

    def _piece(self, piece: NDArray[np.float32]) -> None:
        size = np.abs(piece)
        power = float(np.mean(np.square(piece, dtype=np.float64)))
        self.clipped += int((size >= CLIPPED).sum())
        self.seconds += PIECE_S
        self._scene_s += PIECE_S
        silent = power < SILENT**2
        self.silence_s = self.silence_s + PIECE_S if silent else 0.0
        self.silent_s += PIECE_S * silent
        centroid = math.nan if silent else self._centroid(piece.mean(axis=1))
        self._pieces.append((float(size.max()), power, centroid))
        if not math.isnan(centroid) and SETTLE_S < self._scene_s <= SETTLE_S + LEARN_S:
            self._learnt.append((math.log(centroid), power))

    def _centroid(self, mono: NDArray[np.float32]) -> float:
        power = np.square(np.abs(np.fft.rfft(mono[:WINDOW_FRAMES] * self._window[: len(mono)], WINDOW_FRAMES)))
        total = float(power.sum())
        return max(1.0, float(power @ self._hz) / total) if total > 0.0 else math.nan

    @property
    def peak(self) -> float:
        """The largest sample of the last `SPAN_S`; 1 is full scale."""
        return max((peak for peak, _, _ in self._pieces), default=0.0)

    @property
    def rms(self) -> float:
        """The root mean square of the last `SPAN_S`."""
        return math.sqrt(sum(power for _, power, _ in self._pieces) / len(self._pieces)) if self._pieces else 0.0

    @property
    def centroid_hz(self) -> float | None:
        """The geometric mean of the centroids of the last `SPAN_S`, None where all was silent."""
        logs = [math.log(centroid) for _, _, centroid in self._pieces if not math.isnan(centroid)]
        return math.exp(sum(logs) / len(logs)) if logs else None

    @property
    def usual_centroid_hz(self) -> float | None:
        """What the centroid was when this scene was learnt; None while too little is known."""
        known = self._known()
        return math.exp(sum(log for log, _ in known) / len(known)) if known else None

    @property
    def usual_rms(self) -> float | None:
        """What the level was when this scene was learnt; None while too little is known."""
        known = self._known()
        return math.sqrt(sum(power for _, power in known) / len(known)) if known else None

    def _known(self) -> list[tuple[float, float]]:
        return self._learnt if len(self._learnt) * PIECE_S >= LEARNT_S else []
