"""Immediate controls: what a hand does to them acts at the next audio block, ahead of its chunk. [control]

RtMidi's threads feed it, one for each port; the host's thread tells it what files, scripts and the like have set.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from legando.realtime.binding import Binding
from legando.realtime.controlnames import IMMEDIATE
from legando.realtime.steering import Steering


class ImmediateControls:
    """The bindings of immediate controls alone, and their values."""

    def __init__(self, bindings: Iterable[Binding], *, level: float = 1.0) -> None:
        self._values = dict.fromkeys(IMMEDIATE, 0.0) | {"level": level}
        bound = [binding for binding in bindings if binding.target.immediate]
        self._steering = Steering(bound, self._values.__getitem__)
        self._lock = threading.Lock()

    def feed(self, message: bytes) -> dict[str, float]:
        """Return the controls that a message moves, with their new values."""
        with self._lock:
            settings, _ = self._steering.feed(message)
            moved = {setting.control: setting.value for setting in settings}
            self._values.update(moved)
        return moved

    def put(self, values: Mapping[str, float]) -> None:
        """Take over what something else than a hand has set."""
        with self._lock:
            self._values.update(values)
