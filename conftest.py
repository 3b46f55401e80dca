"""Fixtures that tests and benches share."""

import os
import signal
from collections.abc import Callable

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


def pytest_configure() -> None:
    """Let what tests start be stopped: a run in the background (`&`, nohup) hands on that signals are ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else lambda *_: None)
