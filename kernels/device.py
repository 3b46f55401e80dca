"""Where kernels run: a GPU through cuda.core. Buffers with fixed addresses, kernels by name, launches, timing. [engine]

`shimdevice.Shim` has the same face and runs the same kernels on the CPU, for tests and for `legando gpu check --shim`.
Nothing here is needed by a machine that plays on its CPU.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.kernels.capture import Captured, CudaGraph, copy_on_stream
from legando.kernels.compiler import compile_cubin, cuda_core
from legando.realtime.errors import LegandoError


class Memory(Protocol):
    """Memory at a fixed address that a kernel reads or writes."""

    address: int
    shape: tuple[int, ...]

    def write(self, values: NDArray[Any]) -> None:
        """Copy in, and wait. [control]"""

    def read(self) -> NDArray[Any]:
        """Wait for the device, and return a copy. [control]"""


class Mapped(Protocol):
    """Memory that the host and the device both see: `host` is the host's view."""

    address: int
    host: NDArray[Any]


class Shared(Mapped, Protocol):
    """Memory of the host that the device sees until `close`."""

    def close(self) -> None:
        """Let it go. [control]"""


class Device(Protocol):
    """What launchers need of a device."""

    name: str

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> Memory:
        """Return device memory with nothing in particular in it. [control]"""

    def mapped(self, shape: tuple[int, ...], dtype: DTypeLike) -> Mapped:
        """Return zeroed memory that host and device share. [control]"""

    def share(self, address: int, size: int) -> Shared:
        """Let the device see memory that the host has; page-aligned; it must outlive the device. [control]"""

    def kernel(self, source: str, name: str) -> Any:
        """Return the kernel `name` of `source`.cu, compiled. [control]"""

    def launch(self, kernel: Any, grid: int, block: int, *arguments: Any, stream: Any = None) -> None:
        """Start `grid` blocks of `block` threads; memory, NumPy scalars. [engine]"""

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy `size` bytes from address to address, after what was launched before. [engine]"""

    def enqueue(self, network: Any) -> None:
        """Let a network (`legando.engines.card.network.DeviceNetwork`) put its work on the stream. [engine]"""

    def capture(self, record: Callable[[], None]) -> Captured:
        """Record what `record` launches, copies and enqueues, as one launch. [control]"""

    def sync(self) -> None:
        """Wait until all launches are done. [control]"""

    def close(self) -> None:
        """Free all memory. [control]"""


class _Staged:
    """Device memory, with a pinned copy through which `write` and `read` go."""

    def __init__(self, gpu: Gpu, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._gpu, self.shape = gpu, shape
        self._staging = _Pinned(gpu, shape, dtype)
        self.buffer = gpu.core_device.allocate(max(self._staging.host.nbytes, 16), stream=gpu.stream)
        self.address = int(self.buffer.handle)

    def write(self, values: NDArray[Any]) -> None:
        self._gpu.sync()
        self._staging.host[...] = values
        self.buffer.copy_from(self._staging.buffer, stream=self._gpu.stream)
        self._gpu.sync()

    def read(self) -> NDArray[Any]:
        self.buffer.copy_to(self._staging.buffer, stream=self._gpu.stream)
        self._gpu.sync()
        return self._staging.host.copy()

    def close(self) -> None:
        self.buffer.close()
        self._staging.close()


class _Pinned:
    """Pinned host memory: cuMemAllocHost, mapped at the same address on the device (unified virtual addressing)."""

    def __init__(self, gpu: Gpu, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        self.buffer = gpu.pinned.allocate(max(size, 16))  # as large as its device twin: copies take whole buffers
        self.address = int(self.buffer.handle)
        raw = (ctypes.c_uint8 * size).from_address(self.address)
        self.host: NDArray[Any] = np.ctypeslib.as_array(raw).view(dtype).reshape(shape)
        self.host.view(np.uint8).fill(0)

    def close(self) -> None:
        self.buffer.close()


class _Shared:
    """Host memory made visible to the device, until `close`."""

    def __init__(self, address: int, size: int) -> None:
        self._driver: Any = importlib.import_module("cuda.bindings.driver")
        self._host_address = address
        self.host: NDArray[Any] = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        flags = self._driver.CU_MEMHOSTREGISTER_PORTABLE | self._driver.CU_MEMHOSTREGISTER_DEVICEMAP
        self._ask("lock", self._driver.cuMemHostRegister(address, size, flags))
        self.address = int(self._ask("map", self._driver.cuMemHostGetDevicePointer(address, 0))[0])

    def _ask(self, verb: str, answer: tuple[Any, ...]) -> tuple[Any, ...]:
        if int(answer[0]):
            raise LegandoError(
                f"the GPU cannot {verb} the ring's memory ({answer[0].name}); raise the limit of locked memory "
                "(ulimit -l), or let the host copy"
            )
        return answer[1:]

    def close(self) -> None:
        if self._host_address:
            self._driver.cuMemHostUnregister(self._host_address)
            self._host_address = 0


class Gpu:
    """One CUDA device with one stream of its own."""

    def __init__(self, device_id: int = 0) -> None:
        """Open the device. Raises LegandoError where there is none."""
        self._core = core = cuda_core()
        try:
            self.core_device = core.Device(device_id)
            self.core_device.set_current()
            major, minor = self.core_device.compute_capability
            self.stream = self.core_device.create_stream()
            self.name = str(self.core_device.name)
        except Exception as error:  # cuda.core publishes no base class for its errors
            raise LegandoError(
                f"CUDA device {device_id} cannot be opened ({error}); check the NVIDIA driver with nvidia-smi, or use "
                "the CPU engine"
            ) from error
        self.arch = f"sm_{major}{minor}"
        self.pinned = core.LegacyPinnedMemoryResource()
        self._modules: dict[str, Any] = {}
        self._owned: list[_Staged | _Pinned | _Shared] = []

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> _Staged:
        """Return device memory with nothing in particular in it. [control]"""
        memory = _Staged(self, shape, dtype)
        self._owned.append(memory)
        return memory

    def mapped(self, shape: tuple[int, ...], dtype: DTypeLike) -> _Pinned:
        """Return zeroed memory that host and device share. [control]"""
        memory = _Pinned(self, shape, dtype)
        self._owned.append(memory)
        return memory

    def share(self, address: int, size: int) -> _Shared:
        """Page-lock and map memory that the host has, such as a player's ring. Raises LegandoError. [control]"""
        memory = _Shared(address, size)
        self._owned.append(memory)
        return memory

    def kernel(self, source: str, name: str) -> Any:
        """Return the kernel `name` of `source`.cu, compiled for this card, or cached. [control]"""
        if source not in self._modules:
            cubin = compile_cubin(source, self.arch)
            self._modules[source] = self._core.ObjectCode.from_cubin(cubin, name=source)
        return self._modules[source].get_kernel(name)

    def launch(self, kernel: Any, grid: int, block: int, *arguments: Any, stream: Any = None) -> None:
        """Launch on `stream` (a cuda.core Stream or GraphBuilder; default: the device's own). [engine]"""
        values = [a.address if hasattr(a, "address") else a for a in arguments]
        config = self._core.LaunchConfig(grid=grid, block=block)
        self._core.launch(self.stream if stream is None else stream, config, kernel, *values)

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy `size` bytes from address to address, in the stream's order. [engine]"""
        copy_on_stream(int(self.stream.handle), target, source, size)

    def enqueue(self, network: Any) -> None:
        """Let a network put its work on the stream. [engine]"""
        network.enqueue(int(self.stream.handle))

    def capture(self, record: Callable[[], None]) -> CudaGraph:
        """Record what `record` puts on the stream, as one launch. [control]"""
        self.sync()
        return CudaGraph(int(self.stream.handle), record)

    def versions(self) -> dict[str, str]:
        """Return the versions of driver and compiler, for reports. [control]"""
        driver: Any = importlib.import_module("cuda.bindings.driver")
        nvrtc: Any = importlib.import_module("cuda.bindings.nvrtc")
        number = int(driver.cuDriverGetVersion()[1])
        major, minor = nvrtc.nvrtcVersion()[1:]
        return {"driver": f"CUDA {number // 1000}.{number % 1000 // 10}", "compiler": f"NVRTC {major}.{minor}"}

    def sync(self) -> None:
        """Wait until all launches are done. [control]"""
        self.stream.sync()

    def microseconds(self, work: Callable[[], None], times: int) -> list[float]:
        """Return how long `work` (launches) takes on the device, `times` times, by events. [control]"""
        options = self._core.EventOptions(timing_enabled=True)
        took = []
        for _ in range(times):
            before = self.stream.record(options=options)
            work()
            after = self.stream.record(options=options)
            after.sync()
            took.append(float(after - before) * 1e3)
        return took

    def close(self) -> None:
        """Free memory and stream. [control]"""
        self.stream.sync()
        for memory in self._owned:
            memory.close()
        self.stream.close()
