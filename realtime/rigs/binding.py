"""A binding: one source on a controller that moves one control, and how. [any]

| mode | what the controller does | what the control does |
|---|---|---|
| `absolute` | sends where the knob is | goes there; with `pickup` only once the knob has met it |
| `centred` | the same, with a middle that must be found | the middle of the range at the middle, a step wide |
| `relative` | sends by how much it was turned | moves by that; `encoding` says how the steps are written |
| `momentary` | sends pressed and let go | the top of the range while it is down, else the bottom |
| `toggle` | the same | each press goes to the other end of the range |

Relative encodings: `twos` (1 is up, 127 down: two's complement), `offset` (65 is up, 63 down) and `sign` (1 is up, 65
down: sign and magnitude).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from legando.realtime.errors import RigError
from legando.realtime.rigs.checks import check_choice, check_range
from legando.realtime.rigs.controlnames import Control, find_control
from legando.realtime.rigs.curve import CURVES, bend, unbend
from legando.realtime.rigs.source import BUTTONS, Source, parse_source

MODES = ("absolute", "centred", "relative", "momentary", "toggle")
ENCODINGS = ("twos", "offset", "sign")
DEFAULT_SLEW_S = 0.05
"""A full sweep takes this long unless a binding says otherwise: under one chunk, so that no knob waits for it."""
SLEW_MAX_S = 60.0
STEPS_A_SWEEP = 127
"""How many steps of a relative encoder sweep the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One source (any channel unless 1..16 is named) that moves one control.

    `range` is [at 0, at 1] and may fall; `cc`, `min` and `max` are its older spelling. `slew` is the time in seconds
    that a sweep of the range takes at least. Without a `mode` the control has one of its own.
    """

    control: str
    source: str = ""
    cc: int | None = None
    channel: int | None = None
    mode: str = ""
    encoding: str = "twos"
    range: tuple[float, ...] = ()
    min: float | None = None
    max: float | None = None
    curve: str = "linear"
    slew: float = DEFAULT_SLEW_S
    pickup: bool = False

    def __post_init__(self) -> None:
        control = find_control(self.control)
        object.__setattr__(self, "control", control.name)
        if bool(self.source) == (self.cc is not None):
            raise RigError("a binding needs one 'source', such as source = \"cc 74\" ('cc' = 74 says the same)")
        check_range("cc", self.cc, 0, 119)
        source = self.origin
        check_range("channel", self.channel, 1, 16)
        if self.mode:
            check_choice("mode", self.mode, MODES)
        check_choice("encoding", self.encoding, ENCODINGS)
        check_choice("curve", self.curve, CURVES)
        check_range("slew", self.slew, 0.0, SLEW_MAX_S)
        if self.range and (self.min is not None or self.max is not None):
            raise RigError("a binding has both 'range' and 'min' or 'max'; keep range = [low, high]")
        if self.range and len(self.range) != 2:
            raise RigError(f"range = {list(self.range)} must be two numbers, such as range = [0.2, 0.8]")
        for name, values in (("range", self.range), ("min", (self.min,)), ("max", (self.max,))):
            for value in values:
                check_range(name, value, control.least, control.most)
        if self.way == "relative" and source.kind != "cc":
            raise RigError(f'mode = "relative" needs a cc, not {source}; use "absolute"')
        if control.kind != "knob" and self.way in ("relative", "centred"):
            raise RigError(f'mode = "{self.way}" cannot switch {control.name}; leave the mode out')
        if self.pickup and self.way != "absolute":
            raise RigError(f'pickup is for mode = "absolute", not "{self.way}"; leave one of them out')

    @property
    def origin(self) -> Source:
        """The source."""
        return parse_source(self.source) if self.source else Source("cc", self.cc or 0)

    @property
    def target(self) -> Control:
        """The control."""
        return find_control(self.control)

    @property
    def way(self) -> str:
        """The mode that holds: the one given, or what suits the control and the source."""
        if self.mode:
            return self.mode
        control = self.target
        if control.kind == "knob":
            return "momentary" if self.origin.kind in BUTTONS else control.mode
        if control.kind == "switch" and self.origin.kind not in BUTTONS:
            return "absolute"  # a button that sends 127 and 0 says itself what it is
        return control.mode

    @property
    def ends(self) -> tuple[float, float]:
        """The control's values at the bottom and at the top of the source."""
        if self.range:
            return self.range[0], self.range[1]
        control = self.target
        low = control.low if self.min is None else self.min
        high = control.high if self.max is None else self.max
        return low, high

    @property
    def per_s(self) -> float:
        """How far the control may move in a second."""
        low, high = self.ends
        return abs(high - low) / self.slew if self.slew else math.inf

    def value_at(self, raw: int, bits: int = 7) -> float:
        """Return the control's value where the source says `raw` of `bits` bits."""
        return self.value_of(centred(raw, bits) if self.way == "centred" else raw / ((1 << bits) - 1))

    def value_of(self, position: float) -> float:
        """Return the control's value at a position 0..1 of the source; a centred curve leaves the middle both ways."""
        low, high = self.ends
        if self.way == "centred":
            side = bend(self.curve, abs(2.0 * position - 1.0))
            share = 0.5 + 0.5 * math.copysign(side, position - 0.5)
        else:
            share = bend(self.curve, position)
        return high if share == 1.0 else low + (high - low) * share

    def position_of(self, value: float) -> float:
        """Return the position 0..1 at which the control has a value, which may lie outside the range."""
        low, high = self.ends
        share = min(max((value - low) / (high - low), 0.0), 1.0) if high != low else 0.0
        if self.way == "centred":
            return 0.5 + math.copysign(0.5 * unbend(self.curve, abs(2.0 * share - 1.0)), share - 0.5)
        return unbend(self.curve, share)


def centred(raw: int, bits: int = 7) -> float:
    """Return 0..1 with 0.5 for the middle value and one step to either side of it, where cheap knobs rest. [any]"""
    middle = 1 << (bits - 1)
    away = raw - middle
    dead = 1 << (bits - 7)  # one step of 7 bits
    if abs(away) <= dead:
        return 0.5
    span = (middle - dead) if away < 0 else (middle - 1 - dead)
    return 0.5 + math.copysign(0.5 * (abs(away) - dead) / span, away)


def steps_of(raw: int, encoding: str) -> int:
    """Return by how many steps a relative encoder was turned. [any]"""
    if encoding == "twos":
        return raw if raw < 64 else raw - 128
    if encoding == "offset":
        return raw - 64
    return -(raw & 0x3F) if raw & 0x40 else raw
