"""Drum voices: synthesised kits with parameters drawn for each piece, and CC0 one-shots where they are installed. [any]

A kit is one mono or stereo one-shot for each of `DRUM_VOICES`, at 48 kHz, each scaled to the same short-time level.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from legando.engines.score import DRUM_VOICES
from legando.engines.training.music import soundfont
from legando.engines.training.music.synths import SAMPLE_RATE, hz

Wave = NDArray[np.float32]
SAMPLES_VARIABLE = "LEGANDO_DRUM_SAMPLES"
SAMPLE_FOLDERS = (Path("/usr/share/sonic-pi/samples"), Path("/usr/local/share/sonic-pi/samples"))

KITS = ("808", "909", "acoustic", "lofi", "techno", "dub", "breaks", "orchestral", "rock", "afro")
"""Some kits swap instruments: timpani for the tom of `orchestral`; congas, shaker and bell in `afro`."""

_SAMPLES: dict[str, tuple[str, ...]] = {
    "kick": ("bd_haus", "bd_808", "bd_fat", "bd_tek", "bd_klub", "bd_pure", "bd_zum", "drum_bass_hard",
             "drum_bass_soft", "drum_heavy_kick", "elec_soft_kick", "bd_ada", "bd_sone"),
    "snare": ("sn_dub", "sn_dolf", "sn_zome", "sn_generic", "drum_snare_hard", "elec_snare", "elec_hi_snare",
              "elec_mid_snare", "elec_lo_snare", "elec_filt_snare"),
    "ghost": ("drum_snare_soft", "elec_hi_snare", "sn_generic", "drum_snare_soft"),
    "clap": ("perc_snap", "perc_snap2", "elec_mid_snare", "sn_dolf"),
    "hat": ("drum_cymbal_closed", "drum_cymbal_pedal", "drum_cymbal_closed"),
    "open_hat": ("drum_cymbal_open", "elec_cymbal"),
    "tom": ("drum_tom_lo_hard", "drum_tom_mid_hard", "drum_tom_hi_hard", "drum_tom_mid_soft", "elec_fuzz_tom"),
    "cymbal": ("drum_splash_hard", "drum_splash_soft", "drum_cymbal_soft", "drum_cymbal_hard"),
}  # fmt: skip
# kit: voice: (program of the drum bank, key) in a SoundFont
_GM_SHOTS: dict[str, dict[str, tuple[tuple[int, int], ...]]] = {
    "dub": {"snare": ((0, 37), (8, 37), (8, 38)), "ghost": ((0, 37),), "hat": ((0, 42), (8, 42)), "clap": ((0, 37),),
            "tom": ((0, 65), (0, 66), (0, 47)), "kick": ((8, 36), (0, 35))},
    "breaks": {"kick": ((0, 36), (8, 36), (16, 36)), "snare": ((0, 38), (8, 38), (0, 40), (16, 38)),
               "ghost": ((0, 40), (0, 38)), "hat": ((0, 42), (8, 42)), "open_hat": ((0, 46), (8, 46)),
               "cymbal": ((0, 51), (0, 49), (0, 59))},
    "orchestral": {"kick": ((48, 36), (48, 35)), "snare": ((48, 38), (48, 40)), "ghost": ((48, 38), (48, 40)),
                   "hat": ((0, 80), (0, 81)), "cymbal": ((48, 57), (48, 59), (0, 49))},
    "rock": {"kick": ((16, 36), (8, 36), (0, 36)), "snare": ((16, 38), (8, 38), (8, 40), (0, 38)), "ghost": ((8, 38),),
             "hat": ((0, 42), (8, 42)), "open_hat": ((0, 46), (8, 46)), "tom": ((16, 45), (16, 43), (8, 47), (0, 45)),
             "cymbal": ((0, 49), (0, 57), (0, 51))},
    "afro": {"kick": ((32, 36), (0, 35)), "snare": ((32, 38), (0, 38), (0, 40)), "ghost": ((0, 37), (32, 38)),
             "clap": ((0, 56), (0, 67), (0, 68), (0, 75)), "hat": ((0, 70), (0, 69), (0, 82)), "open_hat": ((0, 46),),
             "tom": ((0, 62), (0, 63), (0, 64)), "cymbal": ((0, 51), (0, 53))},
}  # fmt: skip
_LONGEST_S = {"hat": 0.2, "open_hat": 0.6, "ghost": 0.2, "cymbal": 1.8, "kick": 0.7, "tom": 0.6}
_ORCHESTRAL_S = {"kick": 1.4, "tom": 1.6, "cymbal": 2.6, "snare": 0.4}


def sample_folder() -> Path | None:
    """Return the folder of one-shots: LEGANDO_DRUM_SAMPLES, or where sonic-pi-samples installs them; None if absent."""
    named = os.environ.get(SAMPLES_VARIABLE)
    for folder in ([Path(named)] if named else []) + list(SAMPLE_FOLDERS):
        if (folder / "bd_haus.flac").exists():
            return folder
    return None


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _noise(rng: np.random.Generator, seconds: float, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    white = rng.standard_normal(int(seconds * SAMPLE_RATE))
    band = signal.butter(2, (low_hz, min(high_hz, 22_000.0)), "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(signal.sosfilt(band, white))


def _kick(rng: np.random.Generator, kit: str) -> NDArray[np.float64]:
    """A sine falling to its base pitch, a click, some drive."""
    base, top, fall, length = {
        "808": (46.0, 130.0, 0.03, 0.55), "909": (52.0, 240.0, 0.028, 0.32), "acoustic": (62.0, 150.0, 0.018, 0.2),
        "lofi": (56.0, 140.0, 0.025, 0.24), "techno": (48.0, 300.0, 0.035, 0.36), "dub": (50.0, 110.0, 0.025, 0.3),
        "breaks": (64.0, 175.0, 0.02, 0.19), "orchestral": (41.0, 62.0, 0.05, 0.95), "rock": (58.0, 190.0, 0.016, 0.24),
        "afro": (66.0, 150.0, 0.016, 0.16),
    }[kit]  # fmt: skip
    base, top, length = base * rng.uniform(0.9, 1.12), top * rng.uniform(0.8, 1.25), length * rng.uniform(0.8, 1.2)
    t = _time(length * 1.5)
    phase = 2 * np.pi * (base * t + (top - base) * fall * (1.0 - np.exp(-t / fall)))
    body = np.sin(phase) * np.exp(-t / (length * 0.36))
    gain = rng.uniform(1.2, 3.0) * (1.6 if kit == "techno" else 1.0)
    body = np.tanh(gain * body) / np.tanh(gain)
    click = _noise(rng, 1.5 * length, 1500, 9000) * np.exp(-t / 0.004) * rng.uniform(0.1, 0.35)
    return np.asarray((body + click[: len(t)]) * np.minimum(1.0, (1.5 * length - t) * 100.0))


def _snare(rng: np.random.Generator, kit: str) -> NDArray[np.float64]:
    tone, rattle, decay = {
        "808": (180.0, 0.7, 0.09), "909": (200.0, 1.0, 0.11), "acoustic": (195.0, 1.1, 0.12),
        "lofi": (170.0, 0.9, 0.08), "techno": (215.0, 1.0, 0.07), "dub": (390.0, 0.4, 0.05),
        "breaks": (225.0, 1.1, 0.1), "orchestral": (190.0, 1.2, 0.12), "rock": (180.0, 1.2, 0.17),
        "afro": (235.0, 0.8, 0.08),
    }[kit]  # fmt: skip
    tone *= rng.uniform(0.88, 1.15)
    decay *= rng.uniform(0.8, 1.35)
    t = _time(0.4)
    drop = 0.25 * tone * 0.012 * (1.0 - np.exp(-t / 0.012))
    body = np.sin(2 * np.pi * (tone * t + drop)) + 0.5 * np.sin(2 * np.pi * (tone * 1.62 * t + drop))
    high = 6500.0 if kit == "lofi" else 14_000.0
    hiss = _noise(rng, 0.4, 1100.0 * rng.uniform(0.8, 1.4), high)
    return body * np.exp(-t / (decay * 0.6)) * 0.6 + rattle * hiss * np.exp(-t / decay) * 1.1


def _clap(rng: np.random.Generator, kit: str) -> NDArray[np.float64]:
    t = _time(0.35)
    hiss = _noise(rng, 0.35, 800.0 * rng.uniform(0.8, 1.2), 5200.0 * rng.uniform(0.8, 1.3))
    out = np.zeros(len(t))
    for burst in (0.0, 0.010, 0.021):
        out += np.where(t >= burst, np.exp(-np.maximum(t - burst, 0.0) / 0.004), 0.0)
    out += np.where(t >= 0.03, np.exp(-np.maximum(t - 0.03, 0.0) / (0.07 * rng.uniform(0.7, 1.4))), 0.0)
    return hiss * out


def _metal(rng: np.random.Generator, kit: str, decay: float, seconds: float, low_hz: float) -> NDArray[np.float64]:
    """Six square waves at unharmonic ratios and noise, high-passed: the TR-808's cymbal circuit."""
    t = _time(seconds)
    ratios = np.array([2.0, 3.0, 4.16, 5.43, 6.79, 8.21]) * 40.0 * rng.uniform(1.2, 2.6)
    rings = sum(np.sign(np.sin(2 * np.pi * f * 4.0 * t + p)) for f, p in zip(ratios, rng.random(6) * 6, strict=True))
    amount = {"808": 0.5, "909": 0.3, "techno": 0.4}.get(kit, 0.12)
    high = 9500.0 if kit == "lofi" else 19_000.0
    band = signal.butter(2, (low_hz, high), "bandpass", fs=SAMPLE_RATE, output="sos")
    mix = amount * np.asarray(rings) * 0.4 + (1.0 - amount) * rng.standard_normal(len(t))
    fade = np.minimum(1.0, (seconds - t) * 50.0)
    return np.asarray(signal.sosfilt(band, mix)) * np.exp(-t / decay) * fade


