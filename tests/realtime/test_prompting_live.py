"""Prompts by OSC and from programs, and while it plays: they come in, and the take is made again bit for bit."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from legando.bridge import controlmessages as say
from legando.bridge.aio import AsyncRemote
from legando.bridge.control import ControlServer
from legando.bridge.remote import Remote
from legando.bridge.session import ServerError
from legando.bridge.subscriber import Subscriber
from legando.realtime.errors import LegandoError
from legando.realtime.host import Host
from legando.realtime.osc.oscmap import line_of
from legando.realtime.osc.oscserver import OscServer
from legando.realtime.osc.oscwire import OscError, build_osc
from legando.realtime.performing.ownevent import control_event
from legando.realtime.prompting import WAITING_MAX, PromptReader
from legando.realtime.recording.journal import Journal, read_take
from legando.realtime.recording.replay import replay
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import BridgeRig, OscRig, Rig
from legando.realtime.rigs.scene import Scene
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.prompted import first_of
from tests.realtime.tone_generator import SPEC, make
from tests.waiting import until


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture
def reader() -> Iterator[PromptReader]:
    with PromptReader(make(None)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("smoky jazz",), "smoky jazz"),
        (("smoky jazz:0.7", "dusty lofi"), "smoky jazz:0.7; dusty lofi"),
        (("smoky jazz", 0.5, "dusty lofi", 2), "smoky jazz:0.5; dusty lofi:2"),
    ],
)
def test_osc_says_prompts_as_texts_and_weights(arguments: tuple[str | float, ...], line: str) -> None:
    assert line_of(arguments) == line


@pytest.mark.parametrize("arguments", [(0.5,), ("jazz", 1, 2)])
def test_a_weight_without_a_text_is_refused(arguments: tuple[str | float, ...]) -> None:
    with pytest.raises(OscError, match="is no prompt's weight"):
        line_of(arguments)


def test_osc_hands_prompts_on_and_says_what_is_wrong(reader: PromptReader) -> None:
    server = OscServer(OscRig(listen="127.0.0.1:0"), ["dawn"], on_prompt=reader.ask)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(build_osc("/legando/prompt", ()), ("127.0.0.1", server.port))
            out.sendto(build_osc("/legando/prompt", ("smoky jazz", 0.5)), ("127.0.0.1", server.port))
            assert first_of(reader).scene.prompts == (Prompt(text="smoky jazz", weight=0.5),)
            server.scenes = ("dawn", "smoky jazz")
            out.sendto(build_osc("/legando/scene", ("smoky jazz",)), ("127.0.0.1", server.port))
            events: list[bytes] = []

            def come() -> bool:
                events.extend(live.message for live in server.take())
                return bool(events)

            until(come)
        assert events == [control_event("scene.2", 1.0)]
        assert ["there is no prompt" in sentence for sentence in server.take_news()] == [True]
    finally:
        server.close()


def test_programs_send_prompts_and_hear_what_is_wrong(reader: PromptReader, tmp_path: Path) -> None:
    import asyncio

    async def ask(endpoint: str) -> None:
        async with AsyncRemote(endpoint) as remote:
            await remote.prompt("slow piano")

    endpoint = f"ipc://{tmp_path}/c.ipc"
    with ControlServer(endpoint, on_prompt=reader.ask) as server, Remote(endpoint) as remote:
        remote.prompt("smoky jazz:0.7", "dusty lofi")
        assert first_of(reader).scene.prompts[0] == Prompt(text="smoky jazz", weight=0.7)
        for wrong in ((), ("jazz:loud",)):
            with pytest.raises(ServerError, match="prompt") as refused:
                remote.prompt(*wrong)
            assert refused.value.code == 10
        with pytest.raises(LegandoError, match="at most 256 bytes"):
            remote.prompt("x" * 300)
        asyncio.run(ask(endpoint))
        assert first_of(reader).scene.name == "slow piano"
        assert server.refusals.plain() == {"prompt": 2}


class _Typing(Display):
    """A screen as the host sees it, at which the test types."""

    def listen(self, on_move: object, on_prompt: Callable[[str], None]) -> None:
        self.type = on_prompt


def test_prompts_come_in_while_it_plays_and_the_take_is_made_again_bit_for_bit(tmp_path: Path) -> None:
    """A program and OSC ask, the second one in a flood: no chunk is late for it, and all of it is in the journal."""
    audio, control = f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rig = Rig(
        bridge=BridgeRig(publish=audio, control=control),
        osc=OscRig(listen=f"127.0.0.1:{port}"),
        scenes=(Scene(name="dawn", prompts=(Prompt(text="pads"),), tempo_bpm=120.0),),
    )
    journal = Journal(tmp_path / "a.jsonl", {"seed": 0, "chunk_latents": None, "scenes": []})
    show = Show(rig=rig, bundle=None, piece=None, seconds=6.0)
    screen = _Typing(quiet=True)
    host = Host(show, instrument=SPEC, display=screen, sound=False, journal=journal)
    reports = []
    thread = threading.Thread(target=lambda: reports.append(host.run()))
    thread.start()
    try:
        with Subscriber(audio) as sound:
            assert sound.receive(20_000) is not None, "the host plays"
        with Remote(control) as remote, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            remote.prompt("smoky jazz:0.7", "dusty lofi:0.3")
            heard(remote, 2)
            assert remote.state.scene == say.SceneEvent(2, 2, "smoky jazz + dusty lofi")
            until(lambda: remote.get("scene.2") == 1.0)  # the values follow the scene's event
            assert remote.get("weight.2") == pytest.approx(0.3)
            for number in range(300):
                out.sendto(build_osc("/legando/prompt", (f"warm pads {number}",)), ("127.0.0.1", port))
            screen.type("typed in the flood")
            heard(remote, 4)
            assert 4 <= remote.state.scene.scenes <= 4 + WAITING_MAX
            out.sendto(build_osc("/legando/scene", ("smoky jazz + dusty lofi",)), ("127.0.0.1", port))
    finally:
        thread.join(30)
        journal.close()
    (report,) = reports
    assert report.underruns == 0
    record = read_take(tmp_path / "a.jsonl")
    names = [line["name"] for line in record.scenes]
    assert names[:2] == ["dawn", "smoky jazz + dusty lofi"] and "typed in the flood" in names[2:5]
    assert record.scenes[1]["prompts"] == [["smoky jazz", 0.7], ["dusty lofi", 0.3]]
    again = replay(record, make(None), lambda frames: None, make)
    assert again.same and again.whole and again.gaps == 0


def heard(remote: Remote, scenes: int) -> None:
    """Wait until a scene of that number or a later one plays."""
    deadline = time.monotonic() + 10
    while remote.state.scene is None or remote.state.scene.number < scenes:
        assert time.monotonic() < deadline
        remote.event(50)
