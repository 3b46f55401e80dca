"""Measure where in the bar each genre strikes, from composed pieces: the table of `engines/patterns.py`. [any]

When the composer has changed, print it again and put it there (a few seconds):

    python -m legando.engines.training.music.patterns
"""

from __future__ import annotations

import sys

import numpy as np

from legando.engines.patterns import STRUCK
from legando.engines.score import BASS, CHORD, DRUM_VOICES, DRUMS, LEAD, TICKS_PER_BAR
from legando.engines.training.music.composer import compose
from legando.realtime.controls import GENRES

PIECES, BARS = 24, 16
FIRST_SEED = 540_000
_VOICES = len(DRUM_VOICES)


def measure_patterns(genre: str) -> dict[str, str]:
    """Return the tabs of one genre, as `PATTERNS` has them: of each of `STRUCK` that it ever strikes. [any]

    Counted over the bars in which the part sounds at all.
    """
    struck, bars = np.zeros((TICKS_PER_BAR, len(STRUCK))), np.zeros(len(STRUCK))
    for index in range(PIECES):
        score = compose(FIRST_SEED + index, genre=genre, bars=BARS).score[: BARS * TICKS_PER_BAR]
        drums = score[:, DRUMS, None] >> np.arange(_VOICES) & 1
        events = np.concatenate([drums, score[:, (BASS, CHORD, LEAD)] >= 2], axis=1)
        events = events.reshape(-1, TICKS_PER_BAR, len(STRUCK)).astype(bool)
        sounds = events.max(axis=1)  # bars struck
        sounds[:, :_VOICES] = sounds[:, :_VOICES].max(axis=1, keepdims=True)
        struck += (events & sounds[:, None]).sum(0)
        bars += sounds.sum(0)
    tenths = np.minimum(np.rint(10 * struck / np.maximum(bars, 1)), 9).astype(int)  # ticks voices
    return {
        name: "".join("." if tenth == 0 else str(tenth) for tenth in tenths[:, index])
        for index, name in enumerate(STRUCK)
        if tenths[:, index].any()
    }


def main() -> int:
    """Print the table. [any]"""
    for genre in GENRES:
        rows = "\n".join(f'        "{name}": "{tab}",' for name, tab in measure_patterns(genre).items())
        sys.stdout.write(f'    "{genre}": {{\n{rows}\n    }},\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
