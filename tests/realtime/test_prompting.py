"""Prompts while it plays: a line becomes a scene, on a thread of its own, and comes in like those of the rig."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.bridge import controlmessages as say
from legando.bridge.aio import AsyncRemote
from legando.bridge.control import ControlServer
from legando.bridge.remote import Remote
from legando.bridge.session import ServerError
from legando.bridge.subscriber import Subscriber
from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM
from legando.realtime.errors import LegandoError, RigError
from legando.realtime.host import Host
from legando.realtime.instrument import Shipped
from legando.realtime.osc.oscmap import line_of
from legando.realtime.osc.oscserver import OscServer
from legando.realtime.osc.oscwire import OscError, build_osc
from legando.realtime.performing.desk import Desk
from legando.realtime.performing.ownevent import control_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.prompting import OTHERS_MAX, WAITING_MAX, PromptReader, read_line, sentence_of
from legando.realtime.recording.journal import Journal, read_take
from legando.realtime.recording.replay import replay
from legando.realtime.rigs.controlnames import COUNTED_MAX
from legando.realtime.rigs.prompts import LINE_MAX, Prompt, as_typed, weighted
from legando.realtime.rigs.rig import BridgeRig, OscRig, Rig, read_rig
from legando.realtime.rigs.scene import Scene, SceneChanges
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.tone_generator import SPEC, ToneInstrument, make
from tests.waiting import until

CHUNK = 3840
MIXED = "smoky jazz:0.7; dusty lofi, warm :0.3;"


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture
def reader() -> Iterator[PromptReader]:
    with PromptReader(make(None)) as opened:
        yield opened


def styled(name: str, tempo_bpm: float | None = None, usual_bpm: float = 100.0) -> StyledScene:
    scene = Scene(name=name, prompts=(Prompt(text=name),), tempo_bpm=tempo_bpm)
    return StyledScene(scene=scene, style=(len(name) / 100,) * STYLE_DIM, usual_tempo_bpm=usual_bpm)


def first_of(reader: PromptReader) -> StyledScene:
    found: list[StyledScene] = []

    def come() -> bool:
        found.extend(reader.take())
        return bool(found)

    until(come)
    return found[0]


def test_a_line_is_prompts_with_weights_parted_by_semicolons() -> None:
    scene = read_line(MIXED)
    assert scene.prompts == (Prompt(text="smoky jazz", weight=0.7), Prompt(text="dusty lofi, warm", weight=0.3))
    assert scene.name == "smoky jazz + dusty lofi, warm" and scene.tempo_bpm is None
    assert len(read_line("long words " * 20).name) <= 48


def test_what_is_told_of_prompts_can_be_typed_again() -> None:
    told = [("smoky jazz", 0.7), ("dusty lofi, warm", 1.0), ("strings: warm", 1.0)]
    assert as_typed(told) == "smoky jazz:0.7; dusty lofi, warm; strings: warm:1"
    assert weighted(read_line(as_typed(told)).prompts) == told


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "there is no prompt"),
        (" ; ;", "there is no prompt"),
        ("jazz:loud", "is not a number"),
        ("jazz:-1", "outside 0 to 1000"),
        ("jazz:0", "weigh 0"),
        ("x" * (LINE_MAX + 1), f"{LINE_MAX} are the most"),
        ("a;" * 9, "8 are the most"),
    ],
)
def test_a_bad_line_is_refused_in_a_sentence_at_once(reader: PromptReader, line: str, sentence: str) -> None:
    with pytest.raises(RigError, match=sentence) as refused:
        reader.ask(line)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=300))
def test_no_line_does_harm_and_none_writes_to_a_terminal(line: str) -> None:
    for text in (line, f"\x1b[2J{line}\x07\u202e"):
        try:
            scene = read_line(text)
        except RigError as error:
            assert str(error).isprintable()
        else:
            assert all(words.isprintable() for words in (scene.name, *(prompt.text for prompt in scene.prompts)))


def test_a_prompt_is_encoded_and_says_tempo_and_parts_by_its_words(reader: PromptReader) -> None:
    reader.ask("techno at 150 bpm, no drums")
    found = first_of(reader)
    assert (found.scene.tempo_bpm, found.scene.muted) == (150.0, frozenset({"drums"}))
    assert len(found.style) == STYLE_DIM and len(found.prompt_styles) == 1


def test_a_flood_is_refused_and_the_next_prompt_is_read(reader: PromptReader) -> None:
    refused = 0
    for number in range(1000):
        try:
            reader.ask(f"jazz {number}")
        except RigError as error:
            assert "send fewer" in str(error)
            refused += 1
    assert refused >= 1000 - OTHERS_MAX - 2
    assert first_of(reader).scene.name == "jazz 0"


def test_in_a_flood_over_osc_what_the_performer_types_has_a_place_and_comes_first(reader: PromptReader) -> None:
    server = OscServer(OscRig(listen="127.0.0.1:0"), ["dawn"], on_prompt=reader.ask)
    flooding = threading.Event()
    flooding.set()

    def flood() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            number = 0
            while flooding.is_set():
                out.sendto(build_osc("/legando/prompt", (f"warm pads {number}",)), ("127.0.0.1", server.port))
                number += 1
                time.sleep(0.001)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        until(lambda: any("send fewer" in sentence for sentence in server.take_news()))
        for number in range(WAITING_MAX - OTHERS_MAX):
            reader.ask_first(f"smoky jazz {number}")
        earlier = [styled.scene.name for styled in reader.take()]
        later: list[str] = []

        def come() -> bool:
            later.extend(styled.scene.name for styled in reader.take())
            return "smoky jazz 1" in earlier + later

        until(come)
        between = later[: later.index("smoky jazz 1")] if "smoky jazz 1" in later else []
        assert len([name for name in between if "pads" in name]) <= 1, "none but the one that was under way"
    finally:
        flooding.clear()
        thread.join()
        server.close()


class _Broken(ToneInstrument):
    def encode(self, prompts: object) -> tuple[float, ...]:
        if "bad" in str(prompts):
            raise ValueError("a fault of the encoder")
        if "blank" in str(prompts):
            raise LegandoError("say what to play")
        return super().encode(prompts)  # type: ignore[arg-type]


def test_a_fault_of_the_encoder_is_said_and_ends_nothing() -> None:
    with PromptReader(_Broken()) as reader:
        for line in ("bad", "blank", "good"):
            reader.ask(line)
        assert first_of(reader).scene.name == "good"
        assert list(reader.take_news()) == ["bad: cannot be read (ValueError); try other words", "say what to play"]


def test_a_performer_hears_of_a_tempo_that_is_far_from_the_styles() -> None:
    prompt = styled("liquid drum and bass", usual_bpm=174.0)
    assert 'usually 174 bpm, now 84: add "174 bpm" to change it' in sentence_of(prompt, 3, given_bpm=84.0)
    assert "scene 4" in sentence_of(prompt, 3, given_bpm=84.0)
    for near in (None, 140.0, 200.0):
        assert "usually" not in sentence_of(prompt, 3, given_bpm=near)
    assert "usually" not in sentence_of(styled("x", 84.0, usual_bpm=174.0), 3, given_bpm=84.0), "it was asked for"


def test_a_scene_is_added_once_and_its_name_is_its_own() -> None:
    desk = Desk([styled("a"), styled("b")])
    before = desk.scenes
    assert desk.add(styled("jazz")) == 2 == desk.add(styled("jazz"))
    assert before == desk.scenes[:2] and len(before) == 2, "the tuple that was is as it was"
    other = styled("jazz", tempo_bpm=150.0)
    assert desk.add(other) == 3 == desk.add(other)
    assert [scene.name for scene in desk.scenes] == ["a", "b", "jazz", "jazz (2)"]
    assert desk.scene_index == 0, "nothing plays by being added"
    desk.recall(3)
    assert desk.tempo_bpm == 150.0


def test_the_prompt_asked_for_longest_ago_makes_room_but_never_the_one_that_plays_or_comes() -> None:
    desk = Desk([styled("rig")])
    for number in range(1, COUNTED_MAX):
        assert desk.add(styled(f"p{number}")) == number
    desk.recall(1)
    assert desk.add(styled("p3")) == 3, "asked for again: it stays"
    assert [desk.add(styled(f"new {number}"), keep=(2,)) for number in range(3)] == [4, 5, 6]
    assert len(desk.scenes) == COUNTED_MAX and desk.scenes[0].name == "rig"
    assert [desk.scenes[index].name for index in (1, 2, 3, 4)] == ["p1", "p2", "p3", "new 0"]
    with pytest.raises(RigError, match="leave no room for one more"):
        Desk([styled(f"r{number}") for number in range(COUNTED_MAX)]).add(styled("x"))


def test_an_added_scene_comes_in_at_the_line_with_its_fade() -> None:
    performance = Performance([styled("a", 120.0)], changes=SceneChanges(at="bar", fade_beats=4.0))
    performance.controls_for_chunk(0, CHUNK)
    index = performance.add(styled("x" * 90))
    performance.feed(CHUNK, control_event(f"scene.{index + 1}", 1.0))
    made = [performance.controls_for_chunk(k * CHUNK, CHUNK) for k in range(1, 60)]
    assert performance.scene_index == 1 and performance.scene.name == "x" * 90
    assert all(controls.style[0] == 0.01 for controls in made[:20]), "the bar is not over"
    turns = [controls.turn for controls in made if controls.turn]
    assert turns and {turn.tick for turn in turns} == {16.0}
    shares = [controls.style[0] for controls in made]
    assert shares == sorted(shares) and any(0.2 < share < 0.8 for share in shares) and shares[-1] == 0.9
    coming = performance.add(styled("waits"))
    performance.feed(60 * CHUNK, control_event(f"scene.{coming + 1}", 1.0))
    performance.controls_for_chunk(60 * CHUNK, CHUNK)
    for number in range(COUNTED_MAX):
        performance.add(styled(f"p{number}"))
    assert performance.coming is not None and performance.coming.name == "waits"
    assert performance.scene.name == "x" * 90


def test_a_show_can_begin_with_another_scene() -> None:
    scenes = tuple(Scene(name=name, prompts=(Prompt(text=name),)) for name in ("a", "b"))
    show = Show(rig=Rig(scenes=scenes), bundle=None, piece=None, seconds=None, first=1)
    performance = show.performance(make(None))
    assert (performance.scene_index, performance.scenes) == (1, scenes)


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
            assert remote.get("scene.2") == 1.0 and remote.get("weight.2") == pytest.approx(0.3)
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


@pytest.mark.parametrize("live", [True, False])
def test_a_show_begins_with_the_words_of_the_command_line_and_needs_no_rig(live: bool, tmp_path: Path) -> None:
    words = ["serve", "--prompt", "smoky jazz:0.7", "dusty lofi", *["--live"] * live, "--seconds", "1", "--plain"]
    assert (
        main([*words, "--publish", f"ipc://{tmp_path}/a.ipc", "--journal", f"{tmp_path}/a.jsonl"], instrument=SPEC) == 0
    )
    record = read_take(tmp_path / "a.jsonl")
    shipped = read_rig().scenes
    assert len(record.header["scenes"]) == len(shipped) + 1
    assert [(line["number"], line["name"]) for line in record.scenes] == [
        (len(shipped) + 1, "smoky jazz + dusty lofi")
    ], "and the rig's MIDI file recalls none of its own"


@pytest.mark.parametrize(("prompt", "sentence"), [([], "no prompt"), (["jazz:loud"], "is not a number")])
def test_words_that_cannot_be_read_start_nothing(
    prompt: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--prompt", *prompt], instrument=SPEC) == 2
    assert sentence in capsys.readouterr().err


def test_an_audience_fills_no_memory_and_what_was_forgotten_is_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("legando.engines.style.KNOWN_MAX", 4)
    shipped = Shipped(None)
    first = shipped.encode([("smoky jazz", 1.0)])
    for number in range(8):
        shipped.encode([(f"techno of hall {number}", 1.0)])
    assert len(shipped._encoder._known) == 4 and "smoky jazz" not in shipped._encoder._known
    assert shipped.encode([("smoky jazz", 1.0)]) == first
