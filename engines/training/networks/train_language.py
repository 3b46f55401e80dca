"""Train the language model on composed pieces; each crop is composed afresh, so nothing is learnt by heart. [any]"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legando.engines.language import LanguageConfig, LanguageModel
from legando.engines.language_export import save_language
from legando.engines.score import VOCABULARY_SIZES
from legando.engines.training.networks.learner import batch_size, begin, set_rate
from legando.engines.training.networks.progress import Run
from legando.engines.training.networks.score_crops import ScoreBatch, crops, unigram_losses
from legando.engines.training.networks.seal import seal
from legando.realtime.arguments import Parser
from legando.realtime.controls import PARTS

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult

CROP_TICKS = 192
BATCH = 16
PEAK_RATE = 2e-3
MODEL, REPORT = "model.safetensors", "report.json"
WARM_UP_STEPS = 30
VALIDATION_SEED = (1 << 63) + 1
"""Training batches are seeded with their step number, far below."""


def part_losses(model: LanguageModel, batch: ScoreBatch) -> list[Tensor]:
    """Return the cross-entropy of each part, in nats a tick. [any]"""
    logits = model(
        batch.tokens, batch.style, batch.position, batch.held, batch.plan, batch.previous, batch.sounding
    ).float()
    rows = torch.split(logits, list(VOCABULARY_SIZES), dim=-1)
    return [F.cross_entropy(row.flatten(0, 1), batch.tokens[..., part].flatten()) for part, row in enumerate(rows)]


@torch.no_grad()
def validate(model: LanguageModel, batches: int = 3, phrase_bars: int = 8) -> dict[str, float]:
    """Return the mean loss of each part on plain crops of pieces that training never sees. [any]"""
    model.eval()
    sums = [0.0] * len(PARTS)
    for index in range(batches):
        batch = crops(VALIDATION_SEED + index, 2 * BATCH, CROP_TICKS, live=False, phrase_bars=phrase_bars)
        batch = to_device(batch, str(next(model.parameters()).device))
        sums = [total + float(loss) for total, loss in zip(sums, part_losses(model, batch), strict=True)]
    model.train()
    return {part: total / batches for part, total in zip(PARTS, sums, strict=True)}


def to_device(batch: ScoreBatch, device: str) -> ScoreBatch:
    """Move a batch's tensors. [any]"""
    return ScoreBatch(*(getattr(batch, field.name).to(device) for field in fields(batch)))


Request = tuple[int, int, int, int]


def composed(request: Request) -> ScoreBatch:
    """Return the batch of (seed, batch, ticks, phrase_bars). [any]"""
    seed, batch, ticks, phrase_bars = request
    return crops(seed, batch, ticks, phrase_bars=phrase_bars)


class Composers:
    """Batches step by step, composed ahead by other processes if there are any; `close` ends them. [any]"""

    def __init__(self, request: Callable[[int], Request], first_step: int, workers: int) -> None:
        self._request = request
        self._step = first_step
        self._workers = workers
        self._pool = multiprocessing.get_context("spawn").Pool(workers, _begin_worker) if workers > 0 else None
        self._ahead: deque[AsyncResult[ScoreBatch]] = deque()

    def next(self) -> ScoreBatch:
        """Return the next step's batch."""
        if self._pool is None:
            self._step += 1
            return composed(self._request(self._step - 1))
        while len(self._ahead) < 2 * self._workers:
            self._ahead.append(self._pool.apply_async(composed, (self._request(self._step),)))
            self._step += 1
        return self._ahead.popleft().get()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()


def _begin_worker() -> None:
    """Leave signals to the trainer, which ends its workers; compose on one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def train(
    folder: Path,
    *,
    seconds: float | None = None,
    steps: int | None = None,
    config: LanguageConfig | None = None,
    batch: int = BATCH,
    ticks: int = CROP_TICKS,
    peak_rate: float = PEAK_RATE,
    validate_every: int = 250,
    seed: int = 1,
    quiet: bool = False,
    threads: int | None = None,
    device: str = "cpu",
    workers: int = 0,
) -> LanguageModel:
    """Train, or go on training, in a run folder; write `model.safetensors` and `report.json` at the end. [any]

    When it is stopped, the model is written and not judged.

    `report.json` holds the validation loss of each part in nats a tick beside the unigram baseline. `workers` processes
    compose ahead; the batches are the same without.
    """
    begin(seed=seed, threads=threads or torch.get_num_threads(), device=device)
    batch = batch_size(batch, device)
    model = LanguageModel(config).to(device)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=peak_rate, betas=(0.9, 0.98))
    run = Run(folder, seconds=seconds, steps=steps, quiet=quiet)
    run.restore({"model": model}, {"adam": optimizer})
    phrase_bars = model.config.phrase_bars
    ahead = Composers(lambda step: ((seed << 40) + step, batch, ticks, phrase_bars), run.step, workers)
    with closing(ahead):
        for step in run.steps():
            set_rate(optimizer, peak_rate, run.fraction, step, floor=0.02, warm_up=WARM_UP_STEPS)
            data = to_device(ahead.next(), device)
            with torch.autocast(device.split(":")[0], torch.bfloat16):
                losses = part_losses(model, data)
            loss = torch.stack(losses).sum()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            run.log(loss=loss, **dict(zip(PARTS, losses, strict=True)))
            if (step + 1) % validate_every == 0:
                run.log(**{f"val_{part}": value for part, value in validate(model, 1, phrase_bars).items()})
    model.cpu().eval()
    save_language(model, folder / MODEL)
    seal(folder / MODEL)
    if run.stopping:  # at once: whoever goes on will judge it
        (folder / REPORT).unlink(missing_ok=True)
        return model
    validation = validate(model, 3, phrase_bars)
    report = {
        "steps": run.step,
        "seconds": round(run.elapsed_s, 1),
        "ticks_seen": run.step * batch * ticks,
        "parameters": sum(p.numel() for p in model.parameters()),
        "validation_nats": {part: round(value, 4) for part, value in validation.items()},
        "unigram_nats": dict(zip(PARTS, (round(v, 4) for v in unigram_losses()), strict=True)),
    }
    (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n")
    return model.eval()


def main(argv: Sequence[str] | None = None) -> int:
    """Run `legando train language`; returns the exit status. [any]"""
    parser = Parser(prog="legando train language", description="Train, or go on training.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--minutes", type=float, default=15.0, help="training time in all (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--workers", type=int, default=0, help="processes that compose ahead (default: 0)")
    options = parser.parse_args(argv)
    folder = options.runs / "language"
    train(
        folder,
        seconds=options.minutes * 60.0,
        threads=options.threads,
        device=options.device,
        workers=options.workers,
    )
    if (folder / REPORT).exists():
        print((folder / REPORT).read_text(), end="")
    return 0
