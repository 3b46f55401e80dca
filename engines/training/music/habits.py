"""Measure what is usual in each genre from the composer's own pieces: a bundle's `habits.json`. [any]"""

from __future__ import annotations

from typing import Any

import numpy as np

from legando.engines.arranger import RATE_GROUPS, score_rates
from legando.engines.training.music.composer import compose
from legando.engines.training.music.genres import RECIPES
from legando.realtime.controls import GENRE_SLOTS, GENRES

PIECES = 48
FIRST_SEED = 500_000


def measure_habits(pieces: int = PIECES) -> dict[str, dict[str, Any]]:
    """Return the habits of every genre, as `legando.engines.arranger.read_habits` takes them. [any]

    For each of `RATE_GROUPS` a line is fitted over density; pieces where the part is silent by choice do not count.
    """
    out: dict[str, dict[str, Any]] = {}
    for genre in GENRES:
        recipe = RECIPES[genre]
        composed = [compose(FIRST_SEED + index, genre=genre) for index in range(pieces)]
        density = np.array([piece.style[GENRE_SLOTS] for piece in composed]) - 0.5
        rates = np.stack([score_rates(piece.score, piece.bars) for piece in composed]).astype(np.float64)
        rows = {}
        for index, group in enumerate(RATE_GROUPS):
            heard = rates[:, index] > 0.0
            if heard.sum() < max(3, pieces // 4):  # most pieces go without: so does the habit
                rows[group] = (round(float(rates[:, index].mean()), 4), 0.0, 0.0)
                continue
            slope, mean = np.polyfit(density[heard], rates[heard, index], 1)
            spread = (rates[heard, index] - mean - slope * density[heard]).std()
            rows[group] = (round(float(mean), 4), round(max(0.0, float(slope)), 4), round(float(spread), 4))
        out[genre] = {
            "drums_chance": recipe.drums_chance,
            "lead_chance": recipe.lead_chance,
            "risers": recipe.risers,
            "textures": list(recipe.textures),
            "break_textures": list(recipe.break_textures),
            "rates": rows,
        }
    return out
