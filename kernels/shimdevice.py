"""The same kernels on the CPU, through the fibre shim: slow, and made to find mistakes. [control]

g++ compiles the untouched .cu file; see `shim/cuda_on_cpu.h`. For tests, and for `legando gpu check --shim`.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from legando.kernels.compiler import SOURCES, cache_folder, source_text
from legando.realtime.errors import LegandoError

ORDERS = ("ascending", "descending", "shuffled")
WARNINGS = ["-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Wno-clobbered", "-Werror"]
FLAGS = ["-std=c++17", "-ffp-contract=off", "-fPIC", "-shared", *WARNINGS]
ADDRESS_SANITIZER = ("-O1", "-g", "-fsanitize=address")
_KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\(\w+\)\s*)?(\w+)\(')


def kernel_names(source: Path) -> list[str]:
    """Return the names of the kernels in a .cu file. [control]"""
    return _KERNEL.findall(source.read_text(encoding="utf-8"))


def build(source: Path, flags: Iterable[str] = ("-O2",), folder: Path | None = None) -> Path:
    """Compile a .cu file for the CPU and return the library, from `folder` (default: the cache) if there. [control]

    Raises LegandoError without g++, or if it does not compile.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise LegandoError("the CPU shim needs g++, which is not on the PATH; install it (Debian: apt install g++)")
    flags = tuple(flags)
    shim = SOURCES / "shim"
    parts = [source_text(source), *(path.read_text(encoding="utf-8") for path in sorted(shim.iterdir())), str(flags)]
    key = hashlib.sha256("\0".join([*parts, str(source)]).encode()).hexdigest()[:20]
    folder = cache_folder().parent / "shim" if folder is None else folder
    library = folder / f"{source.stem}-{key}.so"
    if library.exists():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LegandoError(f"{folder} cannot be made ({error}); set LEGANDO_CACHE_DIR to a folder of yours") from error
    names = " ".join(f"KERNEL({name})" for name in kernel_names(source))
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        made = Path(temporary) / library.name
        command = [compiler, *FLAGS, *flags, f'-DKERNEL_SOURCE="{source}"', f"-DKERNEL_NAMES={names}"]
        command += [f"-I{shim}", f"-I{SOURCES}", str(shim / "launch.cpp"), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise LegandoError(f"g++ does not compile {source.name} for the shim: {done.stderr.strip()}")
        with suppress(FileExistsError):
            made.replace(library)
    return library


class Plain:
    """Plain memory of exactly the promised size, so that AddressSanitizer sees one element too far."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, fill: int) -> None:
        self.host: NDArray[Any] = np.empty(shape, dtype)
        self.host.reshape(-1).view(np.uint8).fill(fill)
        self.shape = shape
        self.address = self.host.ctypes.data

    def write(self, values: NDArray[Any]) -> None:
        """Copy in. [control]"""
        self.host[...] = values

    def read(self) -> NDArray[Any]:
        """Return a copy. [control]"""
        return self.host.copy()


class Seen:
    """Memory of somebody else."""

    def __init__(self, address: int, size: int) -> None:
        self.address = address
        self.host: NDArray[Any] = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))

    def close(self) -> None:
        """Do nothing: nothing was locked. [control]"""


class Recording:
    """What was recorded, in its order; arguments are those of the time of recording, as in a CUDA graph."""

    def __init__(self, works: list[Callable[[], object]]) -> None:
        self._works, self.nodes = works, len(works)

    def launch(self) -> None:
        """Do it all. [control]"""
        for work in self._works:
            work()

    def close(self) -> None:
        """Forget it. [control]"""
        self._works = []


class Shim:
    """The CPU in the place of a GPU. Every launch is done when it returns.

    `order` is how warps and lanes take turns. `sources` says where other .cu files than the shipped ones lie.
    """

    name = "CPU shim"

    def __init__(
        self,
        order: str = "shuffled",
        *,
        flags: Iterable[str] = ("-O2",),
        sources: Path | None = None,
        folder: Path | None = None,
    ) -> None:
        self._order, self._flags, self._folder = ORDERS.index(order), tuple(flags), folder
        self.sources = SOURCES if sources is None else sources
        self._libraries: dict[str, ctypes.CDLL] = {}
        self._owned: list[Plain] = []
        self._launches = 0
        self._recording: list[Callable[[], object]] | None = None

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> Plain:
        """Return memory full of 0xFF, as fresh memory may be. [control]"""
        memory = Plain(shape, dtype, 0xFF)
        self._owned.append(memory)
        return memory

    def mapped(self, shape: tuple[int, ...], dtype: DTypeLike) -> Plain:
        """Return zeroed memory. [control]"""
        memory = Plain(shape, dtype, 0)
        self._owned.append(memory)
        return memory

    def share(self, address: int, size: int) -> Seen:
        """Return memory that the host has: the shim sees all. [control]"""
        return Seen(address, size)

    def kernel(self, source: str, name: str) -> Any:
        """Return the kernel `name` of `source`.cu, compiled by g++. [control]"""
        if source not in self._libraries:
            self._libraries[source] = ctypes.CDLL(str(build(self.sources / f"{source}.cu", self._flags, self._folder)))
        return self._libraries[source].launch_kernel, name.encode()

    def launch(self, kernel: Any, grid: int, block: int, *arguments: Any, stream: Any = None) -> None:
        """Run all blocks, one after the other. Raises LegandoError after a deadlock. [control]"""
        function, name = kernel
        values = [_value(a) for a in arguments]
        pointers = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))

        def run() -> None:
            self._launches += 1
            status = function(name, ctypes.c_uint(grid), ctypes.c_uint(block), self._order, self._launches, pointers)
            if status:
                raise LegandoError(
                    f"the kernel {name.decode()} does not end: some threads wait for others that never come"
                )
            assert values, "the pointers point into these"

        self._do(run)

    def copy(self, target: int, source: int, size: int) -> None:
        """Copy bytes now, or when the recording is launched. [control]"""
        self._do(lambda: ctypes.memmove(target, source, size))

    def enqueue(self, network: Any) -> None:
        """Run a network of the CPU now, or when the recording is launched. [control]"""
        self._do(lambda: network.enqueue(0))

    def capture(self, record: Callable[[], None]) -> Recording:
        """Record what `record` launches, without doing it. [control]"""
        if self._recording is not None:
            raise LegandoError("a recording cannot hold another one; end the first")
        self._recording = []
        try:
            record()
            return Recording(self._recording)
        finally:
            self._recording = None

    def _do(self, work: Callable[[], object]) -> None:
        if self._recording is None:
            work()
        else:
            self._recording.append(work)

    def sync(self) -> None:
        """Do nothing: every launch is done when it returns. [control]"""

    def microseconds(self, work: Callable[[], None], times: int) -> list[float]:
        """Return no times: those of the shim mean nothing. [control]"""
        return []

    def close(self) -> None:
        """Let the memory go. [control]"""
        self._owned.clear()


def _value(argument: Any) -> NDArray[Any]:
    """Return an argument as the driver takes it: addresses in 8 bytes, NumPy scalars as they are."""
    if isinstance(argument, np.generic):
        return np.array(argument)
    return np.array(argument if isinstance(argument, int) else argument.address, np.uint64)
