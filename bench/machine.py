"""Machine: what a figure depends on besides the code, so that figures are compared only where they may be. [control]"""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from legando.realtime.priority import ENGINE_PRIORITY, urgently
from legando.realtime.version import version

_FOLDER = Path(__file__).resolve().parent
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_PACKAGES = ("numpy", "onnxruntime", "pyzmq")


def device() -> str:
    """Return the processor's name and the number of cores. [any]"""
    cpuinfo = Path("/proc/cpuinfo")
    names: list[str] = []
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
    return f"{(names or [platform.processor() or platform.machine()])[0]}, {os.cpu_count()} cores"


def commit() -> str:
    """Return the commit that is measured, with a + when files differ from it; empty outside a checkout. [any]"""
    command = ["git", "-C", str(_FOLDER), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine() -> dict[str, Any]:
    """Return what figures depend on, as JSON takes it. [control]"""
    return {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "legando": version(),
        "device": device(),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": {name: _version(name) for name in _PACKAGES},
        "governor": _GOVERNOR.read_text().strip() if _GOVERNOR.exists() else "unknown",
        "priority": ENGINE_PRIORITY if urgently() else 0,
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"
