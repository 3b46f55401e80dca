"""Intake: from a message as it came to a block of audio, or to a count of why not. [any]

What every kind of subscriber shares: no socket; its only clock is the one that measures latency.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from legando.bridge.continuity import Continuity
from legando.bridge.wire import Parser
from legando.realtime.errors import WireError

MAX_AGE_MS = 500.0
"""Older audio than this is of no use to a listener: more than any lead that the server keeps, less than a bar."""

_log = logging.getLogger(__name__)


class AudioBlock(NamedTuple):
    """One block of audio as it arrived. [any]

    `frames` is float32 (frames, channels) and read-only. `gap_frames` are missing just before it; `restarted` tells
    that the publisher began anew, so that `frame_position` has no relation to the block before. `latency_ns` is from
    the moment the chunk was made to the moment it was taken from the queue.
    """

    frames: NDArray[np.float32]
    sequence: int
    frame_position: int
    sample_rate_hz: int
    timestamp_ns: int
    latency_ns: int
    gap_frames: int
    restarted: bool


class Intake:
    """Takes the messages of one stream in the order in which they come, and keeps the account."""

    def __init__(self, endpoint: str, *, max_age_ms: float | None = MAX_AGE_MS, same_clock: bool = True) -> None:
        self.endpoint = endpoint
        self.blocks = 0
        self.stale = 0
        self.malformed = 0
        self.last_refusal = ""
        self.continuity = Continuity()
        self._parser = Parser()
        self._max_age_ns = None if max_age_ms is None else int(max_age_ms * 1e6)
        self._same_clock = same_clock

    def accept(self, message: bytes) -> AudioBlock | None:
        """Return the block that a message holds; None if it is refused, repeated or too old. [any]"""
        now_ns = time.perf_counter_ns()
        if self._same_clock and (usual := self._parser.parse_next(message)) is not None:
            stream_id, sequence, position, made_ns, rate_hz, samples = usual
            age_ns = now_ns - made_ns
            if (self._max_age_ns is None or age_ns <= self._max_age_ns) and self.continuity.follows(
                stream_id, sequence, position, len(samples)
            ):
                self.blocks += 1
                return AudioBlock(samples, sequence, position, rate_hz, made_ns, age_ns, 0, False)
        try:
            header, frames = self._parser.parse(message)
        except WireError as error:
            self._refuse(error)
            return None
        latency_ns = now_ns - header.timestamp_ns if self._same_clock else time.time_ns() - header.wall_ns
        if self._max_age_ns is not None and latency_ns > self._max_age_ns:
            self.stale += 1
            return None
        fresh, gap_frames, restarted = self.continuity.observe(header)
        if not fresh:
            return None
        self.blocks += 1
        return AudioBlock(
            frames,
            header.sequence,
            header.frame_position,
            header.sample_rate_hz,
            header.timestamp_ns,
            latency_ns,
            gap_frames,
            restarted,
        )

    def _refuse(self, error: WireError) -> None:
        """Count a refusal; log the 1st, 2nd, 4th, 8th ... so that a flood cannot fill the log."""
        self.malformed += 1
        self.last_refusal = str(error)
        if self.malformed & (self.malformed - 1) == 0:
            _log.warning("%s: refused message %d: %s", self.endpoint, self.malformed, error)
