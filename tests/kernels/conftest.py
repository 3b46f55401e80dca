"""Build the untouched seam.cu (or a mutant of it) with g++ and run it on the CPU through the fibre shim."""

import ctypes
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.kernels.layout import CONTROLS, REPORT
from legando.kernels.shimdevice import Shim

KERNELS = Path(__file__).resolve().parents[2] / "kernels"
SEAM_CU = KERNELS / "seam.cu"
DRIVER = KERNELS / "shim" / "seam_driver.cpp"
FLAGS = ["-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-clobbered", "-Werror"]
ORDERS = {"ascending": 0, "descending": 1, "shuffled": 2}

Build = Callable[..., Path]


@dataclass
class Ran:
    """What one launch on the shim left behind; `fenced_*` is what the host could see at the system fence."""

    status: int
    out: NDArray[np.float32]
    report: np.void
    fenced_out: NDArray[np.float32]
    fenced_report: np.void


class SeamOnCpu:
    """The seam kernel with its device memory: a tail, a ring of output slots and their reports."""

    def __init__(self, library: Path, *, overlap: int, max_frames: int, slots: int = 1) -> None:
        self._run = ctypes.CDLL(str(library)).run_seam
        self.overlap, self.max_frames, self.slots = overlap, max_frames, slots
        self.tail = np.zeros((2, overlap), np.float32)
        self.out = np.full((slots, max_frames, 2), np.nan, np.float32)
        self.reports = np.zeros(slots, REPORT)

    def run(
        self,
        y: NDArray[np.float32],
        gain_from: float = 1.0,
        gain_to: float = 1.0,
        *,
        sequence: int = 1,
        order: str = "ascending",
        seed: int = 0,
        knee: float = 0.8,
        ceiling: float = 0.985,
    ) -> Ran:
        frames = y.shape[1] - self.overlap
        controls = np.array([(gain_from, gain_to, knee, ceiling, sequence)], CONTROLS)
        fenced_out, fenced_reports = np.empty_like(self.out), np.empty_like(self.reports)
        y = np.ascontiguousarray(y)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (y, self.tail, controls, self.out, self.reports)]
        sizes = [ctypes.c_int(n) for n in (frames, self.overlap, self.max_frames, self.slots, ORDERS[order], seed)]
        fenced = [ctypes.c_void_p(a.ctypes.data) for a in (fenced_out, fenced_reports)]
        status = int(self._run(*pointers, *sizes, *fenced))
        slot = sequence % self.slots
        return Ran(
            status,
            self.out[slot, :frames].copy(),
            self.reports[slot].copy(),
            fenced_out[slot, :frames],
            fenced_reports[slot],
        )


@pytest.fixture(scope="session")
def gxx() -> str | None:
    return shutil.which("g++")


@pytest.fixture
def build(
    gxx: str | None, require: Callable[[bool, str], None], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Return `build(old, new, *, flags)`: compile seam.cu with `old` replaced by `new`; each variant is built once."""
    require(gxx is not None, "g++ is not on the PATH; install it (Debian: apt install g++)")
    folder = tmp_path_factory.getbasetemp() / "seam_on_cpu"
    folder.mkdir(exist_ok=True)

    def compile_variant(old: str = "", new: str = "", *, flags: tuple[str, ...] = ("-O2", "-shared", "-fPIC")) -> Path:
        source = SEAM_CU.read_text()
        if old:
            assert source.count(old) == 1, f"the mutation must hit exactly one place: {old!r}"
            source = source.replace(old, new)
        name = hashlib.sha256(f"{source}{flags}".encode()).hexdigest()[:16]
        binary = folder / f"{name}.so"
        if not binary.exists():
            kernel = SEAM_CU
            if old:
                kernel = folder / name / "seam.cu"
                kernel.parent.mkdir(exist_ok=True)
                kernel.write_text(source)
            define = f'-DKERNEL_SOURCE="{kernel}"'
            command = ["g++", *FLAGS, *flags, define, f"-I{DRIVER.parent}", str(DRIVER), "-o", str(binary)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            assert done.returncode == 0, done.stderr
        return binary

    return compile_variant


@pytest.fixture(scope="session")
def shim_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the libraries of a test run lie, so that each is built once."""
    return tmp_path_factory.mktemp("shim")


@pytest.fixture
def shim(gxx: str | None, require: Callable[[bool, str], None], shim_folder: Path) -> Shim:
    """The CPU in the place of a GPU, with warps and lanes in a shuffled order."""
    require(gxx is not None, "g++ is not on the PATH; install it (Debian: apt install g++)")
    return Shim("shuffled", folder=shim_folder)


@pytest.fixture
def seam_on_cpu() -> type[SeamOnCpu]:
    return SeamOnCpu
