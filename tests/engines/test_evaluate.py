"""The evaluation judges figures by their targets, keeps what it measured, and refuses bad input in one sentence."""

import json
import math
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from legando.engines.bundle import Bundle
from legando.engines.training.figures import evaluate, report_sounds
from legando.engines.training.figures.desk import Desk, Figure, piece_of
from legando.engines.training.figures.evaluate_parts import Part
from legando.engines.training.figures.results import FILE, PartResult, Results, content_of, open_folder, write_figures
from legando.engines.training.figures.takes import Take
from legando.engines.training.music.renderer import render
from legando.realtime.cli import main
from legando.realtime.controls import MOODS, STYLE_DIM, Controls
from legando.realtime.errors import LegandoError

RTF = Figure(name="rtf", value=0.25, at_most=0.35)


@pytest.mark.parametrize(
    ("figure", "met", "holds"),
    [
        (Figure(name="x", value=0.6, at_most=0.6), True, True),
        (Figure(name="x", value=0.61, at_most=0.6), False, False),
        (Figure(name="x", value=0.61, at_most=0.6, bound=0.7), False, True),
        (Figure(name="x", value=0.71, at_most=0.6, bound=0.7), False, False),
        (Figure(name="x", value=0.5, at_least=0.5), True, True),
        (Figure(name="x", value=0.49, at_least=0.5), False, False),
        (Figure(name="x", value=0.49, at_least=0.5, bound=0.4), False, True),
        (Figure(name="x", value=0.39, at_least=0.5, bound=0.4), False, False),
        (Figure(name="x", value=math.nan, at_most=0.6), False, False),
        (Figure(name="x", value=math.nan, at_most=0.6, bound=math.inf), False, False),
        (Figure(name="x", value=math.nan, at_least=0.6), False, False),
        (Figure(name="x", value=1e9), True, True),
    ],
)
def test_a_figure_is_met_only_when_it_was_measured_and_is_inside(figure: Figure, met: bool, holds: bool) -> None:
    assert (figure.met, figure.holds) == (met, holds)


def test_the_table_shows_each_figure_beside_its_target() -> None:
    out = StringIO()
    figures = [Figure(name="rtf", value=0.25, at_most=0.5), Figure(name="click", value=0.7, at_most=0.6)]
    Console(file=out, width=100).print(evaluate.table(figures, "bundle x"))
    rows = [line for line in out.getvalue().splitlines() if "rtf" in line or "click" in line]
    assert ["0.25" in rows[0], "at most 0.5" in rows[0], "yes" in rows[0]] == [True] * 3
    assert ["0.7" in rows[1], "at most 0.6" in rows[1], "no" in rows[1]] == [True] * 3


BAD: list[tuple[list[str], list[str]]] = [
    (["--bundle", "nothing"], ["nothing is no bundle folder"]),
    (["--only", "tim"], ["'tim'", "perhaps 'time'", "held chord"]),
    (["--only", " ,"], ["--only names no part"]),
    (["--prompts", "jazz"], ["--only drift --prompts"]),
    (["--write", "--only", "time"], ["--write", "leave out --only"]),
    (["--only", "drift", "--prompts", ","], ["--only drift --prompts"]),
    (["--report", "file"], ["file"]),
    (["--report", "full"], ["full", "other files"]),
    (["--report", "broken"], ["broken/evaluation.json", "another folder"]),
    (["--report", "foreign"], ["foreign", "another bundle (other", "another folder"]),
    (["--quik"], ["--quik", "--help"]),
]


