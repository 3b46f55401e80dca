"""The report is one folder that a browser shows without asking anybody for anything."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from legando.engines.training.figures import report_sounds
from legando.engines.training.figures.desk import Desk, Figure
from legando.engines.training.figures.report import page, write_report
from legando.engines.training.figures.report_charts import effect_table, line_chart, nice_ticks
from legando.engines.training.figures.results import PartResult, Results

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed where it should be; keeps what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.refers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.refers += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Page:
    found = Page()
    found.feed(text)
    found.close()
    assert found.open == []
    return found


def results() -> Results:
    """Return results with everything that a page can show."""
    out = Results(bundle="<b>&", hash="0" * 64, content="c")
    figures = [
        Figure(name="rtf", value=0.25, at_most=0.35),
        Figure(name="chords <1", value=0.5, at_least=0.8),
        Figure(name="beats", value=math.nan, unit="ms", at_most=10.0),
        Figure(name="passes", value=18_750.0),
    ]
    exhibits: dict[str, dict[str, Any]] = {
        "drift": {
            "prompt": "deep house",
            "seconds": [5.0 + 10.0 * index for index in range(60)],
            "centroid_hz": [900.0 + index for index in range(60)],
            "loudness_db": [-16.0] * 60,
        },
        "control effects": {
            "rows": ["density", "brightness"],
            "columns": ["onsets", "centroid"],
            "values": [[1.4, -0.2], [None, 2.5]],
        },
    }
    exhibits["failures"] = {"cases": ["silence: '<b>', seed 3, 90 bpm"]}
    out.keep("time & <tempo>", PartResult(figures=figures, exhibits=exhibits, seconds=61.0, quick=True))
    out.keep("tagger", PartResult(missing="zimtohrli is missing"))
    return out


def test_the_page_shows_every_figure_and_asks_nobody_for_anything() -> None:
    text = page(results(), [])
    found = read(text)
    assert {"script", "iframe", "object", "form"} & set(found.tags) == set()
    assert [name for name in found.refers if name != "data:,"] == []
    assert re.findall(r"https?:|@import|url\(", text) == []
    for words in (
        "<b>&",
        "time & <tempo>",
        "chords <1",
        "18,750",
        "not measured: zimtohrli is missing",
        "met",
        "missed",
    ):
        assert words in found.text
    assert "1 of 3 targets met" in found.text and "1 part not measured" in found.text
    assert found.tags.count("svg") == 2 and "10 minutes without a stop" in found.text
    assert "+1.4" in found.text and "-0.2" in found.text and "none" in found.text


def test_a_report_holds_all_files_that_it_names_and_makes_them_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_sounds, "PROMPTS", ("deep house",))
    monkeypatch.setattr(report_sounds, "QUICK_TAKE_SECONDS", 1.0)
    monkeypatch.setattr(report_sounds, "CODEC_SECONDS", 1.0)
    path = write_report(tmp_path, results(), desk, quick=True)
    named = [name for name in read(path.read_text(encoding="utf-8")).refers if name != "data:,"]
    files = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert files == {*named, "index.html"} and len(files) == 9
    for name in named:
        if name.endswith(".png"):
            assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        else:
            assert soundfile.info(tmp_path / name).frames == pytest.approx(48_000, abs=64)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in named}
    (tmp_path / "sounds" / "old-take.ogg").write_bytes(b"")
    write_report(tmp_path, results(), desk, quick=True)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in named} == before
    assert not (tmp_path / "sounds" / "old-take.ogg").exists()


def test_a_spectrogram_puts_a_sine_at_its_frequency_and_level() -> None:
    seconds = np.arange(48_000) / 48_000
    for hz in (100.0, 1000.0, 8000.0):
        tone = (0.5 * np.sin(2 * np.pi * hz * seconds)).astype(np.float32)
        levels, edges = report_sounds.spectrogram_db(np.stack([tone, tone], 1))
        near = (edges[1:] > hz * 0.8) & (edges[:-1] < hz * 1.25)
        total_db = 10 * np.log10((10 ** (levels[near, 20] / 10)).sum())
        assert total_db == pytest.approx(-6.0, abs=0.5)
        band = int(levels[:, 20].argmax())
        assert (edges[band] * edges[band + 1]) ** 0.5 == pytest.approx(hz, rel=0.03, abs=12.0)  # a bin is 11.7 Hz


def test_ticks_are_round_and_span_the_values() -> None:
    assert nice_ticks(0.0, 10.0, 6) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    ticks = nice_ticks(-17.3, -15.1)
    assert ticks[0] <= -17.3 and ticks[-1] >= -15.1 and len(ticks) <= 7
    assert 2 <= len(nice_ticks(3.0, 3.0)) <= 7


def test_charts_of_flat_lines_and_odd_values_are_still_charts() -> None:
    chart = read(line_chart([1.0, 2.0], [5.0, 5.0], "a < b", "time (min)"))
    assert chart.tags.count("polyline") == 1 and "a < b" in chart.text
    assert "nan" not in read(effect_table(["a"], ["b"], [[math.nan]])).text
