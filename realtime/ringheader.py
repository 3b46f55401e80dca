"""The header of a ring: who counts what, at which word. [any]

The file is a header of 4096 bytes, then `capacity_frames` x `channels` float32, little-endian, interleaved. Header
words are 8 bytes; one owner for each group of words, and a cache line pair (128 bytes) for each owner:

| word | type | field            | owner  | meaning                                                                |
|------|------|------------------|--------|------------------------------------------------------------------------|
| 0    | 8 s  | magic            | host   | `LGDORING`                                                             |
| 1    | u64  | version          | host   | 2                                                                      |
| 2    | u64  | sample_rate_hz   | host   |                                                                        |
| 3    | u64  | channels         | host   |                                                                        |
| 4    | u64  | capacity_frames  | host   | a power of two                                                         |
| 16   | u64  | reserved_frames  | writer | the write position that the copy now under way will reach              |
| 17   | u64  | written_frames   | writer | frames before this are whole                                           |
| 18   | u64  | written_at_ns    | writer | `perf_counter_ns` of the last write                                    |
| 32   | u64  | played_frames    | player | frames handed to the device; stands still in an underrun               |
| 33   | u64  | played_at_ns     | player | `perf_counter_ns` of the last callback: the player's heartbeat          |
| 34   | u64  | underruns        | player | times that the ring ran dry while playing                              |
| 35   | u64  | concealed_frames | player | frames that the player had to make up                                  |
| 36   | u64  | xruns            | player | callbacks that the device reported as late                             |
| 37   | u64  | skipped_frames   | player | frames never played, because the player was too far behind             |
| 38   | u64  | callbacks        | player |                                                                        |
| 39   | u64  | callback_max_ns  | player | the longest callback                                                   |
| 40   | u64  | player_state     | player | `PlayerState`                                                          |
| 41   | u64  | latency_ns       | player | what the device says lies between its buffer and the ear               |
| 42   | f64  | peak_left        | player | after the level; falls by 60 dB a second                               |
| 43   | f64  | peak_right       | player |                                                                        |
| 48   | u64  | flags            | host   | `FINISHED`: nothing more will come; `CLOSING`: fade out now            |
| 49   | f64  | level            | host   | gain of the player, 0 to 4                                             |
| 50   | f64  | mute             | host   | above 0.5: silence                                                     |
| 51   | f64  | filter           | host   | -1 low-pass .. 0 open .. 1 high-pass                                   |
| 52   | f64  | freeze           | host   | above 0.5: the last beat again and again                               |
| 53   | u64  | loop_frames      | host   | how long that beat is                                                  |
| 54   | u64  | panics           | host   | grows with each panic: silence until what was held has gone            |
"""

from __future__ import annotations

import enum
import mmap
from time import perf_counter_ns

from legando.realtime.errors import LegandoError

MAGIC = int.from_bytes(b"LGDORING", "little")
VERSION = 2
HEADER_BYTES = 4096
FINISHED = 1
CLOSING = 2
LEVEL_MAX = 4.0
PANIC_MS = 300.0
"""How long a panic silences all: until the chunk in which the held notes have ended is heard."""

(MAGIC_WORD, VERSION_WORD, RATE_WORD, CHANNELS_WORD, CAPACITY_WORD) = range(5)
(RESERVED_WORD, WRITTEN_WORD, WRITTEN_AT_WORD) = range(16, 19)
(PLAYED_WORD, PLAYED_AT_WORD, UNDERRUNS_WORD, CONCEALED_WORD, XRUNS_WORD) = range(32, 37)
(SKIPPED_WORD, CALLBACKS_WORD, CALLBACK_MAX_WORD, STATE_WORD, LATENCY_WORD) = range(37, 42)
(PEAK_LEFT_WORD, PEAK_RIGHT_WORD) = range(42, 44)
(FLAGS_WORD, LEVEL_WORD, MUTE_WORD, FILTER_WORD, FREEZE_WORD, LOOP_WORD, PANICS_WORD) = range(48, 55)

IMMEDIATE_LIMITS = {"level": (0.0, LEVEL_MAX), "mute": (0.0, 1.0), "filter": (-1.0, 1.0), "freeze": (0.0, 1.0)}
"""The immediate controls that have a value; `panic` has none."""
_IMMEDIATE_WORDS = {"level": LEVEL_WORD, "mute": MUTE_WORD, "filter": FILTER_WORD, "freeze": FREEZE_WORD}


class PlayerState(enum.IntEnum):
    """What the player is doing. [any]"""

    ABSENT = 0
    FILLING = 1
    PLAYING = 2
    STARVED = 3
    STOPPED = 4


