"""What a check of a kernel found: how many numbers differ from the reference's, and which may. [control]"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

RARE = 1e-6
"""Which share of numbers made by logarithm, root, sine, cosine or erf may differ in the last bit of a float32.

All are taken in float64. Libraries differ there by a unit or two in the last place, which moves the rounding to float32
of about one number in 2**28.
"""


@dataclass(slots=True)
class Outcome:
    """What a check found. `differing` numbers of `compared` are not the reference's; `allowed` of them may be.

    `wrong` says in words what may never be. `microseconds`: of one launch, again and again, on a device with a clock.
    """

    check: str
    compared: int = 0
    differing: int = 0
    allowed: int = 0
    wrong: list[str] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the kernel equals its reference."""
        return not self.wrong and self.compared > 0 and self.differing <= self.allowed

    def compare(self, what: str, got: NDArray[Any], expected: NDArray[Any], *, rare: bool = False) -> None:
        """Count what differs; anything but a last bit where that may rarely be is wrong. NaN equals NaN. [control]"""
        if got.shape != expected.shape or got.dtype != expected.dtype:
            self.wrong.append(f"{what}: {got.dtype} {got.shape} instead of {expected.dtype} {expected.shape}")
            return
        self.compared += got.size
        unequal = (got != expected) & ~((got != got) & (expected != expected))
        if got.dtype.kind == "f":
            unequal |= np.signbit(got) != np.signbit(expected)
        found = int(np.count_nonzero(unequal))
        self.differing += found
        if not found:
            return
        at = tuple(int(i) for i in np.argwhere(unequal)[0])
        if not rare:
            self.wrong.append(
                f"{what}: {found} of {got.size} differ, first {got[at]} instead of {expected[at]} at {at}"
            )
        else:
            distance = np.abs(got[unequal].astype(np.float64) - expected[unequal]) / np.spacing(
                np.abs(expected[unequal])
            )
            if not distance.max() <= 2.0:
                self.wrong.append(f"{what}: {got[at]} instead of {expected[at]} at {at}")

    def time(self, device: Any, work: Callable[[], None], times: int = 200) -> None:
        """Time a launch, where the device has a clock. [control]"""
        work()
        device.sync()
        self.microseconds = device.microseconds(work, times)
