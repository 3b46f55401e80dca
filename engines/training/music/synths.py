"""Synthesisers for tonal parts: one note in, one mono wave out, quick enough to render hours. [any]

All oscillators run at the notated pitch: detune at most 9 cents, vibrato at most 7, no glides.
Filter sweeps are a walk through tables of the same wave, each duller than the last, so they cost two look-ups a sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
TABLE = 4096
CUTOFFS = 12  # tables of one wave, half an octave apart upwards from its fundamental, then wider

Wave = NDArray[np.float32]


def hz(pitch: float) -> float:
    """Return the frequency of a MIDI pitch, equal temperament, A4 = 440 Hz. [any]"""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a synthesiser note sounds. Times in seconds, cut-offs in octaves above the note, vibrato in cents; `sub`
    is a sine added at the note's own pitch, so that detuned oscillators keep a firm fundamental.

    `wave` is saw, square, pulse, triangle, sine, organ, clav or reed; `engine` is table, fm or pluck. The filter opens
    to `cutoff + sweep` and falls to `cutoff` with time constant `decay_s`; `unison` oscillators spread `detune_cents`.
    """

    engine: str = "table"
    wave: str = "saw"
    cutoff: float = 3.0
    sweep: float = 0.0
    decay_s: float = 0.2
    attack_s: float = 0.004
    sustain: float = 0.8
    fall_s: float = 0.3
    release_s: float = 0.08
    unison: int = 1
    detune_cents: float = 0.0
    vibrato_cents: float = 0.0
    ratio: float = 1.0
    index: float = 1.0
    sub: float = 0.0
    drive: float = 0.0

    def __post_init__(self) -> None:
        if self.detune_cents > 9.0 or self.vibrato_cents > 7.0:
            raise ValueError(
                f"detune {self.detune_cents:g} and vibrato {self.vibrato_cents:g} cents: keep to 9 and 7, "
                "the oscillator bank of the model plays notated pitches"
            )


def _harmonics(wave: str, count: int) -> NDArray[np.float64]:
    k = np.arange(1, count + 1, dtype=np.float64)
    odd = k % 2 == 1
    if wave == "saw":
        return 1.0 / k
    if wave == "square":
        return np.where(odd, 1.3 / k, 0.0)
    if wave == "pulse":
        return np.abs(np.sin(np.pi * k * 0.22)) * 1.5 / k
    if wave == "triangle":
        return np.where(odd, 1.6 / k**2, 0.0)
    if wave == "organ":
        drawbars = np.zeros(count)
        for harmonic, level in ((1, 1.0), (2, 0.8), (3, 0.6), (4, 0.35), (6, 0.2), (8, 0.25)):
            if harmonic <= count:
                drawbars[harmonic - 1] = level * 0.7
        return drawbars
    if wave == "clav":
        return np.abs(np.sin(np.pi * k * 0.13)) * 1.8 / k**0.8
    if wave == "reed":
        return np.where(odd, 1.0, 0.35) / k**1.1
    return np.where(k == 1, 1.0, 0.0)


