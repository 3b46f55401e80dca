"""Marks: what a chart is drawn with; the same marks become SVG in the page's colours, and a PNG. [any]

Each mark has a kind that says what it is, not how it looks: the page's style sheet and `INK` give it a colour.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError

INK = {
    "text": "#1c2024",
    "quiet": "#5b6370",
    "grid": "#d9dde3",
    "bar": "#1667b7",
    "bar2": "#7fb0e0",
    "fixed": "#aab4c0",
    "line": "#1667b7",
    "step": "#8a5cc2",
    "deadline": "#b3261e",
    "good": "#d7e8f7",
    "near": "#f2c36b",
    "miss": "#b3261e",
}
"""On paper; the page has its own for a dark stage."""
_PNG_SCALE = 2.0
_DOTS_PER_INCH = 96.0


@dataclass(slots=True)
class Marks:
    """A drawing of a width and a height in pixels, y downwards. `title` is what a reader who cannot see it is told."""

    width: float
    height: float
    title: str
    _items: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)

    def rect(self, kind: str, x: float, y: float, width: float, height: float, *, hint: str = "") -> None:
        """Fill a rectangle; `hint` shows when one points at it."""
        self._items.append(("rect", kind, (x, y, width, height, hint)))

    def line(self, kind: str, points: Sequence[tuple[float, float]]) -> None:
        """Draw a line through points."""
        self._items.append(("line", kind, (list(points),)))

    def text(self, x: float, y: float, words: str, *, kind: str = "quiet", anchor: str = "start") -> None:
        """Write words; `anchor` is start, middle or end."""
        self._items.append(("text", kind, (x, y, words, anchor)))

    def svg(self) -> str:
        """Return an SVG element whose colours are the page's."""
        out = [
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.title)}" '
            f'style="max-width: {self.width:g}px">\n'
        ]
        for shape, kind, given in self._items:
            if shape == "rect":
                x, y, width, height, hint = given
                inside = f"<title>{escape(hint)}</title></rect>" if hint else "</rect>"
                out.append(
                    f'<rect class="fill {kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.0):.1f}" '
                    f'height="{max(height, 0.0):.1f}">{inside}\n'
                )
            elif shape == "line":
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in given[0])
                out.append(f'<polyline class="stroke {kind}" points="{points}"/>\n')
            else:
                x, y, words, anchor = given
                out.append(
                    f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>\n'
                )
        return "".join(out) + "</svg>"

    def png(self, path: Path) -> None:
        """Write a picture of it, on white. Raises LegandoError where matplotlib is missing or the file cannot be."""
        try:
            figures = importlib.import_module("matplotlib.figure")
            patches = importlib.import_module("matplotlib.patches")
        except ModuleNotFoundError as error:
            raise LegandoError("pictures need matplotlib: pip install 'legando[bench]'") from error
        size = (self.width / _DOTS_PER_INCH, self.height / _DOTS_PER_INCH)
        figure = figures.Figure(figsize=size, dpi=_DOTS_PER_INCH * _PNG_SCALE, facecolor="white")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_xlim(0.0, self.width)
        axes.set_ylim(self.height, 0.0)
        axes.axis("off")
        aligned = {"start": "left", "middle": "center", "end": "right"}
        for depth, (shape, kind, given) in enumerate(self._items):
            colour = INK[kind]
            if shape == "rect":
                axes.add_patch(
                    patches.Rectangle(given[:2], given[2], given[3], facecolor=colour, linewidth=0, zorder=depth)
                )
            elif shape == "line":
                xs, ys = zip(*given[0], strict=True)
                axes.plot(
                    xs,
                    ys,
                    color=colour,
                    linewidth=0.7 if kind == "grid" else 1.3,
                    solid_joinstyle="round",
                    zorder=depth,
                )
            else:
                x, y, words, anchor = given
                axes.text(x, y, words, color=colour, fontsize=8.5, ha=aligned[anchor], va="baseline", zorder=depth)
        try:
            figure.savefig(path)
        except OSError as error:
            raise LegandoError(f"{path} cannot be written ({error.strerror}); choose another folder") from error
