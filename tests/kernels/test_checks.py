"""The kernels over the CPU shim: equal to their references in any order of threads; planted mistakes are caught."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from legando.kernels.checks import CHECKS, Outcome
from legando.kernels.compiler import SOURCES
from legando.kernels.shimdevice import ADDRESS_SANITIZER, ORDERS, Shim
from legando.realtime.errors import LegandoError

Require = Callable[[bool, str], None]
STREAMS = 3


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("check", CHECKS)
def test_kernel_equals_its_reference(shim: Shim, shim_folder: Path, check: str, order: str) -> None:
    outcome = CHECKS[check](Shim(order, folder=shim_folder), STREAMS)
    assert outcome.passed, outcome.wrong
    assert outcome.differing <= 2, "last bits differ far more often than the documentation says"


MUTANTS = [
    ("philox.cuh", "key1 += 0xBB67AE85u;", "key1 += 0xBB67AE84u;", "noise"),
    ("philox.cuh", "static_cast<unsigned int>(from.counter >> 32)", "0u", "noise"),
    ("philox.cuh", "radius * sin(angle)", "radius * sinf(angle)", "noise"),
    ("noise.cu", "blockIdx.x % blocks * kThreads", "0 * kThreads", "noise"),
    ("sampler.cu", "philox4x32(next[stream]", "philox4x32(next[0]", "sampler"),
    ("sampler.cu", "if (mode == kStep) now = stepped;", "now = stepped;", "sampler"),
    ("half.cuh", "size += 0xfffu + (size >> 13 & 1u);", "size += 0x1000u;", "halves"),
    ("history.cu", "anchor, coarse - anchor + 1, coarse);", "anchor, coarse - anchor, coarse);", "history"),
    ("history.cu", "row / heads % streams", "row / heads % 1", "history"),
    ("conditioning.cu", "style[stream * style_n + at]", "style[at]", "conditioning"),
    ("conditioning.cu", "(first_grain + static_cast", "(static_cast", "conditioning"),
    ("tokens.cu", "__syncthreads();\n        // Two threads share a logit.", "", "tokens"),
    ("tokens.cu", "b.index < a.index", "b.index > a.index", "tokens"),
    ("tokens.cu", "if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = best;\n    __syncthreads();",
     "if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = best;", "tokens"),
    ("history.cu", "* fine_pitch - fine_new)", "* fine_pitch - fine_pitch)", "history"),
    ("ticks.cu", "taken[i / units % streams]", "taken[0]", "ticks"),
    ("ticks.cu", "i < n; i += kThreads", "i < n - 1; i += kThreads", "ticks"),
    ("seam.cu", "(start + i) & mask", "(start + i) & mask >> 1", "seam"),
    ("seam.cu", "tail + stream * 2 * overlap", "tail", "seam"),
    ("room.cu", "__syncthreads();\n            if (here) {", "if (here) {", "room"),
    ("drive.cu", "static_cast<float>(i + 1) * control.gain_step", "static_cast<float>(i) * control.gain_step", "drive"),
    ("drive.cu", "i < frames && !broken;", "i < frames;", "drive"),
    ("drive.cu", "fminf(fmaxf(x, -kLoudest), kLoudest) * gain", "x * gain", "drive"),
    ("drive.cu", "tail += stream * 2 * overlap;", "", "drive"),
    ("room.cu", "control.open || begun.rings", "control.open", "room"),
    ("room.cu", "broken ? 0.0f : s.fresh(c, i)", "s.fresh(c, i)", "room"),
    ("room.cu", "tail + stream * 2 * overlap", "tail", "room"),
    ("room.cu", "? frames : kLinePast;", "? 0 : kLinePast;", "room"),
    ("room.cu", "{{0, -167,", "{{0, 167,", "room"),
    ("room.cu", "line[k + half] = a - b;", "line[k + half] = b - a;", "room"),
]  # fmt: skip


def mutant(shim_folder: Path, file: str, old: str, new: str, flags: tuple[str, ...], check: str) -> tuple[Shim, ...]:
    """Return shims, in two orders of threads, over a copy of the sources in which one place is changed."""
    sources = shim_folder / f"{abs(hash((file, old, new))):x}"
    sources.mkdir(exist_ok=True)
    for path in SOURCES.glob("*.cu*"):
        text = path.read_text()
        if path.name == file:
            assert text.count(old) == 1, f"the mutation must hit exactly one place: {old!r}"
            text = text.replace(old, new)
        (sources / path.name).write_text(text)
    return tuple(Shim(order, flags=flags, sources=sources, folder=shim_folder) for order in ("ascending", "descending"))


@pytest.mark.parametrize(("file", "old", "new", "check"), MUTANTS)
def test_a_planted_mistake_is_caught(shim: Shim, shim_folder: Path, file: str, old: str, new: str, check: str) -> None:
    def caught(device: Shim) -> bool:
        try:
            return not CHECKS[check](device, STREAMS).passed
        except LegandoError:
            return True

    assert any(caught(device) for device in mutant(shim_folder, file, old, new, ("-O0",), check))


SCRIPT = """
import sys
from pathlib import Path
from legando.kernels.checks import CHECKS
from legando.kernels.shimdevice import ADDRESS_SANITIZER, Shim
for name in sys.argv[3:]:
    outcome = CHECKS[name](Shim(flags=ADDRESS_SANITIZER, sources=Path(sys.argv[1]), folder=Path(sys.argv[2])), 2)
    assert outcome.passed, outcome.wrong
