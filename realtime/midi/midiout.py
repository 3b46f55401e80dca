"""Live MIDI output: every port that is wanted gets every message, and ports may come and go. [control]

One port may be offered besides, for programs that connect to it themselves.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import rtmidi

from legando.realtime.errors import DeviceError
from legando.realtime.midi.portwatch import Lister, PortKey, foreign_ports, offer_port, open_client


class MidiOutputs:
    """The open outputs whose names are wanted. `look` belongs to the port watch; any thread may `send`.

    Each port that opens is sent the `greeting` first.
    """

    def __init__(
        self, api: str, wants: Callable[[str], bool], label: str, *, greeting: Sequence[bytes] = (), virtual: str = ""
    ) -> None:
        """Open nothing yet but the `virtual` port. Raises DeviceError where the system offers none."""
        self._api = api
        self._wants = wants
        self._label = label
        self._lister = Lister(rtmidi.MidiOut, api)
        self._ports: dict[PortKey, Any] = {}
        self._lock = threading.Lock()
        self._greeting = tuple(greeting)
        self._offered = virtual
        self._virtual = self._offer() if virtual else None
        self.openings = 0
        """Grows when a port opens: it knows nothing of what the others have been told."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the open ports."""
        return tuple(name for name, _ in sorted(self._ports))

    @property
    def on_jack(self) -> bool:
        """Whether the ports are JACK's."""
        return bool(self._lister.api == rtmidi.API_UNIX_JACK)

    def look(self) -> None:
        """Open what has appeared, close what has vanished."""
        renewals = self._lister.renewals
        found = foreign_ports(self._lister.names())
        if self._lister.renewals != renewals and self._offered:
            self._withdraw()
            with contextlib.suppress(DeviceError):  # a system that is dead; the next look asks again
                self._virtual = self._offer()
        gone = list(self._ports) if self._lister.renewals != renewals else [k for k in self._ports if k not in found]
        for key in gone:
            self._close(key)
        for key, index in found.items():
            if key not in self._ports and self._wants(key[0]):
                self._open(key, index)

    def send(self, message: bytes) -> None:
        """Send a message to all; a port that refuses it is left to the next look."""
        with self._lock:
            for client in (*self._ports.values(), *((self._virtual,) if self._virtual is not None else ())):
                with contextlib.suppress(rtmidi.RtMidiError, SystemError):
                    client.send_message(message)

    def close(self) -> None:
        """Close all."""
        for key in list(self._ports):
            self._close(key)
        self._withdraw()
        self._lister.close()

    def _offer(self) -> Any:
        return offer_port(rtmidi.MidiOut, self._api, self._offered, setting="virtual")

    def _withdraw(self) -> None:
        with self._lock:
            client, self._virtual = self._virtual, None
        if client is not None:
            with contextlib.suppress(rtmidi.RtMidiError, SystemError):
                client.close_port()
                client.delete()

    def _open(self, key: PortKey, index: int) -> None:
        with contextlib.suppress(rtmidi.RtMidiError, SystemError):
            client = open_client(rtmidi.MidiOut, self._api)
            if client.get_port_name(index) != key[0]:
                client.delete()
                return
            client.open_port(index, self._label)
            for message in self._greeting:
                client.send_message(message)
            with self._lock:
                self._ports[key] = client
            self.openings += 1

    def _close(self, key: PortKey) -> None:
        with self._lock:
            client = self._ports.pop(key, None)
        if client is not None:
            with contextlib.suppress(rtmidi.RtMidiError, SystemError):
                client.close_port()
                client.delete()
