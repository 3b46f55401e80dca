"""GpuSeam equals the NumPy seam: on a GPU where there is one, and everywhere over the CPU shim.

Without a GPU, a stand-in for cuda.core gives plain memory and runs seam.cu through the shim, so that the launcher's
own work (argument order, shared memory layout, sequence and slots, waiting) is tested against the real kernel.
"""

import ctypes
import importlib
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.kernels import device
from legando.kernels.launcher import GpuSeam
from legando.kernels.seam import Limiter, Seam
from legando.kernels.shimdevice import Shim
from legando.realtime.errors import LegandoError

F32 = NDArray[np.float32]


class Memory:
    """Plain memory with the face of a cuda.core Buffer, full of 0xFF as fresh memory may be."""

    def __init__(self, size: int) -> None:
        self.data = np.full(size, 0xFF, np.uint8)
        self.handle, self.size = self.data.ctypes.data, size
        self.closed = False

    def copy_to(self, other: "Memory", *, stream: Any) -> None:
        other.data[:] = self.data

    def copy_from(self, other: "Memory", *, stream: Any) -> None:
        self.data[:] = other.data

    def close(self) -> None:
        self.closed = True


class CpuCore:
    """The names of cuda.core that `Gpu` uses; `launch` runs the kernel through the shim, now or when asked."""

    def __init__(self, shim: Shim) -> None:
        self._shim = shim
        self.deferred = False
        self.pending: list[Callable[[], None]] = []
        self.memory: list[Memory] = []
        stream = SimpleNamespace(sync=lambda: None, close=lambda: None)
        device = SimpleNamespace(
            name="stand-in",
            set_current=lambda: None,
            compute_capability=(8, 9),
            create_stream=lambda: stream,
            allocate=lambda size, *, stream: self.allocate(size),
        )
        self.Device = lambda device_id: device
        self.LegacyPinnedMemoryResource = lambda: SimpleNamespace(allocate=self.allocate)
        self.ObjectCode = SimpleNamespace(
            from_cubin=lambda cubin, name: SimpleNamespace(get_kernel=lambda kernel: shim.kernel(name, kernel))
        )
        self.LaunchConfig = lambda *, grid, block: (grid, block)

    def allocate(self, size: int) -> Memory:
        self.memory.append(Memory(size))
        return self.memory[-1]

    def launch(self, stream: Any, config: Any, kernel: Any, *arguments: Any) -> None:
        assert all(isinstance(a, int | np.int32 | np.uint32 | np.float32) for a in arguments), "what cuda.core takes"

        def run() -> None:
            self._shim.launch(kernel, *config, *arguments)

        if self.deferred:
            self.pending.append(run)
        else:
            run()


@pytest.fixture
def cpu_core(shim: Shim, monkeypatch: pytest.MonkeyPatch) -> CpuCore:
    core = CpuCore(shim)
    monkeypatch.setattr(device, "cuda_core", lambda: core)
    monkeypatch.setattr(device, "compile_cubin", lambda name, arch: b"")
    return core


@pytest.fixture(params=["shim", "gpu"])
def upload(request: pytest.FixtureRequest) -> Iterator[Callable[[F32], int]]:
    """Return `upload(y) -> device address`, with GpuSeam working on the shim or on a real GPU."""
    kept: list[Any] = []
    if request.param == "shim":
        request.getfixturevalue("cpu_core")

        def to_plain_memory(y: F32) -> int:
            kept.append(np.ascontiguousarray(y))
            return int(kept[-1].ctypes.data)

        yield to_plain_memory
        return
    try:
        core: Any = importlib.import_module("cuda.core")
        core.Device(0).set_current()
    except Exception as error:  # cuda.core publishes no base class for its errors
        pytest.skip(f"no CUDA device: {error}")

    def to_pinned_memory(y: F32) -> int:
        y = np.ascontiguousarray(y)
        kept.append(core.LegacyPinnedMemoryResource().allocate(y.nbytes))
        ctypes.memmove(int(kept[-1].handle), y.ctypes.data, y.nbytes)
        return int(kept[-1].handle)

    yield to_pinned_memory
    for buffer in kept:
        buffer.close()


def test_launched_chunks_equal_the_numpy_seam(upload: Callable[[F32], int]) -> None:
    limiter = Limiter(knee=0.7, ceiling=0.9)
    seam, reference = GpuSeam(max_frames=7680, limiter=limiter), Seam(limiter=limiter)
    random = np.random.default_rng(0)
    sizes, gains = [1920, 3840, 7680, 1000, 480], [0.5, 1.2, 1.2, 0.1, 0.9]
    for run in range(2):
        for k, (frames, gain) in enumerate(zip(sizes, gains, strict=True), start=1):
            y = (random.standard_normal((2, frames + 480)) * 0.7).astype(np.float32)
            y[k % 2, 17] = np.nan
            sequence = seam.submit(upload(y), frames, gain)
            audio, report = seam.wait(sequence)
            expected, meters = reference.process(y, gain)
            assert sequence == k
            np.testing.assert_array_equal(audio, expected)
            np.testing.assert_array_equal(report["peak"][0], meters.peak)
            np.testing.assert_array_equal(report["sum_squares"][0], meters.sum_squares)
            assert report["limited_frames"][0] == meters.limited_frames > 0
            assert report["bad_samples"][0] == meters.bad_samples == 1
        if run == 0:
            seam.reset()
            reference.reset()
    seam.close()


def test_audio_stays_valid_until_its_slot_comes_round(upload: Callable[[F32], int]) -> None:
    seam = GpuSeam(overlap_frames=0, max_frames=64, slots=3)
    audios = []
    for level in (0.1, 0.2, 0.3):
        y = np.full((2, 64), level, np.float32)
        audios.append(seam.wait(seam.submit(upload(y), 64))[0])
    assert [float(a[0, 0]) for a in audios] == [np.float32(0.1), np.float32(0.2), np.float32(0.3)]
    seam.close()


def test_a_chunk_still_in_flight_is_waited_for_and_not_overtaken(cpu_core: CpuCore) -> None:
    seam, y = GpuSeam(overlap_frames=0, max_frames=64), np.full((2, 64), 0.5, np.float32)
    cpu_core.deferred = True
    sequence = seam.submit(y.ctypes.data, 64)
    with pytest.raises(LegandoError, match="chunk 1 is still on the GPU; wait for it"):
        seam.submit(y.ctypes.data, 64)
    with pytest.raises(LegandoError, match=r"has not finished chunk 1 after 5\.0 ms"):
        seam.wait(sequence, timeout_ms=5.0)
    late = threading.Timer(0.02, cpu_core.pending.pop())
    late.start()
    audio, _ = seam.wait(sequence)
    late.join()
    assert (audio == 0.5).all()
    assert seam.write_controls(1.0) == 2


def test_wrong_sizes_are_refused_and_memory_is_given_back(cpu_core: CpuCore) -> None:
    with pytest.raises(LegandoError, match="at least 1 slot"):
        GpuSeam(slots=0)
    seam = GpuSeam(overlap_frames=480, max_frames=1920)
    for frames in (479, 1921):
        with pytest.raises(LegandoError, match=f"chunk of {frames} frames with an overlap of 480"):
            seam.submit(0, frames)
    with pytest.raises(LegandoError, match="gain is nan"):
        seam.submit(0, 1920, float("nan"))
    assert seam.submit(np.zeros(2 * 2400, np.float32).ctypes.data, 1920) == 1, "a refused chunk takes no number"
    seam.close()
    assert cpu_core.memory and all(memory.closed for memory in cpu_core.memory)
