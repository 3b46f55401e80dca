"""Steering over real sockets: what is asked is done and answered, what happens is told, strangers get nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from legando.bridge import controlmessages as say
from legando.bridge import controlwire as wire
from legando.bridge.aio import AsyncRemote, AsyncSubscriber
from legando.bridge.clients import MAX_CLIENTS
from legando.bridge.control import ControlServer, Lead
from legando.bridge.machine import clock_id
from legando.bridge.publisher import Publisher
from legando.bridge.remote import Remote
from legando.bridge.session import ServerError, Session
from legando.realtime.errors import LegandoError
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import read_own_event
from tests.waiting import until

STREAM = say.StreamInfo("main", bytes(range(16)), 48_000, 2, 1, 960)


@pytest.fixture(params=["ipc", "tcp"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ControlServer]:
    endpoint = f"ipc://{tmp_path}/control.ipc" if request.param == "ipc" else "tcp://127.0.0.1:0"
    with ControlServer(endpoint, streams=[STREAM]) as opened:
        opened.tell_values({"density": 0.5, "mute": 0.0})
        yield opened


def test_a_list_is_whole_only_when_its_end_has_come() -> None:
    session = Session("client", say.ALL_EVENTS)
    number = wire.parse(session.ask(say.Get(""))).number
    for name in ("density", "mute"):
        value = say.Value(0.5, 0.0, 1.0, 0, name)
        session.take(wire.pack(value, number=1, timestamp_ns=1, answers=number))
        assert session.answer is None
    session.take(wire.pack(say.Done(), number=2, timestamp_ns=1, answers=number))
    assert session.answer == say.Done() and [value.name for value in session.listed()] == ["density", "mute"]


def test_a_client_learns_what_there_is(server: ControlServer) -> None:
    with Remote(server.endpoint) as remote:
        assert remote.streams == [STREAM]
        assert (remote.welcome.events, remote.welcome.clock_id) == (say.OFFERED_EVENTS, clock_id())
        assert {control.name: control.value for control in remote.controls()} == {"density": 0.5, "mute": 0.0}
        offset_ns, way_ns = remote.clock()
        assert abs(offset_ns) < way_ns < 2_000_000_000, "one machine has one clock"


def test_controls_notes_and_time_reach_the_host_in_order(server: ControlServer) -> None:
    with Remote(server.endpoint) as remote:
        remote.set("tempo", 130)
        remote.scene(2)
        remote.midi(b"\x90\x3c\x64", offset_ms=5.0)
        remote.transport(128.0, 64.0, frame_position=480_000)
        remote.release()
        assert remote.get("density") == 0.5  # an answer: all before it was taken
    told = list(server.take())
    events = [read_own_event(one.message) for one in told if isinstance(one, LiveMessage)]
    assert events[:2] == [("tempo_bpm", 130.0), ("scene.2", 1.0)]
    note = told[2]
    assert isinstance(note, LiveMessage) and note.message == b"\x90\x3c\x64"
    assert 4_000_000 <= note.time_ns - told[1].time_ns < 2_000_000_000
    assert isinstance(told[3], Lead) and (told[3].tempo_bpm, told[3].tick, told[3].frame_position) == (128, 64, 480_000)
    assert told[4] == Lead(tempo_bpm=0.0)


def test_an_immediate_control_acts_before_anybody_takes_it(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    with (
        ControlServer(f"ipc://{tmp_path}/c.ipc", on_set=lambda name, value: heard.append((name, value))) as server,
        Remote(server.endpoint) as remote,
    ):
        remote.set("level", 7.0)
        remote.set("density", 0.3)
    assert heard == [("level", 1.0)], "within its limits, and no other control"


def test_what_is_wrong_is_one_sentence_with_a_code_and_changes_nothing(server: ControlServer) -> None:
    with Remote(server.endpoint) as remote:
        for name, value in (("densty", 0.5), ("/etc/passwd", 1.0), ("scene.0", 1.0)):
            with pytest.raises(ServerError, match="control = ") as refused:
                remote.set(name, value)
            assert refused.value.code == 4
        for wrong in (b"\xf0\x01\xf7", b"\x90\x80\x10", b"\x90\x10"):
            remote.midi(wrong)
        remote.transport(1e6, 0.0)
        remote.get("density")
    assert list(server.take()) == []
    assert server.refusals.plain() == {"range": 4, "unknown": 3}


def test_events_come_now_and_only_to_those_who_asked(server: ControlServer) -> None:
    server.tell(say.SCENE, say.SceneEvent(2, 3, "warm"))
    server.tell(say.BEAT, say.BeatEvent(16.0, 120.0, 96_000, 0, "Am7"))
    with Remote(server.endpoint, events=say.SCENE) as scenes, Remote(server.endpoint) as everything:
        assert list(scenes.events(150)) == [say.SceneEvent(2, 3, "warm")]
        assert {type(event).__name__ for event in everything.events(150)} == {"SceneEvent", "BeatEvent", "Value"}
        server.tell_values({"density": 0.75, "mute": 0.0})
        event = everything.event(2000)
        assert isinstance(event, say.Value) and (event.name, event.value) == ("density", 0.75)
        assert everything.state.values == {"density": 0.75, "mute": 0.0}
        assert everything.state.beat is not None and everything.state.beat.chord == "Am7"


def test_who_slept_hears_what_is_and_not_what_was(server: ControlServer) -> None:
    with Remote(server.endpoint, events=say.LEVELS) as remote:
        for step in range(10):
            server.tell(say.LEVELS, say.LevelsEvent(-float(step), 0.0, 0.0, 0.0))
            time.sleep(0.05)
        until(lambda: remote._pump(0.05) is False)
        assert [event.peak_left_db for event in remote.events(50) if isinstance(event, say.LevelsEvent)] == [-9.0]


def test_a_server_that_comes_back_is_greeted_and_told_again(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/control.ipc"
    first = ControlServer(endpoint)
    with Remote(endpoint) as remote:
        for _ in range(3):
            first.close()
            with pytest.raises(LegandoError, match="no server answers at"):
                Remote(endpoint, timeout_ms=50.0)
            first = ControlServer(endpoint)
            first.tell(say.SCENE, say.SceneEvent(1, 1, "again"))
            remote.set("density", 0.25)
            assert len(list(first.take())) == 1
            assert remote.event(2000) == say.SceneEvent(1, 1, "again")
    first.close()


def test_one_client_leads_the_time_until_it_leaves(server: ControlServer) -> None:
    with Remote(server.endpoint) as second:
        with Remote(server.endpoint) as first:
            first.transport(120.0, 0.0)
            first.get("density")
            second.transport(90.0, 0.0)
            second.get("density")
            assert [one.tempo_bpm for one in server.take() if isinstance(one, Lead)] == [120.0]
            assert server.refusals.of("led") == 1
        until(lambda: server.clients == 1)
        assert list(server.take()) == [Lead(tempo_bpm=0.0)]
        second.transport(90.0, 0.0)
        second.get("density")
        assert [one.tempo_bpm for one in server.take() if isinstance(one, Lead)] == [90.0]


def test_a_leader_that_falls_silent_leads_no_more(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legando.bridge.clients.LEAD_MS", 50)
    with Remote(server.endpoint) as remote:
        remote.transport(120.0, 0.0)
        remote.get("density")
        time.sleep(0.3)
        assert [one.tempo_bpm for one in server.take() if isinstance(one, Lead)] == [120.0, 0.0]


def test_clients_messages_and_their_pace_are_bounded(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legando.bridge.clients.MAX_MESSAGES_PER_S", 200)  # for a machine that is slow, too
    with zmq.Context() as context:
        sockets = [context.socket(zmq.DEALER) for _ in range(MAX_CLIENTS + 1)]
        kinds: list[type[object]] = []
        for sock in sockets:
            sock.linger = 0
            sock.connect(server.endpoint)
            sock.send(wire.pack(say.Hello(0, clock_id(), "x"), number=1, timestamp_ns=time.perf_counter_ns()))
            assert sock.poll(5000)
            kinds.append(type(wire.parse(sock.recv()).body))
        assert kinds == [say.Welcome] * MAX_CLIENTS + [say.Error]
        assert (server.clients, server.refusals.of("full")) == (MAX_CLIENTS, 1)
        for number in range(2, 8000):
            sockets[0].send(wire.pack(say.Ping(), number=number, timestamp_ns=time.perf_counter_ns()))
        until(lambda: server.refusals.of("fast") > 100)
        sockets[1].send(bytes(wire.MAX_MESSAGE_BYTES + 1))  # ends that connection, and no other
        sockets[2].recv()  # its stream
        sockets[2].send(wire.pack(say.Ping(), number=2, timestamp_ns=time.perf_counter_ns()))
        assert sockets[2].poll(5000) and isinstance(wire.parse(sockets[2].recv()).body, say.Pong)
        for sock in sockets:
            sock.close()


def test_repeats_and_what_was_sent_long_ago_are_not_done(server: ControlServer) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as sock:
        sock.linger = 0
        sock.connect(server.endpoint)
        now = time.perf_counter_ns()
        once = wire.pack(say.Set(0.5, "density"), number=2, timestamp_ns=now)
        old = wire.pack(say.Set(0.5, "density"), number=3, timestamp_ns=now - 5_000_000_000)
        for message in (wire.pack(say.Hello(0, clock_id(), "x"), number=1, timestamp_ns=now), once, once, once, old):
            sock.send(message)
        until(lambda: server.refusals.total == 3)
    assert len(list(server.take())) == 1
    assert server.refusals.plain() == {"repeat": 2, "stale": 1}


def test_asyncio_pulls_and_steers(publisher: Publisher, broadcast: Callable[..., object], tmp_path: Path) -> None:
    async def perform(control: str) -> tuple[list[int], float, str]:
        async with AsyncSubscriber(publisher.endpoint) as audio, AsyncRemote(control) as remote:
            await remote.scene(2)
            positions = [(await audio.receive()).frame_position for _ in range(20)]
            async for event in remote.events():
                return positions, await remote.get("density"), type(event).__name__
        raise AssertionError("events never end")

    broadcast(publisher)
    with ControlServer(f"ipc://{tmp_path}/c.ipc") as server:
        server.tell_values({"density": 0.5})
        positions, density, event = asyncio.run(asyncio.wait_for(perform(server.endpoint), 20.0))
        assert len(list(server.take())) == 1
    assert positions == list(range(positions[0], positions[0] + 20 * 128, 128))
    assert (density, event) == (0.5, "Value")
