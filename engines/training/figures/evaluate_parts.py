"""The parts of an evaluation by name: what each measures, and how much audio it makes. [any]"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from legando.engines.training.figures import evaluate_takes as takes
from legando.engines.training.figures.desk import Desk, Figure

ENERGY = ("energy", "eco")
"""Parts that are measured only when they are asked for: they want a quiet machine."""
DRIFT = "drift"
"""Measured only when it is asked for, too: it plays each prompt for ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: `run` measures it; `seconds` is about how much audio it makes, for the time left."""

    run: Callable[[], list[Figure]]
    seconds: float


# part: function of evaluate_quality, seconds of audio that it makes or reads, seconds when quick
QUALITY = {
    "genre": ("genre_figures", 1800.0, 400.0),
    "realism": ("realism_figures", 60.0, 30.0),
    "chords": ("chord_figures", 200.0, 130.0),
    "beats": ("beat_figures", 60.0, 20.0),
    "failures": ("failure_figures", 1200.0, 48.0),
    "controls": ("control_figures", 3000.0, 400.0),
}
"""What takes of all genres show. The first of them to be measured makes the takes, and the others use them again."""


def parts(desk: Desk, *, quick: bool = False, prompts: Sequence[str] | None = None) -> dict[str, Part]:
    """Return the parts of an evaluation by name; `quick` takes fewer and shorter samples.

    `prompts` are those that the part `DRIFT` plays.
    """
    wanted = takes.DRIFT_PROMPTS if prompts is None else prompts
    drift_s = 180.0 if quick else 600.0

    def quality(name: str) -> Callable[[], list[Figure]]:
        def run() -> list[Figure]:
            from legando.engines.training.figures import evaluate_quality

            figures: list[Figure] = getattr(evaluate_quality, name)(desk, quick=quick)
            return figures

        return run

    def energy() -> list[Figure]:
        from legando.engines.training.figures.energy import energy_figures

        return energy_figures(desk, quick=quick)

    def eco() -> list[Figure]:
        from legando.engines.training.figures.energy_modes import eco_figures

        return eco_figures(desk, quick=quick)

    def part(run: Callable[[], list[Figure]], full_s: float, quick_s: float) -> Part:
        return Part(run=run, seconds=quick_s if quick else full_s)

    return {
        "time": part(lambda: takes.time_figures(desk, 16.0 if quick else 30.0), 90.0, 48.0),
        "held chord": part(lambda: takes.held_chord_figures(desk, 16.0 if quick else 32.0), 60.0, 30.0),
        "codec": part(lambda: takes.codec_figures(desk, 4 if quick else 20), 1200.0, 240.0),
        "codec opinion": part(lambda: takes.opinion_figures(desk, 4 if quick else 16), 960.0, 240.0),
        "prompts": part(lambda: takes.prompt_figures(desk, 12.0 if quick else 20.0), 160.0, 96.0),
        **{name: part(quality(function), *seconds) for name, (function, *seconds) in QUALITY.items()},
        "endless": part(lambda: takes.endless_figures(desk, 180.0 if quick else 600.0), 600.0, 180.0),
        "memory": part(lambda: takes.memory_figures(desk, 60.0 if quick else 600.0), 600.0, 60.0),
        DRIFT: part(lambda: takes.drift_figures(desk, wanted, drift_s), drift_s * len(wanted), drift_s * len(wanted)),
        "energy": part(energy, 160.0, 24.0),
        "eco": part(eco, 640.0, 100.0),
    }
