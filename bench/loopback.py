"""`legando bench loopback`: clicks out, a cable, clicks in: what a real rig adds to every latency. [audio]

The output and the input run in one stream, on one clock, so that the time from one to the other is a count of frames
and no clock is read. A click is a short chirp: noise on the cable does not look like it, and its place is found by
correlation to a tenth of a frame or so. What is measured is the way out and in together: converters, buffers, driver.
On a JACK server `--cable` connects our own output to our own input, which leaves the server's buffers alone.

The callback fills buffers that were made beforehand; nothing else runs in this process meanwhile.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from legando.bench.samples import PERCENTS, percentile
from legando.realtime.errors import DeviceError
from legando.realtime.playing.devices import JACK_API

Mono = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 48_000
JACK_TOOLS = ("jack_lsp", "jack_connect", "jack_disconnect")
CLICK_FRAMES = 96
GAP_FRAMES = (9_600, 14_400)
"""Between two clicks, uneven: 200 to 300 ms, longer than any latency that is of use."""
SETTLE_FRAMES = 24_000
LEAST_SHARE = 0.25
"""A click counts as found when its correlation is at least so much of the loudest one's."""
LEAST_LEVEL = 1e-4


def click() -> Mono:
    """Return the click: a chirp from 500 Hz to 8 kHz in 2 ms, at half of full scale. [any]"""
    t = np.arange(CLICK_FRAMES) / SAMPLE_RATE_HZ
    length = CLICK_FRAMES / SAMPLE_RATE_HZ
    phase = 2.0 * np.pi * (500.0 * t + 0.5 * (8_000.0 - 500.0) / length * t * t)
    return (0.5 * np.hanning(CLICK_FRAMES) * np.sin(phase)).astype(np.float32)


def click_track(count: int, seed: int = 0) -> tuple[Mono, npt.NDArray[np.int64]]:
    """Return what is played, and the frames at which its clicks begin. [any]"""
    gaps = np.random.default_rng(seed).integers(*GAP_FRAMES, size=count)
    places = (SETTLE_FRAMES + np.cumsum(gaps)).astype(np.int64)
    track = np.zeros(int(places[-1]) + GAP_FRAMES[1], np.float32)
    for place in places:
        track[place : place + CLICK_FRAMES] = click()
    return track, places


def find_clicks(heard: Mono, places: npt.NDArray[np.int64]) -> list[float | None]:
    """Return how many frames after its place each click came back, None for one that did not. [any]

    heard: (frames,), recorded frame for frame beside the track. The polarity does not matter. Places between frames
    come from a parabola through the correlation's peak.
    """
    wanted = click()
    found: list[tuple[float, float]] = []
    for place in places:
        window = heard[place : place + GAP_FRAMES[0]].astype(np.float64)
        if len(window) <= CLICK_FRAMES:
            found.append((0.0, 0.0))
            continue
        match = np.abs(np.correlate(window, wanted, mode="valid")) / float(wanted @ wanted)
        peak = int(match.argmax())
        offset = 0.0
        if 0 < peak < len(match) - 1:
            before, here, after = match[peak - 1 : peak + 2]
            curve = before - 2.0 * here + after
            offset = 0.5 * (before - after) / curve if curve < 0.0 else 0.0
        found.append((peak + offset, float(match[peak])))
    loudest = max(level for _, level in found)
    return [at if level >= max(LEAST_SHARE * loudest, LEAST_LEVEL) else None for at, level in found]


def run_loopback(*, device: str | None, block_frames: int, clicks: int, cable: bool) -> dict[str, Any]:
    """Play clicks and listen; return what `--json` prints. Raises DeviceError. [control]"""
    import sounddevice

    if cable and (missing := [tool for tool in JACK_TOOLS if shutil.which(tool) is None]):
        raise DeviceError(
            f"{' and '.join(missing)} not found; install them (on Debian: apt install jack-example-tools)"
        )
    track, places = click_track(clicks)
    heard = np.zeros(len(track) + GAP_FRAMES[0], np.float32)
    at, xruns = 0, 0

    def process(indata: Any, outdata: Any, frames: int, _: Any, status: Any) -> None:
        nonlocal at, xruns
        if status:
            xruns += 1
        end = min(at + frames, len(heard))
        heard[at:end] = indata[: end - at, 0]
        outdata.fill(0.0)
        piece = track[at : at + frames]
        outdata[: len(piece)] = piece[:, None]
        at = end

    chosen: Any = device if device is not None else _jack_device(sounddevice) if cable else None
    try:
        stream = sounddevice.Stream(
            samplerate=SAMPLE_RATE_HZ, blocksize=block_frames, device=chosen, channels=(1, 2), dtype="float32",
            latency="low", callback=process,
        )  # fmt: skip
    except (sounddevice.PortAudioError, ValueError) as error:
        raise DeviceError(
            f"no stream out and in can be opened on {device or 'the default sound device'} ({error}); name one with "
            "--device, or start a JACK server and take --cable"
        ) from error
    with stream:
        if cable:
            _connect()
        until = time.monotonic() + 3.0 * len(heard) / SAMPLE_RATE_HZ + 5.0
        while at < len(heard) and time.monotonic() < until:
            time.sleep(0.05)
        driver_ms = 1000.0 * float(sum(stream.latency))
    frames = [place for place in find_clicks(heard, places) if place is not None]
    told: dict[str, Any] = {
        "clicks": clicks,
        "found": len(frames),
        "lost": clicks - len(frames),
        "xruns": xruns,
        "block_frames": block_frames,
        "device": device or ("JACK, our own output" if cable else "the system's"),
        "driver_ms": round(driver_ms, 3),
    }
    if frames:
        told["frames"] = {name: round(percentile(frames, rank), 2) for name, rank in PERCENTS.items()}
        told["ms"] = {name: round(1000.0 * value / SAMPLE_RATE_HZ, 4) for name, value in told["frames"].items()}
        told["jitter_frames"] = round(max(frames) - min(frames), 2)
        told["values_frames"] = [round(value, 2) for value in frames]
    return told


def _jack_device(sounddevice: Any) -> int:
    for api in sounddevice.query_hostapis():
        if api["name"] == JACK_API and api["devices"]:
            for index in api["devices"]:
                about = sounddevice.query_devices(index)
                if about["max_output_channels"] and about["max_input_channels"]:
                    return int(index)
    raise DeviceError("no JACK server answers; start one, or leave --cable out")


def _connect() -> None:
    """Connect what this process plays to what it hears, and to nothing else."""
    listing = subprocess.run(["jack_lsp", "-c"], capture_output=True, text=True, timeout=10, check=False).stdout
    ports = [line.strip() for line in listing.splitlines() if line and not line.startswith(" ")]
    ours = [port for port in ports if port.startswith("PortAudio") or port.startswith("legando")]
    outputs, inputs = ([port for port in ours if port.rpartition(":")[2].startswith(kind)] for kind in ("out", "in"))
    if not outputs or not inputs:
        raise DeviceError(
            f"our own ports are not on the JACK server ({os.environ.get('JACK_DEFAULT_SERVER', 'default')})"
        )
    current = ""
    for line in listing.splitlines():
        if not line.startswith(" "):
            current = line.strip()
        elif current == inputs[0]:
            subprocess.run(["jack_disconnect", line.strip(), inputs[0]], capture_output=True, check=False)
    done = subprocess.run(["jack_connect", outputs[0], inputs[0]], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeviceError(f"{outputs[0]} cannot be connected to {inputs[0]}: {done.stderr.strip()}")
