"""Compile the CUDA kernels to cubins, and launch the seam on a stream. Imports without CUDA; compiles without a GPU.

The engine process owns `GpuSeam`: controls, audio and reports lie in mapped pinned memory, so a chunk reaches the host
without a copy call or a device synchronisation; the host polls the sequence word that the kernel writes last. [engine]
"""

import ctypes
import hashlib
import importlib
import os
import re
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.kernels.layout import CONTROLS, REPORT
from legando.kernels.seam import DEFAULT_LIMITER, LARGEST_GAIN, THREADS, Limiter
from legando.realtime.errors import LegandoError

SOURCES = Path(__file__).parent
SPIN_NS = 200_000
SLEEP_S = 50e-6


def _cuda_core() -> Any:
    """Return the module cuda.core, or say how to install it. [control]"""
    try:
        core = importlib.import_module("cuda.core")
        importlib.import_module("cuda.bindings.nvrtc")
    except ImportError as error:
        raise LegandoError(
            f"the CUDA Python packages are not installed ({error}); run: pip install 'legando[gpu]'"
        ) from error
    return core


def cache_folder() -> Path:
    """Return the folder of compiled kernels: $LEGANDO_CACHE_DIR, else the system's place for caches. [control]"""
    chosen = os.environ.get("LEGANDO_CACHE_DIR")
    if chosen:
        return Path(chosen) / "cubins"
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return root / "legando" / "cubins"


def compile_cubin(name: str, arch: str) -> bytes:
    """Return the cubin of `name`.cu for one GPU architecture ("sm_89"), from the cache if it is there. [control]

    The key holds the source, the architecture, the options and the compiler's version. Multiply-adds are not fused
    (`fma=False`): the kernels promise their NumPy reference's bits. Raises LegandoError.
    """
    path = SOURCES / f"{name}.cu"
    if not name.isidentifier() or not path.is_file():
        known = ", ".join(sorted(p.stem for p in SOURCES.glob("*.cu")))
        raise LegandoError(f"there is no kernel {name!r}; choose one of: {known}")
    if not re.fullmatch(r"sm_\d{2,3}[af]?", arch):
        raise LegandoError(f"{arch!r} is no GPU architecture; give one like 'sm_89'")
    core = _cuda_core()
    source = path.read_text(encoding="utf-8")
    options = {"arch": arch, "std": "c++17", "fma": False, "name": path.name}
    try:
        version = importlib.import_module("cuda.bindings.nvrtc").nvrtcVersion()[1:]
        key = hashlib.sha256(f"{source}\0{sorted(options.items())}\0{version}".encode()).hexdigest()[:24]
        cached = cache_folder() / f"{name}-{arch}-{key}.cubin"
        if cubin := _read_cubin(cached):
            return cubin
        cubin = bytes(core.Program(source, "c++", core.ProgramOptions(**options)).compile("cubin").code)
    except Exception as error:  # cuda.core publishes no base class for its errors
        raise LegandoError(
            f"{path.name} does not compile for {arch}: {error}; check that the architecture is one this NVRTC knows, "
            "or reinstall with: pip install 'legando[gpu]'"
        ) from error
    _write_cubin(cached, cubin)
    return cubin


def _read_cubin(path: Path) -> bytes:
    """Return the file's bytes, or none if it is missing, unreadable or no ELF file: then it is compiled again."""
    with suppress(OSError):
        data = path.read_bytes()
        if data.startswith(b"\x7fELF"):
            return data
    return b""


