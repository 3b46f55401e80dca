"""The recorder: a whole file with a true account, or no file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from legando.bridge.listen import latency_summary_ms, listen
from legando.bridge.publisher import Publisher
from legando.realtime.errors import LegandoError


def sha256(samples: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(samples, "<f4").tobytes()).hexdigest()


def read(path: Path) -> Any:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate_hz == 48_000
    return samples


def test_a_recording_holds_exactly_what_was_sent(
    publisher: Publisher, broadcast: Callable[..., Any], signal: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "take.wav"
    progress: list[tuple[float, float, float]] = []
    broadcast(publisher)
    report = listen(publisher.endpoint, 0.5, out, lambda *step: progress.append(step))
    samples = read(out)
    assert len(samples) == report.frames == 24_000
    positions = [start for start in range(0, 500_000, 128) if np.array_equal(signal(start), samples[:128])]
    assert len(positions) == 1
    assert np.array_equal(samples, signal(positions[0], 24_000))
    assert report.pcm_sha256 == sha256(samples)
    assert (report.complete, report.reason, report.gaps, report.lost_frames, report.restarts) == (True, "", 0, 0, 0)
    assert 0.0 < report.latency_ms["p50"] <= report.latency_ms["p99"] <= report.latency_ms["max"]
    assert (report.seconds, report.channels, report.sample_rate_hz) == (0.5, 2, 48_000)
    assert progress[-1][:2] == (0.5, 0.5)
    assert 0.5 < progress[-1][2] <= 1.0
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


def test_a_recording_in_another_process_has_the_same_hash(
    publisher: Publisher, broadcast: Callable[..., Any], signal: Callable[..., Any], tmp_path: Path
) -> None:
    script = (
        "import sys; from legando.bridge.listen import listen; "
        "sys.stdout.write(listen(sys.argv[1], 0.3, sys.argv[2]).pcm_sha256)"
    )
    out = tmp_path / "take.wav"
    broadcast(publisher)
    done = subprocess.run([sys.executable, "-c", script, publisher.endpoint, out], capture_output=True, check=True)
    samples = read(out)
    assert done.stdout.decode() == sha256(samples)
    start = next(start for start in range(0, 3_000_000, 128) if np.array_equal(signal(start), samples[:128]))
    assert np.array_equal(samples, signal(start, 14_400))


def test_gaps_become_silence_of_the_same_length_and_are_counted(
    publisher: Publisher, broadcast: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "take.wav"
    broadcast(publisher, skip=lambda chunk: chunk % 40 in (20, 21))
    report = listen(publisher.endpoint, 0.4, out)
    silent = (read(out) == 0.0).all(axis=1).reshape(-1, 128).all(axis=1)
    assert len(silent) == 150
    assert report.gaps >= 3
    assert report.lost_frames == 128 * int(silent.sum())
    assert report.complete


def test_nothing_heard_is_one_sentence_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(LegandoError, match=r"no sound came from ipc://.* within 0\.1 s; start the server with"):
        listen(f"ipc://{tmp_path}/nobody.ipc", 1.0, tmp_path / "take.wav", timeout_s=0.1)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_goes_away_leaves_what_came_and_says_so(
    publisher: Publisher, broadcast: Callable[..., Any], signal: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "take.wav"
    running = broadcast(publisher)

    def leave() -> None:
        running.stop()
        publisher.close()

    timer = threading.Timer(0.5, leave)
    timer.start()
    report = listen(publisher.endpoint, 60.0, out, timeout_s=0.5)
    timer.join()
    samples = read(out)
    assert not report.complete
    assert "is the server still running?" in report.reason
    assert 0 < report.frames == len(samples) < 60 * 48_000
    assert report.pcm_sha256 == sha256(samples)
    assert not list(tmp_path.glob(".*.part"))


def test_an_interrupt_keeps_what_came(publisher: Publisher, broadcast: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    broadcast(publisher)

    def stop_after_some(done_s: float, _wanted_s: float, _peak: float) -> None:
        if done_s > 0.1:
            raise KeyboardInterrupt

    report = listen(publisher.endpoint, 60.0, out, stop_after_some)
    samples = read(out)
    assert (report.complete, report.reason) == (False, "interrupted")
    assert len(samples) == report.frames > 4_800
    assert report.pcm_sha256 == sha256(samples)


def test_a_stream_that_changes_its_rate_ends_the_recording(broadcast: Callable[..., Any], tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/audio.ipc"
    first = Publisher(endpoint)
    running = broadcast(first)

    def change() -> None:
        running.stop()
        first.close()
        after.append(Publisher(endpoint, sample_rate_hz=44_100))
        after.append(broadcast(after[0]))

    after: list[Any] = []
    timer = threading.Timer(0.3, change)
    timer.start()
    try:
        report = listen(endpoint, 60.0, tmp_path / "take.wav")
    finally:
        timer.join()
        after[1].stop()
        after[0].close()
    assert not report.complete
    assert "changed to 2 channels at 44100 Hz" in report.reason
    assert len(read(tmp_path / "take.wav")) == report.frames


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e6])
def test_an_absurd_length_is_refused(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(LegandoError, match="give more than 0 and at most 10800 seconds"):
        listen(f"ipc://{tmp_path}/a.ipc", seconds, tmp_path / "take.wav")


def test_an_output_that_cannot_be_written_is_refused_before_listening(tmp_path: Path) -> None:
    for out in (tmp_path / "none" / "take.wav", tmp_path, Path("/proc/take.wav"), Path("/dev/null")):
        with pytest.raises(LegandoError, match="cannot write"):
            listen(f"ipc://{tmp_path}/a.ipc", 1.0, out, timeout_s=1e9)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_one_sentence_and_keeps_the_old_file(
    broadcast: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "take.wav"
    out.write_bytes(b"the take before")
    script = """
