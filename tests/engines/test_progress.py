"""Training runs: resumed equals uninterrupted, signals save, history and curves are written."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from legando.engines.training.networks.progress import Run, read_history, read_model
from legando.realtime.errors import LegandoError


def train(folder: Path, steps: int, *, interrupt_at: int | None = None) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    model = nn.Linear(4, 4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    run = Run(folder, steps=steps, row_every_steps=5, quiet=True)
    run.restore({"model": model}, {"adam": optimizer})
    for step in run.steps():
        x = torch.randn(8, 4)  # from torch's own generator: its state must be resumed too
        loss = (model(x) - x.flip(1)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss)
        if step == interrupt_at:
            os.kill(os.getpid(), signal.SIGTERM)
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def test_resumed_run_equals_uninterrupted_run(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 40)
    train(tmp_path / "parts", 17)
    resumed = train(tmp_path / "parts", 40)
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)


def test_signal_stops_after_the_step_and_saves(tmp_path: Path) -> None:
    stopped = train(tmp_path, 1000, interrupt_at=7)
    saved = read_model(tmp_path)
    assert all(torch.equal(saved[name], stopped[name]) for name in stopped)
    assert read_history(tmp_path)[-1]["step"] == 8
    assert not (tmp_path / "curves.png").exists()  # whoever stops it waits for the checkpoint alone


def test_history_holds_means_and_curves_are_drawn(tmp_path: Path) -> None:
    train(tmp_path, 20)
    rows = read_history(tmp_path)
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_rows_after_the_checkpoint_are_forgotten_on_resume(tmp_path: Path) -> None:
    train(tmp_path, 10)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write(json.dumps({"step": 15, "elapsed_s": 1.0, "loss": 0.0}) + "\n")
        file.write('{"step": 20, "ela')  # cut short by a crash
    train(tmp_path, 20)
    assert [row["step"] for row in read_history(tmp_path)] == [5, 10, 15, 20]
    assert all(row["loss"] > 0 for row in read_history(tmp_path))


def test_run_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LegandoError, match="seconds or steps"):
        Run(tmp_path)


def test_time_limit_counts_earlier_sessions(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    for limit_s in (0.2, 0.4):
        run = Run(tmp_path, seconds=limit_s, quiet=True)
        run.restore({"model": model}, {})
        for _ in run.steps():
            time.sleep(0.01)
        assert limit_s <= run.elapsed_s < limit_s + 0.15
