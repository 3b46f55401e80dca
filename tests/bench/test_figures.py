"""Figures on pages come from reports: what differs or comes from nowhere is told, and `write` corrects it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from legando.bench import figures, record
from legando.bench.figures import ROOT, Block, Figure, Map, check, read_map, write
from legando.bench.peers.table import published
from legando.bench.record import report_of, save
from legando.realtime.errors import LegandoError
from tests.bench.made_up import results

PAGE = """# Page

It takes **12.3 ms**,
and 4 chunks of 80 ms.

| figure | value |
|---|---|
| cost, p50 / p99 | 1 / 2 ms |

    a command --for 5
"""


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report of our own, and a page that quotes it."""
    monkeypatch.setattr(figures, "REPORTS", tmp_path)
    save("bench", {"cost": {"p50": 12.34, "p99": 15.6}, "rows": [{"name": "chunks, made", "value": 4}]}, tmp_path)
    (tmp_path / "PAGE.md").write_text(PAGE)
    return tmp_path


def mapped(**more: tuple[str, ...]) -> Map:
    prose = Figure(
        file="PAGE.md",
        text="takes **{:.1f} ms**, and {:.0f} chunks",
        sources=("bench > cost > p50", "bench > rows > chunks, made > value"),
    )
    row = Figure(
        file="PAGE.md",
        row="cost, p50 / p99",
        text="{:.1f} / {:.1f} ms",
        sources=("bench > cost > p50", "bench > cost > p99"),
    )
    plain = {"PAGE.md": ("chunks of 80 ms",), **more}
    return Map(figures=(prose, row), blocks=(), plain=plain, whole=("PAGE.md",))


def test_a_figure_that_differs_is_told_and_written(reports: Path) -> None:
    told = check(mapped(), reports)
    assert len(told) == 1 and "cost, p50 / p99" in told[0], told
    assert write(mapped(), reports) == ["PAGE.md"]
    assert check(mapped(), reports) == [] and write(mapped(), reports) == []
    page = (reports / "PAGE.md").read_text()
    assert "| cost, p50 / p99 | 12.3 / 15.6 ms |" in page and "**12.3 ms**,\nand 4 chunks" in page
    save("bench", {"cost": {"p50": 9.97, "p99": 15.6}, "rows": [{"name": "chunks, made", "value": 5}]}, reports)
    assert len(check(mapped(), reports)) == 2
    write(mapped(), reports)
    assert "**10.0 ms**,\nand 5 chunks" in (reports / "PAGE.md").read_text(), "line breaks stay where they are"


@pytest.mark.parametrize(
    ("least", "most", "cell"),
    [
        (1.06, 1.12, "1.1 times, 2.0 to 1.0"),
        (1.04, 1.06, "1.0 to 1.1 times, 2.0 to 1.0"),
        (11.1, 1.1, "11.1 to 1.1 times, 2.0 to 1.0"),
        (1.1, 1.1e6, "1.1 to 1100000.0 times, 2.0 to 1.0"),
    ],
)
def test_a_range_whose_rounded_ends_are_equal_is_one_number(
    reports: Path, least: float, most: float, cell: str
) -> None:
    save("bench", {"cost": {"p50": least, "p99": most, "two": 2, "one": 1}}, reports)
    row = Figure(
        file="PAGE.md",
        row="cost, p50 / p99",
        text="{:.1f} to {:.1f} times, {:.1f} to {:.1f}",
        sources=tuple(f"bench > cost > {key}" for key in ("p50", "p99", "two", "one")),
    )
    known = Map(figures=(row,), blocks=(), plain={}, whole=())
    assert write(known, reports) == ["PAGE.md"] and check(known, reports) == []
    assert f"| cost, p50 / p99 | {cell} |" in (reports / "PAGE.md").read_text()


def test_a_number_that_no_report_says_is_told(reports: Path) -> None:
    write(mapped(), reports)
    page = reports / "PAGE.md"
    page.write_text(page.read_text().replace("# Page", "# Page\n\nSaves 30 % of `17` things."))
    told = check(mapped(), reports)
    assert len(told) == 1 and "PAGE.md:3" in told[0] and "has 30" in told[0], told


