"""Output devices, as PortAudio sees them now. [control]

A machine without the PortAudio library, or without any output, is not an error until somebody asks for a device.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from legando.realtime.errors import DeviceError

JACK_API = "JACK Audio Connection Kit"
_STDERR = threading.RLock()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDevice:
    """One output that PortAudio offers; `index` is what it is opened by."""

    index: int
    name: str
    host_api: str
    channels: int
    sample_rate_hz: int
    latency_ms: float
    is_default: bool


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what C libraries write to file descriptor 2 nowhere meanwhile; Python's own stream too. [control]"""
    with _STDERR:  # two threads at once would restore each other's nowhere
        sys.stderr.flush()
        saved = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            os.close(nowhere)


@contextlib.contextmanager
def portaudio() -> Iterator[Any]:
    """Give the sounddevice module with PortAudio started afresh, so that it sees the devices of now. [control]

    Stopped again afterwards: while it runs, it is also a client of the JACK server. Raises DeviceError without the
    PortAudio library.
    """
    with quiet_stderr():
        try:
            import sounddevice
        except OSError as error:
            raise DeviceError(
                f"the PortAudio library cannot be loaded ({error}); install it (on Debian: apt install libportaudio2)"
            ) from error
        if not sounddevice._initialized:
            sounddevice._initialize()
    try:
        yield sounddevice
    finally:
        with quiet_stderr():
            while sounddevice._initialized:
                sounddevice._terminate()


def query_outputs(sounddevice: Any) -> tuple[OutputDevice, ...]:
    """Return the outputs that a running PortAudio offers. [control]"""
    apis = sounddevice.query_hostapis()
    default = default_index(sounddevice)
    return tuple(
        OutputDevice(
            index=index,
            name=str(found["name"]),
            host_api=str(apis[found["hostapi"]]["name"]),
            channels=int(found["max_output_channels"]),
            sample_rate_hz=round(found["default_samplerate"]),
            latency_ms=1000.0 * float(found["default_low_output_latency"]),
            is_default=index == default,
        )
        for index, found in enumerate(sounddevice.query_devices())
        if found["max_output_channels"] > 0
    )


def default_index(sounddevice: Any) -> int:
    """Return the index of the device that is opened when none is named, or -1. [control]

    PortAudio's own default is that of its first host API, which may have no device at all (ALSA beside a JACK
    server); then it is the first API's that has one.
    """
    for api in sounddevice.query_hostapis():
        if api["default_output_device"] >= 0:
            return int(api["default_output_device"])
    return -1


def choose_output(
    outputs: Sequence[OutputDevice], device: str | int | None = None, host_api: str | None = None
) -> OutputDevice:
    """Return the output meant by a name, part of a name, index or None (the default). [any]

    Raises DeviceError with the nearest names when there is none.
    """
    if not outputs:
        raise DeviceError("no sound device was found; connect one, or start a JACK server")
    candidates = list(outputs)
    if host_api is not None:
        apis = sorted({output.host_api for output in outputs})
        wanted = _matching(host_api, apis)
        if not wanted:
            raise DeviceError(f"no sound device has host API {host_api!r}; there is {', '.join(apis)}")
        candidates = [output for output in outputs if output.host_api in wanted]
    if device is None:
        return next((output for output in candidates if output.is_default), candidates[0])
    if isinstance(device, int):
        for output in candidates:
            if output.index == device:
                return output
        indices = ", ".join(f"{output.index} ({output.name})" for output in candidates)
        raise DeviceError(f"sound device {device} does not exist; choose {indices}")
    names = list(dict.fromkeys(output.name for output in candidates))
    found = _matching(device, names)
    if not found:
        near = difflib.get_close_matches(device, names, n=3, cutoff=0.3) or names[:3]
        raise DeviceError(f"sound device {device!r} was not found; nearest: {', '.join(map(repr, near))}")
    matches = [output for output in candidates if output.name in found]
    return next((output for output in matches if output.is_default), matches[0])


def list_outputs() -> tuple[OutputDevice, ...]:
    """Return all outputs; raises DeviceError without the PortAudio library. [control]"""
    with portaudio() as sounddevice:
        return query_outputs(sounddevice)


def find_output(device: str | int | None = None, host_api: str | None = None) -> OutputDevice:
    """Return the output meant by a name, index or None; raises DeviceError when there is none. [control]"""
    return choose_output(list_outputs(), device, host_api)


def has_output() -> tuple[bool, str]:
    """Say whether there is any output, and if not why, in words to show. [control]"""
    try:
        find_output()
    except DeviceError as error:
        return False, str(error)
    return True, ""


def _matching(wanted: str, names: Sequence[str]) -> list[str]:
    """Return the names equal to `wanted` but for case, else those that contain it."""
    folded = wanted.casefold()
    exact = [name for name in names if name.casefold() == folded]
    return exact or [name for name in names if folded and folded in name.casefold()]
