"""The parts of an evaluation by name: what each measures, and how much audio it makes. [any]"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from legando.engines.training import evaluate_takes as takes
from legando.engines.training.desk import Desk, Figure

ENERGY = ("energy", "eco")
"""Parts that are measured only when they are asked for: they want a quiet machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: `run` measures it; `seconds` is about how much audio it makes, for the time left."""

    run: Callable[[], list[Figure]]
    seconds: float


def parts(desk: Desk, *, quick: bool = False) -> dict[str, Part]:
    """Return the parts of an evaluation by name; `quick` takes fewer and shorter samples."""

    def energy() -> list[Figure]:
        from legando.engines.training.energy import energy_figures

        return energy_figures(desk, quick=quick)

    def eco() -> list[Figure]:
        from legando.engines.training.energy_modes import eco_figures

        return eco_figures(desk, quick=quick)

    return {
        "time": Part(run=lambda: takes.time_figures(desk, 16.0 if quick else 30.0), seconds=48.0 if quick else 90.0),
        "held chord": Part(run=lambda: takes.held_chord_figures(desk, 16.0 if quick else 32.0), seconds=32.0),
        "codec": Part(run=lambda: takes.codec_figures(desk, 4 if quick else 20), seconds=240.0 if quick else 1200.0),
        "prompts": Part(
            run=lambda: takes.prompt_figures(desk, 12.0 if quick else 20.0), seconds=96.0 if quick else 160.0
        ),
        "endless": Part(
            run=lambda: takes.endless_figures(desk, 180.0 if quick else 600.0), seconds=180.0 if quick else 600.0
        ),
        "memory": Part(
            run=lambda: takes.memory_figures(desk, 60.0 if quick else 600.0), seconds=60.0 if quick else 600.0
        ),
        "energy": Part(run=energy, seconds=60.0 if quick else 160.0),
        "eco": Part(run=eco, seconds=100.0 if quick else 640.0),
    }
