"""SoundFont parts through tinysoundfont, where both it and a SoundFont are installed. [any]

One synthesiser for each process, loaded at first use (about a second).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.training.music.synths import SAMPLE_RATE

SOUNDFONT_VARIABLE = "LEGANDO_SOUNDFONT"
SOUNDFONTS = (
    Path("/usr/share/sounds/sf3/FluidR3Mono_GM.sf3"),
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/local/share/sounds/sf3/FluidR3Mono_GM.sf3"),
)
Event = tuple[int, int, int, int]  # frame, 0 off or 1 on, pitch, velocity 0..127


def soundfont_path() -> Path | None:
    """Return the SoundFont: LEGANDO_SOUNDFONT, or where fluidr3mono-gm-soundfont installs it, or None. [any]"""
    named = os.environ.get(SOUNDFONT_VARIABLE)
    for path in ([Path(named)] if named else []) + list(SOUNDFONTS):
        if path.is_file():
            return path
    return None


@lru_cache(maxsize=1)
def _synth(path: Path) -> tuple[Any, int] | None:
    try:
        import tinysoundfont
    except ImportError:
        return None
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    return synth, synth.sfload(str(path), max_voices=128)


def available() -> bool:
    """Tell whether SoundFont parts can be rendered here. [any]"""
    path = soundfont_path()
    return path is not None and _synth(path) is not None


def play_part(
    program: int, notes: Sequence[tuple[int, int, int, float]], frames: int, *, bank: int = 0
) -> NDArray[np.float32]:
    """Render notes (start frame, end frame, pitch, velocity 0..1) with a General MIDI program: (frames, 2). [any]

    `bank` 128 holds the drum kits, where the pitch is an instrument. Call only where `available()`.
    Raises RuntimeError otherwise.
    """
    path = soundfont_path()
    loaded = None if path is None else _synth(path)
    if loaded is None:
        raise RuntimeError(
            f"no SoundFont: set {SOUNDFONT_VARIABLE} or install fluidr3mono-gm-soundfont, and tinysoundfont"
        )
    synth, font = loaded
    synth.sounds_off()
    synth.generate(SAMPLE_RATE // 10)  # let the last part's voices end: the same notes give the same bytes
    synth.program_select(0, font, bank, program)
    events: list[Event] = []
    for start, end, pitch, velocity in notes:
        events.append((start, 1, pitch, max(1, min(127, round(127 * velocity)))))
        events.append((max(end, start + 240), 0, pitch, 0))
    events.sort()
    out = np.zeros((frames, 2), np.float32)
    at = 0
    for frame, kind, pitch, velocity in events:
        if frame >= frames:
            break
        if frame > at:
            out[at:frame] = np.frombuffer(synth.generate(frame - at), np.float32).reshape(-1, 2)
            at = frame
        if kind:
            synth.noteon(0, pitch, velocity)
        else:
            synth.noteoff(0, pitch)
    if at < frames:
        out[at:] = np.frombuffer(synth.generate(frames - at), np.float32).reshape(-1, 2)
    return out


@lru_cache(maxsize=256)
def one_shot(bank: int, program: int, pitch: int, seconds: float) -> NDArray[np.float64]:
    """Return one struck note, mono, from its onset: read only, float64. [any]

    Call only where `available()`.
    """
    frames = round(seconds * SAMPLE_RATE)
    mono = play_part(program, [(0, frames, pitch, 0.9)], frames, bank=bank).mean(axis=1).astype(np.float64)
    loud = np.flatnonzero(np.abs(mono) > 0.02 * np.abs(mono).max())
    wave: NDArray[np.float64] = mono[loud[0] if len(loud) else 0 :]
    wave.setflags(write=False)
    return wave
