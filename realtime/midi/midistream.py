"""A stream of MIDI bytes cut into whole messages, whatever the other side sends. [any]

Follows the MIDI 1.0 byte stream rules: running status, real-time bytes in the middle of other messages, system
exclusive skipped, data without a status dropped. Never raises, keeps at most one unfinished message.
"""

from __future__ import annotations

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
_SYSTEM_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}
_REAL_TIME = 0xF8


class MidiStream:
    """State: the running status and the data bytes collected for it."""

    def __init__(self) -> None:
        self._status = 0  # 0: none, data bytes are dropped
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that these bytes complete."""
        done: list[bytes] = []
        for byte in data:
            if byte >= _REAL_TIME:
                done.append(bytes((byte,)))
            elif byte >= 0x80:
                self._data.clear()
                self._status = byte
                if _SYSTEM_DATA_BYTES.get(byte) == 0:
                    done.append(bytes((byte,)))
                    self._status = 0
                elif byte >= 0xF0 and byte not in _SYSTEM_DATA_BYTES:  # exclusive, its end, undefined: drop the data
                    self._status = 0
            elif self._status:
                self._data.append(byte)
                if len(self._data) == self._length():
                    done.append(bytes((self._status,)) + bytes(self._data))
                    self._data.clear()
                    if self._status >= 0xF0:  # system messages have no running status
                        self._status = 0
        return done

    def _length(self) -> int:
        return _SYSTEM_DATA_BYTES[self._status] if self._status >= 0xF0 else _DATA_BYTES[self._status & 0xF0]
