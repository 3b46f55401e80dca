"""How the sound is: level, silence, clipping, brightness, and drift from what the scene was."""

import math

import numpy as np
import pytest

from legando.realtime.watching import soundwatch
from legando.realtime.watching.soundwatch import SoundWatch


def noise(
    seconds: float, level: float = 0.1, *, dull: bool = False
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    sound = np.random.default_rng(3).normal(0.0, level, (round(seconds * 48_000), 2))
    if dull:
        sound[1:] += sound[:-1]
        sound[2:] += sound[:-2]
    return sound.astype(np.float32)


def test_level_silence_clipping_and_brightness_are_heard() -> None:
    watch = SoundWatch(48_000)
    t = np.arange(48_000 * 4) / 48_000
    sine = (0.5 * np.sin(2 * np.pi * 3000 * t)).astype(np.float32)
    for block in np.array_split(np.stack((sine, sine), axis=1), 31):  # in blocks of any length
        watch.hear(block)
    assert watch.peak == pytest.approx(0.5, abs=1e-3) and watch.rms == pytest.approx(0.5 / math.sqrt(2), rel=1e-3)
    assert watch.centroid_hz == pytest.approx(3000, rel=0.01) and watch.silence_s == watch.silent_s == 0
    watch.hear(np.zeros((96_000, 2), np.float32))
    assert watch.silence_s == pytest.approx(2.0) and watch.silent_s == pytest.approx(2.0)
    watch.hear(noise(1.0))
    assert watch.silence_s == 0 and watch.silent_s == pytest.approx(2.0)
    bad = noise(1.0)
    bad[100, 0], bad[200:203, 1] = np.nan, 1.0
    watch.hear(bad)
    assert watch.not_finite == 1 and watch.clipped == 3


def test_drift_is_told_from_what_the_scene_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundwatch, "SETTLE_S", 1.0)
    monkeypatch.setattr(soundwatch, "LEARN_S", 4.0)
    monkeypatch.setattr(soundwatch, "LEARNT_S", 3.0)
    watch = SoundWatch(48_000)
    watch.scene(("one", "bundle"))
    watch.hear(noise(3.0))
    assert watch.usual_centroid_hz is None, "too little is known"
    watch.hear(noise(3.0))
    usual = watch.usual_centroid_hz
    assert (
        usual is not None
        and usual == pytest.approx(12_000, rel=0.05)
        and watch.usual_rms == pytest.approx(0.1, rel=0.05)
    )
    watch.hear(noise(16.0, dull=True))
    assert watch.centroid_hz is not None and watch.centroid_hz < 0.7 * usual and watch.usual_centroid_hz == usual
    watch.scene(("two", "bundle"))
    assert watch.usual_centroid_hz is None, "another scene is another sound"
