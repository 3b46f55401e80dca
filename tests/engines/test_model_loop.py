"""The shipped bundle loops: bars come round to the token, hands are obeyed, and the sound follows its knobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.generator import Generator
from legando.engines.score import BASS, BASS_LOW, CHORD, DRUMS, REST, chord_pitch_classes, recognise_chord
from legando.engines.training.figures.desk import Desk
from legando.realtime.controls import STYLE_DIM, Controls

BAR = 16
HOUSE = Controls(style=(1.0, *[0.0] * (STYLE_DIM - 5), 0.5, 0.5, 0.5, 0.5), tempo_bpm=240.0, section="full")
A_MINOR = (57, 60, 64)


def steered(tick: float) -> Controls:
    """Two bars, caught at bar 4, come round six times: once without drums, once under a chord, at last brighter."""
    bar = (tick + 1.5) / BAR  # a chunk before its line
    return replace(
        HOUSE,
        loop=2 if 3.5 < bar < 16 else 0,
        muted=frozenset(("drums",)) if 10 <= bar < 12 else frozenset(),
        held=A_MINOR if 12 <= bar < 14 else (),
        brightness=1.0 if bar >= 14 else None,
    )


@dataclass(frozen=True)
class Played:
    score: dict[int, tuple[int, ...]]
    sound: NDArray[np.float32]

    def bars(self, first: int, last: int) -> list[tuple[int, ...]]:
        return [self.score[tick] for tick in range(first * BAR, last * BAR)]

    def part(self, part: int, first: int, last: int) -> list[int]:
        return [tokens[part] for tokens in self.bars(first, last)]

    def hertz(self, first: int, last: int) -> float:
        """The spectral centroid of some bars, which last a second each."""
        sound = self.sound[first * 48_000 : last * 48_000, 0]
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((power * np.fft.rfftfreq(len(sound), 1 / 48_000)).sum() / power.sum())


def play(desk: Desk, controls: Callable[[float], Controls], bars: int) -> Played:
    generator, score, sound = Generator(desk.bundle, seed=5, steps=1), dict[int, tuple[int, ...]](), []
    while generator.tick < bars * BAR:
        chunk = generator.step(controls(generator.tick))
        score |= dict(chunk.tokens)
        sound.append(chunk.frames.copy())
    return Played(score, np.concatenate(sound))


@pytest.fixture(scope="module")
def looped(desk: Desk) -> Played:
    """Return what is played with all that hands do."""
    return play(desk, steered, 18)


def test_two_bars_come_round_three_times_where_others_would_have_been(desk: Desk, looped: Played) -> None:
    without = play(desk, lambda tick: replace(steered(tick), loop=0), 10)
    assert looped.bars(0, 4) == without.bars(0, 4), "nothing repeats before the line"
    assert looped.bars(4, 6) == looped.bars(6, 8) == looped.bars(8, 10)
    assert looped.bars(4, 6)[1:] == looped.bars(2, 4)[1:], "but for what the first tick holds on to"
    assert without.bars(4, 10) != looped.bars(4, 10)
    assert looped.bars(16, 18) != looped.bars(14, 16), "let go, the composer goes on"


def test_muted_drums_are_silent_and_come_back(looped: Played) -> None:
    assert set(looped.part(DRUMS, 10, 12)) == {REST}
    assert looped.part(DRUMS, 12, 14) == looped.part(DRUMS, 8, 10) and any(looped.part(DRUMS, 8, 10))


def test_a_held_chord_moves_the_harmony_and_not_the_drums(looped: Played) -> None:
    chord = recognise_chord(A_MINOR)
    assert chord is not None
    assert {token for token in looped.part(CHORD, 12, 14)[:-2] if token >= 2} <= {chord}
    assert {token for token in looped.part(CHORD, 8, 10) if token >= 2} - {chord}, "it was another"
    struck = [token for token in looped.part(BASS, 12, 14)[:-2] if token >= 2]
    assert {(token - 2 + BASS_LOW) % 12 for token in struck} <= set(chord_pitch_classes(chord))
    assert looped.part(DRUMS, 12, 14) == looped.part(DRUMS, 8, 10)
    assert looped.bars(14, 16) == looped.bars(8, 10), "and it goes when the hand does"


def test_a_loop_gets_brighter(looped: Played) -> None:
    assert looped.hertz(14, 16) > 1.3 * looped.hertz(8, 10)


def test_the_same_hands_give_the_same_bytes(desk: Desk, looped: Played) -> None:
    again = play(desk, steered, 8)
    assert again.sound.tobytes() == looped.sound[: len(again.sound)].tobytes()
