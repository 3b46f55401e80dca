"""The torch back end plays what ONNX Runtime plays: the same notes, the same sound within a rounding."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from legando.engines.bundle import Bundle
from legando.engines.card.torchstage import torch_networks
from legando.engines.generator import Generator
from legando.engines.lean import LeanDenoiser
from legando.kernels.history import FREE, HOLD, TAKE
from legando.realtime.cli import main
from legando.realtime.controls import NoteEvent
from legando.realtime.errors import LegandoError
from legando.realtime.instrument import BACKENDS, load_instrument
from tests.engines.card.conftest import HOUSE

PIECE = (
    [HOUSE] * 5
    + [replace(HOUSE, held=(60, 63, 67))] * 4
    + [replace(HOUSE, guidance=2.0)] * 3
    + [replace(HOUSE, guidance=0.0)] * 2
    + [replace(HOUSE, notes=(NoteEvent(offset_frames=100, pitch=72, velocity=0.9),), held=(72,))] * 2
    + [replace(HOUSE, style=(0.0, 1.0, *HOUSE.style[2:]), key="C minor", section="break", steps=1)] * 6
)
CLOSE = 1e-4
"""How far two back ends may lie apart after a minute; a chunk's sound is made of what the last one's was made of."""


def test_a_take_is_that_of_onnx_runtime(bundle: Bundle) -> None:
    torch_one = Generator(bundle, seed=3, networks=torch_networks(bundle))
    other = Generator(bundle, seed=3)
    assert torch_one.engine.startswith("torch ") and other.engine.startswith("onnxruntime ")
    loudest = 0.0
    for controls in PIECE:
        mine, theirs = torch_one.step(controls), other.step(controls)
        assert mine.tokens == theirs.tokens and mine.chord == theirs.chord and mine.tick == theirs.tick
        np.testing.assert_allclose(mine.frames, theirs.frames, atol=CLOSE)
        loudest = max(loudest, float(np.abs(mine.frames).max()))
    assert loudest > 100 * CLOSE, "what is compared must be heard"


def test_reset_and_going_on_are_those_of_onnx_runtime(bundle: Bundle) -> None:
    torch_one = Generator(bundle, seed=3, networks=torch_networks(bundle))
    first = [torch_one.step(HOUSE).frames.copy() for _ in range(4)]
    torch_one.reset()
    np.testing.assert_array_equal(first, [torch_one.step(HOUSE).frames.copy() for _ in range(4)])
    other = Generator(bundle, seed=3)
    for generator in (torch_one, other):
        generator.go_on(38_400, 9.3, [(8, (0, 1, 2, 3, 1))])
    for _ in range(4):
        mine, theirs = torch_one.step(HOUSE), other.step(HOUSE)
        assert mine.tokens == theirs.tokens and mine.position_frames == theirs.position_frames
        np.testing.assert_allclose(mine.frames, theirs.frames, atol=CLOSE)


def test_anchors_are_taken_held_and_let_go_as_on_onnx_runtime(bundle: Bundle) -> None:
    mine, theirs = torch_networks(bundle).denoiser, LeanDenoiser(bundle, int8=False)
    random = np.random.default_rng(1)
    for mode in (FREE, TAKE, HOLD, HOLD, FREE, TAKE, HOLD):
        for name in ("coarse_keys", "coarse_values"):
            value = random.standard_normal(theirs.current(name).shape).astype(np.float32)
            theirs.current(name)[...] = value
            mine.current(name)[...] = value
        mine.hold(mode)
        theirs.hold(mode)
        for name in ("coarse_keys", "coarse_values"):
            np.testing.assert_array_equal(mine.current(name), theirs.current(name))


def test_render_with_torch_is_the_same_piece(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = {}
    for backend in ("torch", "onnxruntime"):
        out = tmp_path / f"{backend}.wav"
        words = ["render", "--prompt", "deep house", "--seconds", "0.4", "--steps", "2", "--seed", "5", "--json"]
        assert main([*words, "--backend", backend, "--out", str(out)]) == 0
        assert json.loads(capsys.readouterr().out)["engine"].startswith(backend)
        made[backend] = soundfile.read(out)[0]
    assert np.abs(made["torch"]).max() > 0.02
    np.testing.assert_allclose(made["torch"], made["onnxruntime"], atol=1e-3)
    assert main([*words, "--backend", "torch", "--eco", "--out", str(tmp_path / "a.wav")]) == 2
    assert "no eco mode; leave out --eco or --backend torch" in capsys.readouterr().err


def test_without_torch_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    words = ["render", "--prompt", "house", "--backend", "torch", "--out", str(tmp_path / "a.wav")]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "pip install torch einops" in error
    with pytest.raises(LegandoError, match="leave out --backend torch"):
        load_instrument(BACKENDS["torch"], None)
