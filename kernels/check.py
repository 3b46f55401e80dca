"""`legando gpu check`: every kernel against its reference on this machine's card, timed; and a report. [control]

With `--shim` the same checks run on the CPU, which proves what the kernels compute, but not what a card makes of it.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from legando.kernels.checks import CHECKS, Outcome
from legando.kernels.device import Device, Gpu
from legando.kernels.shimdevice import Shim
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

SHIM_STREAMS = 3
HEADER = f"{'kernel':13} {'equal':6} {'numbers':>10} {'last bits':>10} {'p50 µs':>8} {'p99 µs':>8} {'max µs':>8}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report. Times are of one launch, on the device, by events; None without a device's clock."""

    kernel: str
    equal: bool
    compared: int
    differing: int
    allowed: int
    wrong: tuple[str, ...]
    p50_us: float | None
    p99_us: float | None
    max_us: float | None

    def text(self) -> str:
        """Return the line of the table. [control]"""
        times = " ".join(f"{'-' if t is None else f'{t:.1f}':>8}" for t in (self.p50_us, self.p99_us, self.max_us))
        line = f"{self.kernel:13} {'yes' if self.equal else 'NO':6} {self.compared:10} {self.differing:10} {times}"
        return "\n".join([line, *(f"    {wrong}" for wrong in self.wrong)])


def row_of(outcome: Outcome) -> Row:
    """Return a check's outcome as a line. [control]"""
    times: list[float | None] = [None] * 3
    if outcome.microseconds:
        times = [float(t) for t in np.percentile(outcome.microseconds, (50, 99, 100))]
    return Row(
        kernel=outcome.check,
        equal=outcome.passed,
        compared=outcome.compared,
        differing=outcome.differing,
        allowed=outcome.allowed,
        wrong=tuple(outcome.wrong),
        p50_us=times[0],
        p99_us=times[1],
        max_us=times[2],
    )


def opener(shim: bool) -> tuple[Callable[[], Device], dict[str, str]]:
    """Return how to open the device, and what it is. Raises LegandoError where there is none. [control]"""
    if shim:
        return Shim, {"device": Shim.name, "machine": platform.machine()}
    try:
        gpu = Gpu()
    except LegandoError as error:
        raise LegandoError(f"{error}; the kernels can be checked on the CPU with: legando gpu check --shim") from error
    about = {"device": gpu.name, "architecture": gpu.arch, **gpu.versions()}
    gpu.close()
    return Gpu, about


def rows(open_device: Callable[[], Device], streams: int) -> Iterator[Row]:
    """Run all checks, each on a device of its own; one that cannot run has failed, and says why. [control]"""
    for name, check in CHECKS.items():
        try:
            device = open_device()
            try:
                outcome = check(device, streams)
            finally:
                with suppress(Exception):  # after an illegal access nothing can be freed
                    device.close()
        except Exception as error:  # cuda.core publishes no base class for its errors
            outcome = Outcome(name, wrong=[" ".join(str(error).split())])
        yield row_of(outcome)


def report_of(about: dict[str, str], streams: int, found: list[Row]) -> dict[str, Any]:
    """Return all that was found, for JSON. [control]"""
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "streams": streams,
        "equal": all(row.equal for row in found),
        "kernels": [{name: getattr(row, name) for name in Row.__slots__} for row in found],
    }


def write_report(path: Path, report: dict[str, Any], found: list[Row]) -> None:
    """Write the report as JSON, or as Markdown by its suffix; it appears only when it is whole. [control]"""
    if path.suffix == ".md":
        facts = "\n".join(f"- {name}: {value}" for name, value in report.items() if name != "kernels")
        table = "\n".join([HEADER, *(row.text() for row in found)])
        text = f"# Kernels against their references\n\n{facts}\n\n```\n{table}\n```\n"
    else:
        text = json.dumps(report, indent=2) + "\n"
    try:
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LegandoError(f"{path} cannot be written: {error.strerror}; choose another place") from error
