"""Data files: older styles are upgraded; damaged and foreign files are named and skipped, never used."""

from pathlib import Path

import numpy as np
import pytest

from legando.engines.training.cli import FORWARDED, main
from legando.engines.training.music.dataset import load
from legando.engines.training.networks.batches import Crops, prepare
from legando.realtime.cli import main as legando
from legando.realtime.controls import GENRE_SLOTS, GENRES, STYLE_DIM
from legando.realtime.errors import LegandoError
from tests.engines.tiny_runs import write_piece


@pytest.mark.parametrize("step", FORWARDED)
def test_a_step_that_reads_its_own_options_is_given_them(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([step, "--help"])
    assert ended.value.code == 0 and capsys.readouterr().out.startswith("usage: legando ")
    with pytest.raises(SystemExit) as ended:
        main([step, "--no-such-option"])
    assert ended.value.code == 2


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert legando(["train", "data", "--pieces", "1", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"legando: {tmp_path / 'file'}: File exists; choose another place\n"


def test_style_of_an_older_version_keeps_its_meaning(tmp_path: Path) -> None:
    path = tmp_path / "piece_000000.npz"
    write_piece(path)
    with np.load(path) as data:
        old = dict(data)
    style = np.zeros(16, np.float32)
    style[3], style[12:] = 1.0, (0.1, 0.2, 0.3, 0.4)
    np.savez(path, **{**old, "style": style})
    upgraded = load(path).style
    assert upgraded.shape == (STYLE_DIM,) and upgraded[3] == 1.0 and upgraded[:GENRE_SLOTS].sum() == 1.0
    np.testing.assert_array_equal(upgraded[GENRE_SLOTS:], style[12:])
    np.savez(path, **{**old, "style": np.zeros(11, np.float32)})
    with pytest.raises(LegandoError, match=rf"piece_000000.*{STYLE_DIM} numbers, this one has shape \(11,\)"):
        load(path)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "text", "foreign", "score", "genre"])
def test_damaged_file_is_named_and_skipped(tmp_path: Path, damage: str, capfd: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        write_piece(tmp_path / f"piece_{seed:06d}.npz", seed)
    bad = tmp_path / "piece_000001.npz"
    content = bytearray(bad.read_bytes())
    with np.load(bad) as data:
        fields = dict(data)
    if damage == "flipped":
        content[len(content) // 2] ^= 0x10
        bad.write_bytes(content)
    elif damage == "truncated":
        bad.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        bad.write_bytes(b"")
    elif damage == "text":
        bad.write_text("not a piece")
    elif damage == "foreign":
        np.savez(bad, something=np.zeros(3))
    elif damage == "score":
        np.savez(bad, **{**fields, "score": fields["score"] + 20_000})
    else:
        np.savez(bad, **{**fields, "genre": np.int64(len(GENRES))})
    pieces = prepare(tmp_path)
    said = capfd.readouterr().err
    assert len(pieces) == 1 and said.count("\n") == 1 and str(bad) in said, said
    assert Crops(pieces, 48, 2, seed=0).next().style.shape == (2, STYLE_DIM)


def test_folder_of_nothing_but_damage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "piece_000000.npz").write_bytes(b"")
    with pytest.raises(LegandoError, match="holds no pieces; make some"):
        prepare(tmp_path)