def _write_cubin(path: Path, cubin: bytes) -> None:
    """Write through a temporary file and a rename: readers see all or nothing. A read-only cache only costs time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(cubin)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)


class GpuSeam:
    """The seam kernel with its memory, stream and sequence count: `submit` a chunk, then `wait` for its audio. [engine]

    One chunk is in flight at a time, since the kernel reads `controls` while it runs. A chunk's audio stays valid until
    `slots` chunks later. For a captured CUDA graph, call `enqueue` once with the graph builder as the stream, and per
    chunk `write_controls`, then launch the graph, then `wait`.
    """

    latency_frames = 0

    def __init__(
        self,
        *,
        overlap_frames: int = 480,
        max_frames: int = 7680,
        slots: int = 3,
        limiter: Limiter = DEFAULT_LIMITER,
        device_id: int = 0,
    ) -> None:
        if overlap_frames < 0 or max_frames < max(overlap_frames, 1) or slots < 1:
            raise LegandoError(
                f"the seam got overlap_frames={overlap_frames}, max_frames={max_frames}, slots={slots}; use no "
                "negative overlap, max_frames no shorter than the overlap, and at least 1 slot"
            )
        self.overlap_frames, self.max_frames, self.slots = overlap_frames, max_frames, slots
        self._core = core = _cuda_core()
        try:
            device = core.Device(device_id)
            device.set_current()
            major, minor = device.compute_capability
            self.stream = device.create_stream()
        except Exception as error:  # cuda.core publishes no base class for its errors
            raise LegandoError(
                f"CUDA device {device_id} cannot be opened ({error}); check the NVIDIA driver with nvidia-smi, or use "
                "the CPU engine"
            ) from error
        code = core.ObjectCode.from_cubin(compile_cubin("seam", f"sm_{major}{minor}"), name="seam")
        self._kernel = code.get_kernel("seam")
        self._config = core.LaunchConfig(grid=1, block=THREADS)
        self._tail = device.allocate(max(2 * 4 * overlap_frames, 4), stream=self.stream)
        # cuMemAllocHost: pinned, and mapped at the same address on the device (unified virtual addressing).
        pinned = core.LegacyPinnedMemoryResource()
        self._pinned = {
            "controls": pinned.allocate(CONTROLS.itemsize),
            "out": pinned.allocate(slots * max_frames * 2 * 4),
            "reports": pinned.allocate(slots * REPORT.itemsize),
        }
        self.controls = self._view("controls", CONTROLS)
        self.out = self._view("out", np.dtype(np.float32)).reshape(slots, max_frames, 2)
        self.reports = self._view("reports", REPORT)
        self.controls["knee"], self.controls["ceiling"] = limiter.knee, limiter.ceiling
        self.reset()

    def _view(self, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return pinned memory as an array, zeroed; valid until `close`."""
        buffer = self._pinned[name]
        raw = (ctypes.c_uint8 * int(buffer.size)).from_address(int(buffer.handle))
        array: NDArray[Any] = np.ctypeslib.as_array(raw).view(dtype)
        array.fill(0)
        return array

    def reset(self) -> None:
        """Forget the tail, the gain and the sequence: the next chunk starts a new stream. [control]"""
        self._tail.fill(0, stream=self.stream)
        self.stream.sync()
        self.reports["sequence"] = 0
        self._sequence = 0
        self._gain: float | None = None

    def _check(self, frames: int) -> None:
        if not max(self.overlap_frames, 1) <= frames <= self.max_frames:
            raise LegandoError(
                f"the seam got a chunk of {frames} frames with an overlap of {self.overlap_frames}; give at least as "
                f"many frames as the overlap and at most max_frames={self.max_frames}"
            )

    def write_controls(self, gain: float) -> int:
        """Set gain and sequence for the next launch; return its sequence. The last chunk must have arrived. [engine]"""
        if not abs(gain) <= LARGEST_GAIN:
            raise LegandoError(f"the seam's gain is {gain}; give a linear gain of at most {LARGEST_GAIN:g} (+120 dB)")
        if self._sequence and self.reports["sequence"][self._sequence % self.slots] != self._sequence:
            raise LegandoError(f"chunk {self._sequence} is still on the GPU; wait for it before you submit the next")
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        self.controls["gain_from"] = gain if self._gain is None else self._gain
        self.controls["gain_to"] = gain
        self.controls["sequence"] = self._sequence
        self._gain = gain
        return self._sequence

    def enqueue(self, y_pointer: int, frames: int, stream: Any = None) -> None:
        """Launch on `stream` (a cuda.core Stream or GraphBuilder; default: its own), or record into a graph. [engine]

        y_pointer: device address of float32 [2, frames + overlap_frames], channel-major.
        """
        self._check(frames)
        self._core.launch(
            self.stream if stream is None else stream,
            self._config,
            self._kernel,
            y_pointer,
            self._tail,
            self._pinned["controls"],
            self._pinned["out"],
            self._pinned["reports"],
            np.int32(frames),
            np.int32(self.overlap_frames),
            np.int32(self.max_frames),
            np.int32(self.slots),
        )

    def submit(self, y_pointer: int, frames: int, gain: float = 1.0, stream: Any = None) -> int:
        """Start one chunk and return its sequence, for `wait`. [engine]"""
        self._check(frames)
        sequence = self.write_controls(gain)
        self.enqueue(y_pointer, frames, stream)
        return sequence

    def wait(self, sequence: int, timeout_ms: float = 1000.0) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return a chunk's (frames, 2) audio and its REPORT record once the GPU has published them. [engine]

        Spins for a fifth of a millisecond, then sleeps between looks. Raises LegandoError after `timeout_ms`.
        """
        slot = sequence % self.slots
        words = self.reports["sequence"]
        start_ns = time.perf_counter_ns()
        while words[slot] != sequence:
            waited_ns = time.perf_counter_ns() - start_ns
            if waited_ns > timeout_ms * 1e6:
                raise LegandoError(
                    f"the GPU has not finished chunk {sequence} after {timeout_ms} ms; restart the engine"
                )
            if waited_ns > SPIN_NS:
                time.sleep(SLEEP_S)
        report = self.reports[slot : slot + 1]
        return self.out[slot, : int(report["frames"][0])], report

    def close(self) -> None:
        """Free the memory and the stream; arrays handed out before are dead. [control]"""
        self.stream.sync()
        for buffer in (self._tail, *self._pinned.values()):
            buffer.close()
        self.stream.close()
