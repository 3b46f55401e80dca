"""Slew: a value that moves towards its target no faster than a rate. [any]"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slew:
    """A value, its target, and how far it may move in a second (infinite: at once). Immutable; time is given."""

    value: float
    target: float
    per_s: float = math.inf

    def toward(self, target: float, per_s: float) -> Slew:
        """Return the slew that goes from the value of now to another target."""
        return Slew(self.value, target, per_s)

    def after(self, seconds: float) -> Slew:
        """Return the slew some seconds later: never beyond its target, and exactly there when it arrives."""
        reach = self.per_s * seconds if seconds > 0 else 0.0
        if abs(self.target - self.value) <= reach:
            return Slew(self.target, self.target, self.per_s)
        return Slew(self.value + math.copysign(reach, self.target - self.value), self.target, self.per_s)

    @property
    def done(self) -> bool:
        """Whether it has arrived."""
        return self.value == self.target
