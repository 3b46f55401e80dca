"""Live MIDI input: ports by name, messages with the time at which they came. [control]

RtMidi calls `_Port.receive` on its own thread, which only stamps the bytes and puts them on a queue; the host takes
them from there. Nothing else happens on that thread.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import rtmidi

from legando.realtime.devices import quiet_stderr
from legando.realtime.errors import DeviceError
from legando.realtime.midistream import MidiStream
from legando.realtime.rig import MidiRig

_APIS = {
    "alsa": rtmidi.API_LINUX_ALSA,
    "jack": rtmidi.API_UNIX_JACK,
    "core": rtmidi.API_MACOSX_CORE,
    "windows": rtmidi.API_WINDOWS_MM,
}
CLIENT_NAME = "legando"


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A whole MIDI message and the `time.perf_counter_ns()` at which it came."""

    time_ns: int
    message: bytes


class NoMidiSystemError(DeviceError):
    """This machine has no MIDI system that answers, so that there are no ports at all."""


class _Port:
    """One open input. Owned by RtMidi's thread while it is open."""

    def __init__(self, client: Any, name: str, deliver: Callable[[LiveMessage], None]) -> None:
        self.client = client
        self.name = name
        self._deliver = deliver
        self._stream = MidiStream()
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        client.set_callback(self.receive)

    def receive(self, event: tuple[list[int], float], _: object = None) -> None:
        now_ns = time.perf_counter_ns()
        for message in self._stream.feed(bytes(event[0])):
            self._deliver(LiveMessage(now_ns, message))

    def close(self) -> None:
        self.client.cancel_callback()
        self.client.close_port()
        self.client.delete()


class MidiInput:
    """All open input ports as one queue of messages."""

    def __init__(self, on_message: Callable[[LiveMessage], None] | None = None) -> None:
        self._queue: queue.SimpleQueue[LiveMessage] = queue.SimpleQueue()
        self._on_message = on_message
        self._ports: list[_Port] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the open ports."""
        return tuple(port.name for port in self._ports)

    def open(self, rig: MidiRig) -> None:
        """Open the ports that a rig names and the virtual one that it offers.

        Raises DeviceError when a named port is missing, with the names that exist, and NoMidiSystemError when no MIDI
        system answers.
        """
        if not rig.inputs and not rig.virtual_input:
            return
        for index, name in _choose(rig, input_names(rig.api)):
            client = _client(rig.api)
            client.open_port(index, "in")
            self._ports.append(_Port(client, name, self._deliver))
        if rig.virtual_input:
            client = _client(rig.api, rig.virtual_input)
            try:
                client.open_virtual_port(rig.virtual_input)
            except (NotImplementedError, rtmidi.RtMidiError) as error:
                raise DeviceError(f"cannot offer the MIDI port {rig.virtual_input!r}: {error}; leave it out") from error
            self._ports.append(_Port(client, rig.virtual_input, self._deliver))

    def take(self) -> Iterator[LiveMessage]:
        """Yield the messages that have come since the last call, oldest first."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._queue.get_nowait()

    def close(self) -> None:
        """Close all ports."""
        while self._ports:
            self._ports.pop().close()

    def _deliver(self, message: LiveMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)
        self._queue.put(message)


def input_names(api: str = "auto") -> tuple[str, ...]:
    """Return the names of the MIDI input ports of this machine. [control]"""
    client = _client(api)
    try:
        return tuple(client.get_ports())
    finally:
        client.delete()


def _choose(rig: MidiRig, names: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return index and name of each port that a rig asks for, each once, leaving out our own."""
    foreign = [(i, name) for i, name in enumerate(names) if not name.lower().startswith(CLIENT_NAME)]
    chosen: dict[int, str] = {}
    for wanted in rig.inputs:
        matches = foreign if wanted == "*" else [(i, n) for i, n in foreign if wanted.lower() in n.lower()]
        if not matches and wanted != "*":
            have = ", ".join(repr(name) for _, name in foreign) or "none"
            raise DeviceError(f"there is no MIDI input {wanted!r}; connect it or choose from: {have}")
        chosen.update(matches)
    return sorted(chosen.items())


def _client(api: str, name: str = CLIENT_NAME) -> Any:
    """Open an RtMidi client on the named API, or on the first that answers."""
    compiled = rtmidi.get_compiled_api()
    wanted = list(_APIS) if api == "auto" else [api]
    for choice in wanted:
        if _APIS[choice] in compiled:
            # without a sequencer or server the constructor raises SystemError
            with contextlib.suppress(rtmidi.RtMidiError, SystemError), quiet_stderr():
                return rtmidi.MidiIn(_APIS[choice], name=name)
    what = "no MIDI system answers" if api == "auto" else f"the MIDI system {api!r} does not answer"
    raise NoMidiSystemError(f"{what}; connect a controller or start one, such as JACK, or play a file with --midi")
