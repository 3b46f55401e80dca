"""Prompts: what the music should be like, in words with weights. [any]"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from legando.realtime.errors import RigError

LINE_MAX = 256
"""Characters of the prompts that are typed while it plays; the bridge carries as many bytes."""

_EXAMPLE = "write TEXT or TEXT:WEIGHT, as in 'warm deep house:0.7'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text and how much it counts beside the others; weights need not sum to 1."""

    text: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise RigError(f"a prompt is empty; {_EXAMPLE}")
        if any("\ud800" <= letter <= "\udfff" for letter in self.text):  # half a letter, or a byte that is none
            raise RigError(f"the prompt {self.text!a} is not text in UTF-8; type it again")
        if not (math.isfinite(self.weight) and 0.0 <= self.weight <= 1000.0):
            raise RigError(f"weight {self.weight:g} of prompt {self.text!r} is outside 0 to 1000; choose one inside")


def parse_prompt(text: str) -> Prompt:
    """Read `TEXT[:WEIGHT]`; what follows the last colon is the weight. [any]"""
    words, colon, weight = text.rpartition(":")
    if not colon:
        return Prompt(text=text.strip())
    try:
        value = float(weight)
    except ValueError:
        raise RigError(f"weight {weight.strip()!r} of prompt {words.strip()!r} is not a number; {_EXAMPLE}") from None
    return Prompt(text=words.strip(), weight=value)


def weighted(prompts: Sequence[Prompt]) -> list[tuple[str, float]]:
    """Return texts with their weights, as a style encoder and a journal take them. [any]"""
    return [(prompt.text, prompt.weight) for prompt in prompts]


def as_typed(prompts: Iterable[tuple[str, float]]) -> str:
    """Return texts with their weights as `prompting.read_line` reads them; a weight of 1 is left out. [any]"""
    return "; ".join(text if weight == 1.0 and ":" not in text else f"{text}:{weight:g}" for text, weight in prompts)


def parse_prompts(texts: Sequence[str]) -> tuple[Prompt, ...]:
    """Read a list of `TEXT[:WEIGHT]`; refuse one that is empty or weighs nothing. [any]"""
    prompts = tuple(parse_prompt(text) for text in texts)
    if not prompts:
        raise RigError(f"there is no prompt; {_EXAMPLE}")
    if not sum(prompt.weight for prompt in prompts) > 0:
        raise RigError("the prompts weigh 0 in all; give at least one a positive weight")
    return prompts
