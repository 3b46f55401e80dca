"""A loop: the last bars again, whatever the composer writes meanwhile, as far as the performer's hands allow it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from legando.engines.arranger import PLAN, Habits, read_habits
from legando.engines.bundle import Bundle
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES, recognise_held
from legando.engines.generator import Generator
from legando.engines.score import (
    BASS,
    CHORD,
    DRUMS,
    HOLD,
    LEAD,
    REST,
    TEXTURE,
    VOCABULARY,
    chord_pitch_classes,
    chord_token,
)
from legando.engines.sequencer import Sequencer
from legando.engines.timeline import LATENT_FRAMES
from legando.engines.tune import Ask
from legando.realtime.controls import LOOP_BARS, PARTS, Controls, Idea, NoteEvent, Turn
from legando.realtime.errors import RigError
from legando.realtime.snapshot import controls_from_plain, controls_to_plain
from legando.realtime.tonality import key_classes
from tests.engines.networks import small_bundle

BAR = 16
HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=240.0)
A_MINOR, C_MAJOR = chord_token(9, "min"), chord_token(0, "maj")
Score = dict[int, tuple[int, ...]]
Steered = Callable[[float], Controls]
Script = Callable[[int], tuple[int, ...]]


class Player:
    """A sequencer whose language model is a script, which the masks correct as they do the real one."""

    def __init__(self, script: Script, habits: dict[str, Habits]) -> None:
        self.sequencer = Sequencer(1, habits, latents=4)
        self.script = script
        self.asked: list[tuple[int, tuple[int, ...]]] = []  # ticks, and the tokens that came before them
        self.given: dict[str, NDArray[Any]] = {
            "style": np.zeros(24, np.float32),
            "plan": np.zeros(PLAN, np.float32),
            "position": np.zeros(2, np.int64),
            "temperature": np.zeros((), np.float32),
            "previous": np.zeros(5, np.int64),
            "held": np.zeros(12, np.float32),
            "mask": np.zeros(LOGITS, np.float32),
        }

    def say(self, ask: Ask) -> tuple[int, ...]:
        self.sequencer.describe(ask, self.given)
        self.asked.append((ask.tick, tuple(self.given["previous"])))
        mask = self.given["mask"]
        wanted = self.script(ask.tick)
        rows = [mask[PART_SLICES[part]] for part in PARTS]
        return tuple(t if row[t] > FORBIDDEN / 2 else int(np.argmax(row)) for t, row in zip(wanted, rows, strict=True))

    def chunk(self, controls: Controls) -> Score:
        work = self.sequencer.compose(controls)
        try:
            ask = next(work)
            while True:
                ask = work.send(self.say(ask))
        except StopIteration as end:
            return dict(end.value.tokens)

    def play(self, steered: Steered, ticks: float) -> Score:
        score: Score = {}
        while self.sequencer.tick < ticks:
            score |= self.chunk(steered(self.sequencer.tick))
        return score


def counting(tick: int) -> tuple[int, ...]:
    """A script in which no two bars of a minute are alike: each part tells the tick in its own way."""
    place, number = tick % BAR, tick // BAR
    chord = 2 + number % 96 if place == 0 else HOLD
    bass = 2 + number % 37 if place == 2 else (REST if place == 14 else HOLD)
    lead = 2 + (number * 5 + place) % 38 if place % 4 == 0 else HOLD
    return chord, (tick * 7 + 3) % VOCABULARY["drums"], bass, lead, 1 if number % 2 else 0


def lead_over(tick: int) -> tuple[int, ...]:
    """Chord and bass are struck in every other bar only, before its line, and held over it."""
    at = tick % (2 * BAR)
    chord = (A_MINOR if tick // (2 * BAR) % 2 else C_MAJOR) if at == BAR - 2 else HOLD
    return chord, tick % 256, 2 + tick // BAR % 30 if at == BAR - 2 else HOLD, REST, 1


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture(scope="module")
def habits(bundle: Bundle) -> dict[str, Habits]:
    return dict(read_habits(json.loads(bundle.file("habits.json").read_text())))


@pytest.fixture
def player(habits: dict[str, Habits]) -> Callable[..., Player]:
    return lambda script=counting: Player(script, habits)


def looping(bars: int, start: float, end: float = 1e9, controls: Controls = HOUSE) -> Steered:
    return lambda tick: replace(controls, loop=bars) if start <= tick < end else controls


def span(score: Score, ticks: Iterable[int], parts: Iterable[int] = range(5)) -> list[tuple[int, ...]]:
    return [tuple(score[tick][part] for part in parts) for tick in ticks]


@pytest.mark.parametrize("bars", LOOP_BARS)
def test_the_last_bars_come_round_from_the_next_bar_line_until_one_after_it_is_let_go(
    player: Callable[..., Player], bars: int
) -> None:
    end = (9 + 3 * bars) * BAR
    score = player().play(looping(bars, 8 * BAR + 5, end - 7), end + 2 * BAR)
    plain = player().play(looping(0, 0), end + 2 * BAR)
    caught = range((9 - bars) * BAR, 9 * BAR)
    assert span(score, range(9 * BAR)) == span(plain, range(9 * BAR)), "nothing repeats before the line"
    for round_ in range(3):
        again = [tick + (round_ + 1) * bars * BAR for tick in caught]
        assert span(score, again) == span(score, caught)
        assert span(plain, again) != span(score, caught)
    assert span(score, range(end, end + BAR), (DRUMS,)) == span(plain, range(end, end + BAR), (DRUMS,)), "let go"


def test_the_composer_hears_the_loop(player: Callable[..., Player]) -> None:
    """Its memory is what is played, as where another engine's score is read."""
    one = player()
    score = one.play(looping(2, 60), 8 * BAR)
    before = {tick: previous for tick, previous in one.asked if tick > 0}
    assert all(before[tick] == score[tick - 1] for tick in before if tick - 1 in score)


