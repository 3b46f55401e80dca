"""Mixing and mastering: stems in, a finished stereo mix out. Pure functions of arrays and a generator. [any]

Stereo arrays are float32 (frames, 2) at 48 kHz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from legando.engines.training.music.synths import SAMPLE_RATE

Audio = NDArray[np.float32]
PEAK = 0.89
LOUDNESS = 10.0 ** (-16.0 / 20.0)


def decibels(value: float) -> float:
    """Return the gain of a level in dB. [any]"""
    return float(10.0 ** (value / 20.0))


def active_level(audio: Audio) -> float:
    """Return a stem's RMS in its louder moments: the 90th percentile of 50 ms blocks that sound, 0 if silent. [any]"""
    blocks = len(audio) // 2400
    if blocks == 0:
        return 0.0
    power = (audio[: blocks * 2400].reshape(blocks, -1) ** 2).mean(axis=1)
    heard = power[power > 1e-8]
    return float(np.sqrt(np.percentile(heard, 90))) if len(heard) else 0.0


def level_to(audio: Audio, level_db: float) -> Audio:
    """Scale a stem so that its active level is `level_db` below 0.25. [any]"""
    now = active_level(audio)
    return audio * np.float32(0.25 * decibels(level_db) / now) if now > 1e-5 else audio


def pan(mono: Audio, position: float) -> Audio:
    """Place a mono wave between left (-1) and right (1) with constant power. [any]"""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([mono * np.float32(np.cos(angle)), mono * np.float32(np.sin(angle))], axis=1)


def chorus(audio: Audio, depth_ms: float = 0.7, rate_hz: float = 0.45) -> Audio:
    """Widen a stem with a slow, counter-phased delay of each side; the pitch strays less than 4 cents. [any]"""
    frames = len(audio)
    at = np.arange(frames, dtype=np.float64)
    out = audio.copy()
    for side in range(2):
        sway = np.sin(2 * np.pi * rate_hz * at / SAMPLE_RATE + side * np.pi)
        position = at - SAMPLE_RATE * (8.0 + 3.0 * side + depth_ms * sway) / 1000.0
        base = np.floor(position)
        part = (position - base).astype(np.float32)
        index = base.astype(np.int64)
        a = audio[np.clip(index, 0, frames - 1), side] * (index >= 0)
        b = audio[np.clip(index + 1, 0, frames - 1), side] * (index >= -1)
        out[:, side] += 0.7 * (a + part * (b - a))
    return out


def duck(frames: int, starts: list[int], depth: float, recover_s: float) -> NDArray[np.float32]:
    """Return a gain curve that dips by `depth` at each kick and recovers: the side chain of dance music. [any]"""
    dip = np.zeros(frames, np.float32)
    length = int(2.5 * recover_s * SAMPLE_RATE)
    t = np.arange(length) / SAMPLE_RATE
    shape = (np.minimum(t / 0.004, 1.0) * np.exp(-((t / recover_s) ** 2))).astype(np.float32)
    for start in starts:
        stop = min(frames, start + length)
        np.maximum(dip[start:stop], shape[: stop - start], out=dip[start:stop])
    return np.float32(1.0) - np.float32(depth) * dip


def low_pass(audio: Audio, cutoff_hz: float) -> Audio:
    """Second-order Butterworth low-pass. [any]"""
    sos = signal.butter(2, min(cutoff_hz, 0.45 * SAMPLE_RATE), fs=SAMPLE_RATE, output="sos").astype(np.float32)
    return np.asarray(signal.sosfilt(sos, audio, axis=0), np.float32)


def high_pass(audio: Audio, cutoff_hz: float) -> Audio:
    """Second-order Butterworth high-pass. [any]"""
    sos = signal.butter(2, cutoff_hz, "highpass", fs=SAMPLE_RATE, output="sos").astype(np.float64)
    return np.asarray(signal.sosfilt(sos, audio, axis=0), np.float32)


def reverb(send: Audio, rng: np.random.Generator, decay_s: float, dark_hz: float) -> Audio:
    """Convolve with stereo noise that dies by 60 dB in `decay_s`, after 12 ms; highs die first. [any]"""
    length = int(decay_s * SAMPLE_RATE)
    t = np.arange(length)[:, None] / SAMPLE_RATE
    noise = rng.standard_normal((length, 2)) * np.exp(-6.9 * t / decay_s)
    bright = low_pass(noise.astype(np.float32), dark_hz)
    dull = low_pass(bright, dark_hz / 4.0)
    impulse = high_pass((bright * np.exp(-4.0 * t / decay_s) + dull).astype(np.float32), 180.0)
    impulse /= np.sqrt((impulse**2).sum(axis=0, keepdims=True))
    wet = signal.oaconvolve(send, impulse, axes=0)[: len(send)]
    out = np.zeros_like(send)
    lead = int(0.012 * SAMPLE_RATE)
    out[lead:] = wet[: len(send) - lead]
    return out