"""


def run_sanitized(sources: Path, folder: Path, *checks: str) -> subprocess.CompletedProcess[str]:
    """Run checks in a process of its own, in which AddressSanitizer watches every array that NumPy allocates."""
    asked = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, timeout=60)
    environment = os.environ | {
        "LD_PRELOAD": asked.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, "-c", SCRIPT, str(sources), str(folder), *checks]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)


@pytest.fixture
def sanitizer(shim: Shim, require: Require) -> None:
    asked = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, timeout=60)
    require(Path(asked.stdout.strip()).is_absolute(), "g++ has no AddressSanitizer; install libasan")


def test_the_kernels_stay_inside_their_memory(sanitizer: None, shim_folder: Path) -> None:
    done = run_sanitized(SOURCES, shim_folder, *CHECKS)
    assert done.returncode == 0, done.stderr


def test_a_store_too_far_is_named_with_its_line(sanitizer: None, shim_folder: Path) -> None:
    old, new = "if (4 * block + i >= n) break;", "if (4 * block + i > n) break;"
    (device, _) = mutant(shim_folder, "sampler.cu", old, new, ADDRESS_SANITIZER, "sampler")
    done = run_sanitized(device.sources, shim_folder, "sampler")
    assert done.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in done.stderr
    assert "sampler.cu:" in done.stderr


def test_a_check_that_compares_nothing_or_finds_a_difference_has_not_passed() -> None:
    outcome = Outcome("none")
    assert not outcome.passed
    outcome.compare("same", np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    assert outcome.passed and outcome.compared == 2
    outcome.compare("a sign", np.array([0.0]), np.array([-0.0]))
    assert not outcome.passed and "1 of 1 differ" in outcome.wrong[0]
    rare = Outcome("rare", allowed=1)
    one = np.float32(1.0)
    rare.compare("last bit", np.array([np.nextafter(one, np.float32(2))]), np.array([one]), rare=True)
    assert rare.passed and rare.differing == 1
    rare.compare("far", np.array([1.1], np.float32), np.array([1.0], np.float32), rare=True)
    assert not rare.passed


def test_without_gxx_the_shim_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(LegandoError, match=r"needs g\+\+, which is not on the PATH; install it"):
        Shim(folder=tmp_path).kernel("noise", "random_numbers")
