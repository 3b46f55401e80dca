"""Two clocks that differ: the drift is found, the buffer stays centred for a day, and nothing clicks."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from legando.bridge.centred import CentredBuffer
from legando.bridge.drift import DriftEstimator, RatioLoop
from legando.bridge.intake import AudioBlock
from legando.realtime.errors import LegandoError

RATE = 48_000
TONE_HZ = 997.0
DAY_S = 86_400


def block(position: int, frames: int, due_ns: int, gap: int = 0, restarted: bool = False) -> AudioBlock:
    """Return a block of a tone that is a pure function of the frame position."""
    tone = np.sin(2 * np.pi * TONE_HZ * (position + np.arange(frames)) / RATE).astype(np.float32)
    return AudioBlock(np.stack([tone, tone], axis=1), 0, position, RATE, due_ns, 0, gap, restarted)


def play(
    buffer: CentredBuffer, drift_ppm: float, seconds: float, *, pull: int = 512, chunk: int = 480
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Play a sender whose clock is off into the buffer; return the sound, and what waited at each pull."""
    jitter = np.random.default_rng(1)
    sender_hz = RATE * (1 + drift_ppm * 1e-6)
    sent = played = 0
    heard, held = [], []
    while played < seconds * RATE:
        if sent / sender_hz <= played / RATE:
            late_s = jitter.exponential(0.001)
            buffer.push(block(sent, chunk, int(((sent + chunk) / sender_hz + late_s) * 1e9)))
            sent += chunk
        else:
            heard.append(buffer.pull(pull, now_ns=int(played / RATE * 1e9)))
            held.append(buffer.held_frames)
            played += pull
    return np.concatenate(heard), np.array(held)


