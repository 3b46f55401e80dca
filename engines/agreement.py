"""Agreement: how near the outputs of a back end must come to those they are held to. [any]"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import LegandoError

Array = NDArray[Any]

CALLS = 100
"""The hundredth call must give what the first gave."""
DIFFERENT = 1e-4
"""How far an output must move when it is asked something else, as a share of its largest value (of 1 at least)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What outputs are held to, and in which words it is refused.

    `tolerances` says for each precision how far an output may lie from the standard's, as a share of its largest value
    (of 1 at least). `owner` and `output` name the standard and what it gives: "the CPU", "the CPU's".
    """

    owner: str
    output: str
    tolerances: Mapping[str, float]
    refusal: type[LegandoError]

    def agree(self, network: str, name: str, made: Mapping[str, Array], value: Array, precision: str) -> float:
        """Return the error of one output as a share of what is allowed, or raise the refusal. [control]"""
        got = made.get(name)
        if got is None or got.shape != value.shape:
            have = "is missing" if got is None else f"has shape {got.shape}"
            raise self.refusal(f"the {network}'s {name} {have}, {self.output} has shape {value.shape}")
        if not np.isfinite(got).all():
            raise self.refusal(f"the {network}'s {name} is not finite on the reference input")
        error = float(np.abs(got.astype(np.float64) - value).max())
        if value.dtype.kind == "i":  # tokens: a near tie may fall the other way where numbers are coarse
            if error and precision == "fp32":
                raise self.refusal(f"the {network}'s {name} are not those of {self.owner}")
            return 0.0
        allowed = self.tolerances[precision] * scale(value)
        if error > allowed:
            more = f"{error:.2g}, more than {allowed:.2g} ({precision})"
            raise self.refusal(f"the {network}'s {name} differs from {self.output} by {more}")
        return error / allowed


def scale(value: Array) -> float:
    """Return the largest absolute value, 1 at least. [any]"""
    return max(1.0, float(np.abs(value.astype(np.float64)).max()))
