"""seam.cu, run on the CPU, equals the NumPy reference bit for bit; and the shim that shows it does catch bugs."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.kernels.seam import Limiter, Seam

Build = Callable[..., Path]
SEAM_CU = Path(__file__).resolve().parents[2] / "kernels" / "seam.cu"
BARRIER = "    __syncthreads();  // orders every thread's stores to `out` before thread 0's fence, too\n"
FENCE = "    __threadfence_system();\n"
PUBLISH = "    *static_cast<volatile unsigned int*>(&report.sequence) = control.sequence;\n"
ORDERS = ["ascending", "descending", "shuffled"]


def chunks(sizes: list[int], overlap: int, level: float, seed: int = 0) -> list[NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    return [(random.standard_normal((2, n + overlap)) * level).astype(np.float32) for n in sizes]


def same_bits(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


def assert_equal_streams(
    kernel: Any, inputs: list[NDArray[np.float32]], gains: list[float], order: str, limiter: Limiter | None = None
) -> None:
    """Play the same chunks through both and compare audio, report and tail bit by bit."""
    limiter = limiter or Limiter()
    reference = Seam(2, kernel.overlap, kernel.max_frames, limiter=limiter)
    gain_from = gains[0]
    for sequence, (y, gain) in enumerate(zip(inputs, gains, strict=True), start=1):
        audio, report = reference.process(y, gain)
        ran = kernel.run(
            y,
            gain_from,
            gain,
            sequence=sequence,
            order=order,
            seed=sequence,
            knee=limiter.knee,
            ceiling=limiter.ceiling,
        )
        gain_from = gain
        assert ran.status == 0
        assert same_bits(ran.out, audio)
        assert same_bits(ran.report["peak"], report.peak)
        assert same_bits(ran.report["sum_squares"], report.sum_squares)
        assert ran.report["limited_frames"] == report.limited_frames
        assert ran.report["bad_samples"] == report.bad_samples
        assert ran.report["frames"] == report.frames
        assert ran.report["sequence"] == sequence
        assert same_bits(kernel.tail, y[:, y.shape[1] - kernel.overlap :])


@pytest.mark.parametrize("frames", [1920, 3840, 7680, 480, 481, 1023, 1025, 4801])
@pytest.mark.parametrize("order", ORDERS)
def test_kernel_equals_the_reference_bit_for_bit(build: Build, seam_on_cpu: Any, frames: int, order: str) -> None:
    kernel = seam_on_cpu(build(), overlap=480, max_frames=7680)
    assert_equal_streams(kernel, chunks([frames] * 3, 480, 0.7, seed=frames), [0.5, 1.3, 1.3], order)


@pytest.mark.parametrize(("overlap", "frames"), [(0, 1), (1, 1), (31, 33), (1500, 1500)])
def test_kernel_equals_the_reference_at_odd_sizes(build: Build, seam_on_cpu: Any, overlap: int, frames: int) -> None:
    kernel = seam_on_cpu(build(), overlap=overlap, max_frames=max(frames, 4))
    assert_equal_streams(kernel, chunks([frames] * 3, overlap, 1.0), [1.0, 0.25, 1.0], "shuffled")


def test_kernel_equals_the_reference_on_broken_and_extreme_input(build: Build, seam_on_cpu: Any) -> None:
    inputs = chunks([1920, 1920, 3000], 480, 1.0)
    strange = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-42, -0.0, 1e30, 0.8, np.nextafter(np.float32(0.8), 2)]
    for k, y in enumerate(inputs):
        y[:, 7 * k :: 97][:, : len(strange)] = strange
        y[0, -1], y[1, -480] = np.nan, 3e38
    kernel = seam_on_cpu(build(), overlap=480, max_frames=3000)
    assert_equal_streams(kernel, inputs, [1.0, 1.7, -1.7], "shuffled", Limiter(knee=0.8, ceiling=0.985))


def test_kernel_equals_the_reference_for_any_limiter(build: Build, seam_on_cpu: Any) -> None:
    for knee, ceiling in [(0.1, 1.0), (0.31, 0.33), (0.9, 0.97)]:
        kernel = seam_on_cpu(build(), overlap=480, max_frames=1920)
        limiter = Limiter(knee=knee, ceiling=ceiling)
        assert_equal_streams(kernel, chunks([1920, 1000], 480, 2.0), [1.0, 1.0], "descending", limiter)


def test_slots_rotate_with_the_sequence_number(build: Build, seam_on_cpu: Any) -> None:
    kernel = seam_on_cpu(build(), overlap=480, max_frames=1920, slots=3)
    assert_equal_streams(kernel, chunks([1920] * 7, 480, 0.7), [1.0] * 7, "shuffled")
    assert list(kernel.reports["sequence"]) == [6, 7, 5]


@pytest.mark.parametrize("order", ORDERS)
def test_everything_but_the_sequence_word_is_written_before_the_fence(
    build: Build, seam_on_cpu: Any, order: str
) -> None:
    kernel = seam_on_cpu(build(), overlap=480, max_frames=1920)
    ran = kernel.run(chunks([1920], 480, 0.7)[0], sequence=9, order=order)
    assert same_bits(ran.fenced_out, ran.out)
    assert ran.fenced_report["sequence"] == 0 and ran.report["sequence"] == 9
    for field in ("peak", "sum_squares", "limited_frames", "bad_samples", "frames"):
        assert same_bits(ran.fenced_report[field], ran.report[field])


def is_caught(library: Path, seam_on_cpu: Any, order: str) -> bool:
    kernel = seam_on_cpu(library, overlap=480, max_frames=3840)
    try:
        assert_equal_streams(kernel, chunks([3840] * 2, 480, 0.7), [1.0, 0.5], order)
    except AssertionError:
        return True
    return False


def test_a_removed_barrier_is_caught(build: Build, seam_on_cpu: Any) -> None:
    mutant = build(BARRIER, "")
    assert is_caught(mutant, seam_on_cpu, "ascending")
    assert is_caught(mutant, seam_on_cpu, "shuffled")


def test_a_lane_that_skips_a_shuffle_is_reported_as_a_deadlock(build: Build, seam_on_cpu: Any) -> None:
    lost_lane = build(
        "    reduce_warp(meter);\n    if (lane == 0) of",
        "    if (lane != 5) reduce_warp(meter);\n    if (lane == 0) of",
    )
    kernel = seam_on_cpu(lost_lane, overlap=480, max_frames=1920)
    assert kernel.run(chunks([1920], 480, 0.7)[0]).status == 1


def test_a_sequence_word_written_before_the_fence_is_caught(build: Build, seam_on_cpu: Any) -> None:
    mutant = build(FENCE + PUBLISH, PUBLISH + FENCE)
    kernel = seam_on_cpu(mutant, overlap=480, max_frames=1920)
    assert kernel.run(chunks([1920], 480, 0.7)[0], sequence=9).fenced_report["sequence"] == 9


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("static_cast<float>(i + 1)", "static_cast<float>(i)"),
        ("channel[frames + i];", "channel[frames + i - 1];"),
        ("knee + room * (u / sqrtf(1.0f + u * u))", "knee + room * tanhf(u)"),
    ],
)
def test_small_mistakes_are_caught(build: Build, seam_on_cpu: Any, old: str, new: str) -> None:
    assert is_caught(build(old, new, flags=("-O0", "-shared", "-fPIC")), seam_on_cpu, "ascending")


ASAN = ("-fsanitize=address", "-g", "-O1", "-DSEAM_MAIN")


def run_program(program: Path, frames: int) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0"}
    return subprocess.run([str(program), str(frames)], capture_output=True, text=True, timeout=60, env=environment)


@pytest.mark.parametrize("frames", [480, 1920, 3841])
def test_the_kernel_stays_inside_its_buffers(build: Build, frames: int) -> None:
    done = run_program(build(flags=ASAN), frames)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"frames {frames} ")


def test_a_store_one_too_far_is_caught_with_its_line(build: Build) -> None:
    mutant = build("i < frames; i += kThreads", "i <= frames; i += kThreads", flags=ASAN)
    done = run_program(mutant, 1920)
    assert done.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in done.stderr
    source = SEAM_CU.read_text().splitlines()
    (line,) = [n for n, text in enumerate(source, start=1) if "chunk[i] = make_float2" in text]
    assert f"seam.cu:{line}" in done.stderr
