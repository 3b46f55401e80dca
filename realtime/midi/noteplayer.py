"""The notes that sound at the ports, and those that should: nothing hangs, whatever is muted or lost. [any]"""

from __future__ import annotations

from collections.abc import Callable

from legando.realtime.midi.channels import NOTE_OFF, NOTE_ON

Key = tuple[int, int]
"""Channel from 0, pitch."""


class NotePlayer:
    """Passes messages on to `send`. State: keys that the music holds, with how they are struck, and keys that are down.

    While it is quiet no key is down; afterwards what the music still holds is struck again.
    """

    def __init__(self, send: Callable[[bytes], None], *, drums: int | None) -> None:
        self._send = send
        self._drums = drums
        self._held: dict[Key, int] = {}
        self._down: set[Key] = set()
        self._quiet = False

    @property
    def down(self) -> frozenset[Key]:
        """The keys that are down."""
        return frozenset(self._down)

    def play(self, message: bytes) -> None:
        """Take a note on or a note off."""
        status, pitch, velocity = message
        key = status & 0x0F, pitch
        if status & 0xF0 == NOTE_ON:
            self._held[key] = velocity
            if not self._quiet:
                self._press(key, velocity)
        else:
            self._held.pop(key, None)
            self._lift(key)

    def skip(self, message: bytes) -> None:
        """Take a message that comes too late to be heard: what it ends has ended, what it begins is left out."""
        if message[0] & 0xF0 == NOTE_ON:
            self._lift((message[0] & 0x0F, message[1]))
        else:
            self.play(message)

    def be_quiet(self, quiet: bool) -> None:
        """Lift all keys, or strike again what the music holds; a drum is over."""
        if quiet == self._quiet:
            return
        self._quiet = quiet
        if quiet:
            for key in sorted(self._down):
                self._lift(key)
            return
        for key, velocity in self._held.items():
            if key[0] != self._drums:
                self._press(key, velocity)

    def forget(self) -> None:
        """Lift all keys; the music holds nothing any more."""
        self._held.clear()
        for key in sorted(self._down):
            self._lift(key)

    def _press(self, key: Key, velocity: int) -> None:
        self._lift(key)
        self._down.add(key)
        self._send(bytes((NOTE_ON | key[0], key[1], velocity)))

    def _lift(self, key: Key) -> None:
        if key in self._down:
            self._down.discard(key)
            self._send(bytes((NOTE_OFF | key[0], key[1], 0)))
