"""The table of what the shipped bundle reaches, as it stands in README: written from the figures in its manifest. [any]

    python -m legando.engines.training.figures.quality_table

prints it; `tests/test_readme.py` fails where README says something else.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from legando.engines.bundle import Bundle

# label, how it is written, names of figures: * stands for how many there were
ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("compute time / audio time, one thread, normal", "{:.2f}", ("rtf",)),
    (
        "beat error over prompts with drums, median / 95 %",
        "{:.1f} / {:.0f} ms",
        ("beat error over * prompts with drums, median", "beat error over * prompts with drums, 95 %"),
    ),
    ("chords heard, takes / renders of their scores", "{:.2f}", ("chords, takes / renders of their scores",)),
    ("held C minor chord heard, take / render", "{:.2f}", ("held C minor, take / render",)),
    (
        "genre recognised from its prompt, top 1 of 16 (ceiling: renders)",
        "{:.2f} ({:.2f})",
        ("genre recognised, top 1 of 16", "genre of renders recognised, the ceiling"),
    ),
    (
        "kernel distance to renders, against halves of renders",
        "{:.1f} x",
        ("kernel distance / that of halves of renders",),
    ),
    ("codec as an ear judges it (zimtohrli, 5 is the same)", "{:.2f}", ("codec opinion score (zimtohrli)",)),
    (
        "chord agreement, codec's reconstructions / originals",
        "{:.2f}",
        ("chords, reconstructions / originals",),
    ),
    ("codec: side level error", "{:.1f} dB", ("codec side level error",)),
    ("loudness, minute 10 against minute 2", "{:.1f} dB", ("loudness, minute 2 to 10",)),
    ("spectral centroid, minute 10 against minute 2, share", "{:.2f}", ("centroid, minute 2 to 10",)),
    ("seam percentile, click / flux", "{:.2f} / {:.2f}", ("seam percentile, click", "seam percentile, flux")),
    ("the same genre throughout, by the tagger", "{:.2f}", ("share of the take in one genre, by the tagger",)),
    (
        "silence, noise or a stuck tone in 200 random prompts",
        "{:.0f}",
        ("failures in 200 random prompts",),
    ),
    (
        "controls of 12 that move their own measure by one deviation",
        "{:.0f}",
        ("controls of 12 that move their own measure",),
    ),
    ("clipped frames in ten minutes", "{:.0f}", ("clipped frames",)),
    ("growth of memory in ten minutes", "{:.0f} MB", ("memory growth over 600 s",)),
)


def quality_table(evaluation: Mapping[str, Any]) -> str:
    """Return the table as Markdown; a figure that is not there reads "not measured". [any]

    `evaluation` is what `legando evaluate --json` prints, as it stands in a manifest.
    """
    figures = {re.sub(r"over \d+ prompts", "over * prompts", row["name"]): row for row in evaluation.get("figures", [])}
    lines = ["| figure | reached | target |", "|---|---|---|"]
    for label, shape, names in ROWS:
        found = [figures.get(name) for name in names]
        values = [row["value"] for row in found if row is not None and row["value"] is not None]
        reached = shape.format(*values) if len(values) == len(names) else "not measured"
        lines.append(f"| {label} | {reached} | {' / '.join(filter(None, map(_target, found)))} |")
    return "\n".join(lines)


def _target(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    if row.get("at_most") is not None:
        return f"at most {row['at_most']:g}"
    return "" if row.get("at_least") is None else f"at least {row['at_least']:g}"


def main() -> int:
    """Print the table of the shipped bundle; returns the exit status. [any]"""
    print(quality_table(Bundle.load().manifest.get("evaluation", {})))
    return 0


if __name__ == "__main__":
    sys.exit(main())
