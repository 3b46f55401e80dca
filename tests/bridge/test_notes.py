"""Notes over the control socket: all of them, in order, at their frames, to those who asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge.clients import Client
from legando.bridge.control import ControlServer
from legando.bridge.news import NOTES_KEPT, News
from legando.bridge.notes import MOST, Timed, messages_of, notes_events
from legando.bridge.remote import Remote
from legando.realtime.errors import WireError

timed = st.tuples(st.integers(0, 5760), st.binary(min_size=3, max_size=3))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ControlServer]:
    with ControlServer(f"ipc://{tmp_path}/control.ipc") as opened:
        yield opened


def notes(number: int) -> list[Timed]:
    return [(3840 * number + 100 * n, bytes((0x90, 40 + n, number % 100 + 1))) for n in range(3)]


@given(st.lists(timed, max_size=200), st.integers(0, 2**40), st.integers(0, 2**31))
def test_what_is_packed_is_read_again(messages: list[Timed], frame: int, sequence: int) -> None:
    placed = [(frame + offset, message) for offset, message in messages]
    events = notes_events(sequence, frame, placed)
    assert [event.sequence for event in events] == list(range(sequence, sequence + len(events)))
    parsed = [wire.parse(wire.pack(event, number=1, timestamp_ns=2)).body for event in events]
    assert parsed == events and [one for event in events for one in messages_of(event)] == placed


def test_an_event_that_says_more_than_it_holds_is_refused() -> None:
    with pytest.raises(WireError, match="57 notes"):
        messages_of(say.NotesEvent(0, MOST + 1, 0, bytes(448)))


def test_who_asks_hears_every_note_and_who_does_not_hears_none(server: ControlServer) -> None:
    with Remote(server.endpoint, events=say.NOTES) as asked, Remote(server.endpoint) as other:
        server.play(0, notes(0))  # these may come before the server knows of a client's first turn
        heard: list[say.NotesEvent] = []
        for number in range(1, 40):
            server.play(3840 * number, notes(number))
        while not heard or messages_of(heard[-1]) != notes(39):
            event = asked.event(5000.0)
            assert isinstance(event, say.NotesEvent)
            heard.append(event)
        sequences = [event.sequence for event in heard]
        assert sequences == list(range(sequences[0], 40)), "none is missing"
        assert all(messages_of(event) == notes(event.sequence) for event in heard)
        assert not isinstance(other.event(200.0), say.NotesEvent)


def test_a_client_that_cannot_take_more_gets_the_rest_in_order_and_sees_what_is_lost() -> None:
    news, had = News(), list[int]()
    client = Client(identity=b"a", name="a", events=say.NOTES, same_clock=True, heard_ns=0, number=1)
    full = False

    def send(_: bytes, event: say.FromServer) -> bool:
        assert isinstance(event, say.NotesEvent)
        if not full:
            had.append(event.sequence)
        return not full

    news.play(0, notes(0))
    news.spread([client], {}, send)
    assert had == [], "from here on"
    for number in range(1, 6):
        full = number in (2, 3, 4)
        news.play(3840 * number, notes(number))
        news.spread([client], {}, send)
    assert had == [1, 2, 3, 4, 5]
    full = True
    for number in range(6, 10 + NOTES_KEPT):
        news.play(3840 * number, notes(number))
        news.spread([client], {}, send)
    full = False
    news.spread([client], {}, send)
    assert had[5:] == list(range(10, 10 + NOTES_KEPT)), "a gap, which the client sees"
