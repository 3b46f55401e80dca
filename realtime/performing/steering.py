"""Steering: moves of a controller become settings of controls, as the bindings say. [control]

Pure but for what it remembers of each binding: whether a button was down, where an absolute knob was, and whether that
knob has met its control (`pickup`, also called soft take-over).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from legando.realtime.midi.controllers import Controllers, Move
from legando.realtime.rigs.binding import STEPS_A_SWEEP, Binding, steps_of
from legando.realtime.rigs.source import Source

MEETS = 2.5 / 127
"""How near, in shares of the way, a knob must come to its control to have met it."""

_STATUSES = {"note": (0x80, 0x90), "poly": (0xA0,), "program": (0xC0,), "aftertouch": (0xD0,), "bend": (0xE0,)}
"""Which messages carry a source; those not named here are controllers."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A binding sets its control to a value; `per_s` is how fast it may get there. `pressed` is for triggers."""

    control: str
    value: float
    per_s: float
    pressed: bool


class _State:
    """What one binding remembers."""

    __slots__ = ("binding", "down", "met", "position", "set_to")

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.down = False
        self.met = not binding.pickup
        self.position: float | None = None
        self.set_to: float | None = None


class Steering:
    """Owned by one thread. `current` tells the value that a control has now, or moves towards."""

    def __init__(self, bindings: Iterable[Binding], current: Callable[[str], float]) -> None:
        self._current = current
        self._controllers = Controllers()
        self._bound: dict[Source, list[_State]] = {}
        self._statuses: set[int] = set()  # the kinds of message that can move anything
        for binding in bindings:
            self._statuses.update(_STATUSES.get(binding.origin.kind, (0xB0,)))
            self._bound.setdefault(binding.origin, []).append(_State(binding))

    def feed(self, message: bytes) -> tuple[list[Setting], bool]:
        """Return what a message sets, and whether a binding took it, even when it set nothing."""
        if not message or message[0] & 0xF0 not in self._statuses:
            return [], False
        settings: list[Setting] = []
        taken = False
        for move in self._controllers.feed(message):
            for state in self._bound.get(move.source, ()):
                if state.binding.channel in (None, move.channel):
                    taken = True
                    setting = self._move(state, move)
                    if setting is not None:
                        settings.append(setting)
        return settings, taken

    def _move(self, state: _State, move: Move) -> Setting | None:
        binding, way = state.binding, state.binding.way
        was_down, state.down = state.down, move.pressed
        low, high = binding.ends
        if way == "relative":
            by = steps_of(move.raw, binding.encoding) / STEPS_A_SWEEP
            position = binding.position_of(self._current(binding.control)) + by
            return self._set(state, binding.value_of(min(max(position, 0.0), 1.0)))
        if way == "momentary" or binding.target.kind == "trigger":
            if move.source.kind == "program":
                state.down = False  # nobody lets go of a program
            elif move.pressed == was_down:
                return None
            return self._set(state, high if move.pressed else low, pressed=move.pressed)
        if way == "toggle":
            if move.source.kind == "program":
                state.down = was_down = False
            if not move.pressed or was_down:
                return None
            is_high = abs(self._current(binding.control) - high) < abs(self._current(binding.control) - low)
            return self._set(state, low if is_high else high, pressed=True)
        value = binding.value_at(move.raw, move.bits)
        if binding.pickup and not self._meets(state, value):
            return None
        return self._set(state, value, pressed=move.pressed)

    def _meets(self, state: _State, value: float) -> bool:
        """Say whether an absolute knob may move its control: once it has come to where the control is."""
        here = state.binding.position_of(value)
        current = self._current(state.binding.control)
        there = state.binding.position_of(current)
        if state.met and state.set_to is not None and abs(current - state.set_to) > 1e-9:
            state.met = False  # a scene or another hand has moved the control since
        if not state.met:
            before = here if state.position is None else state.position
            state.met = abs(here - there) <= MEETS or (before - there) * (here - there) <= 0
        state.position = here
        return state.met

    @staticmethod
    def _set(state: _State, value: float, *, pressed: bool = False) -> Setting:
        state.set_to = value
        return Setting(state.binding.control, value, state.binding.per_s, pressed)
