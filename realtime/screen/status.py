"""Status: everything that a screen shows, as one frozen value that crosses to its process as JSON. [any]"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from legando.realtime.controls import MOODS, PARTS
from legando.realtime.performing.recall import ticks_in
from legando.realtime.rigs.controlnames import IMMEDIATE, LOOP

GOAL_MS = 150.0
"""What control to sound should take at most, on two CPU cores (ARCHITECTURE.md has the sum)."""

KNOBS = (*MOODS, "temperature", "guidance", "tempo_bpm", "level", "filter")
"""The controls that a screen shows as bars, in this order."""

SHOWN = (
    *KNOBS,
    LOOP,
    *(f"mute.{part}" for part in PARTS),
    *(name for name in IMMEDIATE if name not in ("level", "filter")),
)
"""All controls whose values a screen is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a live run is. `time_ns` is the `perf_counter_ns` at which `tick` (in sixteenths) was heard.

    `peak_db` is the largest since the last status, left and right. `latency_ms` has the parts of the sum by name,
    `slack_ms` what is left of each chunk after the cost that 99 of 100 do not exceed. `midi` is the last message in
    hex, `midi_count` how many there have been; `bound` has the sources of a rig and what they move. `recorded_s` is
    None where nothing is recorded.
    """

    time_ns: int
    scenes: tuple[str, ...]
    scene: int
    tempo_bpm: float
    tick: float
    coming: str = ""
    chord: str = ""
    section: str = ""
    section_held: bool = False
    key: str = ""
    played_s: float = 0.0
    total_s: float | None = None
    peak_db: tuple[float, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    slack_ms: float = 0.0
    chunk_ms: float = 0.0
    steps: int = 0
    full_steps: int = 0
    eco: bool = False
    underruns: int = 0
    xruns: int = 0
    concealed_ms: float = 0.0
    engine_restarts: int = 0
    player_restarts: int = 0
    midi_ports: tuple[str, ...] = ()
    midi: str = ""
    midi_count: int = 0
    bound: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    bundle: str = ""
    engine: str = ""
    seed: int = 0
    coming_seed: int | None = None
    recorded_s: float | None = None

    @property
    def scene_name(self) -> str:
        """The name of the scene that plays."""
        return self.scenes[self.scene] if self.scene < len(self.scenes) else ""

    @property
    def latency_sum_ms(self) -> float:
        """The most that control to sound takes now."""
        return sum(self.latency_ms.values())

    def tick_at(self, now_ns: int) -> float:
        """Return where the music is at another time; no more than a second is guessed ahead."""
        elapsed_ns = min(max(now_ns - self.time_ns, 0), 1_000_000_000)
        return self.tick + ticks_in(elapsed_ns, self.tempo_bpm, 1_000_000_000)


_LISTS = ("scenes", "peak_db", "midi_ports")
_NAMES = frozenset(item.name for item in fields(Status))


def status_to_plain(status: Status) -> dict[str, Any]:
    """Return a status as JSON can carry it. [any]"""
    return asdict(status)


def status_from_plain(plain: Mapping[str, Any]) -> Status:
    """Return the status that `status_to_plain` wrote; names that are not known here are left out. [any]"""
    values: dict[str, Any] = {name: value for name, value in plain.items() if name in _NAMES}
    values |= {name: tuple(values[name]) for name in _LISTS if name in values}
    return Status(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the engine said of one chunk: where it begins, in frames and in sixteenths, and its chord and section."""

    frame: int
    tick: float
    chord: str
    section: str


class Heard:
    """What has been made and is not heard yet, so that a screen shows what sounds now. Owned by the host's thread."""

    def __init__(self, sample_rate_hz: int, chunks: int = 64) -> None:
        self._rate = sample_rate_hz
        self._places: deque[Place] = deque(maxlen=chunks)

    def add(self, place: Place) -> None:
        """Remember one more chunk."""
        self._places.append(place)

    def at(self, frame: float, tempo_bpm: float) -> Place:
        """Return what sounds at a frame, with the tick there."""
        for place in reversed(self._places):
            if place.frame <= frame:
                tick = place.tick + ticks_in(frame - place.frame, tempo_bpm, self._rate)
                return Place(frame=round(frame), tick=tick, chord=place.chord, section=place.section)
        return Place(frame=0, tick=0.0, chord="", section="")


def heard_frame(
    *, now_ns: int, played_frames: int, played_at_ns: int, latency_ns: int, codec_frames: int, rate_hz: int
) -> float:
    """Return which frame of the music leaves the device now.

    `played_frames` were handed over at `played_at_ns`, the device takes `latency_ns`, and the music of a frame is
    heard `codec_frames` after its place in the stream. [any]
    """
    later_ns = now_ns - played_at_ns - latency_ns
    return played_frames + min(later_ns, 1_000_000_000) * rate_hz / 1e9 - codec_frames