class RingHeader:
    """The counters and flags of a mapped ring, each one aligned 8-byte load or store. [any]"""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._words = memoryview(mapped)[:HEADER_BYTES].cast("Q")
        self._floats = memoryview(mapped)[:HEADER_BYTES].cast("d")
        self.sample_rate_hz = self._words[RATE_WORD]
        self.channels = self._words[CHANNELS_WORD]
        self.capacity_frames = self._words[CAPACITY_WORD]

    def release(self) -> None:
        """Let go of the mapping, so that it can be closed. [control]"""
        self._words.release()
        self._floats.release()

    # What the writer has done.

    @property
    def written_frames(self) -> int:
        """The position after the last whole frame."""
        return self._words[WRITTEN_WORD]

    @property
    def written_at_ns(self) -> int:
        """The time of the last write."""
        return self._words[WRITTEN_AT_WORD]

    @property
    def lead_frames(self) -> int:
        """Frames written and not yet played."""
        played = self._words[PLAYED_WORD]  # first, so that the lead is never over-estimated by the player's progress
        return max(0, self._words[WRITTEN_WORD] - played)

    # What the player publishes.

    def publish(
        self, *, played_frames: int, underruns: int, concealed_frames: int, skipped_frames: int, state: PlayerState
    ) -> None:
        """Store the player's counters after one block. [audio]"""
        words = self._words
        words[UNDERRUNS_WORD], words[CONCEALED_WORD], words[SKIPPED_WORD] = underruns, concealed_frames, skipped_frames
        words[STATE_WORD] = state
        words[PLAYED_AT_WORD] = perf_counter_ns()
        words[PLAYED_WORD] = played_frames

    def publish_callback(self, *, cost_ns: int, xrun: bool) -> None:
        """Count one device callback and what it cost. [audio]"""
        words = self._words
        words[CALLBACKS_WORD] += 1
        if xrun:
            words[XRUNS_WORD] += 1
        if cost_ns > words[CALLBACK_MAX_WORD]:
            words[CALLBACK_MAX_WORD] = cost_ns

    @property
    def played_frames(self) -> int:
        """Frames handed to the device."""
        return self._words[PLAYED_WORD]

    @property
    def played_at_ns(self) -> int:
        """The time of the player's last block: its heartbeat."""
        return self._words[PLAYED_AT_WORD]

    @property
    def underruns(self) -> int:
        """Times that the ring ran dry while playing."""
        return self._words[UNDERRUNS_WORD]

    @property
    def concealed_frames(self) -> int:
        """Frames that the player had to make up."""
        return self._words[CONCEALED_WORD]

    @property
    def skipped_frames(self) -> int:
        """Frames never played, because the player was too far behind."""
        return self._words[SKIPPED_WORD]

    @property
    def xruns(self) -> int:
        """Callbacks that the device reported as late."""
        return self._words[XRUNS_WORD]

    @property
    def callbacks(self) -> int:
        """Device callbacks so far."""
        return self._words[CALLBACKS_WORD]

    @property
    def callback_max_ns(self) -> int:
        """The longest callback so far."""
        return self._words[CALLBACK_MAX_WORD]

    @property
    def player_state(self) -> PlayerState:
        """What the player is doing; its setter is the player's."""
        return PlayerState(self._words[STATE_WORD])

    @player_state.setter
    def player_state(self, state: PlayerState) -> None:
        self._words[STATE_WORD] = state

    @property
    def latency_ns(self) -> int:
        """What the device says lies between its buffer and the ear; its setter is the player's."""
        return self._words[LATENCY_WORD]

    @latency_ns.setter
    def latency_ns(self, value: int) -> None:
        self._words[LATENCY_WORD] = value

    @property
    def peaks(self) -> tuple[float, float]:
        """Peaks after the level, left and right, falling by 60 dB a second; the setter is the player's."""
        return self._floats[PEAK_LEFT_WORD], self._floats[PEAK_RIGHT_WORD]

    @peaks.setter
    def peaks(self, peaks: tuple[float, float]) -> None:
        self._floats[PEAK_LEFT_WORD], self._floats[PEAK_RIGHT_WORD] = peaks

    # What the host says.

    @property
    def level(self) -> float:
        """Gain of the player, 0 to 4; the player slews towards it."""
        return self._floats[LEVEL_WORD]

    @level.setter
    def level(self, value: float) -> None:
        self.set_immediate("level", value)

    def immediate(self, name: str) -> float:
        """Return an immediate control's value; the player slews towards it. [any]"""
        return self._floats[_IMMEDIATE_WORDS[name]]

    def set_immediate(self, name: str, value: float) -> None:
        """Set an immediate control; `panic` with a value above 0.5 is a panic. Raises LegandoError. [control]"""
        if name == "panic":
            if value > 0.5:
                self._words[PANICS_WORD] += 1
            return
        low, high = IMMEDIATE_LIMITS[name]
        if not low <= value <= high:
            raise LegandoError(f"{name} {value:g} is outside {low:g} to {high:g}; choose one inside")
        self._floats[_IMMEDIATE_WORDS[name]] = value

    @property
    def panics(self) -> int:
        """How many panics there have been."""
        return self._words[PANICS_WORD]

    @property
    def loop_frames(self) -> int:
        """The length of what a freeze repeats: a beat."""
        return self._words[LOOP_WORD]

    @loop_frames.setter
    def loop_frames(self, frames: int) -> None:
        self._words[LOOP_WORD] = max(0, frames)

    @property
    def flags(self) -> int:
        """`FINISHED` and `CLOSING`, as bits."""
        return self._words[FLAGS_WORD]

    def finish(self) -> None:
        """Say that nothing more will be written: the player plays what is left, then stops. [control]"""
        self._words[FLAGS_WORD] |= FINISHED

    def request_stop(self) -> None:
        """Tell the player to fade out now and stop. [control]"""
        self._words[FLAGS_WORD] |= CLOSING
