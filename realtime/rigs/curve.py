"""Curves: how the way of a knob becomes the way of its control, and back. [any]

Each is a strictly rising map of 0..1 onto 0..1 with an exact inverse, so that a relative encoder can go on from where
a scene or another knob has left the control.

| curve | feels like |
|---|---|
| `linear` | even |
| `exp` | fine at the bottom, coarse at the top: (e^kx - 1) / (e^k - 1) with k = 4 |
| `log` | coarse at the bottom, fine at the top: the inverse of `exp` |
| `s` | fine at both ends: 3x^2 - 2x^3 |
"""

from __future__ import annotations

import math

from legando.realtime.errors import RigError

CURVES = ("linear", "exp", "log", "s")
_K = 4.0


def bend(curve: str, x: float) -> float:
    """Return the height of a curve at 0 <= x <= 1. [any]"""
    x = min(max(x, 0.0), 1.0)
    if curve == "linear":
        return x
    if curve == "exp":
        return math.expm1(_K * x) / math.expm1(_K)
    if curve == "log":
        return math.log1p(x * math.expm1(_K)) / _K
    if curve == "s":
        return x * x * (3.0 - 2.0 * x)
    raise RigError(f"curve = {curve!r} is not one of {', '.join(CURVES)}")


def unbend(curve: str, y: float) -> float:
    """Return the x at which a curve has the height 0 <= y <= 1. [any]"""
    y = min(max(y, 0.0), 1.0)
    if curve == "exp":
        return bend("log", y)
    if curve == "log":
        return bend("exp", y)
    if curve == "s":
        return 0.5 - math.sin(math.asin(1.0 - 2.0 * y) / 3.0)
    return bend(curve, y)
