"""Intake: from a message as it came to a block of audio, or to a count of why not. [any]

What every kind of subscriber shares: no socket; its only clock is the one that measures latency.
"""

from __future__ import annotations

import logging
import time
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from legando.bridge.continuity import Continuity
from legando.bridge.wire import FLOAT32, HEADER_BYTES, RUN_BYTES, USUAL, Parser, SampleFormat
from legando.realtime.errors import WireError

MAX_AGE_MS = 500.0
"""Older audio than this is of no use to a listener: more than any lead that the server keeps, less than a bar."""

FOREVER_NS = 2**64
_array, _isfinite = np.ndarray, np.isfinite
_block = tuple.__new__  # a named tuple's own constructor is one more function of Python's
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
    """Takes the messages of one stream in the order in which they come, and keeps the account.

    Nearly every message is of the same run, as long as the last one, and its successor. `accept` knows it by these and
    touches as little as it can: between two chunks a machine's caches forget this program, and each line of code and
    data that has to come from memory costs the sound its time. All that is not so goes the long way.
    """

    __slots__ = (
        "_finite", "_finite_bytes", "_frames", "_max_age_ns", "_parser", "_rate_hz", "_run", "_same_clock", "_shape",
        "_size_bytes", "blocks", "continuity", "endpoint", "last_refusal", "malformed", "stale",
    )  # fmt: skip

    def __init__(self, endpoint: str, *, max_age_ms: float | None = MAX_AGE_MS, same_clock: bool = True) -> None:
        self.endpoint = endpoint
        self.blocks = 0
        self.stale = 0
        self.malformed = 0
        self.last_refusal = ""
        self.continuity = Continuity()
        self._parser = Parser()
        self._max_age_ns = FOREVER_NS if max_age_ms is None else int(max_age_ms * 1e6)
        self._same_clock = same_clock
        self._run = b""
        self._size_bytes, self._frames, self._rate_hz = -1, 0, 0
        self._shape = (0, 0)
        self._finite_bytes = bytearray()
        self._finite = np.zeros((0, 0), np.bool_)

    def accept(self, message: bytes) -> AudioBlock | None:
        """Return the block that a message holds; None if it is refused, repeated or too old. [any]"""
        now_ns = perf_counter_ns()
        if len(message) == self._size_bytes:
            run, sequence, position, made_ns, frames = USUAL.unpack_from(message)
            follow, age_ns = self.continuity, now_ns - made_ns
            if (
                position == follow.next_position
                and sequence > follow.sequence
                and run == self._run
                and frames == self._frames
                and age_ns <= self._max_age_ns
            ):
                samples: NDArray[np.float32] = _array(self._shape, FLOAT32, message, HEADER_BYTES)
                _isfinite(samples, self._finite)
                if self._finite_bytes.find(0) < 0:
                    follow.sequence, follow.next_position = sequence, position + frames
                    self.blocks += 1
                    return _block(AudioBlock, (samples, sequence, position, self._rate_hz, made_ns, age_ns, 0, False))
        return self._accept_any(message, now_ns)

    def _accept_any(self, message: bytes, now_ns: int) -> AudioBlock | None:
        try:
            header, frames = self._parser.parse(message)
        except WireError as error:
            self._refuse(error)
            return None
        latency_ns = now_ns - header.timestamp_ns if self._same_clock else time.time_ns() - header.wall_ns
        if latency_ns > self._max_age_ns:
            self.stale += 1
            return None
        fresh, gap_frames, restarted = self.continuity.observe(header)
        if not fresh:
            return None
        self.blocks += 1
        if self._same_clock and header.sample_format is SampleFormat.FLOAT32:
            self._run, self._size_bytes = message[:RUN_BYTES], len(message)
            self._frames, self._rate_hz, self._shape = header.frames, header.sample_rate_hz, frames.shape
            if self._finite.shape != frames.shape:
                self._finite_bytes = bytearray(frames.size)
                self._finite = np.ndarray(frames.shape, np.bool_, self._finite_bytes)
        else:
            self._size_bytes = -1
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

    @property
    def messages(self) -> int:
        """How many messages came, whatever became of them."""
        return self.blocks + self.stale + self.malformed + self.continuity.repeats

    def _refuse(self, error: WireError) -> None:
        """Count a refusal; log the 1st, 2nd, 4th, 8th ... so that a flood cannot fill the log."""
        self.malformed += 1
        self.last_refusal = str(error)
        if self.malformed & (self.malformed - 1) == 0:
            _log.warning("%s: refused message %d: %s", self.endpoint, self.malformed, error)
