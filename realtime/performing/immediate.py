"""Immediate controls: what a hand does to them acts at the next audio block, ahead of its chunk. [control]

RtMidi's threads feed it, one for each port; the host's thread tells it what files, scripts and the like have set.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.steering import Steering
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.controlnames import IMMEDIATE
from legando.realtime.ring import Ring


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


class ImmediatePath:
    """The way of immediate controls to the player: words in the ring's header. Called on any of the links' threads."""

    def __init__(self, controls: ImmediateControls, ring: Ring) -> None:
        self._controls = controls
        self._ring = ring

    def message(self, live: LiveMessage) -> None:
        """Let what a message moves act at the next audio block, ahead of its chunk."""
        for name, value in self._controls.feed(live.message).items():
            self._ring.set_immediate(name, value)

    def move(self, name: str, value: float) -> None:
        """The same for a control that OSC, a key or a program names."""
        if name in IMMEDIATE:
            self.put({name: value})

    def put(self, moved: Mapping[str, float]) -> None:
        """Take over what has been set, and let the player know."""
        self._controls.put(moved)
        for name, value in moved.items():
            self._ring.set_immediate(name, value)
