"""How much of the sound a codec keeps, as an ear would judge it: zimtohrli's opinion score. [any]

Zimtohrli (Alakuijala et al. 2025, arXiv 2509.26133) compares two signals through a model of the ear and maps the
distance to a mean opinion score: 5 is equal, 4 good, 3 fair, 1 something else altogether. It hears loudness and
spectra well and smeared pitch badly: judge a codec by the chords of its reconstructions too.

It is installed with `pip install --no-deps zimtohrli==0.2.1.post1`.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.realtime.errors import LegandoError

Floats = NDArray[np.floating[Any]]


def available() -> bool:
    """Tell whether zimtohrli is installed. [any]"""
    return importlib.util.find_spec("zimtohrli") is not None


def opinion_score(original: Floats, again: Floats) -> float:
    """Return zimtohrli's score, 1 to 5, of a copy against its original, both (frames, channels) at 48 kHz. [any]

    The mono mixes are compared, the longer of the two cut: width is judged by `metrics.side_error_db`.
    Raises LegandoError when zimtohrli is not installed, ValueError for less than a tenth of a second.
    """
    if not available():
        raise LegandoError("the codec's score needs zimtohrli; run `pip install --no-deps zimtohrli==0.2.1.post1`")
    import zimtohrli

    frames = min(len(original), len(again))
    if frames < 4800:
        raise ValueError(f"{frames} frames are too short to judge; give 4800 or more")
    one, two = (np.ascontiguousarray(audio[:frames].mean(1), np.float32) for audio in (original, again))
    return float(zimtohrli.mos_from_signals(one, two))
