"""Prompts that are typed: a line becomes a scene, on a thread of its own, whatever others send."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM
from legando.realtime.errors import LegandoError, RigError
from legando.realtime.instrument import Shipped
from legando.realtime.osc.oscserver import OscServer
from legando.realtime.osc.oscwire import build_osc
from legando.realtime.prompting import OTHERS_MAX, WAITING_MAX, PromptReader, read_line, sentence_of
from legando.realtime.recording.journal import read_take
from legando.realtime.rigs.prompts import LINE_MAX, Prompt, as_typed, weighted
from legando.realtime.rigs.rig import OscRig, read_rig
from tests.realtime.prompted import first_of, styled
from tests.realtime.tone_generator import SPEC, ToneInstrument, make
from tests.waiting import until

MIXED = "smoky jazz:0.7; dusty lofi, warm :0.3;"


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture
def reader() -> Iterator[PromptReader]:
    with PromptReader(make(None)) as opened:
        yield opened


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
