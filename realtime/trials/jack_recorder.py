"""The recorder: a JACK client that keeps what is played, each frame with the time at which it was due. [audio]

`python -m legando.realtime.trials.jack_recorder --ring NAME` writes a ring of four channels: left, right, two halves
of the time in microseconds, as bits, on the clock of `time.perf_counter_ns`. Time comes from JACK's own account of each
cycle (`jack_get_cycle_times`), so a cycle that was lost shows as a jump of time; JACK counts on a clock of its own (on
Linux CLOCK_MONOTONIC_RAW, hundreds of milliseconds off after hours), which is compared with ours all the time. A
process of its own, so that nothing holds up its callback. It follows whatever plays into the system's outputs, and
ends when its standard input is closed or the server goes away.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import select
import sys
from time import perf_counter_ns
from typing import Any

import numpy as np
import numpy.typing as npt

from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.ring import Frames, Ring

CHANNELS = 4
LOOK_S = 0.02
MAX_PERIOD_FRAMES = 8192
_AUDIO = b"32 bit float mono audio"
_IS_INPUT = 1
_NO_START_SERVER = 1
_PROCESS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p)
_SHUTDOWN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def load_jack() -> Any:
    """Return libjack with the types of the calls that are used; raises DeviceError where it is missing. [control]"""
    try:
        jack = ctypes.CDLL("libjack.so.0")
    except OSError as error:
        raise DeviceError(f"libjack cannot be loaded ({error}); install it (on Debian: apt install jackd2)") from error
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "jack_client_open": (pointer, [text, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]),
        "jack_client_close": (ctypes.c_int, [pointer]),
        "jack_activate": (ctypes.c_int, [pointer]),
        "jack_set_process_callback": (ctypes.c_int, [pointer, _PROCESS, pointer]),
        "jack_on_shutdown": (None, [pointer, _SHUTDOWN, pointer]),
        "jack_port_register": (pointer, [pointer, text, text, ctypes.c_ulong, ctypes.c_ulong]),
        "jack_port_get_buffer": (pointer, [pointer, ctypes.c_uint32]),
        "jack_port_by_name": (pointer, [pointer, text]),
        "jack_port_get_all_connections": (ctypes.POINTER(text), [pointer, pointer]),
        "jack_port_connected_to": (ctypes.c_int, [pointer, text]),
        "jack_connect": (ctypes.c_int, [pointer, text, text]),
        "jack_free": (None, [pointer]),
        "jack_get_sample_rate": (ctypes.c_uint32, [pointer]),
        "jack_get_time": (ctypes.c_uint64, []),
        "jack_get_cycle_times": (ctypes.c_int, [pointer, pointer, pointer, pointer, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(jack, name)
        function.restype, function.argtypes = result, arguments
    return jack


class Recorder:
    """Owns the client; `process` runs on JACK's thread."""

    def __init__(self, ring: Ring) -> None:
        self._jack = load_jack()
        self._ring = ring
        self.gone = False
        self._client = self._jack.jack_client_open(b"legando-recorder", _NO_START_SERVER, None)
        if not self._client:
            raise DeviceError("no JACK server answers; start one")
        rate = self._jack.jack_get_sample_rate(self._client)
        if rate != ring.sample_rate_hz:
            raise DeviceError(f"the JACK server runs at {rate} Hz, {ring.sample_rate_hz} are needed")
        names = (b"left", b"right")
        self._ports = [self._jack.jack_port_register(self._client, n, _AUDIO, _IS_INPUT, 0) for n in names]
        self._block: Frames = np.zeros((MAX_PERIOD_FRAMES, CHANNELS), dtype=np.float32)
        self._bits: npt.NDArray[np.uint32] = self._block.view(np.uint32)
        self._offsets_us = (np.arange(MAX_PERIOD_FRAMES) * 1_000_000 // rate).astype(np.uint64)
        self._times_us = self._offsets_us.copy()
        self._halves = self._times_us.view(np.uint32).reshape(-1, 2)  # little-endian: low, high
        self._frame, self._now_us, self._next_us = ctypes.c_uint32(), ctypes.c_uint64(), ctypes.c_uint64()
        self._period_us = ctypes.c_float()
        times = (self._frame, self._now_us, self._next_us, self._period_us)
        self._ahead_us = self._clock_ahead_us()
        self._times = [ctypes.addressof(value) for value in times]
        self._callbacks = (_PROCESS(self._process), _SHUTDOWN(self._shutdown))  # kept: C holds only their addresses
        self._jack.jack_set_process_callback(self._client, self._callbacks[0], None)
        self._jack.jack_on_shutdown(self._client, self._callbacks[1], None)
        if self._jack.jack_activate(self._client):
            raise DeviceError("the JACK server does not let us record")

    def follow(self) -> None:
        """Connect what plays into the system's outputs to our inputs too, and compare clocks; asked again and again."""
        self._ahead_us = self._clock_ahead_us()
        for number, name in ((1, b"left"), (2, b"right")):
            output = self._jack.jack_port_by_name(self._client, b"system:playback_%d" % number)
            if not output:
                continue
            found = self._jack.jack_port_get_all_connections(self._client, output)
            if found:
                index = 0
                while found[index]:  # asked of shared memory first: the server has better things to do
                    if not self._jack.jack_port_connected_to(self._ports[number - 1], found[index]):
                        self._jack.jack_connect(self._client, found[index], b"legando-recorder:" + name)
                    index += 1
                self._jack.jack_free(found)

    def _clock_ahead_us(self) -> int:
        """Return how far our clock is ahead of JACK's: the comparison that took least time, of four. [control]"""
        compared = []
        for _ in range(4):
            before_ns, jack_us, after_ns = perf_counter_ns(), self._jack.jack_get_time(), perf_counter_ns()
            compared.append((after_ns - before_ns, (before_ns + after_ns) // 2000 - jack_us))
        return int(min(compared)[1])

    def close(self) -> None:
        """Leave the server. [control]"""
        self._jack.jack_client_close(self._client)

    def _process(self, frames: int, _: object) -> int:
        """Copy one period and its times. [audio]"""
        block = self._block[:frames]
        for channel, port in enumerate(self._ports):
            at = self._jack.jack_port_get_buffer(port, frames)
            block[:, channel] = np.frombuffer(memoryview((ctypes.c_float * frames).from_address(at)), dtype=np.float32)
        self._jack.jack_get_cycle_times(self._client, *self._times)
        np.add(self._offsets_us[:frames], np.uint64(self._now_us.value + self._ahead_us), out=self._times_us[:frames])
        self._bits[:frames, 2:] = self._halves[:frames]
        self._ring.write(block)
        return 0

    def _shutdown(self, _: object) -> None:
        self.gone = True


def times_us(block: Frames) -> npt.NDArray[np.int64]:
    """Return the times of recorded frames (frames, 4), in microseconds of `perf_counter`. [any]"""
    bits = np.ascontiguousarray(block[:, 2:]).view(np.uint32).astype(np.int64)
    return bits[:, 0] | (bits[:, 1] << 32)


def main() -> int:
    """Record until standard input is closed. [control]"""
    parser = argparse.ArgumentParser(description="Record what plays on a JACK server (started by legando bench live).")
    parser.add_argument("--ring", required=True)
    arguments = parser.parse_args()
    try:
        with Ring.attach(arguments.ring) as ring:
            recorder = Recorder(ring)
            gc.collect()
            gc.freeze()
            gc.disable()
            sys.setswitchinterval(0.0005)
            while not recorder.gone:
                recorder.follow()
                readable, _, _ = select.select([0], [], [], LOOK_S)
                if readable and not os.read(0, 4096):
                    recorder.close()
                    return 0
            os._exit(3)  # closing a client whose server is gone may hang
    except LegandoError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