def echo(send: Audio, delay_frames: int, feedback: float) -> Audio:
    """Ping-pong echo: four repeats, sides swapped each time. [any]"""
    out = np.zeros_like(send)
    gain = 1.0
    swapped = send[:, ::-1]
    for repeat in range(1, 5):
        gain *= feedback
        start = repeat * delay_frames
        if start >= len(send):
            break
        source = swapped if repeat % 2 else send
        out[start:] += np.float32(gain) * source[: len(send) - start]
    return out


def tape_echo(send: Audio, delay_frames: int, feedback: float) -> Audio:
    """Repeat a send seven times, each duller and thinner than the last, swaying between the sides. [any]"""
    out = np.zeros_like(send)
    wave = send
    for repeat in range(1, 8):
        start = repeat * delay_frames
        if start >= len(send):
            break
        wave = np.float32(feedback) * high_pass(low_pass(wave[: len(send) - start], 3400.0), 220.0)
        left = np.float32(1.0 + (0.35 if repeat % 2 else -0.35))
        out[start : start + len(wave)] += wave * np.array([left, 2.0 - left], np.float32)
    return out


def spring(send: Audio, rng: np.random.Generator, decay_s: float) -> Audio:
    """Ring a spring tank: chirps from a chain of all-passes that return every 33 to 45 ms (Abel et al., DAFx 2006)."""
    length = int(decay_s * SAMPLE_RATE)
    impulse = np.zeros((length, 2))
    for side in range(2):
        trip_s = rng.uniform(0.033, 0.045)
        for turn in range(1, int(decay_s / trip_s)):
            impulse[int(turn * trip_s * SAMPLE_RATE), side] = (-1.0) ** turn * 10.0 ** (-3.0 * turn * trip_s / decay_s)
    sections = np.tile(np.array([[0.62, 1.0, 0.0, 1.0, 0.62, 0.0]]), (70, 1))
    tank = low_pass(signal.sosfilt(sections, impulse, axis=0).astype(np.float32), 4200.0)
    tank = high_pass(tank, 250.0)
    tank /= np.sqrt((tank**2).sum(axis=0, keepdims=True))
    return np.asarray(signal.oaconvolve(send, tank, axes=0)[: len(send)], np.float32)


def amplify(audio: Audio, drive: float) -> Audio:
    """Run a part through a guitar amplifier: tight low end, two clipping stages, a loudspeaker cabinet. [any]

    The notes of a chord meet in the clipping, so fifths grow the difference tone below them: a power chord.
    """
    level = active_level(audio)
    if level < 1e-6:
        return audio
    hot = high_pass(low_pass(audio / np.float32(level), 5200.0), 90.0)
    gain = np.float32(0.8 + 5.0 * drive**1.5)
    hot = np.tanh(gain * hot + np.float32(0.15)) - np.tanh(np.float32(0.15))
    hot = np.tanh(np.float32(1.0 + 1.2 * drive) * high_pass(hot.astype(np.float32), 60.0))
    return high_pass(low_pass(low_pass(hot.astype(np.float32), 4600.0), 6500.0), 80.0)


def limit(audio: Audio, peak: float = PEAK) -> Audio:
    """Keep the mix below `peak` with a gain that looks 4 ms around each sample; the result never exceeds it. [any]"""
    loud = np.abs(audio).max(axis=1)
    width = 193
    worst = ndimage.maximum_filter1d(loud, 2 * width - 1)
    gain = np.minimum(1.0, peak / np.maximum(worst, 1e-9)).astype(np.float32)
    gain = ndimage.uniform_filter1d(gain, width)
    out: Audio = np.clip(audio * gain[:, None], -peak, peak).astype(np.float32)
    return out


def master(audio: Audio, drive: float) -> Audio:
    """Saturate by `drive` (0..1), bring to -16 dB RMS over what sounds, and limit to a peak of 0.89. [any]"""
    audio = high_pass(audio, 22.0)
    level = float(np.sqrt(np.mean(audio**2)))
    if level < 1e-6:
        return audio
    audio = audio / np.float32(level)
    gain = np.float32(0.12 + 0.55 * drive**1.5)
    audio = np.tanh(gain * audio) / gain
    for _ in range(2):  # limiting costs level: correct once
        audio = audio * np.float32(LOUDNESS / max(float(np.sqrt(np.mean(audio**2))), 1e-9))
        audio = limit(audio)
    return audio
