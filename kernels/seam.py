"""The seam in NumPy: decoder output in, playable audio out. The CPU engine plays it; `seam.cu` must equal it.

One chunk passes through overlap-add, gain ramp, soft limiter, meters and interleaving, in that order. The engine
process owns the `Seam` object, which carries the overlapping tail and the last gain from chunk to chunk. Only +, -, *,
/ and square root are used, and the sums have the CUDA kernel's order, so that both give the same bits. [engine]
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import LegandoError

F32 = NDArray[np.float32]

# One CUDA block: frame i belongs to thread i % 1024, and 32 threads make a warp. This fixes the order of the sums.
THREADS = 1024
WARP = 32
# From here on u / sqrt(1 + u * u) rounds to 1 in float32, and u * u stays far from overflow.
SATURATED = np.float32(4096.0)

LARGEST_GAIN = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """The limiter's curve: identity up to `knee`, smooth above, never over `ceiling` (both linear). [any]"""

    knee: float = 0.8
    ceiling: float = 0.985

    def __post_init__(self) -> None:
        if not 0.0 < self.knee < self.ceiling <= 1.0:
            raise LegandoError(
                f"the limiter's knee is {self.knee} and its ceiling {self.ceiling}; choose 0 < knee < ceiling <= 1"
            )


DEFAULT_LIMITER = Limiter()


@dataclass(slots=True)
class SeamReport:
    """Meters of one chunk, overwritten by the next `Seam.process`. [engine]

    `peak` is max |out| and `sum_squares` the sum of out squared, each of shape (channels,); RMS is
    sqrt(sum_squares / frames). `limited_frames` counts frames with a sample above the knee, `bad_samples` the samples
    that were NaN or infinite and were played as silence.
    """

    peak: F32
    sum_squares: F32
    limited_frames: int = 0
    bad_samples: int = 0
    frames: int = 0


def soften(x: F32, limiter: Limiter = DEFAULT_LIMITER) -> F32:
    """Return x bent below the ceiling: odd, monotone, identity up to the knee, smooth to the 2nd derivative. [any]

    Above the knee: knee + room * s(u), with room = ceiling - knee, u = (|x| - knee) / room and
    s(u) = u / sqrt(1 + u^2). Since s(0) = 0, s'(0) = 1, s''(0) = 0, the curve joins the identity without a corner.
    s is the case n = 2 of u / (1 + u^n)^(1/n): Yeh, Abel and Smith, "Simplified, Physically-Informed Models of
    Distortion and Overdrive Guitar Effects Pedals", DAFx 2007. Preferred to tanh, which each library rounds
    differently. Any shape; x must be finite.
    """
    y = np.array(x, np.float32)
    magnitude = np.abs(y)
    mask = np.empty(y.shape, np.bool_)
    with np.errstate(over="ignore"):
        soften_in_place(y, magnitude, np.empty_like(y), mask, limiter)
    return y


def soften_in_place(x: F32, magnitude: F32, scratch: F32, mask: NDArray[np.bool_], limiter: Limiter) -> None:
    """Apply `soften` to x without allocating; `magnitude` is |x| and is lost, `mask` becomes |x| > knee. [engine]"""
    knee, ceiling = np.float32(limiter.knee), np.float32(limiter.ceiling)
    room = ceiling - knee
    np.greater(magnitude, knee, out=mask)
    u = np.subtract(magnitude, knee, out=magnitude)
    np.divide(u, room, out=u)
    np.minimum(u, SATURATED, out=u)
    np.multiply(u, u, out=scratch)
    np.add(scratch, np.float32(1.0), out=scratch)
    np.sqrt(scratch, out=scratch)
    np.divide(u, scratch, out=u)
    np.multiply(u, room, out=u)
    np.add(u, knee, out=u)
    np.minimum(u, ceiling, out=u)
    np.copysign(u, x, out=u)
    np.copyto(x, u, where=mask)


