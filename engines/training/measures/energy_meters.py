"""Joules: read from the machine's own counters where there are any, else estimated from processor time. [any]

| source | counts | read from |
|---|---|---|
| RAPL | all processor packages, whatever runs on them | `/sys/class/powercap/*/energy_uj`, which wrap around |
| NVML | the first GPU, whatever runs on it | `nvmlDeviceGetTotalEnergyConsumption` |
| estimate | processor time of this process x `WATTS_A_CORE` | the clocks of the process |

The counters include what other programs and an idle machine draw: measure on a quiet machine. `WATTS_A_CORE` is the
power limit of a processor divided by its cores, which for current parts from laptops (28 W, 6 cores) to servers
(360 W, 64 cores) is 4.7 to 5.6 W; the estimate says which mode is cheaper, not what a power meter would show.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path

from legando.realtime.watching.costs import WATTS_A_CORE

POWERCAP = Path("/sys/class/powercap")
_NVML_LIBRARY = "libnvidia-ml.so.1"
_ESTIMATE = f"estimate: processor time x {WATTS_A_CORE:g} W a core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counters at one moment. `packages_uj` and `wraps_uj` have one entry for each package, `gpu_mj` -1 without one."""

    thread_s: float
    process_s: float
    packages_uj: tuple[int, ...]
    wraps_uj: tuple[int, ...]
    gpu_mj: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a stretch of work cost: joules and where they were read, processor time by thread."""

    joules: float
    thread_s: float
    other_threads_s: float


class Meter:
    """Reads whatever counters this machine lets us read. Owned by one thread, whose processor time is told apart."""

    def __init__(self, powercap: Path = POWERCAP, *, gpu: bool = True) -> None:
        self._packages = rapl_packages(powercap)
        self._gpu = _Gpu.open() if gpu else None

    @property
    def source(self) -> str:
        """Where the joules come from, in words."""
        parts = [
            f"RAPL of {len(self._packages)} package{'s' * (len(self._packages) > 1)}" if self._packages else _ESTIMATE
        ]
        if self._gpu is not None:
            parts.append("NVML of the first GPU")
        return " + ".join(parts)

    def read(self) -> Reading:
        """Return the counters now."""
        return Reading(
            thread_s=time.thread_time(),
            process_s=time.process_time(),
            packages_uj=tuple(_whole_number(folder / "energy_uj") for folder in self._packages),
            wraps_uj=tuple(_whole_number(folder / "max_energy_range_uj") for folder in self._packages),
            gpu_mj=-1 if self._gpu is None else self._gpu.energy_mj(),
        )


def spent(before: Reading, after: Reading) -> Spent:
    """Return what happened between two readings; a RAPL counter may have wrapped around once. [any]"""
    thread_s, process_s = after.thread_s - before.thread_s, after.process_s - before.process_s
    if before.packages_uj:
        counted = zip(before.packages_uj, after.packages_uj, after.wraps_uj, strict=True)
        joules = sum(end - start if end >= start else end - start + wrap for start, end, wrap in counted) / 1e6
    else:
        joules = process_s * WATTS_A_CORE
    if before.gpu_mj >= 0 and after.gpu_mj >= 0:
        joules += (after.gpu_mj - before.gpu_mj) / 1e3
    return Spent(joules=joules, thread_s=thread_s, other_threads_s=max(process_s - thread_s, 0.0))


def rapl_packages(powercap: Path) -> list[Path]:
    """Return the folders of the packages that may be read: top-level domains only, which include their parts. [any]"""
    found = []
    for folder in sorted(powercap.glob("*-rapl:*")):
        if folder.name.count(":") != 1:
            continue
        try:
            if (folder / "name").read_text(encoding="ascii").startswith("package"):
                _whole_number(folder / "energy_uj")
                _whole_number(folder / "max_energy_range_uj")
                found.append(folder)
        except (OSError, ValueError):  # readable by root alone, since 2020
            continue
    return found


def _whole_number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


class _Gpu:
    """The energy counter of the first GPU, through NVML's C interface; it goes on after this process ends."""

    def __init__(self, library: ctypes.CDLL, device: ctypes.c_void_p) -> None:
        self._library, self._device = library, device

    @classmethod
    def open(cls) -> _Gpu | None:
        """Return the first GPU, None where there is no driver, no GPU or no counter."""
        try:
            library = ctypes.CDLL(_NVML_LIBRARY)
        except OSError:
            return None
        device = ctypes.c_void_p()
        if library.nvmlInit_v2() != 0 or library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) != 0:
            return None
        gpu = cls(library, device)
        return gpu if gpu.energy_mj() >= 0 else None

    def energy_mj(self) -> int:
        """Return millijoules since the driver was loaded, -1 when the card does not count them."""
        value = ctypes.c_ulonglong()
        status = self._library.nvmlDeviceGetTotalEnergyConsumption(self._device, ctypes.byref(value))
        return value.value if status == 0 else -1
