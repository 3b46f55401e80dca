"""Refusals: what was not accepted, counted by reason, and logged so that a flood cannot fill the log. [any]"""

from __future__ import annotations

import logging
import threading
from collections import Counter

REASONS = (
    "malformed", "version", "stranger", "unknown", "range", "full", "fast", "led", "stale", "repeat", "key", "prompt",
)  # fmt: skip
"""Every reason there is; the counter cannot grow beyond them."""


class Refusals:
    """Counts refusals at one place; any thread may count. The 1st, 2nd, 4th, 8th ... of a reason is logged."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._log = logging.getLogger("legando.bridge")

    def count(self, reason: str, sentence: str) -> None:
        """Count one refusal; `sentence` says what came and holds no secret. [any]"""
        assert reason in REASONS, "a new reason must be listed"
        with self._lock:
            self._counts[reason] += 1
            number = self._counts[reason]
        if number & (number - 1) == 0:
            self._log.warning("%s: refused (%s, %d so far): %s", self.place, reason, number, sentence)

    @property
    def total(self) -> int:
        """How many refusals there were for whatever reason."""
        with self._lock:
            return self._counts.total()

    def of(self, reason: str) -> int:
        """Return how many refusals there were for one reason. [any]"""
        with self._lock:
            return self._counts[reason]

    def plain(self) -> dict[str, int]:
        """Return the reasons that have occurred, with their numbers. [any]"""
        with self._lock:
            return dict(sorted(self._counts.items()))
