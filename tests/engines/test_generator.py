"""The generator and its bundle: repeatable, steerable, and refused in one sentence when the files are not right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from legando.engines.anchor import AFTER_CHUNKS as ANCHOR_AFTER_CHUNKS
from legando.engines.backend import Network
from legando.engines.bundle import Bundle, describe_files
from legando.engines.codec import Codec
from legando.engines.denoiser import Conditions, Past
from legando.engines.export import PAST_NAMES, example_inputs
from legando.engines.generator import Generator
from legando.engines.timeline import ANCHOR_CHUNKS
from legando.realtime.controls import Controls, NoteEvent
from legando.realtime.errors import BundleError, LegandoError, RigError
from tests.engines.networks import small_bundle, small_codec, small_denoiser

HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


def play(bundle: Bundle, controls: Controls, chunks: int = 30, **options: Any) -> NDArray[np.float32]:
    generator = Generator(bundle, **options)
    return np.concatenate([generator.step(controls).frames.copy() for _ in range(chunks)])


def test_the_same_seed_and_controls_give_the_same_bytes(bundle: Bundle) -> None:
    first = play(bundle, HOUSE, seed=3)
    assert first.shape == (30 * 3840, 2)
    assert np.isfinite(first).all()
    assert first.std() > 1e-3
    np.testing.assert_array_equal(first, play(bundle, HOUSE, seed=3))


def test_reset_starts_the_same_music_again(bundle: Bundle) -> None:
    generator = Generator(bundle, seed=5)
    first = [generator.step(HOUSE).frames.copy() for _ in range(12)]
    generator.reset()
    np.testing.assert_array_equal(first, [generator.step(HOUSE).frames.copy() for _ in range(12)])


@pytest.mark.parametrize(
    "changed",
    [
        replace(HOUSE, tempo_bpm=98.0),
        replace(HOUSE, held=(60, 63, 67)),
        replace(HOUSE, muted=frozenset({"drums"})),
        replace(HOUSE, brightness=1.0),
        replace(HOUSE, style=(0.0, 1.0, *HOUSE.style[2:])),
        replace(HOUSE, steps=5),
        replace(HOUSE, temperature=0.2),
        replace(HOUSE, section="break"),
    ],
    ids=["tempo", "chord", "mute", "brightness", "style", "steps", "temperature", "section"],
)
def test_every_control_changes_the_music(bundle: Bundle, changed: Controls) -> None:
    assert np.abs(play(bundle, HOUSE) - play(bundle, changed)).max() > 1e-4


def test_another_seed_gives_other_music(bundle: Bundle) -> None:
    assert np.abs(play(bundle, HOUSE, seed=1) - play(bundle, HOUSE, seed=2)).max() > 1e-4


def test_a_live_note_is_heard_in_its_own_chunk_and_not_before(bundle: Bundle) -> None:
    silent = replace(HOUSE, muted=frozenset({"chord", "drums", "bass", "lead", "texture"}))
    played = replace(silent, notes=(NoteEvent(offset_frames=1920, pitch=72, velocity=0.9),), held=(72,))
    one, other = Generator(bundle), Generator(bundle)
    for _ in range(5):
        one.step(silent), other.step(silent)
    with_note, without = one.step(played).frames.copy(), other.step(silent).frames.copy()
    change = np.abs(with_note - without).max(axis=1)
    assert change[2000:].max() > 1e-3
    assert change[2000:].max() > 3 * change[:1800].max()


def test_space_turned_up_adds_a_room_and_left_alone_adds_nothing(bundle: Bundle) -> None:
    def play(controls: Controls, *, room: bool) -> NDArray[np.float32]:
        generator = Generator(bundle, seed=3)
        if not room:
            generator._room.process = lambda y, send: None  # type: ignore[method-assign]
        return np.concatenate([generator.step(controls).frames.copy() for _ in range(12)])

    np.testing.assert_array_equal(play(HOUSE, room=True), play(HOUSE, room=False))
    wet = replace(HOUSE, space=0.9)
    assert np.abs(play(wet, room=True) - play(wet, room=False)).max() > 1e-4
    np.testing.assert_array_equal(play(wet, room=False), play(HOUSE, room=False))  # the networks keep their own space
    assert np.abs(play(replace(HOUSE, space=0.1), room=True) - play(HOUSE, room=True)).max() > 1e-4


def test_ticks_are_reported_once_and_in_order(bundle: Bundle) -> None:
    generator = Generator(bundle)
    ticks = [tick for _ in range(60) for tick, _ in generator.step(HOUSE).tokens]
    assert ticks == list(range(len(ticks)))
    assert len(ticks) == pytest.approx(60 * 0.08 * 124 / 15, abs=1)


def test_an_exported_network_equals_the_eager_one(bundle: Bundle) -> None:
    codec, denoiser = small_codec(), small_denoiser()
    for net in (codec, denoiser):
        for weight in net.parameters():
            weight.data = weight.data.half().float()
    inputs = example_inputs(codec.decoder, denoiser, 4, seed=99)
    network = Network(bundle.file("denoiser.onnx"), {})
    given = inputs["denoiser"]
    for name, value in given.items():
        (network.state[name][0] if name in PAST_NAMES else network.inputs[name])[...] = value.numpy()
    network.run()
    with torch.no_grad():
        past = Past(*(given[name] for name in PAST_NAMES))
        conditions = Conditions(given["frames"], given["style"], given["tick_tokens"], given["tick_ages_s"])
        velocity, after = denoiser.step((given["latents"], given["t"], conditions), past)
    np.testing.assert_allclose(network.outputs["velocity"], velocity.numpy(), atol=1e-4)
    for name, value in zip(PAST_NAMES, after, strict=True):
        np.testing.assert_allclose(network.state[name][1], value.numpy(), atol=1e-4)


@pytest.mark.parametrize("latents", [2, 4, 8])
def test_the_exported_decoder_takes_any_chunk_size(bundle: Bundle, latents: int) -> None:
    codec: Codec = small_codec()
    for weight in codec.parameters():
        weight.data = weight.data.half().float()
    given = example_inputs(codec.decoder, small_denoiser(), latents, seed=7)["decoder"]
    sizes = {"latents": latents, "grains": 2 * latents, "samples": 960 * latents + 480}
    network = Network(bundle.file("decoder.onnx"), sizes)
    for name, value in given.items():
        (network.state[name][0] if name == "state" else network.inputs[name])[...] = value.numpy()
    network.run()
    with torch.no_grad():
        z = given["latents"].transpose(1, 2)
        audio, _ = codec.decoder.step((z, given["frames"], given["voices"], given["excitation"]), given["state"])
    np.testing.assert_allclose(network.outputs["audio"], audio.numpy(), atol=1e-4)


def test_the_past_keeps_the_first_sound_of_a_style_and_lets_go_when_the_style_changes(bundle: Bundle) -> None:
    def oldest(generator: Generator) -> NDArray[np.float32]:
        return generator._denoiser.current("coarse_keys")[..., :ANCHOR_CHUNKS, :].copy()

    generator = Generator(bundle)
    for _ in range(ANCHOR_AFTER_CHUNKS):
        generator.step(HOUSE)
    first = oldest(generator)
    for _ in range(40):
        generator.step(HOUSE)
    np.testing.assert_array_equal(oldest(generator), first)
    other = replace(HOUSE, brightness=1.0)
    for _ in range(ANCHOR_AFTER_CHUNKS - 1):
        generator.step(other)
    assert np.abs(oldest(generator) - first).max() > 1e-4
    generator.step(other)
    second = oldest(generator)
    generator.step(other)
    np.testing.assert_array_equal(oldest(generator), second)


def broken(path: Path, name: str) -> None:
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (path / name).write_bytes(bytes(data))


def forged(path: Path, **changes: object) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, **changes}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda p: broken(p, "weights.safetensors"), "SHA-256"),
        (lambda p: broken(p, "decoder.onnx"), "SHA-256"),
        (lambda p: (p / "tokenizer.json").unlink(), "missing"),
        (lambda p: (p / "tokenizer.json").write_bytes(b""), "has 0 bytes"),
        (lambda p: (p / "manifest.json").write_text("{"), "not valid JSON"),
        (lambda p: (p / "manifest.json").write_text('{"a": 1}'), "does not describe a legando bundle"),
        (lambda p: (p / "manifest.json").write_text("[" * 100_000), "not valid JSON"),
        (lambda p: forged(p, format=99), "format 99"),
        (lambda p: forged(p, steps=None), "says steps = None"),
        (lambda p: forged(p, chunk_latents="4"), "says chunk_latents = '4'"),
        (lambda p: forged(p, files={}), "does not list"),
        (lambda p: forged(p, files={**describe_files(p), "../x": {"bytes": 1, "sha256": ""}}), "plain file name"),
        (lambda p: (p / "manifest.json").unlink(), "no manifest.json"),
    ],
)
def test_a_damaged_bundle_is_refused_in_one_sentence(
    bundle: Bundle, tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    path = tmp_path / "copy"
    shutil.copytree(bundle.path, path)
    Bundle.load(path)
    damage(path)
    with pytest.raises(BundleError, match=says) as caught:
        Bundle.load(path)
    assert "\n" not in str(caught.value)


def test_nobody_is_told_of_a_run_and_nothing_is_kept_of_it(bundle: Bundle, tmp_path: Path) -> None:
    """ONNX Runtime's own telemetry leaves an identifier in the user's home as soon as it is imported."""
    script = "import sys; from pathlib import Path; from legando.engines.backend import open_session as o; "
    script += "o(Path(sys.argv[1]), 'it'); import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    unset = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", script, str(bundle.path / "decoder.onnx")]
    done = subprocess.run(command, env=unset | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n" and list(tmp_path.rglob("*")) == []


def test_weights_that_do_not_reproduce_the_reference_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    shutil.copytree(bundle.path, path)
    data = bytearray((path / "weights.safetensors").read_bytes())
    start = len(data) // 2
    data[start : start + 20_000] = bytes(20_000)  # zeros are numbers, so only the self-test can tell
    (path / "weights.safetensors").write_bytes(bytes(data))
    forged(path, files=describe_files(path))
    with pytest.raises(BundleError, match="reference"):
        Generator(Bundle.load(path))


@pytest.mark.parametrize("options", [{"steps": 0}, {"steps": 1000}, {"chunk_latents": 7}])
def test_impossible_settings_are_refused(bundle: Bundle, options: dict[str, Any]) -> None:
    with pytest.raises(RigError):
        Generator(bundle, **options)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(LegandoError, match="bundle"):
            Bundle.load(path)