def _timpani(rng: np.random.Generator, tonic: int) -> NDArray[np.float64]:
    """A kettledrum on the tonic: its preferred modes at 1, 1.5, 1.98 and 2.44, a soft felt stroke (Rossing 1982)."""
    base = hz(41 + (tonic - 41) % 12)
    t = _time(1.6)
    out = _noise(rng, 1.6, 80.0, 900.0 * rng.uniform(0.8, 1.3)) * np.exp(-t / 0.012) * 0.25
    for ratio, loud, decay in ((1.0, 1.0, 0.55), (1.5, 0.55, 0.45), (1.98, 0.35, 0.32), (2.44, 0.2, 0.22)):
        out += loud * np.exp(-t / decay) * np.sin(2 * np.pi * base * ratio * t)
    return np.asarray(out * np.minimum(1.0, t / 0.004))


def _conga(rng: np.random.Generator) -> NDArray[np.float64]:
    t = _time(0.35)
    base = rng.uniform(170.0, 270.0)
    skin = np.sin(2 * np.pi * base * t) * np.exp(-t / 0.09) + 0.35 * np.sin(2 * np.pi * 1.6 * base * t) * np.exp(
        -t / 0.04
    )
    return np.asarray(skin + _noise(rng, 0.35, 700.0, 5000.0) * np.exp(-t / 0.008) * 0.4)


