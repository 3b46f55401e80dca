"""One performer on a card, with the CPU behind it, which goes on when the card does not answer. [engine]"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from legando.engines.card.cardgenerator import CardGenerator, CardLost
from legando.engines.generator import Chunk, Generator
from legando.engines.tune import PREROLL_TICKS
from legando.realtime.controls import Controls


class Steadfast:
    """A card's only stream with the face of `Generator`. `spare` opens the CPU engine, when it comes to that."""

    def __init__(self, card: CardGenerator, spare: Callable[[], Generator], say: Callable[[str], None]) -> None:
        self._card, self._open, self._say = card, spare, say
        self._playing: CardGenerator | Generator = card
        self._score: deque[tuple[int, tuple[int, ...]]] = deque(maxlen=PREROLL_TICKS)
        self._position = 0

    sample_rate_hz, channels = Generator.sample_rate_hz, Generator.channels

    @property
    def engine(self) -> str:
        """The name of what plays now."""
        return self._playing.engine

    @property
    def chunk_frames(self) -> int:
        """Frames of a chunk."""
        return self._card.chunk_frames

    @property
    def latency_frames(self) -> int:
        """The decoder's look-ahead."""
        return self._card.latency_frames

    @property
    def default_steps(self) -> int:
        """Denoising steps, unless the controls say otherwise."""
        return self._card.default_steps

    @property
    def tick(self) -> float:
        """Where the next chunk begins, in sixteenths."""
        return self._playing.sequencers[0].tick if isinstance(self._playing, CardGenerator) else self._playing.tick

    @property
    def section(self) -> str:
        """The section of the form in which the last tick was written."""
        playing = self._playing
        return playing.sequencers[0].section if isinstance(playing, CardGenerator) else playing.section

    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]] = ()) -> None:
        """Go on where another engine ended; see `Generator.go_on`. [engine]"""
        self._playing.go_on(position_frames, tick, score)
        self._position = position_frames
        self._score.extend((int(at), tuple(int(token) for token in tokens)) for at, tokens in score)

    def step(self, controls: Controls) -> Chunk:
        """Make the next chunk, on the card while it answers. [engine]"""
        tick = self.tick
        if isinstance(self._playing, CardGenerator):
            try:
                chunk = self._playing.step([controls])[0]
            except CardLost as lost:
                self._say(f"{lost}; the CPU goes on in its place")
                self._playing = self._open()
                self._playing.go_on(self._position, tick, list(self._score))
                chunk = self._playing.step(controls)
        else:
            chunk = self._playing.step(controls)
        self._position = chunk.position_frames + self.chunk_frames
        self._score.extend(chunk.tokens)
        return chunk
