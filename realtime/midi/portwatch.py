"""Port watch: what ports there are, looked at once a second, so that controllers may come and go. [control]

Its one thread lists names and opens and closes ports; nothing that makes sound waits for it. A MIDI system that dies is
asked for again until it answers.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

import rtmidi

from legando.realtime.errors import DeviceError
from legando.realtime.midi.livemessage import NoMidiSystemError
from legando.realtime.playing.devices import quiet_stderr

APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}
CLIENT_NAME = "legando"
EVERY_S = 1.0
QUEUE_MESSAGES = 8192
"""How many messages RtMidi keeps where it is polled."""

PortKey = tuple[str, int]
"""A port's name, and which one of those with the same name it is."""


def open_client(kind: Any, api: str, name: str = CLIENT_NAME) -> Any:
    """Open an `rtmidi.MidiIn` or `MidiOut` on the named API, or on the first that answers. [control]"""
    compiled = rtmidi.get_compiled_api()
    for choice in list(APIS) if api == "auto" else [api]:
        if APIS[choice] in compiled:
            # without a sequencer or server the constructor raises SystemError
            with contextlib.suppress(rtmidi.RtMidiError, SystemError), quiet_stderr():
                extra = {"queue_size_limit": QUEUE_MESSAGES} if kind is rtmidi.MidiIn else {}
                return kind(APIS[choice], name=name, **extra)
    what = "no MIDI system answers" if api == "auto" else f"the MIDI system {api!r} does not answer"
    raise NoMidiSystemError(f"{what}; connect a controller or start one, such as JACK, or play a file with --midi")


def offer_port(kind: Any, api: str, name: str, *, client: str = CLIENT_NAME, setting: str) -> Any:
    """Open a client with a port that others connect to. Raises DeviceError where the system offers none. [control]

    `setting` is what in the rig asks for it.
    """
    offering = open_client(kind, api, client)
    try:
        offering.open_virtual_port(name)
    except (NotImplementedError, rtmidi.RtMidiError) as error:
        offering.delete()
        raise DeviceError(f"cannot offer the MIDI port {name!r}: {error}; leave out {setting}") from error
    return offering


def foreign_ports(names: Sequence[str]) -> dict[PortKey, int]:
    """Return the index of each port that is not ours, by name and which one of that name. [any]"""
    keys: dict[PortKey, int] = {}
    for index, name in enumerate(names):
        if not name.lower().startswith(CLIENT_NAME):
            keys[name, sum(1 for known, _ in keys if known == name)] = index
    return keys


def same_device(name: str, other: str) -> bool:
    """Say whether an input's and an output's name belong to one device: equal but for direction and numbers. [any]"""
    return name == other or _plain(name) == _plain(other)


def _plain(name: str) -> str:
    name = re.sub(r"\b(capture|playback|input|output|in|out)\b|[-\s]\d+(:\d+)?\b", " ", name.lower())
    return " ".join(re.findall(r"[^\W_]+", name))


class Lister:
    """The names of ports of one kind. When all have gone at once it asks for a new client: the system may have died."""

    def __init__(self, kind: Any, api: str) -> None:
        self._kind, self._api = kind, api
        self._client: Any = open_client(kind, api)
        self._had_ports = False
        self.renewals = 0
        """How often there was a new client: what hung on the old system must be opened again."""

    def names(self) -> list[str]:
        """Return the names of now; none while no system answers."""
        names = self._ask()
        if not names and (self._had_ports or self._client is None):
            self.renew()
            names = self._ask()
        self._had_ports = bool(names)
        return names

    @property
    def api(self) -> int:
        """RtMidi's number of the API in use; -1 while none answers."""
        return int(self._client.get_current_api()) if self._client is not None else -1

    def renew(self) -> None:
        """Ask the system for a new client."""
        self.close()
        with contextlib.suppress(NoMidiSystemError):
            self._client = open_client(self._kind, self._api)
            self.renewals += 1

    def close(self) -> None:
        """Let go of the client."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(rtmidi.RtMidiError, SystemError):
                client.delete()

    def _ask(self) -> list[str]:
        if self._client is not None:
            with contextlib.suppress(rtmidi.RtMidiError, SystemError):
                return list(self._client.get_ports())
        return []


class PortWatch:
    """Calls what looks after ports every second, on a thread of its own."""

    def __init__(self, *looks: Callable[[], None], every_s: float = EVERY_S) -> None:
        self._looks = looks
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midi ports", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop it; a MIDI system that hangs cannot hold us up, since the thread is a daemon."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            for look in self._looks:
                look()