@given(
    drift_ppm=st.floats(-900.0, 900.0),
    chunk=st.sampled_from([128, 480, 3840]),
    jitter_ms=st.floats(0.0, 5.0),
    start=st.integers(0, 2**40),
)
@settings(max_examples=20, deadline=None)
def test_the_drift_is_found_within_a_minute(drift_ppm: float, chunk: int, jitter_ms: float, start: int) -> None:
    random_ = random.Random(2)
    estimator = DriftEstimator(RATE)
    rate = RATE * (1 + drift_ppm * 1e-6)
    for number in range(60 * RATE // max(chunk, 480)):
        position = number * max(chunk, 480)
        due_ns = int((position / rate + random_.uniform(0.0, jitter_ms / 1e3)) * 1e9)
        estimator.observe(start + due_ns, start + position)
    assert abs(estimator.drift_ppm - drift_ppm) < 1.0 + 10.0 * jitter_ms
    expected = start + 60.0 * rate - jitter_ms / 2e3 * rate
    assert abs(estimator.position_at(start + 60_000_000_000) - expected) < 1.0 + 50.0 * jitter_ms


def test_an_estimator_that_knows_nothing_says_no_drift() -> None:
    estimator = DriftEstimator(RATE)
    assert (estimator.drift_ppm, estimator.position_at(5)) == (0.0, 0.0)
    estimator.observe(1_000, 480)
    assert estimator.drift_ppm == 0.0
    assert estimator.position_at(1_000_001_000) == pytest.approx(480 + RATE)
    estimator.observe(0, 100)  # back in time: left out
    assert estimator.position_at(1_000) == pytest.approx(480)


@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_a_day_of_drift_leaves_the_buffer_centred(drift_ppm: float) -> None:
    """The clock also wanders by 20 ppm with the hour, and what is measured jitters by 2 ms."""
    random_ = random.Random(3)
    target, step_s = 1920.0, 0.5
    loop, estimator = RatioLoop(target, RATE), DriftEstimator(RATE)
    sent, read = target, 0.0
    ratio, lowest, highest, bends = 1.0, math.inf, -math.inf, 0.0
    for number in range(int(DAY_S / step_s)):
        drift = drift_ppm + 20.0 * math.sin(2 * math.pi * number * step_s / 3600.0)
        sent += RATE * step_s * (1.0 + drift * 1e-6)
        read += RATE * step_s * ratio
        now_ns = round((number + 1) * step_s * 1e9)
        estimator.observe(now_ns + round(random_.gauss(0.0, 2e6)), round(sent))
        before, fill = ratio, sent - read
        ratio = loop.update(estimator.position_at(now_ns) - read, step_s)
        if number * step_s > 300.0:
            lowest, highest = min(lowest, fill), max(highest, fill)
            bends = max(bends, abs(ratio - before))
    assert target - 240 < lowest < highest < target + 240, "within 5 ms of the middle, all day"
    assert abs(1e6 * loop.drift - drift_ppm) < 40.0
    assert bends < 100e-6, "a sixth of a cent at a time: nobody hears it"


@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_the_sound_goes_on_without_a_click(drift_ppm: float) -> None:
    buffer = CentredBuffer(target_ms=40.0)
    sound, held = play(buffer, drift_ppm, 180.0)
    assert buffer.underruns == 0 and buffer.skipped_frames == 0
    assert abs(buffer.drift_ppm - drift_ppm) < 40.0
    later = held[len(held) // 2 :]
    assert np.ptp(later) < 2 * 512 + 480 + 240, "it only breathes with blocks and pulls"
    # What a pure tone cannot be: the rest of y[n] = 2 cos(w) y[n-1] - y[n-2] jumps with any click.
    tone = sound[RATE:, 0].astype(np.float64)
    rest = tone[2:] - 2 * np.cos(2 * np.pi * TONE_HZ / RATE) * tone[1:-1] + tone[:-2]
    assert np.abs(rest).max() < 1e-3
    assert np.abs(tone).max() > 0.99


@pytest.mark.soak
@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_hours_of_sound_go_on_without_a_click(drift_ppm: float) -> None:
    buffer = CentredBuffer(target_ms=80.0)
    sound, _ = play(buffer, drift_ppm, 3600.0, pull=1024, chunk=1024)
    tone = sound[RATE:, 0].astype(np.float64)
    rest = tone[2:] - 2 * np.cos(2 * np.pi * TONE_HZ / RATE) * tone[1:-1] + tone[:-2]
    assert np.abs(rest).max() < 1e-3 and buffer.underruns == 0


def test_with_one_clock_the_samples_pass_bit_for_bit() -> None:
    buffer = CentredBuffer(target_ms=20.0, follow=False)
    for number in range(20):
        buffer.push(block(128 * number, 128, 0))
    heard = np.concatenate([buffer.pull(100, now_ns=0) for _ in range(20)])
    sent = block(0, 2000, 0).frames
    assert np.array_equal(heard[240:], sent[240:]), "after the fade of 5 ms"


def test_a_buffer_that_runs_dry_fades_and_waits_until_it_is_full_again() -> None:
    buffer = CentredBuffer(target_ms=20.0, follow=False)
    assert not buffer.pull(256, now_ns=0).any()
    buffer.push(block(0, 960, 0))
    buffer.pull(900, now_ns=0)
    dry = buffer.pull(512, now_ns=0)
    assert buffer.underruns == 1
    assert np.abs(np.diff(dry[:, 0])).max() < 0.2, "it does not stop with a step"
    buffer.push(block(960, 480, 0))
    assert not buffer.pull(256, now_ns=0).any(), "half full is not enough"
    buffer.push(block(1440, 480, 0))
    assert buffer.pull(256, now_ns=0).any()


def test_who_slept_goes_on_with_what_is_current() -> None:
    buffer = CentredBuffer(target_ms=20.0, follow=False)
    for number in range(100):
        buffer.push(block(480 * number, 480, 0))
    assert buffer.skipped_frames > 0 and buffer.held_frames <= 4 * 960 + 480
    assert buffer.skipped_frames + buffer.held_frames == 48_000


def test_a_target_that_cannot_be_is_refused() -> None:
    with pytest.raises(LegandoError, match=r"target_ms = 0 is outside 1 to 5000"):
        CentredBuffer(target_ms=0.0)
