"""A whole day of sound through the buffer, faster than real time: two clocks that differ and wander, and no click."""

from __future__ import annotations

import logging
import math
import time

import numpy as np
import pytest

from legando.bridge.centred import CentredBuffer
from legando.bridge.intake import AudioBlock

RATE = 2_000
"""Low, for a day to last half a minute: the resampler knows frames, not seconds."""

CHUNK = PULL = 640
TARGET_MS = 960.0
TONE_HZ = 166.0
JITTER_S = 0.002
SETTLED_S = 300.0


def play(hours: float, drift_ppm: float) -> dict[str, float]:
    """Play so long a tone of a sender whose clock is off by as much, and wanders by 20 ppm with the hour."""
    buffer = CentredBuffer(sample_rate_hz=RATE, channels=1, target_ms=TARGET_MS)
    jitter = np.random.default_rng(1)
    angle = 2 * math.pi * TONE_HZ / RATE
    index = np.arange(CHUNK)
    sent = played = 0
    sent_s = worst = loudest = 0.0
    quietest = 1.0
    lowest, highest = math.inf, -math.inf
    tail = np.zeros(2)
    while played < hours * 3600 * RATE:
        now_s = played / RATE
        if sent_s <= now_s:
            tone = np.sin(angle * ((sent + index) % RATE)).astype(np.float32)  # a whole number of periods a second
            pace = 1.0 + 1e-6 * (drift_ppm + 20.0 * math.sin(2 * math.pi * now_s / 3600.0))
            sent, sent_s = sent + CHUNK, sent_s + CHUNK / RATE / pace
            late_ns = int((sent_s + float(jitter.exponential(JITTER_S))) * 1e9)
            buffer.push(AudioBlock(tone[:, None], 0, sent - CHUNK, RATE, late_ns, 0, 0, False))
            continue
        heard = buffer.pull(PULL, now_ns=int(now_s * 1e9))[:, 0].astype(np.float64)
        played += PULL
        if now_s > SETTLED_S:
            # What a pure tone cannot be: the rest of y[n] = 2 cos(w) y[n-1] - y[n-2] jumps with any click.
            line = np.concatenate([tail, heard])
            worst = max(worst, float(np.abs(line[2:] - 2 * math.cos(angle) * line[1:-1] + line[:-2]).max()))
            loudest, quietest = max(loudest, float(heard.max())), min(quietest, float(heard.max()))
            lowest, highest = min(lowest, buffer.held_frames), max(highest, buffer.held_frames)
        tail = heard[-2:]
    return {
        "underruns": buffer.underruns, "skipped": buffer.skipped_frames, "drift_ppm": buffer.drift_ppm,
        "rest": worst, "loudest": loudest, "quietest": quietest,
        "lowest_ms": 1000 * lowest / RATE, "highest_ms": 1000 * highest / RATE,
    }  # fmt: skip


def judge(hours: float, drift_ppm: float) -> None:
    began = time.monotonic()
    found = play(hours, drift_ppm)
    report = ", ".join(f"{name} {value:.6g}" for name, value in found.items())
    logging.getLogger(__name__).info(
        "%g hours at %+g ppm in %.0f s: %s", hours, drift_ppm, time.monotonic() - began, report
    )
    assert (found["underruns"], found["skipped"]) == (0, 0), found
    assert found["rest"] < 1e-3, "not one sample is off the tone's own curve by more than -60 dB"
    assert 0.99 < found["quietest"] <= found["loudest"] < 1.01
    assert abs(found["drift_ppm"] - drift_ppm) < 60.0
    # It holds the target, give or take what comes and goes at once, and 5 ms.
    breath_ms = 1000 * (CHUNK + PULL) / RATE
    assert TARGET_MS - breath_ms - 5 < found["lowest_ms"] <= found["highest_ms"] < TARGET_MS + breath_ms + 5


@pytest.mark.soak
@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_a_day_of_sound_goes_on_without_a_click(drift_ppm: float) -> None:
    judge(24.0, drift_ppm)