def add_in_block_order(squares: F32, totals: F32) -> None:
    """Add (channels, rows * 1024) squares along time in the CUDA block's order; overwrites both. [engine]

    Each thread adds its own frames; each warp of 32 adds halves onto halves; then the 32 warps do the same.
    `totals` has shape (channels, 1024); the sums end in totals[:, 0].
    """
    channels = squares.shape[0]
    rows = squares.shape[1] // THREADS
    np.copyto(totals, squares[:, :THREADS])
    for row in range(1, rows):
        np.add(totals, squares[:, row * THREADS : (row + 1) * THREADS], out=totals)
    warps = totals.reshape(channels, THREADS // WARP, WARP)
    of_warp = warps[:, :, 0]
    for lanes in (warps, of_warp):
        distance = WARP // 2
        while distance:
            near = lanes[..., :distance]
            np.add(near, lanes[..., distance : 2 * distance], out=near)
            distance //= 2


class Seam:
    """Join decoded chunks into one stream of playable audio; all audio memory is allocated here. [engine]

    Feed (channels, frames + overlap_frames) float32, windowed so that plain addition of the overlap is right; the last
    `overlap_frames` are kept and added to the start of the next chunk.
    """

    latency_frames = 0
    """A frame leaves in the call that brings it; the overlap's look-ahead is the decoder's latency, not the seam's."""

    def __init__(
        self,
        channels: int = 2,
        overlap_frames: int = 480,
        max_frames: int = 7680,
        *,
        limiter: Limiter = DEFAULT_LIMITER,
    ) -> None:
        if channels < 1 or overlap_frames < 0 or max_frames < max(overlap_frames, 1):
            raise LegandoError(
                f"the seam got channels={channels}, overlap_frames={overlap_frames}, max_frames={max_frames}; "
                "use at least 1 channel, no negative overlap, and max_frames no shorter than the overlap"
            )
        self.channels = channels
        self.overlap_frames = overlap_frames
        self.max_frames = max_frames
        self.limiter = limiter
        self._gain: float | None = None
        self._tail = np.zeros((channels, overlap_frames), np.float32)
        self._out = np.zeros((max_frames, channels), np.float32)
        self._work = np.zeros((channels, max_frames), np.float32)
        self._magnitude = np.zeros_like(self._work)
        self._mask = np.zeros(self._work.shape, np.bool_)
        self._any_channel = np.zeros(max_frames, np.bool_)
        self._squares = np.zeros((channels, -(-max_frames // THREADS) * THREADS), np.float32)
        self._totals = np.zeros((channels, THREADS), np.float32)
        self._ramp = np.zeros(max_frames, np.float32)
        self._count = np.arange(1, max_frames + 1, dtype=np.float32)
        self._report = SeamReport(np.zeros(channels, np.float32), np.zeros(channels, np.float32))

    def reset(self) -> None:
        """Forget the tail and the gain: the next chunk starts a new stream. [engine]"""
        self._tail.fill(0.0)
        self._gain = None

    def process(self, y: F32, gain: float = 1.0, out: F32 | None = None) -> tuple[F32, SeamReport]:
        """Return one chunk of playable (frames, channels) audio and its meters. [engine]

        y: (channels, frames + overlap_frames), frames >= overlap_frames. The linear gain moves from the last call's
        value to `gain`, reached at the last frame; the first chunk of a stream has `gain` throughout. Audio goes to
        `out` (frames, channels) if given, else to an own buffer; that and the report are overwritten by the next call.
        """
        frames = self._check(y, gain, out)
        audio = self._out[:frames] if out is None else out
        x, magnitude = self._work[:, :frames], self._magnitude[:, :frames]
        # A broken network may send anything: overflow and NaN are dealt with below, not warned about.
        with np.errstate(all="ignore"):
            self._overlap_add(y, x)
            self._apply_gain(x, gain)
            self._limit(x, magnitude)
        self._measure_energy(x)
        for c in range(self.channels):
            audio[:, c] = x[c]
        return audio, self._report

    def _check(self, y: F32, gain: float, out: F32 | None) -> int:
        if y.ndim != 2 or y.shape[0] != self.channels or y.dtype != np.float32:
            raise LegandoError(
                f"the seam got {y.dtype} of shape {y.shape}; give float32 of shape ({self.channels}, frames + "
                f"{self.overlap_frames})"
            )
        frames: int = y.shape[1] - self.overlap_frames
        if frames < max(self.overlap_frames, 1) or frames > self.max_frames:
            raise LegandoError(
                f"the seam got a chunk of {frames} frames with an overlap of {self.overlap_frames}; give at least as "
                f"many frames as the overlap and at most max_frames={self.max_frames}"
            )
        if not abs(gain) <= LARGEST_GAIN:
            raise LegandoError(f"the seam's gain is {gain}; give a linear gain of at most {LARGEST_GAIN:g} (+120 dB)")
        if out is not None and (out.shape != (frames, self.channels) or out.dtype != np.float32):
            raise LegandoError(
                f"the seam's out is {out.dtype} of shape {out.shape}; give float32 of shape ({frames}, {self.channels})"
            )
        return frames

    def _overlap_add(self, y: F32, x: F32) -> None:
        frames, overlap = x.shape[1], self.overlap_frames
        np.copyto(x, y[:, :frames])
        np.add(x[:, :overlap], self._tail, out=x[:, :overlap])
        np.copyto(self._tail, y[:, frames:])

    def _apply_gain(self, x: F32, gain: float) -> None:
        frames = x.shape[1]
        gain_to = np.float32(gain)
        gain_from = gain_to if self._gain is None else np.float32(self._gain)
        self._gain = gain
        if gain_from == gain_to:
            np.multiply(x, gain_to, out=x)
            return
        step = (gain_to - gain_from) / np.float32(frames)
        ramp = np.multiply(self._count[:frames], step, out=self._ramp[:frames])
        np.add(ramp, gain_from, out=ramp)
        np.multiply(x, ramp, out=x)

    def _limit(self, x: F32, magnitude: F32) -> None:
        """Silence bad samples, bend loud ones, read the peak meter; the quiet, sane chunk costs two passes."""
        report, frames = self._report, x.shape[1]
        report.frames, report.limited_frames, report.bad_samples = frames, 0, 0
        mask = self._mask[:, :frames]
        np.abs(x, out=magnitude)
        np.max(magnitude, axis=1, out=report.peak)  # NaN and Inf show in the peak
        if not np.isfinite(report.peak).all():
            np.isfinite(x, out=mask)
            np.logical_not(mask, out=mask)
            report.bad_samples = int(np.count_nonzero(mask))
            np.copyto(x, np.float32(0.0), where=mask)
            np.abs(x, out=magnitude)
            np.max(magnitude, axis=1, out=report.peak)
        if report.peak.max() > np.float32(self.limiter.knee):
            # The curve is cheap and vectorised, so all samples take it and a mask picks: the worst case is bounded.
            soften_in_place(x, magnitude, self._squares[:, :frames], mask, self.limiter)
            np.any(mask, axis=0, out=self._any_channel[:frames])
            report.limited_frames = int(np.count_nonzero(self._any_channel[:frames]))
            np.abs(x, out=magnitude)
            np.max(magnitude, axis=1, out=report.peak)

    def _measure_energy(self, x: F32) -> None:
        frames = x.shape[1]
        padded = -(-frames // THREADS) * THREADS
        np.multiply(x, x, out=self._squares[:, :frames])
        self._squares[:, frames:padded] = 0.0
        add_in_block_order(self._squares[:, :padded], self._totals)
        np.copyto(self._report.sum_squares, self._totals[:, 0])