def test_a_place_or_a_field_that_is_not_there_is_told(reports: Path) -> None:
    write(mapped(), reports)
    page = reports / "PAGE.md"
    page.write_text(page.read_text().replace("It takes", "It needs"))
    assert any("0 times, not once" in line for line in check(mapped(), reports))
    with pytest.raises(LegandoError, match="legando bench record"):
        figures.lookup("bench > cost > p95")
    with pytest.raises(LegandoError, match="record live"):
        figures.lookup("live > note > p50")
    with pytest.raises(LegandoError, match="1 numbers and 2 sources"):
        Figure(file="PAGE.md", text="{:.1f}", sources=("a", "b"))


def test_a_table_is_written_whole(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_tables", lambda: {"made": lambda: "| figure | value |\n|---|---|\n| x | 1 |"})
    known = Map(
        figures=(), blocks=(Block(file="PAGE.md", begins="| figure | value |", made_by="made"),), plain={}, whole=()
    )
    assert write(known, reports) == ["PAGE.md"]
    page = (reports / "PAGE.md").read_text()
    assert "| x | 1 |\n\n    a command" in page and "cost, p50" not in page


def test_a_report_keeps_figures_and_what_they_depend_on_without_samples(tmp_path: Path) -> None:
    save("bench", report_of(results(late_ms={3: 4.0})), tmp_path)
    told = json.loads((tmp_path / "bench.json").read_text())
    assert told["suites"]["chunk"]["as played"]["p50"] > 10.0 and {"load", "commit", "device", "command"} <= set(told)
    assert told["suites"]["held"]["late"]["misses"] == 1
    assert "values" not in json.dumps(told) and len(json.dumps(told)) < 10_000


def test_how_long_the_tests_take_is_recorded_from_what_pytest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "test_two.py").write_text("def test_a(): pass\ndef test_b(): pass\n")
    (tmp_path / "test_skip.py").write_text("import pytest\ndef test_c(): pytest.skip('no device')\n")
    pytests = f"{sys.executable} -m pytest -q -p no:cacheprovider --rootdir {tmp_path} {tmp_path}"
    monkeypatch.setattr(record, "REPORTS", tmp_path)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # that we may be ourselves
    monkeypatch.setattr(record, "tests_command", lambda: ["sh", "-c", f"{pytests}/test_two.py && {pytests} -n 1"])
    assert record.record(["tests"], instrument="", bundle=None) == {}
    told = json.loads((tmp_path / "tests.json").read_text())
    assert (told["passed"], told["skipped"], len(told["runs"])) == (4, 1, 2)
    assert 0 < sum(run["seconds"] for run in told["runs"]) <= told["wall_s"] and told["commit"]
    (tmp_path / "test_two.py").write_text("def test_a(): assert False\n")
    failed = record.record(["tests"], instrument="", bundle=None)
    assert "do not pass" in failed["tests"] and json.loads((tmp_path / "tests.json").read_text()) == told


def test_the_recorded_tests_are_those_of_make_test() -> None:
    shown = subprocess.run([*record.tests_command(), "--dry-run"], capture_output=True, text=True, check=True).stdout
    runs = [line for line in shown.splitlines() if f"{Path(sys.executable).parent}/pytest" in line]
    assert len(runs) == 2 and "not alone and not live" in runs[0] and "(alone or live)" in runs[1]
    assert "pip" not in shown, "nothing is installed"


def test_the_map_is_understood_and_every_published_figure_has_a_source_and_a_machine() -> None:
    known = read_map()
    assert {"README.md", "ARCHITECTURE.md", "bench/PEERS.md"} == set(known.files)
    for one in published():
        assert one["source"].startswith("https://") and one["hardware"] and one["says"], one
        assert one["wait"] or one["speed"], one
    names = " ".join(one["system"] for one in published())
    for system in ("Magenta RealTime 2", "DEMON", "Lyria RealTime", "Stable Audio 3", "MeLoDy", "RAVE"):
        assert system in names
