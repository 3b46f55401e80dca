"""Intervals for shares: how sure one can be of few marks. [any]

Wilson's score interval for one share (Wilson 1927; Newcombe 1998a, method 3), and Newcombe's for the difference of two,
made of theirs (Newcombe 1998b, method 10). Both hold at 0 and 1 and for few cases. They take marks to be
independent of each other, which those of one evening and one performer are not quite: the true intervals are wider.
"""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95


def wilson(hits: int, cases: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the interval of a share of `hits` in `cases`; all of 0 to 1 where there are no cases. [any]"""
    assert 0 <= hits <= cases, "no more hits than cases"
    if not cases:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share = hits / cases
    middle = share + z * z / (2 * cases)
    half = z * math.sqrt(share * (1.0 - share) / cases + z * z / (4 * cases * cases))
    scale = 1.0 + z * z / cases
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def difference(
    hits: int, cases: int, other_hits: int, other_cases: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of one share less another; all of -1 to 1 where one has no cases. [any]"""
    if not cases or not other_cases:
        return -1.0, 1.0
    one, other = hits / cases, other_hits / other_cases
    low, high = wilson(hits, cases, confidence)
    other_low, other_high = wilson(other_hits, other_cases, confidence)
    between = one - other
    return between - math.hypot(one - low, other_high - other), between + math.hypot(high - one, other - other_low)
