"""Learning: what kind of thing on a controller was just moved, from the messages that it sent. [any]

An absolute knob sends a new value each time; a relative encoder repeats small steps; a button sends the ends alone; a
pad sends a note. Pure: messages with their times in, a guess out.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from legando.realtime.midi.controllers import Controllers, Move
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.controlnames import Control
from legando.realtime.rigs.source import BUTTONS, Source

QUIET_S = 0.6
"""This long without a message, and the move is over."""
ENOUGH = 40
"""So many messages say all that can be said."""
_PARAMETER_CCS = (6, 38, 96, 97, 98, 99, 100, 101)
_RANKS = ("nrpn", "rpn", "cc14", "cc", "bend", "note", "program", "poly", "aftertouch")
"""Where one move sends several kinds, the first of these is what was meant."""
_STEP_MAX = 16


@dataclass(frozen=True, slots=True)
class Guess:
    """What was moved: its source and channel, `thing` in words, and how it counts. `both_ways`: both were seen."""

    source: Source
    channel: int
    thing: str
    kind: str  # knob, encoder, button, latch, pad
    encoding: str = ""
    both_ways: bool = True

    def binding_values(self, control: Control) -> dict[str, object]:
        """Return what a rig file must say, as the keys of a `[[bind]]`."""
        values: dict[str, object] = {"source": str(self.source), "channel": self.channel, "control": control.name}
        if self.kind == "encoder" and control.kind == "knob":
            values |= {"mode": "relative", "encoding": self.encoding}
        elif self.kind == "button" and control.kind == "switch":
            values["mode"] = control.mode
        elif self.kind == "latch" and control.kind == "switch":
            values["mode"] = "absolute"
        Binding(**values)  # type: ignore[arg-type]  # raises RigError with what does not fit
        return values


class Listener:
    """Collects one move. State: what has come, and when."""

    def __init__(self) -> None:
        self._controllers = Controllers()
        self.clear()

    def clear(self) -> None:
        """Wait for the next move."""
        self._moves: list[Move] = []
        self._messages = 0
        self._last_s = 0.0

    def feed(self, message: bytes, now_s: float) -> None:
        """Take one whole message."""
        moves = self._controllers.feed(message)
        if moves:
            self._moves += moves
            self._messages += 1
            self._last_s = now_s

    def guess(self, now_s: float) -> Guess | None:
        """Return what was moved, once it is over or says no more; None until then."""
        if not self._moves or (now_s - self._last_s < QUIET_S and self._messages < ENOUGH):
            return None
        return guess_of(self._moves)


def guess_of(moves: list[Move]) -> Guess:
    """Return what sent these moves: the most telling source of those that were heard."""
    parameters = any(move.source.kind in ("nrpn", "rpn") for move in moves)
    fine = {(m.source.number, m.channel) for m in moves if m.source.kind == "cc14" and m.bits == 14}
    counts: Counter[tuple[Source, int]] = Counter()
    for move in moves:
        source = move.source
        if source.kind == "cc14" and ((source.number, move.channel) not in fine or (parameters and source.number == 6)):
            continue
        if source.kind == "cc" and (
            (parameters and source.number in _PARAMETER_CCS) or (source.number % 32, move.channel) in fine
        ):
            continue
        counts[source, move.channel] += 1
    (source, channel), _ = min(counts.items(), key=lambda item: (-item[1], _RANKS.index(item[0][0].kind)))
    raws = [move.raw for move in moves if (move.source, move.channel) == (source, channel)]
    top = max(move.bits for move in moves if (move.source, move.channel) == (source, channel))
    if source.kind in BUTTONS:
        return Guess(source, channel, "a pad or key" if source.kind == "note" else "a program button", "pad")
    if source.kind == "cc" and set(raws) <= {0, 127} and not (len(raws) >= 3 and 0 not in raws):
        if len(set(raws)) == 2:
            return Guess(source, channel, "a button (127 when pressed, 0 when let go)", "button")
        return Guess(source, channel, f"a button that remembers (it sent {raws[0]})", "latch")
    repeats = sum(a == b for a, b in itertools.pairwise(raws))
    if source.kind == "cc" and len(raws) >= 3 and repeats >= 0.3 * (len(raws) - 1):
        encoding, both = encoding_of(raws)
        if encoding:
            shown = ", ".join(str(raw) for raw in sorted(set(raws))[:6])
            return Guess(
                source, channel, f"an encoder that sends steps ({shown}: {encoding})", "encoder", encoding, both
            )
    fineness = " in 14 bits" if top == 14 else ""
    return Guess(source, channel, f"a knob or fader{fineness}, from {min(raws)} to {max(raws)}", "knob")


def encoding_of(raws: list[int]) -> tuple[str, bool]:
    """Return how a relative encoder writes its steps, and whether both ways were seen; an empty name if it is none."""
    seen = set(raws) - {0, 64}
    up, near_top = any(1 <= raw <= _STEP_MAX for raw in seen), any(raw >= 128 - _STEP_MAX for raw in seen)
    above, below = any(64 < raw <= 64 + _STEP_MAX for raw in seen), any(64 - _STEP_MAX <= raw < 64 for raw in seen)
    if not seen or any(_STEP_MAX < raw < 64 - _STEP_MAX or 64 + _STEP_MAX < raw < 128 - _STEP_MAX for raw in seen):
        return "", False
    if (up or near_top) and not (above or below):
        return "twos", up and near_top
    if up and above and not below and not near_top:
        return "sign", True
    if (above or below) and not (up or near_top):
        return "offset", above and below
    return "", False
