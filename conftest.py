"""Fixtures that tests and benches share."""

import os
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
