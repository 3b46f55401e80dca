"""Checks of what a person typed: one sentence with the name, the value and what is allowed. [any]"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from legando.realtime.errors import RigError


def check_range(name: str, value: float | None, low: float, high: float) -> None:
    """Raise RigError unless a value, where there is one, lies in `low` to `high` (a NaN does not). [any]"""
    if value is not None and not low <= value <= high:
        raise RigError(f"{name} = {value:g} is outside {low:g} to {high:g}; choose a value inside")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise RigError unless a word is one of those known; the nearest is named. [any]"""
    if value not in choices:
        raise RigError(f"{name} = {value!r} is not one of {', '.join(choices)}{nearest(value, choices)}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the known word that is most like this one, or nothing. [any]"""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
