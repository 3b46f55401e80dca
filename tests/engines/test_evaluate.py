"""The evaluation judges figures by their targets and refuses what is no bundle with one sentence."""

import math
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from legando.engines.training import evaluate
from legando.engines.training.evaluate import Figure
from legando.engines.training.renderer import render
from legando.engines.training.takes import Take
from legando.realtime.controls import Controls


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure(name="x", value=0.6, at_most=0.6), True),
        (Figure(name="x", value=0.61, at_most=0.6), False),
        (Figure(name="x", value=0.5, at_least=0.5), True),
        (Figure(name="x", value=0.49, at_least=0.5), False),
        (Figure(name="x", value=math.nan, at_most=0.6), False),
        (Figure(name="x", value=math.nan, at_least=0.6), False),
        (Figure(name="x", value=1e9), True),
    ],
)
def test_a_figure_is_met_only_when_it_was_measured_and_is_inside(figure: Figure, met: bool) -> None:
    assert figure.met is met


def test_the_table_shows_each_figure_beside_its_target() -> None:
    out = StringIO()
    figures = [Figure(name="rtf", value=0.25, at_most=0.5), Figure(name="click", value=0.7, at_most=0.6)]
    Console(file=out, width=100).print(evaluate.table(figures, "bundle x"))
    rows = [line for line in out.getvalue().splitlines() if "rtf" in line or "click" in line]
    assert ["0.25" in rows[0], "at most 0.5" in rows[0], "yes" in rows[0]] == [True] * 3
    assert ["0.7" in rows[1], "at most 0.6" in rows[1], "no" in rows[1]] == [True] * 3


def test_a_folder_that_is_no_bundle_is_one_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(["--bundle", str(tmp_path / "nothing")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing is no bundle folder" in said.err.replace("\n", "")


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
    controls = Controls(style=(0.2, 0.0, 0.0, 0.0, 0.8, *[0.0] * 7, 0.5, 0.5, 0.5, 0.5))
    piece = evaluate.piece_of(take, controls, seed=3)
    assert (piece.genre, piece.tempo_bpm, piece.swing, piece.seed) == ("lofi", 93.0, 0.2, 3)
    assert len(render(piece)) == round(16 * 15.0 / 93.0 * 48_000)
