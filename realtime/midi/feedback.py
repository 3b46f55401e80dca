"""Feedback: pads, buttons and the rings of encoders show what their controls are set to. [control]

The message that a light understands is the one that its pad sends: note on or controller, 127 for on and 0 for off, on
the channel of the binding (the first where it names none). The ring of a relative encoder is told where its control is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from legando.realtime.rigs.binding import Binding


class Outputs(Protocol):
    """Where the lights are."""

    @property
    def openings(self) -> int: ...
    def send(self, message: bytes) -> None: ...


def lights(bindings: Iterable[Binding], value_of: Callable[[str], float]) -> dict[bytes, int]:
    """Return what each light should show: two bytes that address it, and 0..127. [any]"""
    shown: dict[bytes, int] = {}
    for binding in bindings:
        source, control = binding.origin, binding.target
        if source.kind not in ("note", "cc") or control.name == "panic":
            continue
        address = bytes(((0x90 if source.kind == "note" else 0xB0) | (binding.channel or 1) - 1, source.number))
        value = value_of(control.name)
        if binding.way == "relative":
            shown[address] = round(127 * binding.position_of(value))
        elif control.kind != "knob" or binding.way in ("toggle", "momentary"):
            low, high = binding.ends
            lit = 127 * (abs(value - high) < abs(value - low))
            shown[address] = max(lit, shown.get(address, 0))  # one pad may set two controls
    return shown


class Feedback:
    """Sends what has changed since the last time. State: what each light shows. Owned by one thread."""

    def __init__(self, outputs: Outputs, bindings: Iterable[Binding]) -> None:
        self._outputs = outputs
        self._bindings = tuple(bindings)
        self._shown: dict[bytes, int] = {}
        self._openings = 0

    def show(self, value_of: Callable[[str], float]) -> None:
        """Bring the lights up to date; all of them when a controller has come."""
        if self._outputs.openings != self._openings:
            self._openings = self._outputs.openings
            self._shown.clear()
        for address, value in lights(self._bindings, value_of).items():
            if self._shown.get(address) != value:
                self._shown[address] = value
                self._outputs.send(address + bytes((value,)))

    def darken(self) -> None:
        """Put every light out."""
        for address in self._shown:
            self._outputs.send(address + b"\0")
        self._shown.clear()
