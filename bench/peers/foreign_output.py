"""A ramp to the sound device beside a load that holds the interpreter lock; runs in the environment `sound`. [audio]

Nothing of legando is imported here. `sounddevice`: its callback in Python makes the ramp, in the loaded process.
`rtmixer`: its callback in C takes the ramp from a ring buffer that a thread of the loaded process fills half a second
ahead. The load sorts numbers: one call in C that keeps the lock for 10 to 30 ms, again and again.
"""

from __future__ import annotations

import importlib
import random
import sys
import threading
import time
from typing import Any

RATE_HZ = 48_000
PERIOD = 1 << 20
AHEAD_FRAMES = 24_000
NUMBERS = 60_000


def hold_the_lock(until: float) -> None:
    """Sort numbers until then."""
    numbers = [random.random() for _ in range(NUMBERS)]
    while time.monotonic() < until:
        sorted(numbers)


def jack_device(sounddevice: Any) -> int:
    """Return the JACK server's device."""
    for api in sounddevice.query_hostapis():
        if "JACK" in api["name"]:
            for index in api["devices"]:
                if sounddevice.query_devices(index)["max_output_channels"] >= 2:
                    return int(index)
    raise SystemExit("no JACK server answers")


def ramp(numpy: Any, first: int, count: int) -> Any:
    """Return so many frames of the ramp, from frame `first` on."""
    values = (numpy.arange(first, first + count) % PERIOD + 1).astype("float32") / (2.0 * PERIOD)
    return numpy.repeat(values[:, None], 2, axis=1)


def main() -> None:
    """Play: PROGRAM KIND BLOCK SECONDS."""
    kind, block, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    numpy, sounddevice = importlib.import_module("numpy"), importlib.import_module("sounddevice")
    device = jack_device(sounddevice)
    end = time.monotonic() + seconds
    at = 0

    def process(out: Any, frames: int, *_: Any) -> None:
        nonlocal at
        out[:] = ramp(numpy, at, frames)
        at += frames

    if kind == "sounddevice":
        stream = sounddevice.OutputStream(
            samplerate=RATE_HZ, blocksize=block, device=device, channels=2, dtype="float32", latency="low",
            callback=process,
        )  # fmt: skip
        with stream:
            hold_the_lock(end)
        return
    rtmixer = importlib.import_module("rtmixer")
    mixer = rtmixer.Mixer(device=device, channels=2, blocksize=block, samplerate=RATE_HZ, latency="low")
    ring = rtmixer.RingBuffer(4 * 2, 1 << 16)

    def fill() -> None:
        nonlocal at
        while time.monotonic() < end:
            room = min(ring.write_available, AHEAD_FRAMES - ring.read_available)
            if room > 1024:
                ring.write(ramp(numpy, at, room))
                at += room
            time.sleep(0.01)

    ring.write(ramp(numpy, 0, AHEAD_FRAMES))
    at = AHEAD_FRAMES
    filler = threading.Thread(target=fill)
    with mixer:
        mixer.play_ringbuffer(ring)
        filler.start()
        hold_the_lock(end)
        filler.join()


if __name__ == "__main__":
    main()