def test_a_loop_begins_with_what_sounded_where_it_was_caught(player: Callable[..., Player]) -> None:
    """The bar that repeats holds on to a chord of the bar before: it is struck at the seam."""
    score = player(lead_over).play(looping(1, 4 * BAR + 3), 8 * BAR)
    source = score[4 * BAR]
    assert source[CHORD] == source[BASS] == HOLD and score[4 * BAR + BAR - 2][CHORD] == C_MAJOR
    for first in (5 * BAR, 6 * BAR, 7 * BAR):
        assert score[first][CHORD] == A_MINOR and score[first][BASS] == score[3 * BAR - 2][BASS] >= 2
        assert score[first][DRUMS] == source[DRUMS] and score[first][TEXTURE] == 1
        assert span(score, range(first + 1, first + BAR)) == span(score, range(4 * BAR + 1, 5 * BAR))


def test_a_chord_that_is_held_all_through_the_loop_is_struck_in_each_round(player: Callable[..., Player]) -> None:
    def held(tick: int) -> tuple[int, ...]:
        return (A_MINOR if tick == 40 else HOLD), tick % 256, (20 if tick == 41 else HOLD), HOLD, 1

    score = player(held).play(looping(1, 4 * BAR + 3), 8 * BAR)
    struck = [tick for tick in score if tick > 41 and score[tick][CHORD] >= 2]
    assert struck == [5 * BAR, 6 * BAR, 7 * BAR] == [t for t in score if t > 41 and score[t][BASS] >= 2]
    assert {score[tick][CHORD] for tick in struck} == {A_MINOR}

    def before(tick: int) -> tuple[int, ...]:
        return (A_MINOR if tick == -9 else HOLD), tick % 256, HOLD, HOLD, 1

    score = player(before).play(looping(2, -1), 8 * BAR)
    struck = [tick for tick in score if score[tick][CHORD] >= 2]
    assert struck == [2 * BAR, 4 * BAR, 6 * BAR], "so is one that sounds when the music begins"


def test_a_part_that_is_muted_for_a_while_comes_back(player: Callable[..., Player]) -> None:
    def steered(tick: float) -> Controls:
        muted = frozenset(("drums", "bass")) if 6 * BAR - 1 <= tick < 9 * BAR + 3 else frozenset[str]()
        return replace(HOUSE, loop=2 * (tick > 60), muted=muted)

    score = player().play(steered, 12 * BAR)
    assert all(score[tick][DRUMS] == score[tick][BASS] == REST for tick in range(6 * BAR, 9 * BAR))
    assert span(score, range(10 * BAR, 12 * BAR)) == span(score, range(4 * BAR, 6 * BAR))
    assert score[9 * BAR + 4][BASS] == score[5 * BAR + 2][BASS] >= 2, "struck where it is let go, not at its next note"
    assert score[9 * BAR + 5][BASS] == HOLD


def test_a_part_that_was_muted_when_the_bars_were_played_is_written_once_and_comes_round(
    player: Callable[..., Player],
) -> None:
    def steered(tick: float) -> Controls:
        muted = frozenset(("drums",)) if tick < 6 * BAR - 1 else frozenset[str]()
        return replace(HOUSE, loop=2 * (tick > 60), muted=muted)

    score, plain = player().play(steered, 12 * BAR), player().play(looping(0, 0), 12 * BAR)
    assert all(score[tick][DRUMS] == REST for tick in range(4 * BAR, 6 * BAR))
    assert span(score, range(6 * BAR, 8 * BAR), (DRUMS,)) == span(plain, range(6 * BAR, 8 * BAR), (DRUMS,))
    assert span(score, range(8 * BAR, 10 * BAR)) == span(score, range(6 * BAR, 8 * BAR))


