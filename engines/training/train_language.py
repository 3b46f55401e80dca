"""Train the language model on composed pieces; each crop is composed afresh, so nothing is learnt by heart. [any]"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from legando.engines.language import LanguageConfig, LanguageModel
from legando.engines.language_export import save_language
from legando.engines.score import VOCABULARY_SIZES
from legando.engines.training.progress import Run
from legando.engines.training.score_crops import ScoreBatch, crops, unigram_losses
from legando.realtime.arguments import Parser
from legando.realtime.controls import PARTS

CROP_TICKS = 192
BATCH = 16
PEAK_RATE = 2e-3
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
        sums = [total + float(loss) for total, loss in zip(sums, part_losses(model, batch), strict=True)]
    model.train()
    return {part: total / batches for part, total in zip(PARTS, sums, strict=True)}


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
) -> LanguageModel:
    """Train, or go on training, in a run folder; write `model.safetensors` and `report.json` at the end. [any]

    `report.json` holds the validation loss of each part in nats a tick beside the unigram baseline.
    """
    torch.manual_seed(seed)
    model = LanguageModel(config)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    plain = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=peak_rate, betas=(0.9, 0.98))
    run = Run(folder, seconds=seconds, steps=steps, quiet=quiet)
    run.restore({"model": model}, {"adam": optimizer})
    phrase_bars = model.config.phrase_bars
    for step in run.steps():
        cosine = 0.5 * (1.0 + math.cos(math.pi * run.fraction))
        for group in optimizer.param_groups:
            group["lr"] = peak_rate * min(1.0, (step + 1) / WARM_UP_STEPS) * (0.02 + 0.98 * cosine)
        data = crops((seed << 40) + step, batch, ticks, phrase_bars=phrase_bars)
        with torch.autocast("cpu", torch.bfloat16):
            losses = part_losses(model, data)
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        run.log(loss=loss, **dict(zip(PARTS, losses, strict=True)))
        if (step + 1) % validate_every == 0:
            run.log(**{f"val_{part}": value for part, value in validate(model, 1, phrase_bars).items()})
    model.eval()
    save_language(model, folder / "model.safetensors")
    validation = validate(model, 3, phrase_bars)
    report = {
        "steps": run.step,
        "seconds": round(run.elapsed_s, 1),
        "ticks_seen": run.step * batch * ticks,
        "parameters": sum(p.numel() for p in model.parameters()),
        "validation_nats": {part: round(value, 4) for part, value in validation.items()},
        "unigram_nats": dict(zip(PARTS, (round(v, 4) for v in unigram_losses()), strict=True)),
    }
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return model.eval()


def main(argv: Sequence[str] | None = None) -> int:
    """Run `legando train language`; returns the exit status. [any]"""
    parser = Parser(prog="legando train language", description="Train, or go on training.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--minutes", type=float, default=15.0, help="training time in all (default: 15)")
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    folder = options.runs / "language"
    train(folder, seconds=options.minutes * 60.0)
    print((folder / "report.json").read_text(), end="")
    return 0
