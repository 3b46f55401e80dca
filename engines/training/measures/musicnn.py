"""musicnn's embedding of music, computed from its checkpoint without TensorFlow. [any]

The network (Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", arXiv
1909.06654) was trained on the tags of the Million Song Dataset; the 200 numbers before its tags describe music well
enough to compare sets of it. It hears 16 kHz mono: nothing above 8 kHz and no stereo.

musicnn is installed with `pip install --no-deps musicnn==0.1.0`: only its weights are used (ISC licence), never its
code.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.signal import resample_poly
from torch import Tensor

from legando.engines.timeline import SAMPLE_RATE_HZ
from legando.engines.training.measures.tensor_bundle import read_tensors
from legando.realtime.errors import LegandoError

Floats = NDArray[np.floating[Any]]

WIDTH = 200
WINDOW_STEPS = 187
"""Mel frames that the network sees at once: 3 s."""
_RATE_HZ, _HOP, _FFT, _BANDS = 16_000, 256, 512, 96
_HOP_STEPS = WINDOW_STEPS
_EPSILON = 1e-3  # of TensorFlow's batch normalisation
_LEVEL = 0.1  # RMS that all audio is brought to: loudness is measured elsewhere

TAGS = {"rock": 0, "electronic": 4, "dance": 6, "jazz": 9, "metal": 11, "folk": 20, "ambient": 28, "guitar": 32}
"""Where some of musicnn's fifty tags are: enough to see that it hears what it should."""


def weights_path() -> Path | None:
    """Return the folder of musicnn's checkpoint, None when the package is not installed. [any]"""
    spec = importlib.util.find_spec("musicnn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "MSD_musicnn"
        if (path / ".index").is_file():
            return path
    return None


@functools.cache
def _weights() -> dict[str, Tensor]:
    path = weights_path()
    if path is None:
        raise LegandoError("the embedding needs musicnn 0.1.0; run `pip install --no-deps musicnn==0.1.0`")
    return {name: torch.from_numpy(value) for name, value in read_tensors(path).items() if "Adam" not in name}


@functools.cache
def _mel_bank() -> Floats:
    """Return 96 triangles even on Slaney's mel scale from 0 to 8 kHz, each of area 1: (257, 96)."""

    def hz(mel: Floats) -> Floats:
        step = np.log(6.4) / 27.0
        return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(step * (mel - 15.0)))

    top = 15.0 + np.log(8.0) * 27.0 / np.log(6.4)  # 8 kHz
    edges = hz(np.linspace(0.0, top, _BANDS + 2))
    bins = np.fft.rfftfreq(_FFT, 1.0 / _RATE_HZ)[:, None]
    left, mid, right = edges[:-2], edges[1:-1], edges[2:]
    bank = np.maximum(0.0, np.minimum((bins - left) / (mid - left), (right - bins) / (right - mid)))
    return np.asarray(bank * 2.0 / (right - left))


def mel_frames(audio: Floats) -> NDArray[np.float32]:
    """Return what the network sees of audio (frames, channels) at 48 kHz: log mel power every 16 ms, (steps, 96). [any]

    The audio is brought to one RMS first.
    """
    wave = resample_poly(np.asarray(audio, np.float64).mean(1), 1, SAMPLE_RATE_HZ // _RATE_HZ)
    rms = float(np.sqrt(np.mean(wave**2))) if len(wave) else 0.0
    wave = np.pad(wave * (_LEVEL / rms if rms > 1e-6 else 1.0), _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(wave, _FFT)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_FFT) / _FFT)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.asarray(np.log10(10_000.0 * (power @ _mel_bank()) + 1.0), np.float32)


def _norm(x: Tensor, index: int) -> Tensor:
    """Apply batch normalisation `index` to channels, the second axis."""
    w, name = _weights(), f"batch_normalization_{index}" if index else "batch_normalization"
    return F.batch_norm(
        x, w[f"{name}/moving_mean"], w[f"{name}/moving_variance"], w[f"{name}/gamma"], w[f"{name}/beta"], eps=_EPSILON
    )


def _conv(x: Tensor, index: int, pads: tuple[int, int]) -> Tensor:
    """Convolve (b c t f) with kernel `index`, `pads` zeros before and after in time; then ReLU and normalisation."""
    w, name = _weights(), f"conv2d_{index}" if index else "conv2d"
    kernel = w[f"{name}/kernel"].permute(3, 2, 0, 1)  # t f c out -> out c t f
    return _norm(F.relu(F.conv2d(F.pad(x, (0, 0, *pads)), kernel, w[f"{name}/bias"])), index + 1)


def _network(mel: Tensor) -> tuple[Tensor, Tensor]:
    """Return embedding (b, 200) and logits of the tags (b, 50) of log mel windows (b, steps, 96)."""
    w = _weights()
    x = _norm(mel[:, None], 0)  # b 1 t f
    front = [_conv(x, 0, (3, 3)), _conv(x, 1, (3, 3))]
    for index, length in ((2, 128), (3, 64), (4, 32)):
        front.append(_conv(x, index, ((length - 1) // 2, length // 2)))
    features = torch.cat([part.amax(3) for part in front], 1)  # b 561 t
    one = _conv(features.transpose(1, 2)[:, None], 5, (3, 3))[..., 0]  # b 64 t
    two = _conv(one.transpose(1, 2)[:, None], 6, (3, 3))[..., 0] + one
    three = _conv(two.transpose(1, 2)[:, None], 7, (3, 3))[..., 0] + two
    every = torch.cat([features, one, two, three], 1)  # b 753 t
    pooled = torch.stack([every.amax(2), every.mean(2)], 2).flatten(1)  # maximum and mean of each in turn
    dense = F.relu(_norm(pooled, 9) @ w["dense/kernel"] + w["dense/bias"])
    embedding = _norm(dense, 10)
    return embedding, embedding @ w["dense_1/kernel"] + w["dense_1/bias"]


def _windows(audio: Floats) -> Tensor:
    mel = mel_frames(audio)
    if len(mel) < WINDOW_STEPS:
        mel = np.pad(mel, ((0, WINDOW_STEPS - len(mel)), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(mel, WINDOW_STEPS, axis=0)[::_HOP_STEPS]
    return torch.from_numpy(view.transpose(0, 2, 1).copy())


def embeddings(audio: Floats) -> NDArray[np.float32]:
    """Return the embedding of windows of 3 s, side by side, of audio (frames, channels): (windows, 200). [any]

    Raises LegandoError when musicnn is not installed.
    """
    with torch.inference_mode():  # one window at a time: its feature maps stay in the processor's cache
        return np.concatenate([_network(window[None])[0].numpy() for window in _windows(audio)])


def tag_chances(audio: Floats) -> dict[str, float]:
    """Return the chances of some of musicnn's own tags, averaged over the audio (frames, channels) at 48 kHz. [any]"""
    with torch.inference_mode():
        logits = torch.cat([_network(window[None])[1] for window in _windows(audio)])
    chances = torch.sigmoid(logits).mean(0).tolist()
    return {tag: chances[index] for tag, index in TAGS.items()}
