"""A server whose sound tells where it came from, for a program of its own: `python signal_server.py OPTIONS`.

The bridge's real publisher and control server; the sound of each stream is `marked_at` of its place. What comes in over
the control socket is told on standard output, one line of JSON each; the first line says when frame 0 was due.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.bridge import controlmessages as say
from legando.bridge.control import ControlServer, Lead
from legando.bridge.publisher import Publisher
from legando.realtime.performing.ownevent import read_own_event
from legando.realtime.priority import HOST_PRIORITY, real_time
from legando.realtime.rigs.controlnames import CONTROLS

RATE_HZ = 48_000
MARKS = 1 << 24


def marked_at(position: int, frames: int, salt: int = 0) -> NDArray[np.float32]:
    """Return stereo: left counts the frames (modulo 2**24), right is noise of the place, each in 24 whole bits."""
    return marked_each(np.arange(position, position + frames, dtype=np.uint64), salt)


def marked_each(places: NDArray[np.uint64], salt: int = 0) -> NDArray[np.float32]:
    """Return the frame of each of some places; the same again after 2**24, 349 s."""
    count = places % np.uint64(MARKS)
    noise = ((count + np.uint64(salt * 7919)) * np.uint64(2654435761) ^ (count << np.uint64(17))) % np.uint64(MARKS)
    return np.asarray(np.stack([count, noise], axis=1).astype(np.float64) / (MARKS / 2) - 1.0, dtype=np.float32)


def tone_at(position: int, frames: int) -> NDArray[np.float32]:
    """Return a sine of 440 Hz on both sides, for what resamples."""
    phase = 2.0 * np.pi * 440.0 * np.arange(position, position + frames, dtype=np.float64) / RATE_HZ
    return np.repeat(np.sin(phase)[:, None] * 0.5, 2, axis=1).astype(np.float32)


def plain(came: Any) -> dict[str, Any]:
    """Return what a client has said as JSON can hold it."""
    if isinstance(came, Lead):
        return {
            "kind": "lead",
            "tempo_bpm": came.tempo_bpm,
            "tick": came.tick,
            "playing": came.playing,
            "frame_position": came.frame_position,
            "time_ns": came.time_ns,
        }
    own = read_own_event(came.message)
    if isinstance(own, tuple):
        return {"kind": "set", "name": own[0], "value": own[1], "time_ns": came.time_ns}
    return {"kind": "midi", "bytes": list(came.message), "time_ns": came.time_ns}


def tell(**said: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def listen(server: ControlServer, values: dict[str, float], clients: list[int]) -> None:
    """Tell what has come, and let clients hear what they have set."""
    if server.clients != clients[0]:
        clients[0] = server.clients
        tell(kind="clients", count=clients[0])
    for came in server.take():
        said = plain(came)
        if said["kind"] == "set":
            values[said["name"]] = said["value"]
        tell(**said, heard_ns=time.perf_counter_ns())
    server.tell_values(dict(values))


def main() -> None:
    """Serve until standard input is closed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--audio", required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--chunk", type=int, default=512)
    parser.add_argument("--start", type=int, default=0, help="position of the first frame")
    parser.add_argument("--streams", default="main")
    parser.add_argument("--tone", action="store_true")
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    parser.add_argument("--urgent", action="store_true", help="with the priority that legando's own server has")
    options = parser.parse_args()
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    chance = random.Random(1)
    names = options.streams.split(",")
    values = {name: 0.5 for name in CONTROLS if not name.startswith(("section", "mute", "panic", "tap", "key"))}
    io_priority = real_time(HOST_PRIORITY) if options.urgent else 0
    with Publisher(options.audio, stream=names[0], io_priority=io_priority) as publisher:
        tracks = [publisher.add(name) for name in names[1:]]
        infos = [
            say.StreamInfo(s.name, s.stream_id, s.sample_rate_hz, s.channels, int(s.sample_format), 0)
            for s in publisher.streams
        ]
        with ControlServer(options.control, streams=infos) as control:
            began_ns, position, clients = time.perf_counter_ns(), options.start, [0]
            addresses = {"audio": publisher.endpoint, "control": control.endpoint}
            tell(kind="start", began_ns=began_ns, position=position, **addresses)
            while not ended.is_set():
                due_ns = began_ns + (position - options.start + options.chunk) * 1_000_000_000 // RATE_HZ
                due_ns += int(chance.random() * options.jitter_ms * 1e6)
                while (left_ns := due_ns - time.perf_counter_ns()) > 0:
                    time.sleep(min(left_ns / 1e9, 0.01))
                    listen(control, values, clients)
                sound = tone_at(position, options.chunk) if options.tone else marked_at(position, options.chunk)
                publisher.publish(sound, position)
                for salt, track in enumerate(tracks, 1):
                    track.publish(marked_at(position, options.chunk, salt), position)
                position += options.chunk
                listen(control, values, clients)


if __name__ == "__main__":
    main()
