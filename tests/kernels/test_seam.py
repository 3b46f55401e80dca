"""The NumPy seam: streaming equals offline, the limiter's promises, broken input, meters, gain, memory and speed."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from legando.kernels.seam import Limiter, Seam, soften
from legando.realtime.errors import LegandoError

F32 = NDArray[np.float32]
OVERLAP = 480


def noise(frames: int, level: float = 0.5, seed: int = 0) -> F32:
    """Return (2, frames) noise of 12 bits, so that products with fades of 8 bits are exact in float32."""
    random = np.random.default_rng(seed)
    return (np.round(random.standard_normal((2, frames)) * level * 1024) / 1024).astype(np.float32)


def cut(signal: F32, sizes: list[int], overlap: int) -> list[F32]:
    """Cut (2, sum(sizes) + overlap) into windowed chunks whose overlap-add is the signal exactly."""
    fade_in = (np.round(np.arange(overlap) / max(overlap, 1) * 256) / 256).astype(np.float32)
    pieces, at = [], 0
    for size in sizes:
        y = signal[:, at : at + size + overlap].copy()
        y[:, size:] *= 1 - fade_in
        if at:
            y[:, :overlap] *= fade_in
        pieces.append(y)
        at += size
    return pieces


def play(seam: Seam, pieces: list[F32], gain: float = 1.0) -> F32:
    return np.concatenate([seam.process(y, gain)[0].copy() for y in pieces])


@pytest.mark.parametrize("size", [480, 1920, 3840, 7680])
def test_streaming_equals_offline_for_every_chunk_size(size: int) -> None:
    total = 7680 * 4
    signal = noise(total + OVERLAP)
    offline = soften(signal[:, :total] * np.float32(1.25)).T
    streamed = play(Seam(), cut(signal, [size] * (total // size), OVERLAP), 1.25)
    np.testing.assert_array_equal(streamed, offline)


@settings(max_examples=60, deadline=None)
@given(overlap=st.integers(0, 64), sizes=st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_streaming_equals_offline_for_ragged_chunks(overlap: int, sizes: list[int]) -> None:
    sizes = [max(overlap, 1) + extra for extra in sizes]
    signal = noise(sum(sizes) + overlap, seed=sum(sizes))
    streamed = play(Seam(2, overlap, 300), cut(signal, sizes, overlap))
    np.testing.assert_array_equal(streamed, soften(signal[:, : sum(sizes)]).T)


def test_one_channel_and_many_channels_play_alike() -> None:
    y = noise(1000 + OVERLAP)
    stereo = Seam().process(y)[0]
    for c in range(2):
        np.testing.assert_array_equal(Seam(channels=1).process(y[c : c + 1])[0][:, 0], stereo[:, c])


limiters = st.tuples(st.floats(0.05, 0.95), st.floats(0.01, 1.0)).map(
    lambda t: Limiter(knee=t[0], ceiling=t[0] + (1 - t[0]) * t[1])
)
samples = st.lists(st.floats(-(2.0**120), 2.0**120, width=32), min_size=1, max_size=50)


@given(limiter=limiters, values=samples)
def test_limiter_is_odd_and_never_exceeds_its_ceiling(limiter: Limiter, values: list[float]) -> None:
    x = np.array(values, np.float32)
    y = soften(x, limiter)
    np.testing.assert_array_equal(soften(-x, limiter), -y)
    assert np.abs(y).max() <= np.float32(limiter.ceiling)
    quiet = np.abs(x) <= np.float32(limiter.knee)
    np.testing.assert_array_equal(y[quiet], x[quiet])


@given(limiter=limiters)
def test_limiter_rises_everywhere(limiter: Limiter) -> None:
    x = np.concatenate([np.linspace(0, 3, 3001), np.geomspace(3, 3e38, 500)]).astype(np.float32)
    steps = np.diff(soften(x, limiter))
    assert steps.min() >= -np.spacing(np.float32(1.0))  # float32 rounding may cost one unit in the last place
    assert np.diff(soften(x[:1500:50], Limiter())).min() > 0


@given(limiter=limiters)
def test_limiter_has_no_corner(limiter: Limiter) -> None:
    room = limiter.ceiling - limiter.knee
    step = room / 50
    x = limiter.knee + step * np.arange(-20, 100)
    x = x[x > 0]
    slope = np.diff(soften(x.astype(np.float32), limiter).astype(np.float64)) / step
    rounding = 4 * np.spacing(np.float32(1.0)) / step
    # s'' of u / sqrt(1 + u^2) is at most 0.86 in size: 0.02 per step of u = 1/50, where a hard knee would jump by 1.
    assert np.abs(np.diff(slope)).max() < 0.02 + rounding
    assert abs(slope[0] - 1) < rounding


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_samples_become_silence_and_are_counted(bad: float) -> None:
    y = noise(1920 + OVERLAP, 0.1)
    clean = Seam().process(y)[0].copy()
    y[0, 100] = y[1, 100] = y[1, 700] = bad
    audio, report = Seam().process(y)
    assert report.bad_samples == 3
    assert (audio[100] == 0).all() and audio[700, 1] == 0
    expected = clean.copy()
    expected[100] = expected[700, 1] = 0
    np.testing.assert_array_equal(audio, expected)
    assert np.isfinite(report.peak).all() and np.isfinite(report.sum_squares).all()


def test_bad_samples_in_the_tail_sound_in_the_next_chunk_only() -> None:
    seam, y = Seam(), noise(1920 + OVERLAP, 0.1)
    broken = y.copy()
    broken[:, 1920:] = np.nan
    assert seam.process(broken)[1].bad_samples == 0
    assert seam.process(y)[1].bad_samples == 2 * OVERLAP
    audio, report = seam.process(y)
    assert report.bad_samples == 0 and np.isfinite(audio).all()


def test_sums_that_overflow_are_bad_samples_without_a_warning() -> None:
    seam = Seam()
    y = np.full((2, 960), 3e38, np.float32)
    seam.process(y, 1.0)
    audio, report = seam.process(y, 1.0)
    assert report.bad_samples == 2 * OVERLAP and not audio.any()
    assert seam.process(y, 10.0)[1].bad_samples == 2 * OVERLAP


@pytest.mark.parametrize("frames", [480, 1000, 3840])
def test_meters_agree_with_the_audio(frames: int) -> None:
    audio, report = Seam().process(noise(frames + OVERLAP, 0.6, seed=frames))
    np.testing.assert_array_equal(report.peak, np.abs(audio).max(axis=0))
    exact = (audio.astype(np.float64) ** 2).sum(axis=0)
    np.testing.assert_allclose(report.sum_squares, exact, rtol=1e-6)
    assert report.frames == frames
    assert report.limited_frames == np.count_nonzero((np.abs(audio) > 0.8).any(axis=1)) > 0


def test_quiet_audio_passes_unchanged() -> None:
    y = np.clip(noise(1920 + OVERLAP), -0.8, 0.8).astype(np.float32)
    audio, report = Seam().process(y)
    np.testing.assert_array_equal(audio, y[:, :1920].T)
    assert report.limited_frames == 0


def test_gain_moves_in_a_straight_line_without_a_step() -> None:
    seam, ones = Seam(2, 0), np.ones((2, 1920), np.float32)
    first, second, third = (seam.process(ones, gain)[0][:, 0].copy() for gain in (0.2, 0.6, 0.1))
    assert (first == np.float32(0.2)).all(), "a stream starts at its gain"
    np.testing.assert_allclose(second, 0.2 + 0.4 * np.arange(1, 1921) / 1920, rtol=1e-6)
    np.testing.assert_allclose(third[-1], 0.1, rtol=1e-5)
    steps = np.abs(np.diff(np.concatenate([first, second, third])))
    assert steps.max() < 1.01 * 0.5 / 1920


def test_reset_starts_a_new_stream() -> None:
    seam, y = Seam(), noise(1920 + OVERLAP)
    fresh = seam.process(y, 0.5)[0].copy()
    seam.process(y, 2.0)
    seam.reset()
    np.testing.assert_array_equal(seam.process(y, 0.5)[0], fresh)


def test_the_callers_buffer_is_filled_and_the_input_is_left_alone() -> None:
    y = noise(1920 + OVERLAP, 1.0)
    before, out = y.copy(), np.full((1920, 2), np.nan, np.float32)
    audio, _ = Seam().process(y, 0.7, out)
    assert audio is out
    np.testing.assert_array_equal(out, Seam().process(y, 0.7)[0])
    np.testing.assert_array_equal(y, before)


def test_any_memory_layout_of_the_input_gives_the_same_audio() -> None:
    y = noise(1920 + OVERLAP)
    np.testing.assert_array_equal(Seam().process(np.asfortranarray(y))[0], Seam().process(y)[0])


def test_process_allocates_no_audio_memory() -> None:
    seam, y, out = Seam(), noise(7680 + OVERLAP, 1.0), np.empty((7680, 2), np.float32)
    y[0, 5] = np.nan
    seam.process(y, 1.0, out)
    tracemalloc.start()
    try:
        seam.process(y, 0.5, out)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy's iterator buffers 12 kB for the strided sums, whatever the chunk; one channel of this chunk is 30 kB.
    assert peak_bytes < 20_000


def test_a_chunk_takes_well_under_a_third_of_a_millisecond() -> None:
    seam, y, out = Seam(), noise(3840 + OVERLAP, 1.0), np.empty((3840, 2), np.float32)
    costs_ns = []
    for k in range(300):
        start_ns = time.perf_counter_ns()
        seam.process(y, 1.0 + k % 2, out)
        costs_ns.append(time.perf_counter_ns() - start_ns)
    # The lower quartile: what the work costs, not what a busy machine does to it.
    assert np.percentile(costs_ns, 25) < 300_000


@pytest.mark.parametrize(
    ("y", "gain", "out", "words"),
    [
        (np.zeros((2, OVERLAP + 479), np.float32), 1.0, None, "chunk of 479 frames with an overlap of 480"),
        (np.zeros((2, OVERLAP + 7681), np.float32), 1.0, None, "at most max_frames=7680"),
        (np.zeros((1, 4320), np.float32), 1.0, None, r"shape \(1, 4320\); give float32 of shape \(2, frames"),
        (np.zeros(4320, np.float32), 1.0, None, r"shape \(4320,\)"),
        (np.zeros((), np.float32), 1.0, None, r"shape \(\)"),
        (np.zeros((2, 4320)), 1.0, None, "got float64"),
        (np.zeros((2, 4320), np.float32), float("nan"), None, "gain is nan"),
        (np.zeros((2, 4320), np.float32), 1e30, None, r"at most 1e\+06"),
        (np.zeros((2, 4320), np.float32), 1.0, np.zeros((2, 3840), np.float32), r"give float32 of shape \(3840, 2\)"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence_and_changes_nothing(
    y: NDArray[np.float32], gain: float, out: F32 | None, words: str
) -> None:
    seam, good = Seam(), noise(1920 + OVERLAP)
    seam.process(good)
    with pytest.raises(LegandoError, match=words):
        seam.process(y, gain, out)
    undisturbed = Seam()
    undisturbed.process(good)
    np.testing.assert_array_equal(seam.process(good)[0], undisturbed.process(good)[0])


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(LegandoError, match=r"knee is 0.9 and its ceiling 0.8; choose 0 < knee < ceiling <= 1"):
        Limiter(knee=0.9, ceiling=0.8)
    with pytest.raises(LegandoError, match="max_frames no shorter than the overlap"):
        Seam(overlap_frames=480, max_frames=100)
