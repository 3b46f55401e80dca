"""Compile the CUDA kernels to cubins: NVRTC, with a cache. Imports without CUDA; compiles without a GPU. [control]"""

import hashlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError

SOURCES = Path(__file__).parent
OPTIONS = {"std": "c++17", "fma": False}
_INCLUDE = re.compile(r'#include "([\w.]+)"')


def cuda_core() -> Any:
    """Return the module cuda.core, or say how to install it. [control]"""
    try:
        core = importlib.import_module("cuda.core")
        importlib.import_module("cuda.bindings.nvrtc")
    except ImportError as error:
        raise LegandoError(
            f"the CUDA Python packages are not installed ({error}); run: pip install 'legando[gpu]'"
        ) from error
    return core


def source_text(path: Path) -> str:
    """Return a .cu file with each `#include "name"` replaced by that file: the first time; once is enough. [control]

    The compiler then needs no folder to look in, and the cache's key holds all. `#line` keeps its messages right.
    """
    return "".join(_lines(path, set()))


def _lines(path: Path, seen: set[str]) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), start=1):
        include = _INCLUDE.match(line)
        if include is None:
            yield "\n" if line.startswith("#pragma once") else line
        elif include[1] not in seen:
            seen.add(include[1])
            yield f'#line 1 "{include[1]}"\n'
            yield from _lines(path.parent / include[1], seen)
            yield f'#line {number + 1} "{path.name}"\n'


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
    core = cuda_core()
    source = source_text(path)
    options = {**OPTIONS, "arch": arch, "name": path.name}
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
