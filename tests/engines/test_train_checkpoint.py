"""Checkpoints: damage is noticed, the one before takes over and is named, a kill loses only the latest steps."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from legando.engines.training.networks.board import Board
from legando.engines.training.networks.checkpoint import (
    CHECKPOINT,
    PREVIOUS,
    read_checkpoint,
    read_newest,
    trained_s,
    write_checkpoint,
)
from legando.engines.training.networks.progress import Run, read_history
from legando.realtime.errors import LegandoError
from tests.engines.tiny_runs import write_pieces

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / '.path'}{os.pathsep}{ROOT}"}


def write_two(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for step in (1, 2):
        tensors = {"model/model/weight": torch.full((64, 3), float(step)), "rng": torch.get_rng_state()}
        write_checkpoint(folder, tensors, {"step": step, "elapsed_s": 10.0 * step, "optimizers": {}})


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "flipped in a tensor":
        content[-100] ^= 1
        path.write_bytes(content)
    elif how == "flipped in the header":
        at = content.index(b"elapsed_s") + 13
        content[at] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["truncated", "empty", "flipped in a tensor", "flipped in the header", "lost"])
def test_previous_checkpoint_takes_over_and_is_named(
    tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    write_two(tmp_path)
    damage(tmp_path / CHECKPOINT, how)
    with pytest.raises(LegandoError, match=CHECKPOINT):
        read_checkpoint(tmp_path / CHECKPOINT)
    found = read_newest(tmp_path)
    assert found is not None and found[1]["step"] == 1 and float(found[0]["model/model/weight"][0, 0]) == 1.0
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and str(tmp_path / CHECKPOINT) in said and str(tmp_path / PREVIOUS) in said


def test_folder_whose_checkpoints_are_all_damaged_is_refused(tmp_path: Path) -> None:
    write_two(tmp_path)
    damage(tmp_path / CHECKPOINT, "truncated")
    damage(tmp_path / PREVIOUS, "flipped in a tensor")
    with pytest.raises(LegandoError, match=rf"{PREVIOUS} is damaged .*; delete it"):
        read_newest(tmp_path)
    assert read_newest(tmp_path / "nothing") is None


def test_checkpoint_of_an_earlier_version_without_digest_is_read(tmp_path: Path) -> None:
    old = '{"format": 1, "step": 7, "elapsed_s": 3.5, "optimizers": {}}'
    save_file({"x": torch.ones(2)}, tmp_path / CHECKPOINT, metadata={"run": old})
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["step"] == 7
    assert trained_s(tmp_path) == 3.5 and trained_s(tmp_path / "nothing") == 0.0


def test_run_of_another_network_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=1, quiet=True)
    run.restore({"model": nn.Linear(2, 2)}, {})
    run.save()
    with pytest.raises(LegandoError, match=r"holds another network .*; give a new folder"):
        Run(tmp_path, steps=1, quiet=True).restore({"model": nn.Linear(3, 2)}, {})


def test_network_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    run = Run(tmp_path, steps=1, quiet=True)
    run.restore({"model": model}, {})
    run.save()
    before = (tmp_path / CHECKPOINT).read_bytes()
    with torch.no_grad():
        model.weight[0, 0] = torch.nan
    with pytest.raises(LegandoError, match=r"model in .* is not finite after step 0"):
        run.save()
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_time_limit_of_a_board_stops_and_saves(tmp_path: Path) -> None:
    with Board(["limited"], minutes=0.2 / 60, quiet=True) as board:
        run = Run(tmp_path / "limited", seconds=1000.0, quiet=True)
        run.restore({"model": nn.Linear(1, 1)}, {})
        for _ in run.steps():
            time.sleep(0.01)
    assert board.stopped and board.rows["limited"].state == "stopped"
    assert 0 < run.step < 100 and trained_s(tmp_path / "limited") == run.elapsed_s


def test_killed_training_goes_on_from_a_sound_checkpoint(tmp_path: Path) -> None:
    """Kill -9 three times at whatever it does, mostly saving, since it saves after each step; nothing is lost."""
    write_pieces(tmp_path / "data", 2)
    words = [sys.executable, "-m", "tests.engines.tiny_runs", str(tmp_path / "data"), str(tmp_path), "1000"]
    folder, steps = tmp_path / "codec", 0
    for number, sent in enumerate((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)):
        with subprocess.Popen(words, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE) as process:
            goal, until = steps + 3, time.monotonic() + 90
            while latest(folder) < goal and process.poll() is None and time.monotonic() < until:
                time.sleep(0.05 + 0.013 * number)
            process.send_signal(sent)
            said = (process.communicate(timeout=90)[1] or b"").decode()
        found = read_newest(folder)
        assert found is not None, said
        steps = int(found[1]["step"])
        assert steps >= goal - 1, said
        assert process.returncode == (0 if sent == signal.SIGTERM else -sent), said
    assert read_history(folder)[-1]["step"] == steps
    assert (folder / "spectrograms.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "curves.png").exists()


def latest(folder: Path) -> int:
    rows = read_history(folder)
    return int(rows[-1]["step"]) if rows else 0
