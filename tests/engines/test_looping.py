"""A loop: the last bars again, whatever the composer writes meanwhile, caught and let go at bar lines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
from legando.engines.score import (
    BASS,
    CHORD,
    DRUMS,
    HOLD,
    REST,
    TEXTURE,
)
from legando.engines.timeline import LATENT_FRAMES
from legando.realtime.controls import LOOP_BARS, Controls, Idea, Turn
from legando.realtime.errors import RigError
from legando.realtime.snapshot import controls_from_plain, controls_to_plain
from tests.engines.networks import small_bundle
from tests.engines.scripted import A_MINOR, BAR, C_MAJOR, HOUSE, Player, looping, span


def lead_over(tick: int) -> tuple[int, ...]:
    """Chord and bass are struck in every other bar only, before its line, and held over it."""
    at = tick % (2 * BAR)
    chord = (A_MINOR if tick // (2 * BAR) % 2 else C_MAJOR) if at == BAR - 2 else HOLD
    return chord, tick % 256, 2 + tick // BAR % 30 if at == BAR - 2 else HOLD, REST, 1


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.mark.parametrize("bars", LOOP_BARS)
def test_the_last_bars_come_round_from_the_next_bar_line_until_one_after_it_is_let_go(bars: int) -> None:
    end = (9 + 3 * bars) * BAR
    score = Player().play(looping(bars, 8 * BAR + 5, end - 7), end + 2 * BAR)
    plain = Player().play(looping(0, 0), end + 2 * BAR)
    caught = range((9 - bars) * BAR, 9 * BAR)
    assert span(score, range(9 * BAR)) == span(plain, range(9 * BAR)), "nothing repeats before the line"
    for round_ in range(3):
        again = [tick + (round_ + 1) * bars * BAR for tick in caught]
        assert span(score, again) == span(score, caught)
        assert span(plain, again) != span(score, caught)
    assert span(score, range(end, end + BAR), (DRUMS,)) == span(plain, range(end, end + BAR), (DRUMS,)), "let go"


def test_the_composer_hears_the_loop() -> None:
    """Its memory is what is played, as where another engine's score is read."""
    one = Player()
    score = one.play(looping(2, 60), 8 * BAR)
    before = {tick: previous for tick, previous in one.asked if tick > 0}
    assert all(before[tick] == score[tick - 1] for tick in before if tick - 1 in score)


def test_a_loop_begins_with_what_sounded_where_it_was_caught() -> None:
    """The bar that repeats holds on to a chord of the bar before: it is struck at the seam."""
    score = Player(lead_over).play(looping(1, 4 * BAR + 3), 8 * BAR)
    source = score[4 * BAR]
    assert source[CHORD] == source[BASS] == HOLD and score[4 * BAR + BAR - 2][CHORD] == C_MAJOR
    for first in (5 * BAR, 6 * BAR, 7 * BAR):
        assert score[first][CHORD] == A_MINOR and score[first][BASS] == score[3 * BAR - 2][BASS] >= 2
        assert score[first][DRUMS] == source[DRUMS] and score[first][TEXTURE] == 1
        assert span(score, range(first + 1, first + BAR)) == span(score, range(4 * BAR + 1, 5 * BAR))


def test_a_chord_that_is_held_all_through_the_loop_is_struck_in_each_round() -> None:
    def held(tick: int) -> tuple[int, ...]:
        return (A_MINOR if tick == 40 else HOLD), tick % 256, (20 if tick == 41 else HOLD), HOLD, 1

    score = Player(held).play(looping(1, 4 * BAR + 3), 8 * BAR)
    struck = [tick for tick in score if tick > 41 and score[tick][CHORD] >= 2]
    assert struck == [5 * BAR, 6 * BAR, 7 * BAR] == [t for t in score if t > 41 and score[t][BASS] >= 2]
    assert {score[tick][CHORD] for tick in struck} == {A_MINOR}

    def before(tick: int) -> tuple[int, ...]:
        return (A_MINOR if tick == -9 else HOLD), tick % 256, HOLD, HOLD, 1

    score = Player(before).play(looping(2, -1), 8 * BAR)
    struck = [tick for tick in score if score[tick][CHORD] >= 2]
    assert struck == [2 * BAR, 4 * BAR, 6 * BAR], "so is one that sounds when the music begins"


def test_another_length_takes_hold_at_the_next_bar_line() -> None:
    def steered(tick: float) -> Controls:
        return replace(HOUSE, loop=0 if tick < 60 else 4 if tick < 6 * BAR + 3 else 1)

    score = Player().play(steered, 10 * BAR)
    assert span(score, range(4 * BAR, 7 * BAR)) == span(score, range(3 * BAR))
    for bar in range(7, 10):
        assert span(score, range(bar * BAR, bar * BAR + BAR)) == span(score, range(2 * BAR, 3 * BAR))


def test_a_spare_engine_goes_on_in_the_loop() -> None:
    steered, first, spare = looping(2, 60), Player(), Player()
    score = first.play(steered, 6 * BAR + 5)
    first_chunks = first.sequencer.chunks
    spare.sequencer.go_on(first_chunks * 4 * LATENT_FRAMES, first.sequencer.tick, list(score.items())[-128:])
    assert spare.play(steered, 12 * BAR) == first.play(steered, 12 * BAR)


