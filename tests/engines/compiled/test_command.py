"""`legando engines`: what it prints, what it keeps, and its exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from legando.engines.compiled.library import Library, find_card
from legando.engines.compiled.store import ENGINE, SIDECAR, Entry
from legando.realtime.cli import main
from legando.realtime.commands.cli_engines import list_lines
from tests.engines.compiled.conftest import only


@pytest.fixture(scope="module")
def built(rtx: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with one real engine in it."""
    folder = tmp_path_factory.mktemp("engines")
    assert main(["engines", "build", "--network", "language", "--cache", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def cache(built: Path, tmp_path: Path) -> Path:
    """Return a copy of that cache."""
    return Path(shutil.copytree(built, tmp_path / "cache"))


def test_build_takes_from_the_cache_what_is_there(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_card() is not None:
        pytest.skip("this machine has a card, for which another engine may be built")
    assert main(["engines", "build", "--network", "language", "--cache", str(cache), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["library"] == "tensorrt_rtx" and [engine["cached"] for engine in told["engines"]] == [True]
    assert main(["engines", "build", "--network", "language", "--cache", str(cache)]) == 0
    assert "language for 1 stream, fp32, portable: " in capsys.readouterr().out


def test_a_bit_that_flipped_is_found_and_mended_with_the_same_engine(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = only(cache, ENGINE)
    good = engine.read_bytes()
    engine.write_bytes(good[:5000] + bytes([good[5000] ^ 4]) + good[5001:])
    assert main(["engines", "verify", "--cache", str(cache)]) == 1
    assert "WRONG: " in capsys.readouterr().out
    assert main(["engines", "list", "--cache", str(cache)]) == 0
    assert main(["engines", "build", "--network", "language", "--cache", str(cache)]) == 0
    out, error = capsys.readouterr()
    assert "built in" in out and "it is built again" in error
    assert engine.read_bytes() == good


def test_list_shows_a_table_or_json(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "list", "--cache", str(cache)]) == 0
    out = capsys.readouterr().out
    assert "language" in out and "portable" in out and "1 engine, " in out
    only(cache, SIDECAR).write_text("{}")
    assert main(["engines", "list", "--cache", str(cache), "--json"]) == 0
    (engine,) = json.loads(capsys.readouterr().out)["engines"]
    assert engine["wrong"].endswith("does not describe an engine")
    assert main(["engines", "list", "--cache", str(cache)]) == 0
    assert "damaged: " in capsys.readouterr().out
    assert main(["engines", "list", "--cache", str(tmp_path / "none")]) == 0
    assert "legando engines build" in capsys.readouterr().out


def made_up(network: str, batch: int, precision: str, target: str, wrong: str = "") -> Entry:
    key = {"network": network, "batch": batch, "precision": precision, "target": target}
    sidecar = {"key": {**key, "library": "tensorrt_rtx", "version": "1.2.0.54"}, "build_s": 12.345}
    return Entry(stem="x", path=Path("x"), sidecar=sidecar, bytes=10_400_000, used_s=1.79e9, wrong=wrong)


def test_a_list_is_a_table_where_that_fits_and_lines_of_whole_words_where_not() -> None:
    card = "NVIDIA GeForce RTX 4070 Laptop GPU sm_89"
    entries = [made_up("language", 1, "fp32", "portable"), made_up("decoder", 8, "mixed", card)]
    entries.append(made_up("denoiser", 1, "mixed", "portable", wrong="denoiser-b1.engine is cut short"))
    table = list_lines(entries, None)
    assert table[0].split() == [
        "network",
        "for",
        "precision",
        "target",
        "library",
        "size",
        "built",
        "in",
        "last",
        "used",
    ]
    assert len(table) == 4 and table[1].index("portable") == table[2].index(card) == table[0].index("target")
    assert list_lines(entries, 60)[:2] == [
        "language for 1 stream, fp32, portable, 10.4 MB",
        "  tensorrt-rtx 1.2.0.54, built in 12.3 s, used 2026-09-21",
    ]
    for width in (40, 60, 80, 120):
        lines = list_lines(entries, width)
        assert max(map(len, lines)) <= width and "…" not in "".join(lines)
        assert (
            card in " ".join(line.strip() for line in lines) and "damaged: denoiser-b1.engine" in lines[-2] + lines[-1]
        )


def test_verify_says_what_it_could_not_do_without_a_card(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_card() is not None:
        pytest.skip("this machine has a card")
    assert main(["engines", "verify", "--cache", str(cache)]) == 0
    out, error = capsys.readouterr()
    assert out.endswith(": whole\n") and "no CUDA card" in error and error.count("\n") == 1


def test_gc_keeps_what_the_bundle_wants_and_says_what_goes(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "gc", "--days", "0", "--cache", str(cache)]) == 0
    assert capsys.readouterr().out.startswith("0 MB freed")
    assert main(["engines", "gc", "--space", "0", "--dry", "--json", "--cache", str(cache)]) == 0
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 1 and only(cache, ENGINE)
    assert main(["engines", "gc", "--space", "0", "--cache", str(cache)]) == 0
    assert ": gone: all engines together are over 0 MB" in capsys.readouterr().out
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--network", "drums"], "no network 'drums'; choose one of"),
        (["--precision", "int4"], "'int4' is no precision"),
        (["--target", "sm_90"], "no target of TensorRT for RTX"),
        (["--library", "tvm"], "no library 'tvm'"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if find_card() is not None and "--target" in words:
        pytest.skip("on a card with TensorRT, another sentence")
    assert main(["engines", "build", "--cache", str(tmp_path), *words]) == 2
    out, error = capsys.readouterr()
    assert out == "" and told in error and error.count("\n") == 1
