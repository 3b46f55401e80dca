"""`legando gpu check`: without a GPU one sentence and status 2; a report is JSON or Markdown."""

import importlib
import json
from contextlib import suppress
from pathlib import Path

import pytest

from legando.kernels.check import report_of, row_of, write_report
from legando.kernels.checks import Outcome
from legando.realtime.cli import main


def test_without_a_gpu_it_says_so_and_names_the_shim(capsys: pytest.CaptureFixture[str]) -> None:
    present = False
    with suppress(Exception):  # cuda.core publishes no base class for its errors
        importlib.import_module("cuda.core").Device(0).set_current()
        present = True
    if present:
        pytest.skip("this machine has a GPU")
    assert main(["gpu", "check"]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1
    assert "gpu check --shim" in error or "pip install 'legando[gpu]'" in error


def test_a_report_is_written_whole_and_tells_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = row_of(Outcome("seam", compared=10, microseconds=[1.0, 2.0, 3.0]))
    bad = row_of(Outcome("noise", compared=10, differing=1, wrong=["1 of 10 differ"]))
    report = report_of({"device": "a card"}, 4, [good, bad])
    write_report(tmp_path / "a.json", report, [good, bad])
    write_report(tmp_path / "a.md", report, [good, bad])
    read = json.loads((tmp_path / "a.json").read_text())
    assert read["equal"] is False and [kernel["equal"] for kernel in read["kernels"]] == [True, False]
    assert read["kernels"][0]["p50_us"] == 2.0 and read["kernels"][1]["p50_us"] is None
    assert "1 of 10 differ" in (tmp_path / "a.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.md"]
    assert main(["gpu", "check", "--shim", "--out", str(tmp_path / "a.txt")]) == 2
    assert "neither .json nor .md" in capsys.readouterr().err
