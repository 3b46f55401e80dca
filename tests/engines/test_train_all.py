"""Training everything: shares of the time, stopping and going on, fresh pieces, memory, the board."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest
import torch

from legando.engines.bundle import Bundle, default_path
from legando.engines.training.figures.results import content_of
from legando.engines.training.music.fresh import FreshPieces
from legando.engines.training.networks.batches import Crops, prepare
from legando.engines.training.networks.board import Board
from legando.engines.training.networks.checkpoint import read_newest, write_checkpoint
from legando.engines.training.networks.learner import begin
from legando.engines.training.networks.seal import need, seal
from legando.engines.training.train_all import _evaluate, _stop_on_signals, train_all
from legando.engines.training.train_stages import SHARES, Plan, stages
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


def test_signal_that_python_passes_over_comes_again() -> None:
    class Thing:
        pass

    board, before = Board([], quiet=True), signal.getsignal(signal.SIGALRM)
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt), _stop_on_signals(board):
        del thing
        assert reference() is None and board.stopped  # the signal has come, and nothing was raised here
        time.sleep(20.0)
        pytest.fail("it did not come again")
    assert signal.getsignal(signal.SIGALRM) == before and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_first_signal_ends_what_is_no_training_at_once(tmp_path: Path) -> None:
    """A thousand pieces are asked for, and the signal comes while the processes that render them begin."""
    asked = plan(data=tmp_path / "data", runs=tmp_path, out=tmp_path / "bundle", pieces=1000)
    begun, before = time.monotonic(), signal.getsignal(signal.SIGTERM)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert not train_all(asked, quiet=True)
    assert time.monotonic() - begun < 30.0 and signal.getsignal(signal.SIGTERM) == before
    assert not (tmp_path / "codec").exists()


def stage_done(name: str, asked: Plan) -> bool:
    board = Board([], quiet=True)
    fresh = FreshPieces(asked.data, workers=0, most_pieces=0)
    return next(stage.done() for stage in stages(asked, board, 0, 1, fresh) if stage.name == name)


def test_language_is_done_when_its_model_is_sound_and_not_older_than_its_checkpoint(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = plan(hours=1.0, data=tmp_path / "data", runs=tmp_path, out=tmp_path / "bundle")
    folder, model = tmp_path / "language", tmp_path / "language" / "model.safetensors"
    folder.mkdir()
    model.write_bytes(b"model")
    seal(model)
    write_checkpoint(folder, {"x": torch.ones(1)}, {"elapsed_s": 3600.0})
    os.utime(model, (1.0, 1.0))
    assert not stage_done("language", asked)  # killed after the last checkpoint, before the model was written
    os.utime(model)
    assert stage_done("language", asked) and capfd.readouterr().err == ""
    model.write_bytes(b"m0del")
    assert not stage_done("language", asked)
    assert f"{model} is damaged" in capfd.readouterr().err
    with pytest.raises(LegandoError, match=r"model.safetensors is damaged .*; run `legando train language` again"):
        need(model, "language")


def test_damaged_bundle_is_named_and_made_again_and_one_that_cannot_be_judged_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = plan(data=tmp_path / "data", runs=tmp_path / "runs", out=tmp_path / "bundle", evaluation="quick")
    shutil.copytree(default_path(), asked.out)
    assert stage_done("bundle", asked)
    kept = asked.runs / f"report-{content_of(Bundle.load(asked.out))[:8]}" / "evaluation.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"content": 1')
    with pytest.raises(LegandoError, match=r"evaluation.json is not what"):  # not "run the same command again"
        _evaluate(asked, Board([], quiet=True))
    with (asked.out / "habits.json").open("a") as file:
        file.write(" ")
    assert not stage_done("bundle", asked)
    assert f"{asked.out / 'habits.json'} has" in capfd.readouterr().err


RENDERING = """
import sys
from pathlib import Path
from legando.engines.training.music.fresh import FreshPieces
if __name__ == "__main__":
    with FreshPieces(Path(sys.argv[1]), workers=1, most_pieces=50, bars=1) as fresh:
        while fresh.left:
            if fresh.take(wait_s=1.0):
                print("one", flush=True)
"""


def test_renderers_of_a_killed_training_end_after_the_piece_in_hand(tmp_path: Path) -> None:
    (tmp_path / "rendering.py").write_text(RENDERING)
    command = [sys.executable, str(tmp_path / "rendering.py"), str(tmp_path / "data")]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "one\n"
        process.kill()
        process.stdout.read()  # until the last process that could write to it has ended
    assert 1 <= len(list((tmp_path / "data").glob("piece_*.npz"))) <= 4


def test_pieces_that_came_meanwhile_are_not_rendered_again(tmp_path: Path) -> None:
    fresh = FreshPieces(tmp_path, workers=0, most_pieces=2)
    assert fresh.left == 2
    write_pieces(tmp_path, 2)
    with fresh:
        assert fresh.left == 0 and not fresh.jobs


@pytest.mark.soak
def test_everything_is_trained_bundled_and_measured_to_the_very_end(tmp_path: Path) -> None:
    """Signals in the midst of it included: after each, the same command goes on."""
    words = ["all", "--hours", "0.01", "--data", str(tmp_path / "data"), "--runs", str(tmp_path / "runs")]
    words += ["--pieces", "4", "--fresh-workers", "0", "--threads", "2"]
    command = [sys.executable, "-c", CHATTY, *words]
    stops = iter((("flow  ", signal.SIGTERM), ("style  running", signal.SIGTERM), ("evaluate  0%", signal.SIGKILL)))
    status = 3
    while status != 0:
        stop = next(stops, None)
        with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if stop is not None and line.startswith(stop[0]):
                    process.send_signal(stop[1])
                    stop = None
            status = process.wait()
        assert status in (0, 3, -signal.SIGKILL), "".join(said)
    bundle = Bundle.load(tmp_path / "runs" / "bundle")
    assert bundle.manifest["evaluation"]["figures"] and next(stops, None) is None


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
