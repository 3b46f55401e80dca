"""Gather what the trainings left in their run folders into one bundle. [any]"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from legando.engines.bundle import Bundle
from legando.engines.codec import Codec
from legando.engines.denoiser import Denoiser
from legando.engines.export import export_bundle
from legando.engines.language_export import load_language
from legando.engines.training.habits import measure_habits
from legando.engines.training.progress import read_history, read_model
from legando.engines.training.train_codec import averaged
from legando.engines.training.train_style import installed_tokenizer
from legando.realtime.errors import LegandoError


def make_bundle(runs: Path, out: Path, *, name: str, steps: int, figures: Path | None = None) -> Bundle:
    """Export `runs`/{codec, adversarial, flow, language, style} as a bundle in `out`; the adversarial run may lack."""
    adversarial = runs / "adversarial"
    codec = Codec()
    codec.load_state_dict(averaged(runs / "codec", adversarial if adversarial.exists() else None))
    denoiser = Denoiser()
    weights = read_model(runs / "flow", "denoiser")
    average = {key.replace("/", "."): value for key, value in read_model(runs / "flow", "average").items()}
    denoiser.load_state_dict({**weights, **average})
    style_head = _need(runs / "style" / "style.safetensors", "style")
    language = load_language(_need(runs / "language" / "model.safetensors", "language"))
    about: dict[str, Any] = {
        "training": {run.name: _summary(run) for run in sorted(runs.iterdir()) if (run / "history.jsonl").exists()},
        "data": "pieces composed and rendered by legando.engines.training, all from seeds; see NOTICE for the sounds",
        "evaluation": json.loads(figures.read_text()) if figures is not None else {},
    }
    with torch.no_grad():
        return export_bundle(
            out,
            codec=codec,
            denoiser=denoiser,
            language=language,
            style_head=style_head,
            tokenizer=installed_tokenizer(),
            habits=measure_habits(),
            name=name,
            steps=steps,
            about=about,
        )


def _need(path: Path, step: str) -> Path:
    if not path.is_file():
        raise LegandoError(f"{path} is missing; run `legando train {step}` first")
    return path


def _summary(run: Path) -> dict[str, Any]:
    rows = read_history(run)
    last = rows[-1] if rows else {}
    return {"steps": last.get("step", 0), "minutes": round(last.get("elapsed_s", 0.0) / 60, 1), "last": last}
