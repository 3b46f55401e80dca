"""Live MIDI output: every port that is wanted gets every message, and ports may come and go. [control]"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import rtmidi

from legando.realtime.midi.portwatch import Lister, PortKey, foreign_ports, open_client


class MidiOutputs:
    """The open outputs whose names are wanted. `look` belongs to the port watch; any thread may `send`."""

    def __init__(self, api: str, wants: Callable[[str], bool], label: str) -> None:
        self._api = api
        self._wants = wants
        self._label = label
        self._lister = Lister(rtmidi.MidiOut, api)
        self._ports: dict[PortKey, Any] = {}
        self._lock = threading.Lock()
        self.openings = 0
        """Grows when a port opens: it knows nothing of what the others have been told."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the open ports."""
        return tuple(name for name, _ in sorted(self._ports))

    def look(self) -> None:
        """Open what has appeared, close what has vanished."""
        renewals = self._lister.renewals
        found = foreign_ports(self._lister.names())
        gone = list(self._ports) if self._lister.renewals != renewals else [k for k in self._ports if k not in found]
        for key in gone:
            self._close(key)
        for key, index in found.items():
            if key not in self._ports and self._wants(key[0]):
                self._open(key, index)

    def send(self, message: bytes) -> None:
        """Send a message to all; a port that refuses it is left to the next look."""
        with self._lock:
            for client in self._ports.values():
                with contextlib.suppress(rtmidi.RtMidiError, SystemError):
                    client.send_message(message)

    def close(self) -> None:
        """Close all."""
        for key in list(self._ports):
            self._close(key)
        self._lister.close()

    def _open(self, key: PortKey, index: int) -> None:
        with contextlib.suppress(rtmidi.RtMidiError, SystemError):
            client = open_client(rtmidi.MidiOut, self._api)
            if client.get_port_name(index) != key[0]:
                client.delete()
                return
            client.open_port(index, self._label)
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
