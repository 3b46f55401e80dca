"""What is typed after a command: read, or refused in one sentence that names the value. [control]"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_USER


class Parser(argparse.ArgumentParser):
    """Answers a mistake with one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USER, f"{self.prog}: {message}; see {self.prog} --help\n")


def number(name: str, low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers from `low` to `high`, which calls the number by its name. [any]"""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {name} from {low:g} to {high:g}")
        return value

    return read


def whole(name: str, low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`, which calls the number by its name. [any]"""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {name}, a whole number from {low} to {high}")
        return value

    return read


def refuse_foreign(arguments: argparse.Namespace, job: str, takers: Mapping[str, Sequence[str]]) -> None:
    """Raise LegandoError for an option that was given and that only other jobs than this one take. [any]

    `takers` are the jobs of each option that not all of them take; what is None or False was not given.
    """
    for name, jobs in takers.items():
        if getattr(arguments, name) not in (None, False) and job not in jobs:
            whose = " or ".join(f"`legando {one}`" for one in jobs)
            raise LegandoError(f"{flag(name)} is nothing to `legando {job}`; it belongs to {whose}")


def flag(name: str) -> str:
    """Return an option as it is typed. [any]"""
    return "--" + name.replace("_", "-")
