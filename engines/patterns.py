"""Patterns: where in the bar each genre strikes, as drum tabs, and how the score is leaned away from them. [any]

The language model goes on with the groove that it has written, whatever style it is given meanwhile: told that there is
no genre any more it played the same pattern for bars. So guidance below 1 also has its say in the choice of each token,
as density does (`constraints.density_mask`). The table is measured from the composer's pieces and printed by
`python -m legando.engines.training.music.patterns`: a digit for each sixteenth of the bar, how often in ten bars
something is struck there; a dot is never.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from legando.engines.constraints import LOGITS, PART_SLICES, Mask
from legando.engines.score import DRUM_VOICES, TICKS_PER_BAR, VOCABULARY
from legando.realtime.controls import GENRES

TONAL = ("bass", "chord", "lead")
STRUCK = (*DRUM_VOICES, *TONAL)
LEAN_MOST = 2.0
"""Nats by which a stroke becomes likelier or less likely, at most."""
_SURE = 0.03
"""No chance is taken to be smaller, or larger than what this leaves."""
_BALANCE = 1 / 3
"""How much of the change in the number of strokes is taken back, by the table's own count: a third leaves what the
model really writes as busy as before."""

PATTERNS: dict[str, dict[str, str]] = {
    "house": {
        "kick": "9...9...9..19...",
        "snare": "............2.22",
        "ghost": "...1...2.1....1.",
        "clap": "....9.......9..1",
        "hat": "63116331531.5222",
        "open_hat": "..8...6...7...5.",
        "cymbal": "2...............",
        "bass": "6.53..91..8.3152",
        "chord": "7.25..422.21.24.",
        "lead": "9.452.9.62426.3.",
    },
    "techno": {
        "kick": "9..19...9...9.11",
        "snare": "1.1.2.1.11113112",
        "clap": "....4.......6...",
        "hat": "6264624452645233",
        "open_hat": "..2...5...2...4.",
        "tom": "..11.41.2..2.31.",
        "cymbal": "2...............",
        "bass": "3477.495.5752486",
        "chord": "8..4..3..2211.1.",
        "lead": "9337347293355351",
    },
    "drum_and_bass": {
        "kick": "9..1..1...9....2",
        "snare": "....9..1..1.8.11",
        "ghost": "..1....6.5....11",
        "hat": "8274638272745362",
        "open_hat": "..1...........2.",
        "tom": "........1.111.1.",
        "cymbal": "5...4...3...3...",
        "bass": "9.2..22.2.5.2.2.",
        "chord": "8..2..2...1.3...",
        "lead": "9.151.7.13116.1.",
    },
    "ambient": {
        "kick": "9.........2.....",
        "snare": "............1...",
        "hat": "1111211.1.1.1.1.",
        "cymbal": "1...............",
        "bass": "9.......2...1...",
        "chord": "9.......1.......",
        "lead": "9...4.1.4...7...",
    },
    "lofi": {
        "kick": "9..1..131.7.....",
        "snare": "....9.......8.11",
        "ghost": "..1....1.1.....1",
        "hat": "9.919.919.8.9161",
        "open_hat": "..............1.",
        "cymbal": "1...............",
        "bass": "9.....5.7.1.4.2.",
        "chord": "9..1..3.5.1.1...",
        "lead": "8.1.5.5.8.1.4...",
    },
    "trap": {
        "kick": "9..3..31..8..3..",
        "snare": "........8...1..1",
        "ghost": ".....1..........",
        "clap": "........5.......",
        "hat": "9191937293937675",
        "open_hat": "......2.......1.",
        "cymbal": "1...............",
        "bass": "9..1..2...4.511.",
        "chord": "9..31.3.3...2...",
        "lead": "7.145.9.641.4.2.",
    },
    "disco": {
        "kick": "9...9...9...9.2.",
        "snare": "....9.......7..1",
        "ghost": "..1....1........",
        "clap": "....2.......2...",
        "hat": "9523951394138412",
        "open_hat": "..8...9...7...7.",
        "tom": "........11112212",
        "cymbal": "2...............",
        "bass": "9.5371839.63729.",
        "chord": "6.53.36.5.33414.",
        "lead": "8.244.8.632.5.1.",
    },
    "synthwave": {
        "kick": "9...2.2.9.1.2...",
        "snare": "....9.......7...",
        "clap": "....3.......2...",
        "hat": "8272728262726162",
        "open_hat": "..2...2...2...2.",
        "tom": "........11112222",
        "cymbal": "2...............",
        "bass": "9174718291647182",
        "chord": "9...1.2.1...3...",
        "lead": "9.214.6.8.214.2.",
    },
    "funk": {
        "kick": "9.43..71.27..21.",
        "snare": "....9..31..19.21",
        "ghost": ".32....7.7.2..13",
        "hat": "9395938693958354",
        "open_hat": "......2.......3.",
        "cymbal": "2...............",
        "bass": "9.323284317.7293",
        "chord": "51352.432233136.",
        "lead": "7.42219.624.3...",
    },
    "jazz": {
        "kick": "5...1...2...2...",
        "snare": "......1...1.2122",
        "ghost": "..2...21..3.1.1.",
        "hat": "1..19..1...18...",
        "cymbal": "9...9.6.9...9.6.",
        "bass": "9...4.4.9...4.4.",
        "chord": "7.2...5.2.4...3.",
        "lead": "8.3.7.9.8.5.5.1.",
    },
    "dub": {
        "kick": "3...3...8...3..1",
        "snare": "....1...7...1...",
        "ghost": "......1....1....",
        "clap": "......1..1......",
        "hat": "7.737.536.636.23",
        "open_hat": "......2.......4.",
        "tom": "........11112212",
        "cymbal": "1...............",
        "bass": "9.1.5.1.8.5.7.4.",
        "chord": "3.631.61..622.61",
        "lead": "3.3.4.3.4.4.5.1.",
    },
    "breakbeat": {
        "kick": "9.61..51.292.2..",
        "snare": "....9..3.1..8.12",
        "ghost": ".2....34.6.2...5",
        "clap": "....3.......3...",
        "hat": "9383936183728354",
        "open_hat": "..1...3...1...4.",
        "tom": "........1.111.1.",
        "cymbal": "2.1.1.1.1.1.1.1.",
        "bass": "9.525.8.4.716444",
        "chord": "6.321.5.125..13.",
        "lead": "9.442.8.624131..",
    },
    "downtempo": {
        "kick": "9.32..12..71.1..",
        "snare": "....9..1....8.11",
        "ghost": "..1....4.2...11.",
        "hat": "81938.8271927.62",
        "open_hat": "......2.......2.",
        "cymbal": "2...1...1...1...",
        "bass": "9...1.2.3...6.4.",
        "chord": "9.2.1.4.1.3.2.2.",
        "lead": "6.1.4.3.3.1.5...",
    },
    "orchestral": {
        "kick": "8...............",
        "snare": "3..13.114..14.1.",
        "ghost": "............1111",
        "clap": "1...1..1...1....",
        "hat": "1..11...1..11...",
        "tom": "8...1.2.61113142",
        "cymbal": "3...............",
        "bass": "9...3.1.8...5.1.",
        "chord": "9.213.217.214.3.",
        "lead": "9.3.4.4.5.3.5.2.",
    },
    "rock": {
        "kick": "9.11..6.7.4...1.",
        "snare": "....9.......8...",
        "ghost": "......13.2.....1",
        "clap": "....1.......1...",
        "hat": "7.51714171416132",
        "open_hat": "3.2.3.3.2.2.2.4.",
        "tom": "3.2...2.3.2.2122",
        "cymbal": "6.1.4...4...4.1.",
        "bass": "9.216.9.9.217.6.",
        "chord": "8.324.4.7.325.5.",
        "lead": "9.414.5.613.3.2.",
    },
    "afrobeat": {
        "kick": "8.23123.117.122.",
        "snare": "....7..7....7...",
        "ghost": ".232..2.2122.211",
        "clap": "8.253235.253521.",
        "hat": "9358947584478453",
        "open_hat": "..3...2...2...2.",
        "tom": "2.33.17431322283",
        "cymbal": "4.3.2.3.3.3.2.3.",
        "bass": "9.325.6.9.6.7.7.",
        "chord": "5154.18.21631272",
        "lead": "8.442.6.415.6.2.",
    },
}


def pattern_mask(genres: tuple[float, ...], guidance: float, tick: int, out: Mask) -> None:
    """Make what the genres usually strike on this tick less likely in `out` (LOGITS,), if guidance is below 1. [engine]

    `genres` are the shares of a prompt, in the order of `GENRES`. At 0 the score is drawn as if it might be any genre.
    """
    if guidance < 1.0:
        row = _leaning(genres, round(guidance, 2))[tick % TICKS_PER_BAR]
        out += row  # what is forbidden stays so: it is lower by far more


@lru_cache(maxsize=16)
def _leaning(genres: tuple[float, ...], guidance: float) -> Mask:
    """Return what to add on each tick of the bar: (TICKS_PER_BAR, LOGITS)."""
    shares = np.maximum(genres, 0.0)
    own = np.einsum("g,gtv->tv", shares / max(float(shares.sum()), 1e-9), _CHANCES)
    usual, any_genre = _log_odds(own), _log_odds(_CHANCES.mean(0))
    lean = np.clip((guidance - 1.0) * (usual - any_genre), -LEAN_MOST, LEAN_MOST)
    for part in (range(len(DRUM_VOICES)), *([STRUCK.index(name)] for name in TONAL)):
        columns = list(part)
        lean[:, columns] += _BALANCE * _offset(usual[:, columns], lean[:, columns])
    rows = (lean @ _EVENTS).astype(np.float32)
    rows.flags.writeable = False
    return rows


def _log_odds(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    sure = np.clip(chances, _SURE, 1.0 - _SURE)
    return np.asarray(np.log(sure / (1.0 - sure)))


def _offset(log_odds: NDArray[np.float64], lean: NDArray[np.float64]) -> float:
    """Return what to add to all of `lean` so that as many strokes are expected with it as without: by bisection."""

    def strokes(more: NDArray[np.float64] | float) -> float:
        return float((1.0 / (1.0 + np.exp(-(log_odds + more)))).sum())

    low, high, wanted = -2.0 * LEAN_MOST, 2.0 * LEAN_MOST, strokes(0.0)
    for _ in range(12):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if strokes(lean + middle) < wanted else (low, middle)
    return 0.5 * (low + high)


def _chances() -> NDArray[np.float64]:
    """Return the table as numbers: genres ticks struck."""
    rows = [[PATTERNS[genre].get(name, "." * TICKS_PER_BAR) for name in STRUCK] for genre in GENRES]
    return np.array([[[0.1 * int(c.replace(".", "0")) for c in tab] for tab in row] for row in rows]).swapaxes(1, 2)


def _events() -> NDArray[np.float64]:
    """Return which tokens strike what: (STRUCK, LOGITS) of ones and zeros."""
    out = np.zeros((len(STRUCK), LOGITS))
    for index, name in enumerate(STRUCK):
        part = name if name in TONAL else "drums"
        tokens = np.arange(VOCABULARY[part])
        out[index, PART_SLICES[part]] = tokens >= 2 if name in TONAL else tokens >> index & 1
    return out


_CHANCES, _EVENTS = _chances(), _events()
