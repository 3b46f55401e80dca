"""Training everything: shares of the time, stopping and going on, fresh pieces, memory, the board."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from legando.engines.training.music.fresh import FreshPieces
from legando.engines.training.networks.batches import Crops, prepare
from legando.engines.training.networks.board import Board
from legando.engines.training.networks.checkpoint import read_newest
from legando.engines.training.networks.learner import begin
from legando.engines.training.train_all import SHARES, Plan
from legando.realtime.errors import LegandoError
from tests.engines.tiny_runs import write_pieces

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / ".path"), "PYTHONSAFEPATH": "1"}


def plan(**changes: object) -> Plan:
    values: dict[str, object] = {"hours": 2.5, "data": Path("d"), "runs": Path("r"), "out": Path("o"), "threads": 2}
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def test_shares_fill_the_hours_and_pieces_follow_hours_and_cores() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(plan().seconds(stage) for stage in SHARES) == pytest.approx(9000.0)
    assert SHARES["codec"] > SHARES["flow"] > SHARES["adversarial"] == SHARES["language"] > SHARES["distil"]
    assert 150 < plan().pieces_wanted(cores=2) < 300 < plan(hours=0.5).pieces_wanted(cores=16)
    assert plan().spare_cores(2) == 0 and plan(device="cuda").spare_cores(16) == 14


@pytest.mark.parametrize(("changes", "says"), [({"hours": 0.0}, "0 hours"), ({"minutes_per_run": -1.0}, "-1 minutes")])
def test_impossible_plans_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(LegandoError, match=f"{says}.*give more than 0"):
        plan(**changes)


def test_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(LegandoError, match="there is no device tpu; give cpu or cuda"):
        begin(seed=0, threads=1, device="tpu")


CHATTY = """
import sys
from legando.engines.training.networks import board, progress
from legando.engines.training.cli import main
board.LINE_EVERY_S = 0.0
progress.Run.__init__.__kwdefaults__["row_every_steps"] = 1
sys.exit(main(sys.argv[1:]))
"""


def test_signal_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    write_pieces(tmp_path / "data", 2)
    words = ["all", "--hours", "10", "--data", str(tmp_path / "data"), "--runs", str(tmp_path), "--threads", "1"]
    words += ["--pieces", "2", "--fresh-workers", "0", "--evaluation", "none"]
    for wanted in (1, 3):
        command = [sys.executable, "-c", CHATTY, *words]
        with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if f"step {wanted} " in line:
                    break
            process.send_signal(signal.SIGTERM)
            said += process.communicate(timeout=120)[1].splitlines()
        assert process.returncode == 3 and "run the same command again" in said[-1], said
        assert any(line.startswith("codec  stopped") for line in said), said
        found = read_newest(tmp_path / "codec")
        assert found is not None and int(found[1]["step"]) >= wanted
    assert not (tmp_path / "adversarial").exists()


def test_crops_take_in_fresh_pieces_within_their_memory(tmp_path: Path) -> None:
    write_pieces(tmp_path, 2)
    held = prepare(tmp_path)
    with FreshPieces(tmp_path, workers=1, most_pieces=3) as fresh:
        assert fresh.left == 1
        crops = Crops(held, 48, 2, seed=0, fresh=fresh, most_bytes=sum(piece.bytes for piece in held) + 10_000)
        until = time.monotonic() + 200.0
        while fresh.left and time.monotonic() < until:
            crops.next()
            time.sleep(0.05)
    assert fresh.rendered == 1 and (tmp_path / "piece_000002.npz").exists()
    assert crops.pieces[-1].name == "piece_000002"
    assert len(crops.pieces) == 1 and crops.held_bytes == crops.pieces[0].bytes


def test_prepare_keeps_to_its_memory_and_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_pieces(tmp_path, 4)
    most = sum(piece.bytes for piece in prepare(tmp_path)) * 2 // 3
    kept = prepare(tmp_path, most_bytes=most)
    assert 1 <= len(kept) <= 3 and sum(piece.bytes for piece in kept) <= most
    assert f"{len(kept)} of 4 pieces fit" in capfd.readouterr().err


def test_board_says_changes_at_once_and_figures_once_a_minute(capfd: pytest.CaptureFixture[str]) -> None:
    with Board(["codec", "flow"]) as board:
        for step in range(5):
            board.show("codec", fraction=0.1, step=step, rate=2.0, left_s=90.0, figures={"loss": 0.5})
        board.show("codec", "done")
        table = board.table()
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["codec  10%  2.00/s  1:30 left  loss 0.5", "codec  done  step 4  loss 0.5"]
    assert table.row_count == 2
