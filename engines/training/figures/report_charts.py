"""Charts of a report as HTML: lines as inline SVG, matrices as tables; they take the page's colours. [any]"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 10, 26, 40
_TICKS = 5


def nice_ticks(low: float, high: float, count: int = _TICKS) -> list[float]:
    """Return round numbers that span low to high: steps of 1, 2 or 5 times a power of ten. [any]"""
    high = max(high, low + 0.05 * max(abs(low), 1.0))  # a flat line has room around it
    raw = (high - low) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [index * step for index in range(first, last + 1)]


def line_chart(
    xs: Sequence[float], ys: Sequence[float], title: str, x_label: str, *, band: tuple[float, float] | None = None
) -> str:
    """Draw one line with labelled axes; `band` shades the values that are allowed. [any]"""
    shown = [*ys, *(band or ())]
    y_ticks = nice_ticks(min(shown), max(shown))
    x_ticks = nice_ticks(0.0, max(xs), 6)
    low, high, last = y_ticks[0], y_ticks[-1], x_ticks[-1]

    def across(x: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / last

    def down(y: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - y) / (high - low)

    floor = _HEIGHT - _BOTTOM
    out = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} over {escape(x_label)}">\n'
        f'<text class="title" x="{_LEFT}" y="16">{escape(title)}</text>\n'
    ]
    if band is not None:
        top = down(min(band[1], high))
        height = down(max(band[0], low)) - top
        out.append(
            f'<rect class="band" x="{_LEFT}" y="{top:.1f}" width="{_WIDTH - _LEFT - _RIGHT}" height="{height:.1f}"/>\n'
        )
    for y in y_ticks:
        out.append(
            f'<line class="grid" x1="{_LEFT}" y1="{down(y):.1f}" x2="{_WIDTH - _RIGHT}" y2="{down(y):.1f}"/>\n'
            f'<text class="tick" x="{_LEFT - 6}" y="{down(y) + 4:.1f}" text-anchor="end">{y:,.4g}</text>\n'
        )
    for x in x_ticks:
        out.append(f'<text class="tick" x="{across(x):.1f}" y="{floor + 16}" text-anchor="middle">{x:g}</text>\n')
    points = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in zip(xs, ys, strict=True))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    out.append(
        f'<polyline class="line" points="{points}"/>\n'
        f'<text class="tick" x="{middle:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>\n</svg>'
    )
    return "".join(out)


def effect_table(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """Return a matrix as a table: the stronger the colour, the further a measure moved; two colours for two ways. [any]

    The number is in every cell, so that nothing depends on colour.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    out = [f'<div class="wide">\n<table class="effects">\n<thead>\n<tr><td></td>{head}</tr>\n</thead>\n<tbody>\n']
    for name, line in zip(rows, values, strict=True):
        cells = "".join(_cell(value) for value in line)
        out.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>\n')
    return "".join(out) + "</tbody>\n</table>\n</div>\n"


def _cell(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "<td>none</td>"
    kind = "up" if value >= 0 else "down"
    share = min(abs(value) / 2.0, 1.0)
    return f'<td class="{kind}" style="--share: {share:.2f}">{value:+.1f}</td>'
