"""Eco: processor time of the same take, played side by side, and how far eco's sound is from normal.

Chunks of all generators are made in turn, so that a busy machine slows them alike, and the thread's own processor time
is counted, not the clock on the wall. The score is the same in all of them. Distances are means over 64 mel bands and
all frames in dB; that to a take of the same score from other noise says what chance alone moves. [engine]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.realtime.controls import GENRE_SLOTS, MOODS, Controls

pytestmark = pytest.mark.alone

Describe = Callable[..., dict[str, float]]

CHUNKS = 80
SETTLE_CHUNKS = 10
PLAIN = Controls(style=(1.0, *[0.0] * (GENRE_SLOTS - 1), *[0.5] * len(MOODS)), tempo_bpm=124.0)


def mel_db(audio: NDArray[np.float32], bands: int = 64) -> NDArray[np.float64]:
    """Return mel levels in dB, frames x bands, above a floor of -70 dB. audio: (frames, 2)."""
    windows = np.lib.stride_tricks.sliding_window_view(audio.mean(axis=1), 2048)[::512]
    power = np.abs(np.fft.rfft(windows * np.hanning(2048), axis=1)) ** 2
    mels = np.log1p(np.fft.rfftfreq(2048, 1 / 48_000) / 700.0)
    edges = np.linspace(mels[1], mels[-1], bands + 2)[:, None]
    slopes = np.minimum(
        (mels - edges[:-2]) / np.diff(edges[:2], axis=0), (edges[2:] - mels) / np.diff(edges[:2], axis=0)
    )
    levels: NDArray[np.float64] = 10.0 * np.log10(power @ np.maximum(slopes, 0.0).T + 1e-7)
    return levels


def test_eco_spends_less_and_sounds_alike(
    benchmark: Any,
    describe: Describe,
    bundle_folder: Path,
    require: Callable[[bool, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require(bundle_folder.is_dir(), f"no bundle in {bundle_folder}; name one in LEGANDO_BENCH_BUNDLE")
    from legando.engines import generator as module
    from legando.engines.bundle import Bundle
    from legando.engines.counter_rng import normal
    from legando.engines.generator import Generator

    bundle = Bundle.load(bundle_folder)
    takes = {
        "normal": (Generator(bundle), PLAIN),
        "eco": (Generator(bundle, eco=True), PLAIN),
        "other_noise": (Generator(bundle), PLAIN),
    }
    seconds: dict[str, list[float]] = {name: [] for name in takes}
    blocks: dict[str, list[NDArray[np.float32]]] = {name: [] for name in takes}

    def play() -> None:
        for _ in range(CHUNKS):
            for name, (generator, controls) in takes.items():
                if name == "other_noise":  # the same score, other latents
                    monkeypatch.setattr(module, "normal", lambda seed, *rest: normal(seed + 1, *rest))
                began = time.thread_time()
                blocks[name].append(generator.step(controls).frames.copy())
                seconds[name].append(time.thread_time() - began)
                monkeypatch.undo()

    benchmark.pedantic(play, rounds=1, iterations=1)
    chunk_s = takes["normal"][0].chunk_frames / takes["normal"][0].sample_rate_hz
    spent = {name: float(np.mean(times[SETTLE_CHUNKS:])) for name, times in seconds.items()}
    levels = {name: mel_db(np.concatenate(made)) for name, made in blocks.items()}
    distance = {name: float(np.abs(level - levels["normal"]).mean()) for name, level in levels.items()}
    figures = {f"rtf_{name}": round(value / chunk_s, 4) for name, value in spent.items() if name != "other_noise"}
    figures["eco_saves"] = round(1.0 - spent["eco"] / spent["normal"], 3)
    figures["eco_distance_db"] = round(distance["eco"], 2)
    figures["other_noise_distance_db"] = round(distance["other_noise"], 2)
    for name in takes:
        describe(benchmark, seconds[name][SETTLE_CHUNKS:], name=name, **figures)
    print(", ".join(f"{name} {value:g}" for name, value in figures.items()))
    assert figures["eco_saves"] > 0.3, "eco must spend at least 30 % less"
    assert distance["eco"] < distance["other_noise"], "eco moves the sound more than chance does"