def _shaker(rng: np.random.Generator) -> NDArray[np.float64]:
    t = _time(0.14)
    swell = np.minimum(1.0, t / 0.012) ** 2 * np.exp(-np.maximum(t - 0.012, 0.0) / rng.uniform(0.018, 0.032))
    return np.asarray(_noise(rng, 0.14, rng.uniform(3500.0, 5500.0), 12_000.0) * swell)


def _bell(rng: np.random.Generator) -> NDArray[np.float64]:
    """A cowbell: two square waves, 540 and 800 Hz, as in the TR-808; or a pair of claves."""
    t = _time(0.3)
    if rng.random() < 0.4:
        return np.asarray(np.sin(2 * np.pi * rng.uniform(2100.0, 2700.0) * t) * np.exp(-t / 0.02))
    base = 540.0 * rng.uniform(0.85, 1.4)
    pair = np.sign(np.sin(2 * np.pi * base * t)) + np.sign(np.sin(2 * np.pi * 1.48 * base * t))
    band = signal.butter(2, (base * 0.9, base * 4.5), "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(signal.sosfilt(band, pair) * (0.5 * np.exp(-t / 0.015) + 0.5 * np.exp(-t / 0.08)))


def _tom(rng: np.random.Generator, kit: str) -> NDArray[np.float64]:
    base = rng.uniform(85.0, 150.0)
    t = _time(0.45)
    phase = 2 * np.pi * (base * t + base * 0.5 * 0.05 * (1.0 - np.exp(-t / 0.05)))
    skin = _noise(rng, 0.45, 300.0, 4000.0) * np.exp(-t / 0.02) * 0.2
    return np.sin(phase) * np.exp(-t / 0.13) + skin


def _synthesise(rng: np.random.Generator, kit: str, tonic: int) -> dict[str, NDArray[np.float64]]:
    snare = _snare(rng, kit)
    short = np.exp(-_time(len(snare) / SAMPLE_RATE + 0.001)[: len(snare)] / 0.05)
    ride = rng.uniform(0.25, 0.6)
    voices = {
        "kick": _kick(rng, kit),
        "snare": snare,
        "ghost": snare * short,
        "clap": _clap(rng, kit),
        "hat": _metal(rng, kit, rng.uniform(0.014, 0.035), 0.16, rng.uniform(5500, 8000)),
        "open_hat": _metal(rng, kit, rng.uniform(0.1, 0.22), 0.6, rng.uniform(5000, 7500)),
        "tom": _tom(rng, kit),
        "cymbal": _metal(rng, kit, ride, 1.8, rng.uniform(2500, 4500)),
    }
    if kit == "orchestral":
        voices |= {
            "tom": _timpani(rng, tonic),
            "cymbal": _metal(rng, kit, rng.uniform(0.6, 1.0), 2.6, rng.uniform(900, 2200)),
        }
    elif kit == "afro":
        voices |= {"tom": _conga(rng), "hat": _shaker(rng), "clap": _bell(rng)}
    elif kit == "dub":  # a stick across the rim
        t = _time(0.12)
        rim = np.sin(2 * np.pi * rng.uniform(1500, 1900) * t) + 0.8 * np.sin(2 * np.pi * rng.uniform(480, 620) * t)
        voices |= {"clap": rim * np.exp(-t / 0.014), "ghost": rim * np.exp(-t / 0.01)}
    return voices


@lru_cache(maxsize=64)
def _load(path: Path) -> NDArray[np.float64]:
    import soundfile  # optional here: without it there are no sampled kits

    data, rate = soundfile.read(path, dtype="float64", always_2d=True)
    mono = data.mean(axis=1)
    if rate != SAMPLE_RATE:
        step = np.gcd(rate, SAMPLE_RATE)
        mono = signal.resample_poly(mono, SAMPLE_RATE // step, rate // step)
    loud = np.flatnonzero(np.abs(mono) > 0.02 * np.abs(mono).max())
    return np.asarray(mono[loud[0] if len(loud) else 0 :])


def level(wave: NDArray[np.float64] | Wave) -> float:
    """Return the loudest RMS of any 50 ms of a wave. [any]"""
    power = np.asarray(wave, np.float64) ** 2
    if power.ndim == 2:
        power = power.mean(axis=1)
    width = 2400
    sums = np.concatenate([np.zeros(1), np.cumsum(power)])
    if len(power) <= width:
        return float(np.sqrt(sums[-1] / width))
    return float(np.sqrt(np.max(sums[width:] - sums[:-width]) / width))


def make_kit(rng: np.random.Generator, kit: str, sampled: float = 0.0, *, tonic: int = 0) -> list[Wave]:
    """Return eight mono one-shots in the order of `DRUM_VOICES`, each at level 0.25 (loudest 50 ms). [any]

    `kit` is one of `KITS`; each voice is a one-shot, from the SoundFont if the kit names one there, else from the
    sample folder, with chance `sampled`, where there is one. `tonic` (a pitch class) tunes the timpani.
    """
    folder = sample_folder() if sampled > 0.0 else None
    own = _synthesise(rng, kit, tonic)
    out: list[Wave] = []
    for voice in DRUM_VOICES:
        wave = own[voice]
        use, which = rng.random() < sampled, int(rng.integers(1_000_000))
        shots = _GM_SHOTS.get(kit, {}).get(voice, ())
        longest_s = _LONGEST_S.get(voice, 0.5)
        if kit == "orchestral":
            longest_s = _ORCHESTRAL_S.get(voice, longest_s)
        if use and shots and soundfont.available():
            program, key = shots[which % len(shots)]
            wave = soundfont.one_shot(128, program, key, longest_s)
        elif use and folder is not None and kit not in ("orchestral", "afro"):
            names = [n for n in _SAMPLES[voice] if (folder / f"{n}.flac").exists()]
            if names:
                wave = _load(folder / f"{names[which % len(names)]}.flac")
        longest = int(longest_s * SAMPLE_RATE)
        wave = wave[:longest].copy()
        tail = min(1200, len(wave))
        wave[-tail:] *= np.linspace(1.0, 0.0, tail)
        out.append((wave * (0.25 / max(level(wave), 1e-6))).astype(np.float32))
    return out
