"""A full disk, as a limit on the size of files makes one: what can be made again leaves nothing, a show is kept."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soundfile

from legando.realtime.cli import main
from legando.realtime.recording.journal import seal
from tests.realtime.tone_generator import SPEC


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, on a machine without a sound device."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr("legando.realtime.commands.cli_play.has_output", lambda: (False, "no sound device"))
    monkeypatch.chdir(tmp_path)


@contextmanager
def disk_of(size_bytes: int) -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def journal() -> Path:
    """Return the journal of a take of 4 s, of which the third was liked."""
    assert main(["play", "--live", "--seconds", "4", "--journal", "a.jsonl"], instrument=SPEC) == 0
    path = Path("a.jsonl")
    path.write_bytes(path.read_bytes() + seal({"mark": 144_000, "kind": "like"}))
    Path("take.wav").unlink()
    return path


@pytest.mark.parametrize(
    ("words", "size_bytes"),
    [
        ("render --prompt house --seconds 4 --out b.wav", 100_000),
        ("render --prompt house --seconds 4 --out b.wav --notes b.mid", 100),
        ("replay a.jsonl --out b.wav", 100_000),
        ("replay a.jsonl --out b.wav", 1000),
        ("replay a.jsonl --out b.flac", 20_000),
        ("replay a.jsonl --out b.flac --notes b.mid", 100),
        ("feedback a.jsonl --clips clips", 20_000),
    ],
)
def test_what_can_be_made_again_ends_with_status_2_and_leaves_nothing(
    journal: Path, words: str, size_bytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    with disk_of(size_bytes):
        assert main([*words.split(), "--json"], instrument=SPEC) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("legando: ") and err.count("\n") == 1 and "free some room there" in err
    assert [path for path in Path().rglob("*") if path.is_file()] == [journal]
    assert main([*words.split(), "--json"], instrument=SPEC) == 0, "the next try finds its place free"


def test_a_show_that_is_written_instead_of_played_keeps_its_beginning_and_ends_with_status_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with disk_of(400_000):
        words = ["play", "--live", "--seconds", "4", "--out", "b.wav", "--journal", "b.jsonl", "--json"]
        assert main(words, instrument=SPEC) == 3
    out, err = capsys.readouterr()
    told = json.loads(out)
    kept = told["kept"]["out"]
    assert told["interrupted"] is False and told["kept"]["journal"]["whole"] is True
    assert kept["whole"] is False and kept["why"].startswith("b.wav cannot be written")
    assert f"the first {kept['seconds']:.1f} s are kept" in err.splitlines()[-1]
    assert soundfile.info("b.wav").duration == kept["seconds"] == told["seconds"] > 0.5
    assert sorted(path.name for path in Path().iterdir()) == ["b.jsonl", "b.wav"]
