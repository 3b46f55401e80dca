"""Schedule: when to start the next chunk, and where in it a live note goes. [any]

A chunk that starts late has heard the performer's latest move, so each starts as late as is safe: at its deadline, less
the 99th percentile of what chunks have cost of late, less a margin. The deadline is when the player will have no more
than the wanted lead in the ring. With how many denoising steps is the ladder's to say (`ladder`). Pure functions of
numbers; times are integer nanoseconds of one clock.
"""

from __future__ import annotations

import numpy as np

NS_PER_S = 1_000_000_000
MARGIN_NS = 5_000_000
"""What the engine adds to the cost that it expects: a timer that wakes late, a host that answers late."""


class CostWindow:
    """The costs of the last chunks, and their percentiles. [engine]

    Allocated once. Until the first cost is known the percentiles are `guess_ns`.
    """

    def __init__(self, capacity: int = 256, *, guess_ns: int = 0) -> None:
        assert capacity > 0, "a window holds at least one cost"
        self._costs = np.zeros(capacity, dtype=np.int64)
        self._sorted = np.zeros(capacity, dtype=np.int64)
        self._count = 0
        self._guess_ns = guess_ns
        self._stale = False

    def __len__(self) -> int:
        return min(self._count, len(self._costs))

    def add(self, cost_ns: int) -> None:
        """Remember the cost of one more chunk, and forget the oldest."""
        self._costs[self._count % len(self._costs)] = cost_ns
        self._count += 1
        self._stale = True

    def clear(self) -> None:
        """Forget all costs."""
        self._count = 0

    def percentile_ns(self, percent: float) -> int:
        """Return the least cost that `percent` of the remembered ones do not exceed (nearest rank)."""
        held = len(self)
        if not held:
            return self._guess_ns
        ordered = self._sorted[:held]
        if self._stale:
            ordered[:] = self._costs[:held]
            ordered.sort()
            self._stale = False
        rank = -int(-held * percent // 100)  # ceiling
        return int(ordered[min(held, max(1, rank)) - 1])

    @property
    def p50_ns(self) -> int:
        """The median cost."""
        return self.percentile_ns(50)

    @property
    def p99_ns(self) -> int:
        """The cost that 99 of 100 chunks do not exceed."""
        return self.percentile_ns(99)

    @property
    def max_ns(self) -> int:
        """The largest remembered cost."""
        return self.percentile_ns(100)


def frames_to_ns(frames: int, sample_rate_hz: int) -> int:
    """Return how long `frames` last, rounded down, exact for any number of frames. [any]"""
    return frames * NS_PER_S // sample_rate_hz


def deadline_ns(*, written_frames: int, played_frames: int, now_ns: int, lead_frames: int, sample_rate_hz: int) -> int:
    """Return when only `lead_frames` will be left unplayed; in the past if fewer are left already. [any]

    `played_frames` is what had been played at `now_ns` (exact for a ring: its `played_at_ns`).
    """
    return now_ns + frames_to_ns(written_frames - played_frames - lead_frames, sample_rate_hz)


def next_start_ns(
    *,
    written_frames: int,
    played_frames: int,
    now_ns: int,
    cost_p99_ns: int,
    margin_ns: int,
    lead_frames: int,
    sample_rate_hz: int,
) -> int:
    """Return when to start the next chunk, `now_ns` at the earliest. [any]

    While the player is still filling, it does not play: start at once instead, until its prefill is written.
    """
    due = deadline_ns(
        written_frames=written_frames,
        played_frames=played_frames,
        now_ns=now_ns,
        lead_frames=lead_frames,
        sample_rate_hz=sample_rate_hz,
    )
    return max(now_ns, due - cost_p99_ns - margin_ns)


# Where a live note goes.

_PEDALS = (64, 66)


def has_a_place(message: bytes) -> bool:
    """Say whether a MIDI message acts at its frame (notes, pedals, clock) rather than in the next chunk. [any]"""
    kind = message[0] & 0xF0 if message else 0
    return kind in (0x80, 0x90, 0xF0) or (kind == 0xB0 and len(message) == 3 and message[1] in _PEDALS)


class NoteDelay:
    """The constant time from a key to its sound: the least that nearly every recent chunk could meet. [control]

    A key that is struck just after the engine has asked for a chunk waits longest: it can sound at the start of the
    next one. So the delay is the time from one question to the sound of the chunk after it, as nine of ten recent
    chunks could meet it; the rest begin a little late, which is heard less than a delay that moves with every outlier.
    """

    def __init__(self, chunks: int = 64) -> None:
        self._needs = CostWindow(chunks)

    def add(self, need_ns: int) -> None:
        """Remember one chunk: the time from the question before it to the sound of its first frame."""
        self._needs.add(max(0, need_ns))

    @property
    def delay_ns(self) -> int:
        """The delay of now."""
        return self._needs.percentile_ns(90)

    def frame(self, *, time_ns: int, position_frames: int, sounds_at_ns: int, sample_rate_hz: int) -> int:
        """Return the frame at which a key struck at `time_ns` sounds, not before `position_frames`. [any]

        `sounds_at_ns` is when frame `position_frames`, the first of the chunk to be made, will be played.
        """
        later_ns = time_ns + self.delay_ns - sounds_at_ns
        return position_frames + max(0, later_ns * sample_rate_hz // NS_PER_S)
