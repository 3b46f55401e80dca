"""A message that came live, and what it means that there is no MIDI here at all. [any]"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.errors import DeviceError


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A whole MIDI message and the `time.perf_counter_ns()` at which it came."""

    time_ns: int
    message: bytes


class NoMidiSystemError(DeviceError):
    """This machine has no MIDI system that answers, so that there are no ports at all."""
