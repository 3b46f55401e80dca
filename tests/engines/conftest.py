"""The shipped bundle, verified once for all tests that measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the trainers' packages load only for the tests that measure
    from legando.engines.training.figures.desk import Desk, Figure


@pytest.fixture(scope="session")
def desk() -> Desk:
    """Return the shipped bundle, ready to play takes."""
    from legando.engines.bundle import Bundle
    from legando.engines.training.figures.desk import Desk

    return Desk(Bundle.load(None))


def check(figures: Sequence[Figure], *, but: Sequence[str] = ()) -> None:
    """Fail with all figures when one is worse than its bound (its target without one), save those named in `but`."""
    missed = [f"{f.name} is {f.value:.3g}, {f.target}" for f in figures if not f.holds and f.name not in but]
    assert not missed, "; ".join(missed) + " | " + ", ".join(f"{f.name} {f.value:.3g}" for f in figures)
