"""Distilling: the student's two steps come nearer to the teacher's eight than the teacher's own two."""

from pathlib import Path

import pytest
import torch

from legando.engines.denoiser import Conditions, Denoiser, Layer
from legando.engines.timeline import FEATURES, TICK_WINDOW
from legando.engines.training.networks.checkpoint import CHECKPOINT, trained_s
from legando.engines.training.networks.learner import Learner
from legando.engines.training.networks.progress import read_history
from legando.engines.training.networks.train_distil import (
    TEACHER_STEPS,
    Pairs,
    distances,
    follow,
    is_student_of,
    pasts,
    per_chunk,
    student_loss,
    train,
)
from legando.realtime.controls import STYLE_DIM
from tests.engines.networks import small_denoiser
from tests.engines.tiny_runs import CODEC, DENOISER, train_tiny_codec, train_tiny_flow, write_pieces


def curved_teacher() -> Denoiser:
    """Return a small denoiser whose paths are far from straight: its modulation by time is strong."""
    model = small_denoiser()
    with torch.no_grad():
        to_modulation = model.time[2]
        assert isinstance(to_modulation, torch.nn.Linear)
        to_modulation.weight.mul_(10.0)
        for layer in model.layers:
            assert isinstance(layer, Layer)
            layer.modulation.normal_(std=0.5)
    return model.requires_grad_(False)


def examples(model: Denoiser, batch: int, chunks: int) -> Pairs:
    given = Conditions(
        torch.randn(batch, chunks, 4, FEATURES),
        torch.rand(batch, STYLE_DIM),
        torch.randint(0, 6, (batch, chunks, TICK_WINDOW, 5)),
        torch.rand(batch, chunks, TICK_WINDOW),
    )
    past, noise = torch.randn(batch, chunks, 4, 64), torch.randn(batch, chunks, 4, 64)
    anchored = torch.arange(batch) % 2 == 1
    return Pairs(past, given, anchored, noise, follow(model, past, given, anchored, noise, TEACHER_STEPS))


def test_pasts_of_all_chunks_equal_the_state_of_play() -> None:
    torch.manual_seed(0)
    model = curved_teacher()
    pairs = examples(model, 1, 30)
    with torch.no_grad():
        found = pasts(model, pairs.past, pairs.given, pairs.anchored)
        flat, state = per_chunk(pairs.given), model.initial_state()
        for index in range(30):
            for whole, part in zip(found, state, strict=True):
                torch.testing.assert_close(whole[:, index : index + 1], part, atol=1e-5, rtol=1e-4)
            given = Conditions(*(part[index : index + 1] for part in flat))
            _, state = model.step((pairs.past[:, index], torch.ones(1), given), state)


def test_steps_from_the_pasts_equal_training_with_anchors() -> None:
    torch.manual_seed(0)
    model = curved_teacher()
    pairs = examples(model, 2, 40)
    t = torch.rand(2, 40)
    with torch.no_grad():
        whole = model(pairs.past, pairs.noise, t, pairs.given, pairs.anchored)
        plain = model(pairs.past, pairs.noise, t, pairs.given)
        state = pasts(model, pairs.past, pairs.given, pairs.anchored)
        made = model.step((pairs.noise.flatten(0, 1), t.flatten(), per_chunk(pairs.given)), state)[0]
    torch.testing.assert_close(made.unflatten(0, (2, 40)), whole, atol=1e-5, rtol=1e-4)
    assert torch.equal(whole[0], plain[0]) and not torch.allclose(whole[1], plain[1], atol=1e-4)


def test_student_of_few_steps_learns_where_its_teacher_ends() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    teacher = curved_teacher()
    pairs = examples(teacher, 2, 6)
    student = Denoiser(DENOISER)
    student.load_state_dict(teacher.state_dict())
    learner = Learner(student, rate=1e-3, betas=(0.9, 0.98), decay=0.0)
    for step in range(41):
        learner.take(student_loss(student, pairs, 4 if step % 5 == 4 else 2), step + 200, step / 41)
    before, after = distances(teacher, pairs), distances(student, pairs)
    assert all(after[steps] < share * before[steps] for steps, share in (("1", 0.5), ("2", 0.4), ("4", 1.0))), after


def test_run_logs_its_figures_resumes_and_lets_an_old_student_go(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_pieces(tmp_path / "data", 3)
    train_tiny_codec(tmp_path / "data", tmp_path, 0.2)
    train_tiny_flow(tmp_path / "data", tmp_path, 0.2)
    runs = tmp_path / "codec", tmp_path / "flow", tmp_path / "distil"
    train(tmp_path / "data", *runs, seconds=0.2, config=DENOISER, codec_config=CODEC)
    first = trained_s(runs[2])
    train(tmp_path / "data", *runs, seconds=first + 0.3, config=DENOISER, codec_config=CODEC)
    rows = read_history(runs[2])
    assert {"teacher_2", "student_1", "student_2", "student_4"} <= rows[0].keys()
    steps = rows[-1]["step"]
    assert rows[-1]["elapsed_s"] >= first + 0.3 and steps > rows[0]["step"]
    assert (tmp_path / "distil" / "spectrograms.png").exists() and is_student_of(runs[2], runs[1])
    train_tiny_flow(tmp_path / "data", tmp_path, trained_s(runs[1]) + 0.1)
    assert not is_student_of(runs[2], runs[1])
    train(tmp_path / "data", *runs, seconds=0.01, config=DENOISER, codec_config=CODEC)
    assert "student of an earlier flow; starting afresh" in capfd.readouterr().err
    assert is_student_of(runs[2], runs[1]) and (runs[2] / CHECKPOINT).exists()
    assert read_history(runs[2])[-1]["step"] < steps
