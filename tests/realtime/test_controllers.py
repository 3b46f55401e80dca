"""Controllers: what MIDI spreads over several messages comes together, and nonsense moves nothing."""

from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.midi.controllers import Controllers, Move
from legando.realtime.rigs.source import Source

CC = 0xB0


def moves(*messages: tuple[int, ...]) -> list[Move]:
    controllers = Controllers()
    return [move for message in messages for move in controllers.feed(bytes(message))]


def of(kind: str, *messages: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return number, raw value and bits of the moves of one kind."""
    return [(m.source.number, m.raw, m.bits) for m in moves(*messages) if m.source.kind == kind]


def test_plain_messages_name_their_source_and_channel() -> None:
    got = moves((CC | 2, 74, 5), (0x90, 36, 100), (0x80, 36, 7), (0xA0, 36, 9), (0xD0, 50), (0xE0, 1, 64), (0xC0, 3))
    assert got == [
        Move(Source("cc", 74), 3, 5),
        Move(Source("note", 36), 1, 100),
        Move(Source("note", 36), 1, 0),
        Move(Source("poly", 36), 1, 9),
        Move(Source("aftertouch"), 1, 50),
        Move(Source("bend"), 1, 8193, 14),
        Move(Source("program", 3), 1, 127),
    ]


def test_a_pair_of_controllers_is_seven_bits_until_its_fine_half_comes() -> None:
    assert of("cc14", (CC, 20, 127), (CC, 52, 5), (CC, 20, 3), (CC, 52, 127)) == [
        (20, 127, 7),
        (20, 127 << 7 | 5, 14),
        (20, 3 << 7, 14),
        (20, 3 << 7 | 127, 14),
    ]


def test_a_parameter_is_chosen_then_set_and_can_be_stepped() -> None:
    chosen = ((CC, 99, 2), (CC, 98, 44))
    assert of("nrpn", *chosen, (CC, 6, 127)) == [(300, 127, 7)]
    assert of("nrpn", *chosen, (CC, 6, 1), (CC, 38, 2), (CC, 96, 0), (CC, 97, 0), (CC, 97, 0)) == [
        (300, 1, 7),
        (300, 130, 14),
        (300, 131, 14),
        (300, 130, 14),
        (300, 129, 14),
    ]
    assert of("rpn", (CC, 101, 0), (CC, 100, 1), (CC, 6, 64)) == [(1, 64, 7)]


def test_parameters_of_channels_do_not_mix_and_the_null_parameter_takes_nothing() -> None:
    assert of("nrpn", (CC, 99, 1), (CC | 1, 99, 2), (CC, 98, 0), (CC | 1, 98, 0), (CC, 6, 9)) == [(128, 9, 7)]
    assert not of("nrpn", (CC, 99, 127), (CC, 98, 127), (CC, 6, 9)) and not of("rpn", (CC, 6, 9))


def test_pedals_and_mode_messages_are_no_controllers() -> None:
    assert not [m for number in (64, 66, 120, 123) for m in moves((CC, number, 127)) if m.source.kind == "cc"]


@given(st.lists(st.binary(max_size=4), max_size=50))
def test_any_bytes_give_moves_within_their_bits_or_none(messages: list[bytes]) -> None:
    controllers = Controllers()
    for message in messages:
        for move in controllers.feed(message):
            assert 0 <= move.raw < 1 << move.bits and 1 <= move.channel <= 16
