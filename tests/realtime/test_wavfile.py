"""A take appears whole or not at all."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from legando.realtime.errors import LegandoError
from legando.realtime.recording.verify import verify
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.ring import Frames


def noise(frames: int, channels: int = 2) -> Frames:
    return (0.3 * np.random.default_rng(frames).standard_normal((frames, channels))).clip(-0.9, 0.9).astype(np.float32)


@pytest.mark.parametrize(("subtype", "tolerance"), [("PCM_16", 2**-15), ("PCM_24", 2**-23), ("FLOAT", 0.0)])
def test_the_file_appears_on_commit_and_holds_what_was_written(tmp_path: Path, subtype: str, tolerance: float) -> None:
    path, frames = tmp_path / "take.wav", noise(10_000)
    writer = WavWriter(path, subtype=subtype)
    for start in range(0, 10_000, 3840):
        writer.write(frames[start : start + 3840])
    assert not path.exists() and len(list(tmp_path.iterdir())) == 1
    assert writer.commit() == path
    assert [entry.name for entry in tmp_path.iterdir()] == ["take.wav"]
    read, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 48_000 and soundfile.info(path).subtype == subtype
    assert np.max(np.abs(read - frames)) <= tolerance
    assert (writer.frames, writer.seconds) == (10_000, 10_000 / 48_000)


def test_the_hash_is_that_of_the_float_frames_however_they_were_cut(tmp_path: Path) -> None:
    frames = noise(5000)
    hashes = set()
    for size in (1, 999, 5000):
        with WavWriter(tmp_path / f"{size}.wav") as writer:
            for start in range(0, 5000, size):
                writer.write(frames[start : start + size])
        hashes.add(writer.pcm_sha256)
    assert hashes == {hashlib.sha256(frames.astype("<f4").tobytes()).hexdigest()}


@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT"])
def test_after_an_interrupt_in_the_middle_of_a_block_file_length_and_hash_agree(tmp_path: Path, subtype: str) -> None:
    writer, frames = WavWriter(tmp_path / "a.wav", subtype=subtype), noise(2000)
    writer.write(frames[:1000])
    file: Any = writer._file

    class Interrupted:
        def write(self, block: Frames) -> None:
            file.write(block)
            raise KeyboardInterrupt

    writer._file = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        writer.write(frames[1000:])
    writer._file = file
    writer.commit()
    assert soundfile.info(tmp_path / "a.wav").frames == writer.frames == 1000
    assert writer.pcm_sha256 == hashlib.sha256(frames[:1000].tobytes()).hexdigest()
    assert np.abs(soundfile.read(tmp_path / "a.wav", dtype="float32")[0] - frames[:1000]).max() <= 2**-23


def test_views_in_any_memory_order_are_written_as_frames(tmp_path: Path) -> None:
    frames = noise(100)
    with WavWriter(tmp_path / "a.wav") as plain, WavWriter(tmp_path / "b.wav") as strided:
        plain.write(frames)
        strided.write(np.asfortranarray(frames))
    assert plain.pcm_sha256 == strided.pcm_sha256


def test_loud_samples_are_clipped_and_do_not_wrap(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "loud.wav") as writer:
        writer.write(np.array([[1.5, -1.5]], dtype=np.float32))
    read, _ = soundfile.read(tmp_path / "loud.wav")
    assert read[0] == pytest.approx([1.0, -1.0], abs=1e-6)


def test_an_exception_leaves_nothing_and_keeps_the_old_take(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    path.write_bytes(b"the old take")
    with pytest.raises(KeyboardInterrupt), WavWriter(path) as writer:
        writer.write(noise(100))
        raise KeyboardInterrupt
    writer.abort()
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("take.wav", b"the old take")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/take.wav", "does not exist"),
        (".", "is a folder"),
        ("file/take.wav", "does not exist"),
        ("take.mp3", "call it take.wav"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LegandoError, match=sentence):
        WavWriter(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_read_only_folder_is_refused_at_once() -> None:
    """/proc takes no files, even from root."""
    with pytest.raises(LegandoError, match="cannot be written"):
        WavWriter("/proc/take.wav")


def test_a_full_disk_is_one_sentence_and_leaves_nothing_but_what_is_committed(tmp_path: Path) -> None:
    """A limit on the size of files fails a write as a full disk does."""
    program = """
import resource, signal, sys
import numpy as np
from legando.realtime.errors import LegandoError
from legando.realtime.recording.wavfile import WavWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with WavWriter(sys.argv[1]) as writer:
        for _ in range(100):
            writer.write(np.zeros((1000, 2), dtype=np.float32))
except LegandoError as error:
    print(error)
writer = WavWriter(sys.argv[2], subtype="FLOAT")
try:
    for number in range(100):
        writer.write(np.full((1000, 2), number / 100, dtype=np.float32))
except LegandoError:
    writer.commit()
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(tmp_path / "take.wav"), str(tmp_path / "kept.wav")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "take.wav cannot be written" in run.stdout and "free some room" in run.stdout
    assert len(run.stdout.splitlines()) == 1
    assert os.listdir(tmp_path) == ["kept.wav"]  # noqa: PTH208
    kept = verify(tmp_path / "kept.wav")
    assert (kept.samples, round(kept.seconds * 48)) == ("as written", 11), "less a block, for what the file says"


def test_a_take_beyond_four_gib_is_refused_before_it_is_spoilt(tmp_path: Path) -> None:
    with pytest.raises(LegandoError, match="4 GiB"), WavWriter(tmp_path / "long.wav") as writer:
        writer._max_frames = 150
        writer.write(noise(100))
        writer.write(noise(100))
    assert not list(tmp_path.iterdir())