def test_a_held_chord_moves_the_harmony_and_the_drums_repeat(player: Callable[..., Player]) -> None:
    def steered(tick: float) -> Controls:
        held = (57, 60, 64) if 6 * BAR - 1 <= tick < 8 * BAR - 1 else ()
        return replace(HOUSE, loop=2 * (tick > 60), held=held)

    score = player().play(steered, 10 * BAR)
    assert span(score, range(6 * BAR, 8 * BAR), (DRUMS,)) == span(score, range(4 * BAR, 6 * BAR), (DRUMS,))
    harmony = {score[tick][CHORD] for tick in range(6 * BAR, 8 * BAR - 1)} | {score[6 * BAR - 1][CHORD]}
    assert A_MINOR in harmony and harmony <= {A_MINOR, HOLD}
    assert span(score, range(8 * BAR, 10 * BAR)) == span(score, range(4 * BAR, 6 * BAR))


def test_a_key_keeps_out_of_the_loop_what_is_outside_and_lets_it_back(player: Callable[..., Player]) -> None:
    def steered(tick: float) -> Controls:
        return replace(HOUSE, loop=1 * (tick > 60), key="F# major" if 5 * BAR - 1 <= tick < 7 * BAR - 1 else None)

    def plain_c(tick: int) -> tuple[int, ...]:
        return C_MAJOR if tick % BAR == 0 else HOLD, tick % BAR, 2 + 12 if tick % 4 == 0 else HOLD, REST, 1

    score = player(plain_c).play(steered, 9 * BAR)
    assert all(score[tick][CHORD] != C_MAJOR and score[tick][BASS] != 14 for tick in range(5 * BAR, 7 * BAR - 1))
    assert span(score, range(7 * BAR, 8 * BAR)) == span(score, range(3 * BAR, 4 * BAR))


def test_who_plays_the_lead_is_not_answered_by_the_loop(player: Callable[..., Player]) -> None:
    def steered(tick: float) -> Controls:
        plays = 5 * BAR <= tick < 6 * BAR - 8
        return replace(
            HOUSE, loop=1 * (tick > 60), notes=(NoteEvent(offset_frames=0, pitch=70, velocity=0.5),) if plays else ()
        )

    score = player().play(steered, 8 * BAR)
    assert all(score[tick][LEAD] == REST for tick in range(5 * BAR + 2, 6 * BAR - 2))
    assert span(score, range(7 * BAR, 8 * BAR)) == span(score, range(3 * BAR, 4 * BAR))


def test_the_form_cuts_no_holes_into_the_loop(player: Callable[..., Player]) -> None:
    """A break has no kick; the model under the mask writes none, and the loop goes on."""

    def four(tick: int) -> tuple[int, ...]:
        return (C_MAJOR if tick % BAR == 0 else HOLD), 1 if tick % 4 == 0 else 0, 2 + 12, REST, 0

    def steered(tick: float) -> Controls:
        return replace(HOUSE, loop=1 * (tick > 60), section="full" if tick < 5 * BAR else "break")

    score, plain = (
        player(four).play(steered, 8 * BAR),
        player(four).play(lambda t: replace(steered(t), loop=0), 8 * BAR),
    )
    assert span(score, range(6 * BAR, 7 * BAR)) == span(score, range(3 * BAR, 4 * BAR))
    assert span(plain, range(6 * BAR, 7 * BAR)) != span(score, range(6 * BAR, 7 * BAR))


def test_another_length_takes_hold_at_the_next_bar_line(player: Callable[..., Player]) -> None:
    def steered(tick: float) -> Controls:
        return replace(HOUSE, loop=0 if tick < 60 else 4 if tick < 6 * BAR + 3 else 1)

    score = player().play(steered, 10 * BAR)
    assert span(score, range(4 * BAR, 7 * BAR)) == span(score, range(3 * BAR))
    for bar in range(7, 10):
        assert span(score, range(bar * BAR, bar * BAR + BAR)) == span(score, range(2 * BAR, 3 * BAR))


def test_a_spare_engine_goes_on_in_the_loop(player: Callable[..., Player]) -> None:
    steered, first, spare = looping(2, 60), player(), player()
    score = first.play(steered, 6 * BAR + 5)
    first_chunks = first.sequencer.chunks
    spare.sequencer.go_on(first_chunks * 4 * LATENT_FRAMES, first.sequencer.tick, list(score.items())[-128:])
    assert spare.play(steered, 12 * BAR) == first.play(steered, 12 * BAR)


