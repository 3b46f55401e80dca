"""Live MIDI input: ports by name that may come and go, messages with the time at which they came. [control]

RtMidi calls `_Port.receive` on its own thread, which only stamps the bytes and hands them on. JACK's ports are polled
every millisecond instead: their callback would run in JACK's own thread, and while it waits for the interpreter JACK
writes the next period over messages that have not been read. The port watch opens what appears and closes what has
vanished; the notes that a vanished port held end.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import rtmidi

from legando.realtime.errors import DeviceError
from legando.realtime.midi.livemessage import LiveMessage as LiveMessage
from legando.realtime.midi.livemessage import NoMidiSystemError as NoMidiSystemError
from legando.realtime.midi.midistream import MidiStream
from legando.realtime.midi.portname import matches
from legando.realtime.midi.portwatch import Lister, PortKey, foreign_ports, offer_port, open_client
from legando.realtime.performing.keys import Held
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.rigs.rig import ClockRig, MidiRig
from legando.realtime.taken import taken

_POLL_S = 0.001
_CLOCK_KINDS = (0xF2, 0xF8, 0xFA, 0xFB, 0xFC)
"""Song position, clock, start, continue, stop."""


class _Port:
    """One open input. Owned by RtMidi's thread while it is open."""

    def __init__(
        self,
        client: Any,
        name: str,
        deliver: Callable[[LiveMessage], None],
        is_echo: Callable[[str, bytes], bool],
        *,
        plays: bool,
        leads: bool,
    ) -> None:
        self.client = client
        self.name = name
        self._deliver = deliver
        self._is_echo = is_echo
        self._plays, self._leads = plays, leads
        self._stream = MidiStream()
        self._held = Held()
        client.ignore_types(sysex=True, timing=False, active_sense=True)
        self._lock = threading.Lock()  # between the poll and the port watch
        self._closed = False
        self.polled = client.get_current_api() == rtmidi.API_UNIX_JACK
        if not self.polled:
            client.set_callback(self.receive)

    def poll(self) -> None:
        """Take what RtMidi has kept."""
        with self._lock:
            while not self._closed and (event := self.client.get_message()) is not None:
                self.receive(event)

    def receive(self, event: tuple[list[int], float], _: object = None) -> None:
        now_ns = time.perf_counter_ns()
        for message in self._stream.feed(bytes(event[0])):
            if self._is_echo(self.name, message):
                continue
            if self._leads if message[0] in _CLOCK_KINDS else self._plays:
                self._held.feed(message)
                self._deliver(LiveMessage(now_ns, message))

    def close(self) -> None:
        """Close the port, and end what it held."""
        with self._lock, contextlib.suppress(rtmidi.RtMidiError, SystemError):
            self._closed = True
            if not self.polled:
                self.client.cancel_callback()
            self.client.close_port()
            self.client.delete()
        now_ns = time.perf_counter_ns()
        for ending in self._held.endings():
            self._deliver(LiveMessage(now_ns, ending))