@pytest.mark.parametrize("jump", [-90.0, -33.0, 40.0, 4000.0])
def test_a_clock_that_jumps_leaves_what_is_written_where_nothing_is_known(jump: float) -> None:
    one = Player()
    one.play(looping(2, 60), 5 * BAR + 4)
    there = one.sequencer.tick + jump
    score = one.chunk(replace(HOUSE, loop=2, position_ticks=there))
    score |= one.play(looping(2, -1e9), there + 7 * BAR)
    first = (int(there) // BAR + 1) * BAR
    last = range(first + 4 * BAR, first + 6 * BAR)
    assert span(score, last) == span(score, [tick - 2 * BAR for tick in last])


def test_a_count_in_a_scene_at_its_line_and_a_new_idea_find_a_loop() -> None:
    def counted(tick: float) -> Controls:
        music = replace(HOUSE, loop=1)
        return replace(music, click=True, turn=Turn(tick=16, controls=music)) if tick < 16 else music

    score = Player().play(counted, 5 * BAR)
    assert span(score, range(2 * BAR, 3 * BAR)) == span(score, range(BAR, 2 * BAR))

    def scene(tick: float) -> Controls:
        later = replace(HOUSE, loop=1)
        return later if tick >= 32 else replace(HOUSE, turn=Turn(tick=32, controls=later) if tick > 28 else None)

    score = Player().play(scene, 5 * BAR)
    assert span(score, range(2 * BAR, 3 * BAR)) == span(score, range(BAR, 2 * BAR)), "it begins on the scene's line"

    def idea(tick: float) -> Controls:
        now = replace(HOUSE, loop=2)
        new = replace(now, idea=Idea(seed=9, origin=64))
        return new if tick >= 64 else replace(now, turn=Turn(tick=64, controls=new) if tick > 50 else None)

    score = Player().play(idea, 10 * BAR)
    new = [tick for tick in range(4 * BAR, 6 * BAR) if tick % BAR]  # an idea begins in the middle of what it holds
    assert span(score, new) == span(score, [tick + 2 * BAR for tick in new]), "bars of the new idea, once heard"
    assert span(score, range(6 * BAR, 8 * BAR)) == span(score, range(8 * BAR, 10 * BAR))
    assert span(score, range(4 * BAR, 6 * BAR)) != span(score, range(2 * BAR, 4 * BAR))


def test_bars_that_were_never_heard_do_not_come_round() -> None:
    score, plain = Player().play(looping(4, 5), 10 * BAR), Player().play(looping(0, 0), 10 * BAR)
    assert span(score, range(4 * BAR)) == span(plain, range(4 * BAR)), "the bars before the first are no loop"
    assert span(score, range(4 * BAR + 1, 8 * BAR)) == span(score, range(1, 4 * BAR))


def test_a_loop_plays_the_same_notes_and_other_sound(bundle: Bundle) -> None:
    """Through the networks: the notes of a loop are struck alike in each round, and a knob changes how they sound."""

    def play(bright: float) -> tuple[list[tuple[int, list[Any]]], list[NDArray[np.float32]]]:
        generator, struck, sound = Generator(bundle, seed=4, steps=1), list[tuple[int, list[Any]]](), []
        while generator.tick < 8 * BAR:
            moved = bright if generator.tick > 5 * BAR else None
            at = generator.tick
            made = generator.step(replace(HOUSE, loop=1 if at > 36 else 0, brightness=moved))
            ticks = [tick for tick, _ in made.tokens]
            if ticks:
                struck.append((ticks[0], [(s[1], s[2], s[3]) for s in made.struck]))
            sound.append(made.frames.copy())
        return struck, sound

    (struck, dark), (_, light) = play(0.0), play(1.0)
    rounds = [
        [stroke for tick, strokes in struck if bar * BAR <= tick < (bar + 1) * BAR for stroke in strokes]
        for bar in (4, 5, 6)
    ]
    assert rounds[0] == rounds[1] == rounds[2] and len(rounds[0]) > 4
    third = len(dark) * 5 // 8
    assert all(np.array_equal(a, b) for a, b in zip(dark[: third - 2], light[: third - 2], strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(dark[third + 2 :], light[third + 2 :], strict=True))


def test_a_loop_has_one_of_four_lengths_and_is_kept_in_a_snapshot() -> None:
    for bars in (3, -1, 16):
        with pytest.raises(RigError, match=f"cannot loop {bars} bars; a loop has 1, 2, 4, 8, or 0 for none"):
            replace(HOUSE, loop=bars)
    for controls in (HOUSE, replace(HOUSE, loop=8), replace(HOUSE, turn=Turn(tick=3, controls=replace(HOUSE, loop=1)))):
        assert controls_from_plain(controls_to_plain(controls)) == controls
    old = {name: value for name, value in controls_to_plain(HOUSE).items() if name != "loop"}
    assert controls_from_plain(old) == HOUSE, "journals that knew no loop"
