"""What the screen's keys move, and how messages are told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.midi.miditext import describe
from legando.realtime.rigs.controlnames import find_control
from legando.realtime.screen.screenkeys import Move, moves_of
from legando.realtime.screen.status import KNOBS
from tests.realtime.screened import STATUS, VALUES


@given(presses=st.lists(st.sampled_from(["left", "right", "comma", "full_stop", "home", "end"]), max_size=60))
def test_keys_move_every_knob_within_its_range_and_meet_its_middle_again(presses: list[str]) -> None:
    for chosen, name in enumerate(KNOBS):
        control, values = find_control(name), dict(VALUES)
        for key in presses:
            (move,) = moves_of(key, STATUS, chosen, values)
            assert move.control == name and control.low <= move.value <= control.high
            values[name] = move.value
        values[name] = (control.low + control.high) / 2
        for key in ("left", "comma", "right", "full_stop"):
            values[name] = moves_of(key, STATUS, chosen, values)[0].value
        assert values[name] == pytest.approx((control.low + control.high) / 2)


@pytest.mark.parametrize(
    ("key", "moves"),
    [
        ("1", (Move("scene.1", 1.0),)),
        ("9", ()),  # no such scene
        ("left_square_bracket", (Move("scene.1", 1.0),)),
        ("right_square_bracket", (Move("scene.3", 1.0),)),
        ("d", (Move("mute.drums", 1.0),)),
        ("b", (Move("mute.bass", 0.0),)),
        ("m", (Move("mute", 1.0),)),
        ("f", (Move("freeze", 1.0),)),
        ("t", (Move("tap", 1.0),)),
        ("exclamation_mark", (Move("panic", 1.0),)),
        ("s", (Move("section", 1.0),)),
        ("w", (Move("keep", 1.0),)),
        ("y", ()),
    ],
)
def test_a_key_moves_what_a_knob_of_that_name_would(key: str, moves: tuple[Move, ...]) -> None:
    assert moves_of(key, STATUS, 0, STATUS.values) == moves
    assert all(find_control(move.control).least <= move.value <= find_control(move.control).most for move in moves)


def test_sections_come_in_turn_and_end_with_none() -> None:
    held = replace(STATUS, section="solo", section_held=True)
    assert moves_of("s", held, 0, VALUES) == (Move("section", 0.0),)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("b04a5d", "cc 74 = 93 (channel 1) → brightness"),
        ("913c40", "C4 64 (channel 2)"),
        ("903c00", "C4 up (channel 1)"),
        ("c205", "program 5 (channel 3)"),
        ("e00040", "bend +0 (channel 1)"),
        ("fa", "start"),
        ("", ""),
        ("90", ""),
    ],
)
def test_midi_messages_are_told_in_words(message: str, words: str) -> None:
    assert describe(bytes.fromhex(message), {"cc 74": "brightness"}) == words
