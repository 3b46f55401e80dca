"""Drift: how fast another machine's clock runs beside ours, and how to follow it without a sound. [any]

Pure functions of numbers and small states: no clock, no sound. `DriftEstimator` fits a line through the ends of blocks
and the moments at which they were made or came: weighted least squares, whose weights halve every `half_life_s`
(recursive, so that a day costs no more memory than a second). `RatioLoop` turns what a buffer holds into the ratio at
which it is read: a critically damped second-order loop (F. Adriaensen, "Controlling adaptive resampling", LAC 2012).
"""

from __future__ import annotations

import math

MAX_DRIFT_PPM = 1000.0
"""Sound cards differ by 100 ppm at most; beyond this a clock is broken and is not followed."""


class DriftEstimator:
    """State: the weighted sums of a line through (time, frames), kept around the newest point."""

    def __init__(self, sample_rate_hz: float, *, half_life_s: float = 15.0) -> None:
        self._rate = sample_rate_hz
        self._decay_per_s = math.log(2.0) / half_life_s
        self.clear()

    def clear(self) -> None:
        """Forget everything: the stream begins anew."""
        self._last: tuple[int, int] | None = None
        self._weight = self._t = self._y = self._tt = self._ty = 0.0

    def observe(self, time_ns: int, frame_position: int) -> None:
        """Take one more point: this frame was due at this time. A time that goes back is left out. [any]"""
        if self._last is None:
            self._last = (time_ns, frame_position)
        seconds = (time_ns - self._last[0]) * 1e-9
        if seconds < 0.0:
            return
        # What the frames are ahead of the nominal rate; small numbers, whatever the position.
        ahead = frame_position - self._last[1] - seconds * self._rate
        keep = math.exp(-seconds * self._decay_per_s)
        # Move the origin to the new point, then let the old ones fade.
        weight, t, y = self._weight * keep, self._t * keep, self._y * keep
        tt, ty = self._tt * keep, self._ty * keep
        self._tt = tt - 2.0 * seconds * t + seconds * seconds * weight
        self._ty = ty - ahead * t - seconds * y + seconds * ahead * weight
        self._t = t - seconds * weight
        self._y = y - ahead * weight
        self._weight = weight + 1.0
        self._last = (time_ns, frame_position)

    @property
    def span_s(self) -> float:
        """How much time the points cover, by their weights: their standard deviation."""
        if self._weight < 2.0:
            return 0.0
        mean = self._t / self._weight
        return math.sqrt(max(0.0, self._tt / self._weight - mean * mean))

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the frames come, in millionths; 0 until there is a second of them."""
        if self.span_s < 0.25:
            return 0.0
        slope = (self._ty - self._t * self._y / self._weight) / (self._tt - self._t * self._t / self._weight)
        return min(max(1e6 * slope / self._rate, -MAX_DRIFT_PPM), MAX_DRIFT_PPM)

    def position_at(self, time_ns: int) -> float:
        """Return the frame that is due at a time, by the line: what one point is off does not count. [any]"""
        if self._last is None:
            return 0.0
        seconds = (time_ns - self._last[0]) * 1e-9
        slope = self.drift_ppm * 1e-6 * self._rate
        offset = (self._y - slope * self._t) / self._weight
        return self._last[1] + seconds * self._rate + offset + slope * seconds


class RatioLoop:
    """State: the drift that the loop has learnt, and what it reads of the buffer, smoothed."""

    def __init__(self, target_frames: float, sample_rate_hz: float, *, settle_s: float = 20.0) -> None:
        self.target_frames = target_frames
        self._rate = sample_rate_hz
        self._natural = 2.0 * math.pi / (4.0 * settle_s)  # rad/s of a critically damped loop
        self._smooth_s = settle_s / 40.0
        self.drift = 0.0
        self._error = 0.0

    def update(self, fill_frames: float, seconds: float) -> float:
        """Return how many frames to read for each that is played, after `seconds` with a buffer this full. [any]"""
        share = 1.0 - math.exp(-seconds / self._smooth_s)
        self._error += share * (fill_frames - self.target_frames - self._error)
        error_s = self._error / self._rate
        self.drift += self._natural**2 * error_s * seconds
        most = MAX_DRIFT_PPM * 1e-6
        self.drift = min(max(self.drift, -most), most)
        ratio = self.drift + 2.0 * self._natural * error_s
        return 1.0 + min(max(ratio, -most), most)

    def jumped(self) -> None:
        """Forget the error, not the drift: the buffer was filled anew."""
        self._error = 0.0
