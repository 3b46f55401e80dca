"""The MIDI process: ports live here, so that a MIDI system that dies or hangs takes nothing else along. [control]

Only small messages cross to the host (`midilink` has the table). RtMidi's threads put what comes on a queue; one thread
passes it on, another hears the host; clock out has its own. When the host is gone, so is this process.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection

from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.midi.midiinput import LiveMessage, NoMidiSystemError
from legando.realtime.midi.midilink import MidiSettings, pack_message, unpack_notes, unpack_tick
from legando.realtime.midi.ports import Ports
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.ring import Ring

_NEWS_S = 0.5
_CLOSE_S = 5.0


def run(connection: Connection, settings: MidiSettings) -> None:
    """Open the ports, then carry messages until the host says so or is gone. [control]"""
    to_host: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def deliver(live: LiveMessage) -> None:
        to_host.put(pack_message(live.time_ns, live.message))

    def tell(names: tuple[str, ...], openings: int) -> None:
        to_host.put(b"P" + json.dumps({"names": names, "openings": openings}).encode())

    ports = Ports(settings.midi_rig, settings.clock_rig, deliver, tell, every_s=settings.every_s)
    try:
        ports.open()
    except DeviceError as error:
        kind = "system" if isinstance(error, NoMidiSystemError) else "device"
        connection.send_bytes(b"E" + json.dumps([kind, str(error)]).encode())
        return
    to_host.put(b"R" + json.dumps({"names": ports.midi.names, "on_jack": ports.on_jack}).encode())
    ended = threading.Event()

    def pass_on() -> None:
        real_time(HOST_PRIORITY)
        while not ended.is_set():
            for sentence in ports.take_news():
                connection.send_bytes(b"N" + sentence.encode())
            with contextlib.suppress(queue.Empty):
                connection.send_bytes(to_host.get(timeout=_NEWS_S))
        with contextlib.suppress(queue.Empty, OSError):
            while True:
                connection.send_bytes(to_host.get_nowait())

    def carry() -> None:
        with contextlib.suppress(OSError):
            pass_on()

    carrier = threading.Thread(target=carry, name="to the host", daemon=True)
    carrier.start()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.0005)
    ring: Ring | None = None
    try:
        while (data := connection.recv_bytes()) != b"Q":
            letter, rest = data[:1], data[1:]
            if letter == b"S":
                ports.light(rest)
            elif letter == b"B":
                ports.begins(*unpack_tick(rest))
            elif letter == b"O":
                ports.play(unpack_notes(rest))
            elif letter == b"C" and ring is None:
                told = json.loads(rest)
                ring = Ring.attach(told["ring"])
                ports.start_clock(
                    ring,
                    sample_rate_hz=ring.sample_rate_hz,
                    block_frames=told["block_frames"],
                    latency_frames=told["latency_frames"],
                )
    finally:
        signal.setitimer(signal.ITIMER_REAL, _CLOSE_S)  # closing a port of a dead JACK server may never return
        ports.close()
        ended.set()
        carrier.join(2 * _NEWS_S)


def main() -> int:
    """Read the arguments that the host gives, and run. [control]"""
    parser = argparse.ArgumentParser(description="Carry MIDI for a legando host (started by it).")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    arguments = parser.parse_args()
    try:
        run(Connection(os.dup(arguments.fd)), MidiSettings(**arguments.settings))
    except LegandoError as error:
        print(error, file=sys.stderr)  # noqa: T201  the host reads our last words
        return 2
    except (EOFError, OSError):  # the host is gone
        return 0
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # closing what a dead sound server left behind may hang or crash