class MidiInput:
    """All open input ports as one queue of messages. `look` belongs to the port watch, the rest to the host.

    `is_echo` says of a port's name and a message whether that is one of ours that comes back, which nobody hears.
    """

    def __init__(
        self,
        on_message: Callable[[LiveMessage], None] | None = None,
        *,
        is_echo: Callable[[str, bytes], bool] = lambda _name, _message: False,
    ) -> None:
        self._is_echo = is_echo
        self._queue: queue.SimpleQueue[LiveMessage] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._on_message = on_message
        self._ports: dict[PortKey, _Port] = {}
        self._virtual: _Port | None = None
        self._refused: set[PortKey] = set()
        self._lister: Lister | None = None
        self._lock = threading.Lock()
        self._poller: threading.Thread | None = None
        self._closed = threading.Event()
        self._rig = MidiRig()
        self._clock_from = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the open ports."""
        virtual = (self._virtual.name,) if self._virtual is not None else ()
        return (*(name for name, _ in sorted(self._ports)), *virtual)

    def open(self, rig: MidiRig, clock: ClockRig | None = None) -> None:
        """Open the ports that a rig names and the virtual one that it offers; those to come are opened by `look`.

        Raises NoMidiSystemError when no MIDI system answers, DeviceError when it offers no virtual ports. A port that
        is named but not there yet is in the news.
        """
        self._rig = rig
        self._clock_from = clock.input if clock is not None else ""
        if not rig.inputs and not rig.virtual_input and not self._clock_from:
            return
        self._lister = Lister(rtmidi.MidiIn, rig.api)
        self._offer_virtual()
        self._look(first=True)
        if self.api == rtmidi.API_UNIX_JACK:
            self._poller = threading.Thread(target=self._poll, name="midi in", daemon=True)
            self._poller.start()

    def look(self) -> None:
        """Open what has appeared, close what has vanished. For the port watch."""
        with self._lock, contextlib.suppress(DeviceError):  # a system that is dead; the next look asks again
            if self._lister is not None:
                self._look(first=False)

    @property
    def api(self) -> int:
        """RtMidi's number of the API in use; -1 without one."""
        return self._lister.api if self._lister is not None else -1

    def take(self) -> Iterator[LiveMessage]:
        """Yield the messages that have come since the last call, oldest first; none where `on_message` takes them."""
        return taken(self._queue)

    def take_news(self) -> Iterator[str]:
        """Yield what has happened to ports since the last call, a sentence each."""
        return taken(self._news)

    def close(self) -> None:
        """Close all ports; a MIDI system that hangs is left behind."""
        self._closed.set()
        if self._poller is not None:
            self._poller.join(1.0)
        if not self._lock.acquire(timeout=1.0):
            return
        try:
            while self._ports:
                self._ports.popitem()[1].close()
            if self._virtual is not None:
                self._virtual.close()
            if self._lister is not None:
                self._lister.close()
            self._virtual = self._lister = None
        finally:
            self._lock.release()

    def _look(self, *, first: bool) -> None:
        assert self._lister is not None
        renewals = self._lister.renewals
        found = foreign_ports(self._lister.names())
        self._close_ports([key for key in self._ports if key not in found], say=True)
        if self._lister.renewals != renewals:  # what is left hangs on a system that may be dead
            self._close_ports(list(self._ports), say=False)
            self._offer_virtual()
        self._refused &= set(found)
        for key, index in found.items():
            if key not in self._ports and self._wants(key[0]):
                self._open_port(key, index, say=not first)
        if first:
            self._tell_missing([name for name, _ in found])

    def _poll(self) -> None:
        """Ask each port for what has come. On the poller's thread."""
        real_time(HOST_PRIORITY)
        while not self._closed.is_set():
            time.sleep(_POLL_S)  # an event would cost five times as much
            for port in (*list(self._ports.values()), self._virtual):
                if port is not None and port.polled:
                    port.poll()

    def _wants(self, name: str) -> bool:
        return any(matches(wanted, name) for wanted in (*self._rig.inputs, self._clock_from))

    def _open_port(self, key: PortKey, index: int, *, say: bool) -> None:
        name = key[0]
        client = open_client(rtmidi.MidiIn, self._rig.api)
        try:
            if client.get_port_name(index) != name:  # it moved since we looked; the next look finds it
                client.delete()
                return
            client.open_port(index, "in")
        except (rtmidi.RtMidiError, SystemError) as error:
            client.delete()
            if key not in self._refused:
                self._refused.add(key)
                self._news.put(f"MIDI input {name} does not open ({error}); is it in use? it will be tried again")
            return
        self._refused.discard(key)
        self._ports[key] = self._port(client, name)
        if say:
            self._news.put(f"MIDI input {name} is here")

    def _port(self, client: Any, name: str) -> _Port:
        plays = any(matches(wanted, name) for wanted in self._rig.inputs)
        leads = matches(self._clock_from, name) if self._clock_from else True
        return _Port(client, name, self._deliver, self._is_echo, plays=plays, leads=leads)

    def _close_ports(self, keys: list[PortKey], *, say: bool) -> None:
        for key in keys:
            self._ports.pop(key).close()
            if say:
                self._news.put(f"MIDI input {key[0]} has gone; it will be used again when it is back")

    def _offer_virtual(self) -> None:
        name = self._rig.virtual_input
        if not name:
            return
        if self._virtual is not None:
            self._virtual.close()
            self._virtual = None
        client = offer_port(rtmidi.MidiIn, self._rig.api, name, client=name, setting="virtual_input")
        leads = not self._clock_from
        self._virtual = _Port(client, name, self._deliver, self._is_echo, plays=True, leads=leads)

    def _tell_missing(self, names: list[str]) -> None:
        have = ", ".join(repr(name) for name in names) or "none"
        for wanted in (*self._rig.inputs, self._clock_from):
            if wanted and wanted != "*" and not any(matches(wanted, name) for name in names):
                self._news.put(f"there is no MIDI input {wanted!r} yet; it will be used when it comes; now: {have}")

    def _deliver(self, message: LiveMessage) -> None:
        if self._on_message is not None:
            self._on_message(message)
        else:
            self._queue.put(message)


def input_names(api: str = "auto") -> tuple[str, ...]:
    """Return the names of the MIDI input ports of this machine. [control]"""
    return _names(rtmidi.MidiIn, api)


def output_names(api: str = "auto") -> tuple[str, ...]:
    """Return the names of the MIDI output ports of this machine. [control]"""
    return _names(rtmidi.MidiOut, api)


def _names(kind: Any, api: str) -> tuple[str, ...]:
    client = open_client(kind, api)
    try:
        return tuple(client.get_ports())
    finally:
        client.delete()