import resource, signal, sys
from legando.bridge.listen import listen
from legando.realtime.errors import LegandoError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    listen(sys.argv[1], 60.0, sys.argv[2])
except LegandoError as error:
    sys.exit(f"sentence: {error}")
"""
    with Publisher(f"ipc://{tmp_path}/audio.ipc") as publisher:
        running = broadcast(publisher, every_ms=0.5)
        done = subprocess.run([sys.executable, "-c", script, publisher.endpoint, out], capture_output=True, timeout=60)
        running.stop()
    assert done.returncode == 1
    assert done.stderr.decode().startswith("sentence: cannot write")
    assert out.read_bytes() == b"the take before"
    assert not list(tmp_path.glob(".*.part"))


def test_latency_percentiles_are_of_the_right_rank() -> None:
    latencies_ns = array("q", [n * 1_000_000 for n in range(101)])
    assert latency_summary_ms(latencies_ns) == {"p50": 50.0, "p99": 99.0, "max": 100.0}


def test_a_recording_through_a_link_leaves_the_link(
    publisher: Publisher, broadcast: Callable[..., Any], tmp_path: Path
) -> None:
    link = tmp_path / "latest.wav"
    link.symlink_to(tmp_path / "take.wav")
    broadcast(publisher)
    report = listen(publisher.endpoint, 0.05, link)
    assert link.is_symlink()
    assert report.out == str(link)
    assert len(read(tmp_path / "take.wav")) == 2_400


def test_an_absurd_jump_of_the_frame_position_fills_the_file_and_no_more(tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    with Publisher(f"ipc://{tmp_path}/audio.ipc") as publisher:
        stop = threading.Event()

        def jump() -> None:
            position = 0
            while not stop.wait(0.002):
                publisher.publish(np.ones((128, 2), np.float32), position)
                position += 1 << 50

        sender = threading.Thread(target=jump)
        sender.start()
        try:
            report = listen(publisher.endpoint, 2.5, out)
        finally:
            stop.set()
            sender.join()
    assert (report.frames, report.gaps, report.lost_frames) == (120_000, 1, 119_872)
    assert int(np.count_nonzero(read(out))) == 256
