"""Looping: the last bars of a tune, kept as they were meant, and played again instead of what is written. [engine]

The language model goes on writing underneath, so that the composer goes on from there when the loop ends. What is kept
is what was *meant*: a part that is muted for a while, or led by the performer's chord, comes back with the loop. Where
nothing is known of a part, because it was muted when those bars were written or because a clock has jumped, what the
model writes stands and is kept: it comes round from then on.

HOLD means what sounded when it was kept. A loop begins with it struck, since a chord that is held on to in each round
would die away, and where something else sounds now, after a hand has let go, it is struck there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legando.engines.constraints import FORBIDDEN, PART_SLICES
from legando.engines.score import BASS, CHORD, HOLD, LEAD, REST, TICKS_PER_BAR
from legando.realtime.controls import LOOP_BARS, PARTS

LOOP_TICKS = max(LOOP_BARS) * TICKS_PER_BAR
UNKNOWN = -1
_SUSTAINED = (CHORD, BASS, LEAD)

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """One tick as it was meant: `sounds` has its tokens with HOLD resolved, `voicing` is that of the chord before."""

    tick: int
    tokens: Tokens
    sounds: Tokens
    voicing: tuple[int, ...]


class Loop:
    """Owned by one tune; ticks count from the tune's origin. `bars` is how many bars repeat now, 0 for none."""

    def __init__(self) -> None:
        self.bars = 0
        self._kept: list[_Kept | None] = [None] * LOOP_TICKS
        self._sounds = [REST] * len(PARTS)
        self._first: int | None = None  # the tick with which the loop begins, as it was kept

    def forget(self) -> None:
        """Let nothing be known but what sounds: those bars were not heard."""
        self._kept = [None] * LOOP_TICKS

    def follow(self, tick: int, bars: int) -> None:
        """Take over what the performer wants, if a bar begins on this tick."""
        if tick % TICKS_PER_BAR == 0 and bars != self.bars:
            self.begin(tick, bars)

    def begin(self, tick: int, bars: int) -> None:
        """Repeat so many bars from this tick on."""
        self.bars, self._first = bars, tick - bars * TICKS_PER_BAR

    def source(self, tick: int) -> _Kept | None:
        """Return the tick that repeats on this one, if there is one."""
        kept = self._kept[(tick - self.bars * TICKS_PER_BAR) % LOOP_TICKS] if self.bars else None
        return kept if kept is not None and kept.tick == tick - self.bars * TICKS_PER_BAR else None

    def keep(self, tick: int, tokens: Sequence[int], voicing: tuple[int, ...], silenced: Collection[str] = ()) -> None:
        """Keep a tick that the composer has written; parts that the performer `silenced` are not known."""
        self._sound(tokens)
        if self.bars and self._first == tick - self.bars * TICKS_PER_BAR:
            self._first = tick  # the bars that were to repeat are not known: these will
        kept = tuple(UNKNOWN if part in silenced else t for part, t in zip(PARTS, tokens, strict=True))
        sounds = tuple(UNKNOWN if part in silenced else t for part, t in zip(PARTS, self._sounds, strict=True))
        self._kept[tick % LOOP_TICKS] = _Kept(tick, kept, sounds, voicing)

    def repeat(
        self,
        tick: int,
        source: _Kept,
        written: Sequence[int],
        mask: NDArray[np.float32],
        voicing: tuple[int, ...],
        silenced: Collection[str] = (),
    ) -> tuple[Tokens, tuple[int, ...]]:
        """Return what is played instead of what was `written`, and the voicing that its chord is led from. [engine]

        `mask` (LOGITS,) rules out what the performer forbids: there, what was written stands.
        """
        played, meant = list(written), list(source.tokens)
        for part, name in enumerate(PARTS):
            sounds = source.sounds[part]
            if source.tick == self._first and part in _SUSTAINED and meant[part] == HOLD and sounds >= 2:
                meant[part] = sounds
            token = meant[part]
            if token == HOLD and part in _SUSTAINED and sounds != self._sounds[part]:
                token = sounds
            if token != UNKNOWN and mask[PART_SLICES[name]][token] > 0.5 * FORBIDDEN:
                played[part] = token
        if played[CHORD] >= 2 and played[CHORD] == source.sounds[CHORD] and source.voicing:
            voicing = source.voicing
        self._sound(played)
        sounded = list(source.sounds)
        for part, name in enumerate(PARTS):
            if meant[part] == UNKNOWN and name not in silenced:
                meant[part], sounded[part] = played[part], self._sounds[part]
        self._kept[tick % LOOP_TICKS] = _Kept(tick, tuple(meant), tuple(sounded), source.voicing or voicing)
        return tuple(played), voicing

    def _sound(self, tokens: Sequence[int]) -> None:
        for part, token in enumerate(tokens):
            if part not in _SUSTAINED or token != HOLD:
                self._sounds[part] = token
