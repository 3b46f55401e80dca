"""What each genre means for time: its usual tempo and swing, blended by a style's weights. [any]"""

from __future__ import annotations

from collections.abc import Sequence

from legando.realtime.controls import GENRES

# genre: (usual tempo in bpm, swing)
_GROOVES = {
    "house": (122.0, 0.05),
    "techno": (132.0, 0.0),
    "drum_and_bass": (172.0, 0.0),
    "ambient": (76.0, 0.0),
    "lofi": (80.0, 0.2),
    "trap": (142.0, 0.0),
    "disco": (116.0, 0.02),
    "synthwave": (100.0, 0.0),
    "funk": (104.0, 0.08),
    "jazz": (130.0, 0.24),
    "dub": (72.0, 0.06),
    "breakbeat": (122.0, 0.03),
    "downtempo": (84.0, 0.12),
    "orchestral": (88.0, 0.0),
    "rock": (126.0, 0.0),
    "afrobeat": (110.0, 0.03),
}


def swing_of(style: Sequence[float]) -> float:
    """Return how late odd sixteenths are, as a share of a tick (0..0.33), for a style vector."""
    return sum(weight * _GROOVES[genre][1] for genre, weight in zip(GENRES, style, strict=False))


def tempo_of(style: Sequence[float]) -> float:
    """Return the usual tempo in bpm for a style vector, to start from when nobody gives one."""
    return sum(weight * _GROOVES[genre][0] for genre, weight in zip(GENRES, style, strict=False))
