"""What the benches share: figures beside each timing, one table at the end, and a bundle to measure. [control]

pytest-benchmark times, repeats and keeps the history; its own table is as wide as two screens and has no 99th
percentile, so that it is left out and the one here stands in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from legando.bench import machine

Describe = Callable[..., dict[str, float]]

PERCENTS = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
_ROWS: pytest.StashKey[list[tuple[str, str, dict[str, float]]]] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []
    config.option.benchmark_quiet = True


@pytest.fixture(scope="session")
def device() -> str:
    """Return the processor's name and the number of cores: figures compare only on the same one."""
    return machine.device()


@pytest.fixture(scope="session")
def commit() -> str:
    """Return the commit that is measured, with a + when files differ from it; empty outside a checkout."""
    return machine.commit()


@pytest.fixture
def describe(request: pytest.FixtureRequest, device: str, commit: str) -> Describe:
    """Return `describe(benchmark, seconds=None, name="", **more)`, which puts the figures that count into extra_info.

    They are the nearest-rank percentiles in microseconds of `seconds`, or of what pytest-benchmark has timed. Called
    again with a `name`, as for a path to compare with, it adds a second row.
    """

    def put(benchmark: Any, seconds: Sequence[float] | None = None, *, name: str = "", **more: Any) -> dict[str, float]:
        times = np.array(benchmark.stats.stats.sorted_data if seconds is None else seconds)
        figures = {
            f"{name}_{label}_us".lstrip("_"): round(1e6 * float(np.percentile(times, rank, method="inverted_cdf")), 2)
            for label, rank in PERCENTS.items()
        }
        benchmark.extra_info.update(figures, device=device, commit=commit, **more)
        row = dict(zip(PERCENTS, figures.values(), strict=True))
        test = request.node.name.removeprefix("test_").replace("_", " ").replace("[", ", ").rstrip("]")
        request.config.stash[_ROWS].append((request.path.stem, f"{test} {name}".rstrip(), row))
        return figures

    return put


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print one row for each measurement, in microseconds or milliseconds as fits its bench."""
    rows = config.stash[_ROWS]
    for bench in dict.fromkeys(bench for bench, _, _ in rows):
        mine = [(test, figures) for name, test, figures in rows if name == bench]
        unit, scale = ("ms", 1e-3) if max(figures["p50"] for _, figures in mine) > 2000.0 else ("µs", 1.0)
        width = max(len(test) for test, _ in mine)
        terminalreporter.section(f"{bench} ({unit})")
        terminalreporter.write_line(" " * width + "".join(f"{label:>10}" for label in PERCENTS))
        for test, figures in mine:
            cells = "".join(f"{figures[label] * scale:10.2f}" for label in PERCENTS)
            terminalreporter.write_line(f"{test:{width}}{cells}")


@pytest.fixture(scope="session")
def bundle_folder() -> Path:
    """Return the folder of the bundle to measure: LEGANDO_BENCH_BUNDLE, or the shipped one."""
    from legando.engines.bundle import default_path

    named = os.environ.get("LEGANDO_BENCH_BUNDLE")
    return Path(named) if named else default_path()