@lru_cache(maxsize=512)
def _tables(wave: str, pitch: int) -> NDArray[np.float32]:
    """Return (CUTOFFS, TABLE) band-limited cycles, table m low-passed, 12 dB an octave, m/1.6 octaves up."""
    f0 = hz(pitch)
    count = max(1, min(TABLE // 2 - 1, int(17_000.0 / f0)))
    k = np.arange(1, count + 1, dtype=np.float64)
    levels = _harmonics(wave, count)
    octaves = np.arange(CUTOFFS)[:, None] / 1.6
    spectrum = np.zeros((CUTOFFS, TABLE // 2 + 1), np.complex128)
    shaped = levels / np.sqrt(1.0 + (k / 2.0**octaves) ** 4)
    signs = 1.0 if wave != "clav" else np.exp(1j * 0.7 * k**1.3)  # scatter the phases of the peaky wave
    spectrum[:, 1 : count + 1] = -1j * shaped * signs * TABLE / 2
    return np.fft.irfft(spectrum, TABLE, axis=1).astype(np.float32)


def _envelope(voice: Voice, held: int, total: int) -> NDArray[np.float32]:
    """Return the loudness: linear attack, exponential fall to the sustain level, exponential release."""
    t = np.arange(total, dtype=np.float32) / SAMPLE_RATE
    level = voice.sustain + (1.0 - voice.sustain) * np.exp(-t / voice.fall_s)
    level *= np.minimum(t / max(voice.attack_s, 0.001), 1.0)
    if total > held:
        level[held:] *= np.exp(-(t[held:] - t[held]) * (3.0 / max(voice.release_s, 0.005)))
        tail = min(96, total - held)
        level[-tail:] *= np.linspace(1.0, 0.0, tail, dtype=np.float32)
    return level.astype(np.float32)


def _phase(f0: float, total: int, vibrato_cents: float, start: float) -> NDArray[np.float64]:
    """Return the phase in cycles. Vibrato at 5.3 Hz fades in a quarter of a second after the onset."""
    t = np.arange(total, dtype=np.float64) / SAMPLE_RATE
    phase = start + f0 * t
    if vibrato_cents > 0.0:
        depth = f0 * vibrato_cents / 1200.0 * np.log(2.0) / (2.0 * np.pi * 5.3)
        phase -= depth * np.clip((t - 0.25) * 4.0, 0.0, 1.0) * np.cos(2.0 * np.pi * 5.3 * t)
    return phase


def _from_tables(voice: Voice, pitch: int, total: int, velocity: float) -> NDArray[np.float32]:
    tables = _tables(voice.wave, pitch)
    t = np.arange(total, dtype=np.float32) / SAMPLE_RATE
    position = voice.cutoff + (velocity - 0.85) * 2.0 + voice.sweep * np.exp(-t / voice.decay_s)
    position = np.clip(position * np.float32(1.6), 0.0, CUTOFFS - 1.001)
    row = position.astype(np.int32)
    mix = position - row
    row *= TABLE
    flat = tables.reshape(-1)
    out = np.zeros(total, np.float32)
    spread = np.linspace(-1.0, 1.0, voice.unison) if voice.unison > 1 else np.zeros(1)
    for number, offset in enumerate(spread):
        f0 = hz(pitch + offset * voice.detune_cents / 100.0)
        phase = _phase(f0, total, voice.vibrato_cents, (number * 0.381966) % 1.0 if voice.unison > 1 else 0.0)
        at = (phase * TABLE).astype(np.int64).astype(np.int32) & (TABLE - 1)
        at += row
        dull = flat.take(at)
        at += TABLE
        out += dull + mix * (flat.take(at) - dull)
    return out / np.float32(np.sqrt(voice.unison))


def _fm(voice: Voice, pitch: int, total: int, velocity: float) -> NDArray[np.float32]:
    """Two-operator frequency modulation (Chowning 1973): an electric piano at ratio 1, bells above."""
    t = np.arange(total, dtype=np.float32) / SAMPLE_RATE
    f0 = hz(pitch)
    phase = (2.0 * np.pi * (_phase(f0, total, voice.vibrato_cents, 0.0) % 1.0)).astype(np.float32)
    brightness = min(1.0, 6000.0 / (f0 * (1.0 + voice.ratio)))
    index = voice.index * brightness * velocity**1.5 * (0.25 + 0.75 * np.exp(-t / voice.decay_s))
    modulator = (2.0 * np.pi * ((f0 * voice.ratio * t.astype(np.float64)) % 1.0)).astype(np.float32)
    return np.asarray(np.sin(phase + index.astype(np.float32) * np.sin(modulator)), np.float32)


def _pluck(voice: Voice, pitch: int, total: int, velocity: float) -> NDArray[np.float32]:
    """A plucked string: each harmonic dies by itself, high ones first (as Karplus and Strong's loop does)."""
    f0 = hz(pitch)
    t = np.arange(total, dtype=np.float64) / SAMPLE_RATE
    count = max(1, min(24, int(14_000.0 / f0), int(2.0 ** (voice.cutoff + 2.0))))
    out = np.zeros(total, np.float64)
    rotate = np.exp(2j * np.pi * f0 * t)
    turn = np.ones(total, np.complex128)
    for k in range(1, count + 1):
        turn = turn * rotate
        loud = abs(np.sin(np.pi * k * 0.19)) / k * velocity ** (0.3 * k**0.5)
        span = min(total, int(SAMPLE_RATE * 7.0 * voice.decay_s / (0.4 + 0.25 * k)))
        out[:span] += loud * turn.imag[:span] * np.exp(-t[:span] * (0.4 + 0.25 * k) / voice.decay_s)
    return (1.6 * out).astype(np.float32)


@lru_cache(maxsize=1024)
def _note(voice: Voice, pitch: int, held_frames: int, velocity_step: int) -> Wave:
    velocity = velocity_step / 32.0
    total = held_frames + int(voice.release_s * SAMPLE_RATE)
    engine = {"table": _from_tables, "fm": _fm, "pluck": _pluck}[voice.engine]
    wave = engine(voice, pitch, total, velocity)
    if voice.sub > 0.0:
        turns = hz(pitch) * np.arange(total) / SAMPLE_RATE
        wave = wave + np.float32(voice.sub) * np.sin(2.0 * np.pi * turns).astype(np.float32)
    if voice.drive > 0.0:
        gain = 1.0 + 4.0 * voice.drive
        wave = np.tanh(np.float32(gain) * wave) / np.float32(np.tanh(gain))
    out: Wave = (wave * _envelope(voice, held_frames, total) * velocity).astype(np.float32)
    out.setflags(write=False)
    return out


def play(voice: Voice, pitch: int, held_s: float, velocity: float) -> Wave:
    """Return one note, mono, at 48 kHz: `held_s` long plus its release. [any]

    Notes are cached, so repeated notes cost nothing; the array is read-only.
    """
    return _note(voice, pitch, max(1, round(held_s * SAMPLE_RATE)), max(1, min(32, round(velocity * 32))))


def clear_cache() -> None:
    """Forget cached notes: call between pieces, whose notes differ. [any]"""
    _note.cache_clear()
