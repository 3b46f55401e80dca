"""Controllers: whole MIDI messages become moves of sources. [any]

Puts together what MIDI 1.0 spreads over several messages: 14-bit controllers (CC n coarse, n + 32 fine) and parameters
(CC 99 and 98 or 101 and 100 choose one; CC 6 and 38 set it, 96 and 97 step it). A coarse value sets the fine one to 0,
as the standard says; a controller that never sends fine values is read as 7 bits, so that its top is the top.
"""

from __future__ import annotations

from dataclasses import dataclass

from legando.realtime.rigs.source import Source

_DATA, _DATA_FINE, _UP, _DOWN = 6, 38, 96, 97
_NRPN_FINE, _NRPN, _RPN_FINE, _RPN = 98, 99, 100, 101
_NO_PARAMETER = 0x3FFF


@dataclass(frozen=True, slots=True)
class Move:
    """A source on a channel (1..16) is at `raw` of `bits` bits."""

    source: Source
    channel: int
    raw: int
    bits: int = 7

    @property
    def pressed(self) -> bool:
        """Whether a button at this value is down: a note of any velocity, else half of the way or more."""
        if self.source.kind in ("note", "program"):
            return self.raw > 0
        return self.raw >= 1 << (self.bits - 1)


class Controllers:
    """State: for each channel the coarse and fine values, and the parameter that is chosen."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, Source], tuple[int, int | None]] = {}  # coarse, fine once it has come
        self._chosen: dict[int, tuple[str, int]] = {}

    def feed(self, message: bytes) -> list[Move]:
        """Return what a whole channel message moves; nothing for others, and for what is malformed."""
        if len(message) < 2 or not 0x80 <= message[0] < 0xF0 or any(byte > 0x7F for byte in message[1:]):
            return []
        kind, channel, first = message[0] & 0xF0, (message[0] & 0x0F) + 1, message[1]
        if len(message) == 2:
            if kind == 0xC0:
                return [Move(Source("program", first), channel, 127)]
            return [Move(Source("aftertouch"), channel, first)] if kind == 0xD0 else []
        if len(message) != 3:
            return []
        second = message[2]
        if kind == 0xB0:
            return self._controller(channel, first, second)
        if kind == 0x90:
            return [Move(Source("note", first), channel, second)]
        if kind == 0x80:
            return [Move(Source("note", first), channel, 0)]
        if kind == 0xA0:
            return [Move(Source("poly", first), channel, second)]
        return [Move(Source("bend"), channel, first | second << 7, 14)] if kind == 0xE0 else []

    def _controller(self, channel: int, number: int, value: int) -> list[Move]:
        moves = [Move(Source("cc", number), channel, value)] if number < 120 and number not in (64, 66) else []
        if number < 32:
            moves.append(self._coarse(channel, Source("cc14", number), value))
        elif number < 64:
            moves.append(self._fine(channel, Source("cc14", number - 32), value))
        if number in (_NRPN, _RPN):
            self._chosen[channel] = ("nrpn" if number == _NRPN else "rpn", value << 7)
        elif number in (_NRPN_FINE, _RPN_FINE):
            name = "nrpn" if number == _NRPN_FINE else "rpn"
            before = self._chosen.get(channel)
            coarse = before[1] if before is not None and before[0] == name else 0
            self._chosen[channel] = (name, coarse & ~0x7F | value)
        elif number in (_DATA, _DATA_FINE, _UP, _DOWN):
            chosen = self._chosen.get(channel)
            if chosen is None or chosen[1] == _NO_PARAMETER:
                return moves
            source = Source(*chosen)
            if number == _DATA:
                moves.append(self._coarse(channel, source, value))
            elif number == _DATA_FINE:
                moves.append(self._fine(channel, source, value))
            else:
                moves.append(self._step(channel, source, 1 if number == _UP else -1))
        return moves

    def _coarse(self, channel: int, source: Source, value: int) -> Move:
        _, fine = self._values.get((channel, source), (0, None))
        return self._keep(channel, source, value, None if fine is None else 0)

    def _fine(self, channel: int, source: Source, value: int) -> Move:
        coarse, _ = self._values.get((channel, source), (0, None))
        return self._keep(channel, source, coarse, value)

    def _step(self, channel: int, source: Source, by: int) -> Move:
        coarse, fine = self._values.get((channel, source), (0, None))
        if fine is None:
            return self._keep(channel, source, min(max(coarse + by, 0), 127), None)
        whole = min(max((coarse << 7 | fine) + by, 0), 0x3FFF)
        return self._keep(channel, source, whole >> 7, whole & 0x7F)

    def _keep(self, channel: int, source: Source, coarse: int, fine: int | None) -> Move:
        self._values[channel, source] = (coarse, fine)
        return Move(source, channel, coarse) if fine is None else Move(source, channel, coarse << 7 | fine, 14)
