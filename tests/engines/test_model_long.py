"""The shipped bundle plays on and on: no drift, no clicks, no growth, in half the time there is."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from legando.engines.training.figures import evaluate_takes
from legando.engines.training.figures.desk import Desk
from tests.engines.conftest import check

WALL_CLOCK = ("rtf",)  # a busy machine excuses the wall clock; processor time has its own figure


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_three_minutes_do_not_drift_click_or_clip(desk: Desk) -> None:
    check(evaluate_takes.endless_figures(desk, 180.0), but=WALL_CLOCK)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("prompt", evaluate_takes.PROMPTS)
def test_ten_minutes_do_not_drift_click_or_clip(desk: Desk, prompt: str) -> None:
    check(evaluate_takes.endless_figures(desk, 600.0, prompt), but=WALL_CLOCK)


def test_memory_is_flat_over_a_minute(desk: Desk, require: Callable[[bool, str], None]) -> None:
    require(sys.platform == "linux" and Path("/proc/self/status").exists(), "needs /proc")
    check(evaluate_takes.memory_figures(desk, 60.0))


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_memory_is_flat_over_ten_minutes(desk: Desk, require: Callable[[bool, str], None]) -> None:
    require(sys.platform == "linux" and Path("/proc/self/status").exists(), "needs /proc")
    check(evaluate_takes.memory_figures(desk, 600.0))
