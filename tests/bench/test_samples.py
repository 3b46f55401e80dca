"""Figures are made of raw samples, which are kept; charts of them read well; nothing is fetched by the page."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from legando.bench.charts import histogram, timeline, waterfall
from legando.bench.command import failures, remember
from legando.bench.history import append, line_of
from legando.bench.marks import Marks
from legando.bench.page import charts_of, write_page
from legando.bench.samples import Outcome, Results, Series
from legando.realtime.errors import LegandoError
from tests.bench.made_up import about, results


def test_percentiles_are_values_that_were_measured() -> None:
    series = Series(name="x", unit="ms", values=[float(n) for n in range(1, 1001)], warm_up=[9e9], deadline=998.0)
    assert series.figures() == {"p50": 500.0, "p95": 950.0, "p99": 990.0, "p99.9": 999.0, "max": 1000.0}
    assert series.misses == 2, "warm-up counts for nothing"


def test_results_come_back_from_json_with_every_sample() -> None:
    made = results(late_ms={7: 12.0})
    again = Results.read(made.plain())
    assert again.plain() == made.plain()
    chunk = again.outcomes["chunk"].find("as played")
    assert chunk is not None and len(chunk.values) == 300 and len(chunk.warm_up) == 12


def test_history_has_all_that_a_figure_depends_on(tmp_path: Path) -> None:
    for _ in range(2):
        append(tmp_path / "deep" / "bench.jsonl", results())
    lines = (tmp_path / "deep" / "bench.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert {"commit", "device", "versions", "governor", "priority", "load", "suites"} <= set(line_of(results()))
    assert "values" not in lines[0]


def test_gate_looks_at_p99_and_misses_and_never_at_the_mean() -> None:
    assert failures(results(), None) == []
    assert any("came late" in line for line in failures(results(late_ms={7: 12.0}), None))
    slow_tail = results(cost_ms=dict.fromkeys(range(4), 90.0))  # 4 of 300 are beyond p99
    assert any("p99" in line for line in failures(slow_tail, None))
    unmeasured = replace(results(), outcomes={"held": Outcome(suite="held", skipped="no reason")})
    assert failures(unmeasured, None) == ["held was not measured: no reason"]
    slow_mean = results(cost_ms={0: 60_000.0})  # 200 ms at the mean, p99 as before
    assert failures(slow_mean, None) == []


def overlaps(marks: Marks) -> list[tuple[str, str]]:
    """Return pairs of texts that lie on each other, or one text twice if it sticks out of the picture."""
    boxes: list[tuple[str, tuple[float, float, float, float]]] = []
    found: list[tuple[str, str]] = []
    for shape, _, given in marks._items:
        if shape != "text":
            continue
        x, y, words, anchor = given
        width = 6.2 * len(words)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = (left, y - 9.0, left + width, y + 2.0)
        if box[0] < -1 or box[2] > marks.width + 1 or box[1] < 0 or box[3] > marks.height + 1:
            found.append((words, words))
        for other, theirs in boxes:
            if box[0] < theirs[2] and theirs[0] < box[2] and box[1] < theirs[3] and theirs[1] < box[3]:
                found.append((other, words))
        boxes.append((words, box))
    return found


@pytest.mark.parametrize("late", [{}, {7: 12.0, 30: 70.0}, dict.fromkeys(range(200), 3.0)])
def test_charts_have_no_text_on_text_and_are_well_formed(late: dict[int, float]) -> None:
    charts = charts_of(results(late_ms=late))
    assert set(charts) == {"waterfall", "histogram", "timeline", "heat"}
    for name, (_, _, marks) in charts.items():
        assert overlaps(marks) == [], name
        ElementTree.fromstring(marks.svg())


def test_lines_that_lie_close_keep_their_names_apart() -> None:
    values = list(np.random.default_rng(0).normal(40.0, 0.4, 500))
    lines = {"p50": 40.0, "p99": 40.9, "max": 41.2}
    assert overlaps(histogram(values, 42.0, "cost of a chunk (ms)", lines)) == []
    assert overlaps(waterfall([("a", 0.01, "fixed"), ("b", 3000.0, "bar2")])) == []


def test_a_history_is_kept_where_it_can_be_unless_somebody_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    remember(None, results())
    assert capsys.readouterr().err.startswith(f"not in the history: {tmp_path / 'file'}")
    with pytest.raises(LegandoError, match="choose another with --history"):
        remember(tmp_path / "file" / "mine.jsonl", results())


def test_a_single_late_chunk_of_many_shows_in_the_timeline() -> None:
    at_s = [0.08 * n for n in range(5000)]
    slack = [6.0] * 5000
    slack[3210] = -44.0
    marks = timeline(at_s, slack, [4] * 5000, lead_ms=45.3, most_steps=4)
    assert "44.0 ms late" in marks.svg()
    line = next(given[0] for shape, kind, given in marks._items if kind == "line")
    depths = sorted(y for _, y in line)
    assert depths[-1] > depths[-2] + 100.0, "the line itself goes down there"


def test_page_fetches_nothing_and_pictures_lie_beside_it(tmp_path: Path) -> None:
    page, why = write_page(tmp_path / "report", results(late_ms={7: 12.0}))
    text = page.read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', text) and "<script" not in text
    assert "1 of 300" in text and "prefers-color-scheme: dark" in text and "@media print" in text
    pictures = {path.name for path in page.parent.glob("*.png")}
    assert pictures == {"waterfall.png", "histogram.png", "timeline.png", "heat.png"} or "pip install" in why
    assert about()["chunk_ms"] == 80.0
