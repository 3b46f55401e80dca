"""The anchor: some of the first sound of a style, kept in the past that the denoiser sees: timbre stays. [engine]

The coarse path remembers two seconds, so timbre would wander. As language models keep their first tokens in a sliding
window (Xiao et al., ICLR 2024), the oldest places keep chunks from shortly after the style was set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from legando.kernels.history import FREE, HOLD, TAKE

AFTER_CHUNKS = 48
_STYLE_CHANGE = 0.05


class Anchor:
    """Says after each chunk what the oldest places of one stream's coarse past do."""

    def __init__(self) -> None:
        self._style: NDArray[np.float32] | None = None
        self._age = 0

    def next(self, style: NDArray[np.float32]) -> int:
        """Return FREE, TAKE or HOLD for a chunk of this style."""
        if self._style is None or np.abs(style - self._style).max() > _STYLE_CHANGE:
            self._style, self._age = style.copy(), 0
        self._age += 1
        if self._age == AFTER_CHUNKS:
            return TAKE
        return FREE if self._age < AFTER_CHUNKS else HOLD