@pytest.mark.parametrize("jump", [-90.0, -33.0, 40.0, 4000.0])
def test_a_clock_that_jumps_leaves_what_is_written_where_nothing_is_known(
    player: Callable[..., Player], jump: float
) -> None:
    one = player()
    one.play(looping(2, 60), 5 * BAR + 4)
    there = one.sequencer.tick + jump
    score = one.chunk(replace(HOUSE, loop=2, position_ticks=there))
    score |= one.play(looping(2, -1e9), there + 7 * BAR)
    first = (int(there) // BAR + 1) * BAR
    last = range(first + 4 * BAR, first + 6 * BAR)
    assert span(score, last) == span(score, [tick - 2 * BAR for tick in last])


def test_a_count_in_a_scene_at_its_line_and_a_new_idea_find_a_loop(player: Callable[..., Player]) -> None:
    def counted(tick: float) -> Controls:
        music = replace(HOUSE, loop=1)
        return replace(music, click=True, turn=Turn(tick=16, controls=music)) if tick < 16 else music

    score = player().play(counted, 5 * BAR)
    assert span(score, range(2 * BAR, 3 * BAR)) == span(score, range(BAR, 2 * BAR))

    def scene(tick: float) -> Controls:
        later = replace(HOUSE, loop=1)
        return later if tick >= 32 else replace(HOUSE, turn=Turn(tick=32, controls=later) if tick > 28 else None)

    score = player().play(scene, 5 * BAR)
    assert span(score, range(2 * BAR, 3 * BAR)) == span(score, range(BAR, 2 * BAR)), "it begins on the scene's line"

    def idea(tick: float) -> Controls:
        now = replace(HOUSE, loop=2)
        new = replace(now, idea=Idea(seed=9, origin=64))
        return new if tick >= 64 else replace(now, turn=Turn(tick=64, controls=new) if tick > 50 else None)

    score = player().play(idea, 10 * BAR)
    new = [tick for tick in range(4 * BAR, 6 * BAR) if tick % BAR]  # an idea begins in the middle of what it holds
    assert span(score, new) == span(score, [tick + 2 * BAR for tick in new]), "bars of the new idea, once heard"
    assert span(score, range(6 * BAR, 8 * BAR)) == span(score, range(8 * BAR, 10 * BAR))
    assert span(score, range(4 * BAR, 6 * BAR)) != span(score, range(2 * BAR, 4 * BAR))


def test_bars_that_were_never_heard_do_not_come_round(player: Callable[..., Player]) -> None:
    score, plain = player().play(looping(4, 5), 10 * BAR), player().play(looping(0, 0), 10 * BAR)
    assert span(score, range(4 * BAR)) == span(plain, range(4 * BAR)), "the bars before the first are no loop"
    assert span(score, range(4 * BAR + 1, 8 * BAR)) == span(score, range(1, 4 * BAR))


_HANDS = st.fixed_dictionaries(
    {
        "loop": st.sampled_from((0, *LOOP_BARS)),
        "muted": st.frozensets(st.sampled_from(PARTS)),
        "held": st.sampled_from(((), (57, 60, 64), (60, 64, 67, 70), (61,))),
        "key": st.sampled_from((None, "C minor", "F# major")),
        "section": st.sampled_from((None, "break", "full")),
        "position_ticks": st.one_of(st.none(), st.none(), st.floats(-300.0, 300.0)),
    }
)


@settings(max_examples=40, deadline=None)
@given(moves=st.lists(st.tuples(_HANDS, st.integers(1, 40)), min_size=1, max_size=8))
def test_whatever_hands_and_clocks_do_nothing_that_they_forbid_is_played(
    moves: list[tuple[dict[str, Any], int]], habits: dict[str, Habits]
) -> None:
    one = Player(counting, habits)
    for hands, chunks in moves:
        controls = replace(HOUSE, **hands)
        chord = recognise_held(controls.held)
        for _ in range(chunks):
            for tokens in one.chunk(controls).values():
                assert all(tokens[PARTS.index(part)] == REST for part in controls.muted)
                assert all(0 <= token < VOCABULARY[part] for part, token in zip(PARTS, tokens, strict=True))
                if chord is not None and tokens[CHORD] >= 2:
                    assert set(chord_pitch_classes(tokens[CHORD])) == set(chord_pitch_classes(chord))
                elif controls.key is not None and chord is None:
                    assert set(chord_pitch_classes(tokens[CHORD])) <= key_classes(controls.key)
            controls = replace(controls, position_ticks=None)


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
