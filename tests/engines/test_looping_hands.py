"""A loop and the performer's hands: what they forbid is not played, and what they let go comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from legando.engines.constraints import recognise_held
from legando.engines.score import (
    BASS,
    CHORD,
    DRUMS,
    HOLD,
    LEAD,
    REST,
    VOCABULARY,
    chord_pitch_classes,
)
from legando.realtime.controls import LOOP_BARS, PARTS, Controls, NoteEvent
from legando.realtime.tonality import key_classes
from tests.engines.scripted import A_MINOR, BAR, C_MAJOR, HOUSE, Player, looping, span


def test_a_part_that_is_muted_for_a_while_comes_back() -> None:
    def steered(tick: float) -> Controls:
        muted = frozenset(("drums", "bass")) if 6 * BAR - 1 <= tick < 9 * BAR + 3 else frozenset[str]()
        return replace(HOUSE, loop=2 * (tick > 60), muted=muted)

    score = Player().play(steered, 12 * BAR)
    assert all(score[tick][DRUMS] == score[tick][BASS] == REST for tick in range(6 * BAR, 9 * BAR))
    assert span(score, range(10 * BAR, 12 * BAR)) == span(score, range(4 * BAR, 6 * BAR))
    assert score[9 * BAR + 4][BASS] == score[5 * BAR + 2][BASS] >= 2, "struck where it is let go, not at its next note"
    assert score[9 * BAR + 5][BASS] == HOLD


def test_a_part_that_was_muted_when_the_bars_were_played_is_written_once_and_comes_round() -> None:
    def steered(tick: float) -> Controls:
        muted = frozenset(("drums",)) if tick < 6 * BAR - 1 else frozenset[str]()
        return replace(HOUSE, loop=2 * (tick > 60), muted=muted)

    score, plain = Player().play(steered, 12 * BAR), Player().play(looping(0, 0), 12 * BAR)
    assert all(score[tick][DRUMS] == REST for tick in range(4 * BAR, 6 * BAR))
    assert span(score, range(6 * BAR, 8 * BAR), (DRUMS,)) == span(plain, range(6 * BAR, 8 * BAR), (DRUMS,))
    assert span(score, range(8 * BAR, 10 * BAR)) == span(score, range(6 * BAR, 8 * BAR))


def test_a_held_chord_moves_the_harmony_and_the_drums_repeat() -> None:
    def steered(tick: float) -> Controls:
        held = (57, 60, 64) if 6 * BAR - 1 <= tick < 8 * BAR - 1 else ()
        return replace(HOUSE, loop=2 * (tick > 60), held=held)

    score = Player().play(steered, 10 * BAR)
    assert span(score, range(6 * BAR, 8 * BAR), (DRUMS,)) == span(score, range(4 * BAR, 6 * BAR), (DRUMS,))
    harmony = {score[tick][CHORD] for tick in range(6 * BAR, 8 * BAR - 1)} | {score[6 * BAR - 1][CHORD]}
    assert A_MINOR in harmony and harmony <= {A_MINOR, HOLD}
    assert span(score, range(8 * BAR, 10 * BAR)) == span(score, range(4 * BAR, 6 * BAR))


def test_a_key_keeps_out_of_the_loop_what_is_outside_and_lets_it_back() -> None:
    def steered(tick: float) -> Controls:
        return replace(HOUSE, loop=1 * (tick > 60), key="F# major" if 5 * BAR - 1 <= tick < 7 * BAR - 1 else None)

    def plain_c(tick: int) -> tuple[int, ...]:
        return C_MAJOR if tick % BAR == 0 else HOLD, tick % BAR, 2 + 12 if tick % 4 == 0 else HOLD, REST, 1

    score = Player(plain_c).play(steered, 9 * BAR)
    assert all(score[tick][CHORD] != C_MAJOR and score[tick][BASS] != 14 for tick in range(5 * BAR, 7 * BAR - 1))
    assert span(score, range(7 * BAR, 8 * BAR)) == span(score, range(3 * BAR, 4 * BAR))


def test_who_plays_the_lead_is_not_answered_by_the_loop() -> None:
    def steered(tick: float) -> Controls:
        plays = 5 * BAR <= tick < 6 * BAR - 8
        return replace(
            HOUSE, loop=1 * (tick > 60), notes=(NoteEvent(offset_frames=0, pitch=70, velocity=0.5),) if plays else ()
        )

    score = Player().play(steered, 8 * BAR)
    assert all(score[tick][LEAD] == REST for tick in range(5 * BAR + 2, 6 * BAR - 2))
    assert span(score, range(7 * BAR, 8 * BAR)) == span(score, range(3 * BAR, 4 * BAR))


def test_the_form_cuts_no_holes_into_the_loop() -> None:
    """A break has no kick; the model under the mask writes none, and the loop goes on."""

    def four(tick: int) -> tuple[int, ...]:
        return (C_MAJOR if tick % BAR == 0 else HOLD), 1 if tick % 4 == 0 else 0, 2 + 12, REST, 0

    def steered(tick: float) -> Controls:
        return replace(HOUSE, loop=1 * (tick > 60), section="full" if tick < 5 * BAR else "break")

    score, plain = (
        Player(four).play(steered, 8 * BAR),
        Player(four).play(lambda t: replace(steered(t), loop=0), 8 * BAR),
    )
    assert span(score, range(6 * BAR, 7 * BAR)) == span(score, range(3 * BAR, 4 * BAR))
    assert span(plain, range(6 * BAR, 7 * BAR)) != span(score, range(6 * BAR, 7 * BAR))


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
    moves: list[tuple[dict[str, Any], int]],
) -> None:
    one = Player()
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
