"""`legando bench live --sweeps SECONDS`: each fader swept at full speed; does it click? [control]

A fader jumps from end to end as fast as messages come, on a virtual MIDI port, while the real `play` plays calm music.
Two figures of what is heard are set against the same figures of what left the engine at the same time:

- the largest step from one sample to the next;
- the spectral flux above 5 kHz, from frame to frame of 256 samples (the increases of the magnitudes, summed): a click
  is wide, and shows there first. Calm pads have little up there.

A gain that moves by at most 1 in 10 ms adds at most 1/480 of a sample's height to a step; a jump adds the whole height.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from legando.realtime.playing.playback import LEVEL_SLEW_MS
from legando.realtime.ring import Frames
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.onset import offsets
from legando.realtime.trials.stage import BRIGHTNESS_CC, LEVEL_CC, Stage

FADERS = {"level": LEVEL_CC, "filter": 20, "mute": 21, "brightness": BRIGHTNESS_CC, "space": 22}
IN_THE_PLAYER = ("level", "filter", "mute")
REST_S = 2.0
EVERY_S = 0.003
HOP, WINDOW, ABOVE_HZ = 256, 1024, 5_000.0
STEP_MAX = 1000.0 / (SAMPLE_RATE_HZ * LEVEL_SLEW_MS)
"""What a fader may add to a step, of full scale."""

FLUX_MAX = 4.0
"""How many times the music's own flux may be heard while a fader is swept; a click is tens of times that."""

_BINDINGS = "".join(
    f'\n            [[midi.bind]]\n            control = "{name}"\n            cc = {cc}'
    for name, cc in FADERS.items()
    if cc not in (LEVEL_CC, BRIGHTNESS_CC)
)


def largest_step(sound: Frames) -> float:
    """Return the largest difference of two samples that follow each other. [any]"""
    return float(np.abs(np.diff(sound, axis=0)).max(initial=0.0))


def flux(sound: Frames) -> Frames:
    """Return the spectral flux above `ABOVE_HZ` for each frame of `HOP` samples. [any]"""
    mono = sound.mean(axis=1)
    count = max(0, (len(mono) - WINDOW) // HOP + 1)
    frames = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::HOP][:count]
    first = round(ABOVE_HZ * WINDOW / SAMPLE_RATE_HZ)
    magnitudes = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1))[:, first:]
    rises: Frames = np.maximum(np.diff(magnitudes, axis=0), 0.0).sum(axis=1).astype(np.float32)
    return rises


def judge(heard: Frames, music: Frames) -> dict[str, Any]:
    """Compare what is heard of a swept fader with the music that it was made of. [any]"""
    steps = (largest_step(heard), largest_step(music))
    fluxes = tuple(
        float(np.percentile(flux(sound), 99.9)) if len(sound) > 2 * WINDOW else 0.0 for sound in (heard, music)
    )
    return {
        "largest_step": round(steps[0], 5),
        "music_step": round(steps[1], 5),
        "flux": round(fluxes[0], 4),
        "music_flux": round(fluxes[1], 4),
        "clean": steps[0] <= 1.5 * steps[1] + STEP_MAX and fluxes[0] <= FLUX_MAX * fluxes[1] + STEP_MAX * WINDOW,
    }


def longest_even(times: Any, first: int, last: int) -> tuple[int, int]:
    """Return the longest part of a span in which the server's cycles came evenly: a lost one is no click. [any]"""
    jumps = first + 1 + np.flatnonzero(np.abs(np.diff(times[first:last]) - 21) > 1_000)
    edges = np.concatenate([[first], jumps, [last]])
    longest = int(np.argmax(np.diff(edges)))
    return int(edges[longest]), int(edges[longest + 1])


def run_sweeps(*, seconds: float, instrument: str, bundle: Path | None, block_frames: int) -> dict[str, Any]:
    """Sweep each fader for its share of the time; return what `--json` prints. Raises LegandoError. [control]"""
    with Stage(instrument=instrument, block_frames=block_frames, bundle=bundle) as stage:
        stage.write_rig(more=_BINDINGS)
        take = stage.folder / "take.wav"
        stage.start_play("--json", "--out", str(take))
        blocks: list[Frames] = []
        blocks += stage.listen(REST_S)
        spans: dict[str, tuple[int, int, int]] = {}
        for name, cc in FADERS.items():
            began_us, moves = time.perf_counter_ns() // 1000, 0
            until_s = time.monotonic() + seconds / len(FADERS)
            while time.monotonic() < until_s:
                stage.hands.send_message([0xB0, cc, 127 * (moves % 2)])
                moves += 1
                if moves % 16 == 0:
                    blocks.append(stage.take_recorded())
                time.sleep(EVERY_S)
            spans[name] = (began_us, time.perf_counter_ns() // 1000, moves)
            stage.hands.send_message([0xB0, cc, {"level": 127, "filter": 64}.get(name, 0)])
            blocks += stage.listen(0.5)
        figures = stage.stop_play()
        recorded = np.concatenate(blocks)
        stream, _ = soundfile.read(take, dtype="float32", always_2d=True)
    sound, times = np.ascontiguousarray(recorded[:, :2]), times_us(recorded)
    found = offsets(sound, stream)
    report: dict[str, Any] = {}
    for name, (began_us, ended_us, moves) in spans.items():
        first, last = longest_even(times, *np.searchsorted(times, (began_us, ended_us)))
        behind = _behind(found, int(first), int(last))
        music = stream[first + behind : last + behind]
        if name not in IN_THE_PLAYER:  # the engine's own: against the music at rest
            music = stream[SAMPLE_RATE_HZ // 2 : SAMPLE_RATE_HZ // 2 + int(REST_S * SAMPLE_RATE_HZ)]
        report[name] = {"moves": moves, **judge(sound[first:last], music)}
    return {
        "seconds": seconds,
        "block_frames": block_frames,
        "faders": report,
        "clean": all(told["clean"] for told in report.values()),
        "play": {name: figures[name] for name in ("underruns", "xruns")},
    }


def _behind(found: Any, first: int, last: int) -> int:
    """Return how far the recording is behind the stream around a span: by the nearest block that agrees."""
    known = np.flatnonzero(found >= 0)
    assert len(known), "the music was never heard as it left the engine"
    nearest = known[np.argmin(np.abs(known - (first + last) // 2 // 256))]
    return int(found[nearest])
