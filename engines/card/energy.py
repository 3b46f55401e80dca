"""The card's own meter of energy, through NVML, which comes with every driver: no package is needed. [control]"""

from __future__ import annotations

import ctypes
from types import TracebackType

from legando.realtime.errors import LegandoError

_LIBRARIES = ("libnvidia-ml.so.1", "nvml.dll")


class EnergyMeter:
    """Counts joules since the driver was loaded, and watts now. Use with `with`."""

    def __init__(self, card: int = 0) -> None:
        """Open NVML. Raises LegandoError where there is none, or where the card does not count."""
        self._nvml = _library()
        _ask(self._nvml.nvmlInit_v2(), "opened")
        self._card = ctypes.c_void_p()
        _ask(self._nvml.nvmlDeviceGetHandleByIndex_v2(card, ctypes.byref(self._card)), "asked for the card")
        self.joules()

    def joules(self) -> float:
        """Return the energy that the card has used. [control]"""
        millijoules = ctypes.c_ulonglong()
        _ask(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._card, ctypes.byref(millijoules)), "read")
        return millijoules.value / 1000.0

    def watts(self) -> float:
        """Return the power that the card draws. [control]"""
        milliwatts = ctypes.c_uint()
        _ask(self._nvml.nvmlDeviceGetPowerUsage(self._card, ctypes.byref(milliwatts)), "read")
        return milliwatts.value / 1000.0

    def __enter__(self) -> EnergyMeter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._nvml.nvmlShutdown()


def _library() -> ctypes.CDLL:
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise LegandoError("there is no NVML on this machine, which counts a card's joules; install the NVIDIA driver")


def _ask(status: int, what: str) -> None:
    if status:
        raise LegandoError(f"NVML could not be {what} (status {status}); check nvidia-smi")
