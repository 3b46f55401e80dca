"""What is no music is found; music, however quiet or bare, is none of it."""

import numpy as np
import pytest
from scipy.signal import butter, lfilter, sosfilt

from legando.engines.training.measures.metrics_failure import failure
from legando.engines.training.music.clips import pure_style, render_clip
from tests.engines.clicked import RATE, Floats, clicks, stereo


def broken() -> dict[str, tuple[str, Floats]]:
    rng = np.random.default_rng(0)
    t = np.arange(4 * RATE) / RATE
    white = 0.1 * rng.standard_normal(len(t))
    chord = sum((0.1 * np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6)), np.zeros(len(t)))
    wait = np.random.default_rng(1).standard_normal(RATE) * np.exp(-np.arange(RATE) / 3000)
    return {
        "nothing": ("silence", 0.0 * t),
        "a hum far down": ("silence", 0.001 * np.sin(2 * np.pi * 100.0 * t)),
        "a stroke, then nothing": ("silence", np.concatenate([wait, 0.0 * t])),
        "white": ("noise", white),
        "brown": ("noise", 0.2 * lfilter([1.0], [1.0, -0.98], white)),
        "through a filter": ("noise", sosfilt(butter(2, 1500.0, fs=RATE, output="sos"), white)),
        "a sine": ("stuck tone", 0.2 * np.sin(2 * np.pi * 440.0 * t)),
        "a sine with vibrato": ("stuck tone", 0.2 * np.sin(2 * np.pi * 440.0 * t + 1.5 * np.sin(2 * np.pi * 5.0 * t))),
        "a sub": ("stuck tone", 0.3 * np.sin(2 * np.pi * 55.0 * t)),
        "a saw": ("stuck tone", 0.2 * (t * 110.0 % 1.0 - 0.5)),
        "a chord that hangs": ("stuck tone", chord + 0.001 * white),
    }


@pytest.mark.parametrize("name", list(broken()))
def test_a_breakdown_is_found(name: str) -> None:
    kind, mono = broken()[name]
    assert failure(stereo(mono)) == kind


@pytest.mark.parametrize("genre", ["ambient", "jazz", "techno", "orchestral"])
def test_music_is_no_breakdown(genre: str) -> None:
    assert failure(render_clip(910_005, pure_style(genre, (0.3, 0.4, 0.7, 0.3)), 110.0, seconds=10.0)) is None


def test_drums_alone_are_no_noise() -> None:
    assert failure(clicks(100.0, 5.0)) is None
