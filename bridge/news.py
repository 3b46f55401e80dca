"""News: what happens, the newest of its kind alone, for those who asked for it and do not know it yet. [any]

The host's thread leaves it here, the server's thread spreads it: what one cannot take now waits for its turn, and by
then it is what is, not what was. Notes alone are a line of which each counts: who cannot take one gets it later, and
loses the oldest of too many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from legando.bridge import controlmessages as say
from legando.bridge.clients import Client
from legando.bridge.notes import notes_events
from legando.bridge.requests import value_of

NOTES_KEPT = 256

Send = Callable[[bytes, say.FromServer], bool]
"""Sends to one client without waiting, and says whether it went."""


class News:
    """State: the newest event of each kind, with the mask of those who want it; the last notes."""

    def __init__(self) -> None:
        self._newest: dict[int, tuple[int, say.FromServer]] = {}
        self._notes: deque[say.NotesEvent] = deque(maxlen=NOTES_KEPT)
        self._sequence = 0

    def tell(self, mask: int, event: say.FromServer) -> None:
        """Let those who asked for events of `mask` have this one; an older one of its kind is forgotten. [any]"""
        self._newest[event.CODE] = (mask, event)

    def play(self, frame: int, messages: Sequence[tuple[int, bytes]]) -> None:
        """Let those who asked for notes have those of the chunk at `frame`. [any]"""
        events = notes_events(self._sequence, frame, messages)
        self._notes.extend(events)
        self._sequence += len(events)

    def spread(self, clients: Iterable[Client], values: Mapping[str, float], send: Send) -> None:
        """Send each client what it asked for and does not know yet. [control]"""
        for client in clients:
            for code, (mask, event) in tuple(self._newest.items()):
                if client.events & mask and client.told.get(code) != event and send(client.identity, event):
                    client.told[code] = event
            if client.events & say.NOTES:
                self._play_to(client, send)
            if client.events & say.VALUES and client.values != values:
                for name, value in values.items():
                    if client.values.get(name) != value and send(client.identity, value_of(name, value)):
                        client.values[name] = value

    def _play_to(self, client: Client, send: Send) -> None:
        """Send a client the notes that it has not had, in order; one that comes hears those to come."""
        if client.next_notes is None:
            client.next_notes = self._sequence
        for event in tuple(self._notes):
            if event.sequence >= client.next_notes:
                if not send(client.identity, event):
                    return
                client.next_notes = event.sequence + 1
