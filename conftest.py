"""Fixtures that tests and benches share; what a run came to, for `legando bench record tests`."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def require() -> Callable[[bool, str], None]:
    """Return `require(condition, reason)`: skip when the condition is false, or fail if LEGANDO_REQUIRE_ALL=1.

    A developer's laptop may lack a compiler or an optional package; the continuous build may not, and sets
    LEGANDO_REQUIRE_ALL=1 so that a test that silently stopped running is a failure.
    """

    def check(condition: bool, reason: str) -> None:
        if condition:
            return
        if os.environ.get("LEGANDO_REQUIRE_ALL") == "1":
            pytest.fail(f"LEGANDO_REQUIRE_ALL=1 and this test cannot run: {reason}")
        pytest.skip(reason)

    return check


_BEGAN_S = time.monotonic()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Add a line to the file that LEGANDO_TESTS_REPORT names: counts by outcome, seconds, exit status."""
    path = os.environ.get("LEGANDO_TESTS_REPORT")
    if path and "PYTEST_XDIST_WORKER" not in os.environ:  # whose tests are in the summary of the process above it
        counts = {what: len(terminalreporter.stats.get(what, ())) for what in ("passed", "failed", "error", "skipped")}
        line = counts | {"seconds": round(time.monotonic() - _BEGAN_S, 2), "status": int(exitstatus)}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def pytest_configure() -> None:
    """Let what tests start be stopped: a run in the background (`&`, nohup) hands on that signals are ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else lambda *_: None)
