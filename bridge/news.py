"""News: what happens, the newest of its kind alone, for those who asked for it and do not know it yet. [any]

The host's thread leaves it here, the server's thread spreads it: what one cannot take now waits for its turn, and by
then it is what is, not what was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from legando.bridge import controlmessages as say
from legando.bridge.clients import Client
from legando.bridge.requests import value_of

Send = Callable[[bytes, say.FromServer], bool]
"""Sends to one client without waiting, and says whether it went."""


class News:
    """State: the newest event of each kind, with the mask of those who want it."""

    def __init__(self) -> None:
        self._newest: dict[int, tuple[int, say.FromServer]] = {}

    def tell(self, mask: int, event: say.FromServer) -> None:
        """Let those who asked for events of `mask` have this one; an older one of its kind is forgotten. [any]"""
        self._newest[event.CODE] = (mask, event)

    def spread(self, clients: Iterable[Client], values: Mapping[str, float], send: Send) -> None:
        """Send each client what it asked for and does not know yet. [control]"""
        for client in clients:
            for code, (mask, event) in tuple(self._newest.items()):
                if client.events & mask and client.told.get(code) != event and send(client.identity, event):
                    client.told[code] = event
            if client.events & say.VALUES and client.values != values:
                for name, value in values.items():
                    if client.values.get(name) != value and send(client.identity, value_of(name, value)):
                        client.values[name] = value