@pytest.mark.parametrize(("words", "said"), BAD, ids=[" ".join(words) for words, _ in BAD])
@pytest.mark.parametrize("command", [["evaluate"], ["train", "evaluate"]], ids=" ".join)
def test_bad_input_is_one_sentence_and_status_2(
    command: list[str],
    words: list[str],
    said: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, name, text in (
        (".", "file", ""),
        ("full", "a.txt", "mine"),
        ("broken", FILE, "{"),
        ("foreign", FILE, json.dumps(Results(bundle="other", hash="0" * 64, content="0").as_json())),
    ):
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / name).write_text(text)
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert main([*command, *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("legando") and err.count("\n") == 1, err
    assert [word for word in said if word not in err] == []
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


def _raising(error: BaseException) -> Callable[[], list[Figure]]:
    def run() -> list[Figure]:
        raise error

    return run


def test_what_one_part_cannot_measure_is_listed_and_the_others_are_kept(desk: Desk, tmp_path: Path) -> None:
    def shows() -> list[Figure]:
        desk.show("drift", seconds=[5.0])
        return [RTF]

    todo = {
        "first": Part(run=shows, seconds=1.0),
        "told": Part(run=_raising(LegandoError("needs basic-pitch")), seconds=1.0),
        "lacking": Part(run=_raising(ModuleNotFoundError("No module", name="zimtohrli")), seconds=1.0),
        "faulty": Part(run=_raising(ZeroDivisionError("division by zero")), seconds=1.0),
        "last": Part(run=lambda: [Figure(name="gap", value=math.nan, unit="dB")], seconds=1.0),
    }
    results = Results(bundle="b", hash="h", content="c")
    evaluate.measure(desk, todo, results, quick=True, folder=tmp_path)
    assert [figure.name for figure in results.figures] == ["rtf", "gap"]
    assert set(results.missing) == {"told", "lacking", "faulty"} and not results.met
    assert results.missing["told"] == "needs basic-pitch"
    assert "zimtohrli" in results.missing["lacking"] and "legando[train]" in results.missing["lacking"]
    assert "ZeroDivisionError" in results.missing["faulty"] and "test_evaluate.py" in results.missing["faulty"]
    assert results.exhibits == {"drift": {"seconds": [5.0]}}
    again = open_folder(tmp_path, Results(bundle="b", hash="new", content="c"))
    assert again.missing == results.missing and again.exhibits == results.exhibits
    assert again.figures[0] == RTF and math.isnan(again.figures[1].value)


def test_ctrl_c_keeps_what_was_measured_and_says_what_was_not(desk: Desk, tmp_path: Path) -> None:
    todo = {
        "first": Part(run=lambda: [RTF], seconds=1.0),
        "stopped": Part(run=_raising(KeyboardInterrupt()), seconds=1.0),
        "never": Part(run=lambda: [RTF], seconds=1.0),
    }
    results = Results(bundle="b", hash="h", content="c")
    with pytest.raises(KeyboardInterrupt):
        evaluate.measure(desk, todo, results, quick=True, folder=tmp_path)
    assert results.missing == {"stopped": "interrupted", "never": "interrupted"}
    assert open_folder(tmp_path, Results(bundle="b", hash="new", content="c")).figures == [RTF]


def test_full_samples_serve_for_quick_ones_and_a_failure_replaces_no_figures() -> None:
    results = Results(bundle="b", hash="h", content="c")
    results.keep("full", PartResult(figures=[RTF]))
    results.keep("quick", PartResult(figures=[RTF], quick=True))
    results.keep("full", PartResult(missing="interrupted"))
    asked = [results.has(name, quick=quick) for name in ("full", "quick", "none") for quick in (True, False)]
    assert asked == [True, True, True, False, False, False]
    assert results.met


def test_a_report_goes_on_where_it_stopped(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report_sounds, "PROMPTS", ())
    monkeypatch.setattr(report_sounds, "CODEC_PIECES", ())
    kept = Results(bundle="old name", hash="before the figures were in it", content=content_of(desk.bundle))
    kept.keep("time", PartResult(figures=[Figure(name="kept from before", value=11.5, at_most=10.0)]))
    kept.save(tmp_path)
    assert main(["evaluate", "--only", "time", "--json", "--report", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [(row["name"], row["value"], row["met"]) for row in found["figures"]] == [("kept from before", 11.5, False)]
    assert (found["bundle"], found["hash"], found["quick"]) == (desk.bundle.name, desk.bundle.hash, False)
    assert "measuring" not in err and "index.html" in err
    assert "kept from before" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_figures_go_into_the_manifest_without_exhibits_and_the_sound_stays(desk: Desk, tmp_path: Path) -> None:
    shutil.copytree(desk.bundle.path, tmp_path / "copy")
    bundle = Bundle.load(tmp_path / "copy")
    results = Results(bundle=bundle.name, hash=bundle.hash, content=content_of(bundle))
    results.keep("time", PartResult(figures=[RTF], exhibits={"drift": {"seconds": [5.0]}}, seconds=7.0))
    write_figures(bundle, results)
    written = Bundle.load(bundle.path)
    figures = written.manifest["evaluation"]
    assert [(row["name"], row["value"], row["part"]) for row in figures["figures"]] == [("rtf", 0.25, "time")]
    assert figures["parts"] == {"time": {"quick": False, "seconds": 7.0, "exhibits": {}}}
    assert results.exhibits, "the report still shows them"
    assert content_of(written) == content_of(bundle) == figures["content"] and written.hash != bundle.hash
    assert list(written.manifest) == list(bundle.manifest)
    assert {**written.manifest, "evaluation": None} == {**bundle.manifest, "evaluation": None}
    assert {path.name for path in bundle.path.iterdir()} == {path.name for path in desk.bundle.path.iterdir()}
    with pytest.raises(LegandoError, match="measure that bundle itself"):
        write_figures(written, Results(bundle="another", hash="h", content="c"))
    assert Bundle.load(bundle.path).hash == written.hash


def test_every_part_that_is_listed_has_a_function(desk: Desk) -> None:
    from legando.engines.training.figures import evaluate_quality
    from legando.engines.training.figures.evaluate_parts import QUALITY, parts

    assert [name for name, (function, *_) in QUALITY.items() if not callable(getattr(evaluate_quality, function))] == []
    assert set(QUALITY) < set(parts(desk))
    assert all(part.seconds > 0 for quick in (True, False) for part in parts(desk, quick=quick).values())


def test_energy_parts_are_measured_only_when_asked_for(desk: Desk) -> None:
    from legando.engines.training.figures.evaluate_parts import DRIFT, ENERGY, parts

    every = parts(desk, quick=True)
    assert not set(evaluate.choose(every, None, energy=False, energy_parts=ENERGY)) & set(ENERGY)
    usual = evaluate.choose(every, None, energy=False, energy_parts=ENERGY, asked_only=(*ENERGY, DRIFT))
    assert set(every) - set(usual) == {*ENERGY, DRIFT}
    assert evaluate.choose(every, None, energy=True, energy_parts=ENERGY) == list(ENERGY)
    assert evaluate.choose(every, "memory, time", energy=False, energy_parts=ENERGY) == ["time", "memory"]


def test_a_take_becomes_a_piece_that_the_renderer_plays_in_the_same_time() -> None:
    take = Take(
        audio=np.zeros((48_000, 2), np.float32),
        score=np.zeros((16, 5), np.int16),
        tempo_bpm=93.0,
        swing=0.2,
        start_s=0.01,
        chunk_frames=3840,
        sample_rate_hz=48_000,
        costs_ms=np.zeros(13),
        cpu_s=0.1,
    )
    controls = Controls(style=(0.2, 0.0, 0.0, 0.0, 0.8, *[0.0] * (STYLE_DIM - 5 - len(MOODS)), *[0.5] * len(MOODS)))
    piece = piece_of(take, controls, seed=3)
    assert (piece.genre, piece.tempo_bpm, piece.swing, piece.seed) == ("lofi", 93.0, 0.2, 3)
    assert len(render(piece)) == round(16 * 15.0 / 93.0 * 48_000)
