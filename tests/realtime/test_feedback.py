"""What the performer likes is kept where it was heard, changes no sound, and is counted honestly."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM, Controls
from legando.realtime.osc.oscmap import event_of
from legando.realtime.performing.ownevent import control_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.recording.journal import Journal, read_take
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.controlnames import MARKS
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Scene
from legando.realtime.screen.screenkeys import Move, moves_of
from legando.realtime.screen.status import Status
from legando.realtime.snapshot import controls_to_plain
from legando.realtime.watching.intervals import difference, wilson
from legando.realtime.watching.moments import Moments
from legando.realtime.watching.opinion import Opinion
from tests.realtime.tone_generator import SPEC

MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"
STYLE = (0.25,) * STYLE_DIM
CHUNK = 3840


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


# Marks.


def performance() -> Performance:
    scene = Scene(name="one", prompts=(Prompt(text="deep house", weight=1.0),))
    pads = (Binding(source="note 48", control="like"), Binding(source="cc 20", control="dislike"))
    return Performance([StyledScene(scene=scene, style=STYLE, usual_tempo_bpm=120.0)], pads)


MARKING = [control_event("like", 1.0), control_event("dislike", 1.0), b"\x90\x30\x64", b"\xb0\x14\x7f"]
PLAYING = [b"\x90\x3c\x64", b"\x80\x3c\x00", b"\xb0\x40\x7f", control_event("density", 0.8), control_event("mute", 1.0)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6 * CHUNK), st.sampled_from(PLAYING)), max_size=20), st.data())
def test_a_mark_changes_no_snapshot(events: list[tuple[int, bytes]], data: st.DataObject) -> None:
    places = st.tuples(st.integers(0, 6 * CHUNK), st.sampled_from(MARKING))
    marks = data.draw(st.lists(places, min_size=1, max_size=10))
    bare, marked = performance(), performance()
    for frame, message in events:
        bare.feed(frame, message)
        marked.feed(frame, message)
    for frame, message in marks:
        marked.feed(frame, message)
    snapshots, kinds = [], []
    for number in range(8):
        snapshots.append(
            (bare.controls_for_chunk(number * CHUNK, CHUNK), marked.controls_for_chunk(number * CHUNK, CHUNK))
        )
        kinds += marked.marks
    assert all(one == other for one, other in snapshots) and marked.take_moved() == bare.take_moved()
    assert set(kinds) <= set(MARKS) and kinds and not bare.marks
    assert all(marked.value_of(mark) == 0.0 for mark in MARKS)


def test_pads_keys_and_osc_mark_when_pressed_and_not_when_let_go() -> None:
    one = performance()
    for message in (b"\x90\x30\x64", b"\x80\x30\x00", b"\xb0\x14\x7f", b"\xb0\x14\x00", control_event("like", 0.0)):
        one.feed(0, message)
    one.controls_for_chunk(0, CHUNK)
    assert one.marks == ["like", "dislike"] and not one.held
    one.controls_for_chunk(CHUNK, CHUNK)
    assert one.marks == []
    status = Status(time_ns=0, scenes=("one",), scene=0, tempo_bpm=120.0, tick=0.0)
    assert moves_of("plus", status, 0, {}) == (Move("like", 1.0),)
    assert moves_of("minus", status, 0, {}) == (Move("dislike", 1.0),)
    assert event_of(("/legando/like", ()), ()) == control_event("like", 1.0)


# Counting.


@pytest.mark.parametrize(
    ("hits", "cases", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_as_published(hits: int, cases: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857, table I, method 3."""
    assert wilson(hits, cases) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [(56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (10, 10, 0, 20, 0.6791, 1.0)],
)
def test_the_difference_is_as_published(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 873, table II, method 10."""
    assert difference(a, m, b, n) == pytest.approx((low, high), abs=5e-5)


def written(path: Path, *, likes: int = 0, dislikes: int = 0, chunks: int = 300, rolls: bool = False) -> Path:
    """Write a journal: scene one, from the middle on scene two with high density, where all likes are."""
    journal = Journal(path, {"seed": 3})
    journal.about(
        {
            "bundle": "",
            "bundle_name": "tone",
            "bundle_sha256": "0" * 64,
            "engine": "sines",
            "legando": "1",
            "seed": 3,
            "chunk_latents": 4,
            "steps": None,
            "eco": False,
            "chunk_frames": CHUNK,
        }
    )
    middle = chunks // 2
    journal.scene(0, 1, "one", [("deep house", 1.0)])
    for number in range(chunks):
        if number == middle:
            journal.scene(number * CHUNK, 2, "two", [("techno", 0.7), ("dub", 0.3)])
            if rolls:
                journal.roll(number * CHUNK - CHUNK, {"bundle": "x", "name": "newer", "sha256": "1" * 64, "past": {}})
                journal.roll(number * CHUNK, {"main": True})
        controls = Controls(style=STYLE, density=0.9 if number >= middle else 0.1)
        journal.made(number * CHUNK, controls_to_plain(controls), "0" * 64)
    for number in range(likes):
        journal.mark((middle + 2) * CHUNK + number * 60_000, "like")
    for number in range(dislikes):
        journal.mark(2 * CHUNK + number * 60_000, "dislike")
    journal.end(chunks, "0" * 64)
    journal.close()
    return path


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    assert main(["feedback", "--json", *map(str, words)], instrument=SPEC) == 0
    plain: dict[str, Any] = json.loads(capsys.readouterr().out)
    return plain


def test_marks_are_counted_by_scene_prompts_and_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = written(tmp_path / "one.jsonl", likes=6, dislikes=2, rolls=True)
    account = told(capsys, one)
    first, second = account["heard"]
    assert (first["scene"], first["prompts"], first["bundle"]) == ("one", "deep house", "tone")
    assert (second["scene"], second["prompts"], second["bundle"]) == ("two", "techno:0.7; dub:0.3", "newer")
    assert first["minutes"] == second["minutes"] == pytest.approx(150 * 0.08 / 60)
    assert (first["likes"], first["dislikes"], second["likes"], second["dislikes"]) == (0, 2, 6, 0)
    assert second["liked_share"] == 1.0 and second["interval"] == pytest.approx(wilson(6, 6))
    (comparison,) = account["comparisons"]
    assert comparison["outcome"] == "better" and comparison["interval"] == pytest.approx(difference(6, 6, 0, 2))
    density = account["controls"]["like"]["density"]
    assert density["marked"] == pytest.approx(0.9) and density["all"] == pytest.approx(0.5)
    assert density["deviations"] == pytest.approx(1.0) and account["controls"]["like"]["drive"]["deviations"] == 0
    assert main(["feedback", str(one)]) == 0
    words = capsys.readouterr().out
    assert "newer 111111111111 is liked more" in words and "density was 0.90, in all 0.50" in words


def test_few_marks_decide_nothing_and_none_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = told(capsys, written(tmp_path / "few.jsonl", likes=1, dislikes=1, rolls=True))
    assert few["comparisons"][0]["outcome"] == "undecided"
    assert main(["feedback", str(written(tmp_path / "none.jsonl"))]) == 0
    assert "nothing was marked" in capsys.readouterr().out
    both = told(capsys, tmp_path / "few.jsonl", tmp_path / "none.jsonl")
    assert both["journals"] == 2 and sum(row["minutes"] for row in both["heard"]) == pytest.approx(600 * 0.08 / 60)


def test_a_double_press_is_one_opinion_and_an_old_journal_has_no_scenes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    journal = Journal(path, {"seed": 1})
    journal.about({"bundle_name": "tone", "bundle_sha256": "0" * 64, "chunk_frames": CHUNK})
    for number in range(100):
        journal.made(number * CHUNK, controls_to_plain(Controls(style=STYLE)), "0" * 64)
    for frame in (10, 20_000, 60_000, 61_000):
        journal.mark(frame, "like")
    journal.close()
    opinion = Opinion()
    opinion.add(Moments(read_take(path)))
    (played,) = opinion.heard.values()
    assert [mark.frame for mark in played.marks] == [10, 60_000]
    assert next(iter(opinion.heard)).scene == "(scene not said)"


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str | Path) -> str:
        assert main(["feedback", *map(str, words)], instrument=SPEC) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        return said

    good = written(tmp_path / "good.jsonl", likes=1)
    assert "cannot be read" in refused(tmp_path / "no.jsonl")
    assert "given twice" in refused(good, good)
    (tmp_path / "bad.jsonl").write_text("{}\n")
    assert "damaged" in refused(tmp_path / "bad.jsonl")
    empty = Journal(tmp_path / "empty.jsonl", {"seed": 1})
    empty.close()
    assert "holds no chunk" in refused(tmp_path / "empty.jsonl")
    empty.discard_if_empty()
    assert not (tmp_path / "empty.jsonl").exists()
    (tmp_path / "file").write_text("x")
    assert "cannot be made" in refused(good, "--clips", tmp_path / "file")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "good-like-001.flac").write_text("x")
    assert "there already" in refused(good, "--clips", tmp_path / "clips")
    assert "not what was heard" in refused(good, "--clips", tmp_path / "other")  # its sound's hashes are made up
    assert not any((tmp_path / "other").iterdir())
