"""Ports of other programs on the JACK server of now, as controllers, synthesizers and drum machines have them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from legando.realtime.playing.devices import quiet_stderr


@contextmanager
def source(client: str, port: str) -> Iterator[Any]:
    """Offer a port that others can hear, as a controller does."""
    import rtmidi

    with quiet_stderr():
        out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=client)
        out.open_virtual_port(port)
    try:
        yield out
    finally:
        out.close_port()
        out.delete()


def stop(listener: Any) -> None:
    """Close a JACK port that has a callback: the callback goes when no message can be on its way to it.

    RtMidi looks for the callback and calls it in JACK's thread with no lock: taken away before the port, it may be
    called while it is null.
    """
    listener.close_port()
    time.sleep(0.05)  # several periods of the server: what it had begun to deliver is through
    listener.cancel_callback()
    listener.delete()


@contextmanager
def sink(client: str, port: str) -> Iterator[list[tuple[float, bytes]]]:
    """Offer a port that others can send to; what comes is kept with its time."""
    import rtmidi

    got: list[tuple[float, bytes]] = []
    with quiet_stderr():
        listener = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=client)
        listener.ignore_types(sysex=True, timing=False, active_sense=True)
        listener.set_callback(lambda event, _: got.append((time.perf_counter(), bytes(event[0]))))
        listener.open_virtual_port(port)
    try:
        yield got
    finally:
        stop(listener)
