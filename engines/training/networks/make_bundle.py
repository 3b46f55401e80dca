"""Gather what the trainings left in their run folders into one bundle. [any]"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from legando.engines.bundle import Bundle
from legando.engines.denoiser import Denoiser
from legando.engines.export import export_bundle
from legando.engines.language_export import load_language
from legando.engines.training.music.habits import measure_habits
from legando.engines.training.networks.progress import read_history
from legando.engines.training.networks.seal import need
from legando.engines.training.networks.train_codec import averaged_codec
from legando.engines.training.networks.train_distil import denoiser_weights, is_student_of
from legando.engines.training.networks.train_style import installed_tokenizer


def make_bundle(runs: Path, out: Path, *, name: str, steps: int | None = None, distil: bool = True) -> Bundle:
    """Export `runs`/{codec, adversarial, flow, distil, language, style} as a bundle in `out`.

    The runs adversarial and distil may lack. The distilled student is taken unless `distil` is false or its teacher is
    not the flow that is there now; `steps` is by default 2 with a student and 4 without.
    """
    adversarial = runs / "adversarial"
    codec = averaged_codec(runs / "codec", adversarial if adversarial.exists() else None)
    denoiser = Denoiser()
    student = distil and (runs / "distil").exists()
    if student and not is_student_of(runs / "distil", runs / "flow"):
        print(f"{runs / 'distil'} is the student of an earlier flow; left out", file=sys.stderr, flush=True)
        student = False
    denoiser.load_state_dict(denoiser_weights(runs / ("distil" if student else "flow")))
    style_head = need(runs / "style" / "style.safetensors", "style")
    language = load_language(need(runs / "language" / "model.safetensors", "language"))
    about: dict[str, Any] = {
        "training": {run.name: _summary(run) for run in sorted(runs.iterdir()) if (run / "history.jsonl").exists()},
        "data": "pieces composed and rendered by legando.engines.training, all from seeds; see NOTICE for the sounds",
        "evaluation": {},
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
            steps=steps or (2 if student else 4),
            about=about,
        )


def _summary(run: Path) -> dict[str, Any]:
    rows = read_history(run)
    last = rows[-1] if rows else {}
    return {"steps": last.get("step", 0), "minutes": round(last.get("elapsed_s", 0.0) / 60, 1), "last": last}
