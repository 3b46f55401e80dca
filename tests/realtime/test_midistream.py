"""MIDI bytes to messages, whatever the other side sends."""

from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.midi.midistream import MidiStream


def cut(*parts: bytes) -> list[bytes]:
    stream = MidiStream()
    return [message for part in parts for message in stream.feed(part)]


def test_running_status_repeats_the_last_status() -> None:
    assert cut(b"\x90\x3c\x40\x3e\x41", b"\x40\x42") == [b"\x90\x3c\x40", b"\x90\x3e\x41", b"\x90\x40\x42"]


def test_real_time_bytes_may_come_in_the_middle_of_a_message() -> None:
    assert cut(b"\x90\x3c\xf8\x40") == [b"\xf8", b"\x90\x3c\x40"]


def test_exclusive_data_and_data_without_status_are_dropped() -> None:
    assert cut(b"\x01\x02\xf0\x7e\x01\x02\xf7\x05\xc0\x07") == [b"\xc0\x07"]


def test_an_unfinished_message_gives_way_to_the_next() -> None:
    assert cut(b"\x90\x3c\xb0\x07\x64") == [b"\xb0\x07\x64"]


def test_system_messages_end_running_status() -> None:
    assert cut(b"\x90\x3c\x40\xf2\x01\x02\x3c\x40") == [b"\x90\x3c\x40", b"\xf2\x01\x02"]


@given(st.lists(st.binary(max_size=8), max_size=20))
def test_any_bytes_give_whole_messages_however_they_are_cut(parts: list[bytes]) -> None:
    made = cut(*parts)
    assert made == cut(b"".join(parts))
    lengths = {0x80: 3, 0x90: 3, 0xA0: 3, 0xB0: 3, 0xC0: 2, 0xD0: 2, 0xE0: 3}
    for message in made:
        assert message[0] >= 0x80 and all(byte < 0x80 for byte in message[1:])
        if message[0] < 0xF0:
            assert len(message) == lengths[message[0] & 0xF0]
