"""Echoes: notes that we have sent and that come back, through a port that returns what it gets. [any]

ALSA's `Midi Through`, an IAC bus or a synthesizer with soft thru would otherwise let legando play along with itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from legando.realtime.midi.channels import NOTE_OFF, NOTE_ON

BACK_NS = 250_000_000
"""How long a note may be on its way."""
_MOST = 512


class Echoes:
    """Knows what was sent a moment ago. `sent` and `came` may be called on any thread."""

    def __init__(self, send: Callable[[bytes], None], now_ns: Callable[[], int]) -> None:
        self._send = send
        self._now_ns = now_ns
        self._out: deque[tuple[int, bytes]] = deque(maxlen=_MOST)
        self._lock = threading.Lock()

    def send(self, message: bytes) -> None:
        """Send a message, and remember it."""
        with self._lock:
            self._out.append((self._now_ns(), _plain(message)))
        self._send(message)

    def came(self, message: bytes) -> bool:
        """Say whether a message is one of ours that has come back; each comes back once."""
        plain = _plain(message)
        with self._lock:
            since_ns = self._now_ns() - BACK_NS
            while self._out and self._out[0][0] < since_ns:
                self._out.popleft()
            for entry in self._out:
                if entry[1] == plain:
                    self._out.remove(entry)
                    return True
        return False


def _plain(message: bytes) -> bytes:
    """Return a message as it may come back: a note off may be a note on without velocity, or have one."""
    kind = message[0] & 0xF0
    if kind == NOTE_OFF or (kind == NOTE_ON and message[2] == 0):
        return bytes((NOTE_OFF | message[0] & 0x0F, message[1], 0))
    return message
