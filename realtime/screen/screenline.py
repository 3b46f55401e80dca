"""Lines of the screen: runs of text, each with a role that a theme turns into colours. [any]

Pure: a line knows nothing of the terminal, so that every panel is tested as text. Widths are in terminal cells, of
which a Chinese character in a scene's name takes two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Run(NamedTuple):
    """Text in one role: a name of `screentheme.ROLES`."""

    text: str
    role: str = "text"


Line = tuple[Run, ...]
BLANK: Line = ()


def plain(line: Iterable[Run]) -> str:
    """Return the text of a line. [any]"""
    return "".join(run.text for run in line)


def width_of(line: Iterable[Run]) -> int:
    """Return how many cells a line takes. [any]"""
    return sum(cell_len(run.text) for run in line)


def fit(line: Iterable[Run], width: int, fill: str = "text") -> Line:
    """Return a line of exactly `width` cells: cut, with an ellipsis, or filled with blanks. [any]"""
    out: list[Run] = []
    left = max(0, width)
    runs = list(line)
    if width_of(runs) <= left:
        rest = left - width_of(runs)
        return (*runs, Run(" " * rest, fill)) if rest else tuple(runs)
    for run in runs:
        need = cell_len(run.text)
        if need < left:
            out.append(run)
            left -= need
            continue
        if left:
            out.append(Run(set_cell_size(run.text, left - 1) + "…", run.role))
        break
    return tuple(out)


def shorten(text: str, width: int) -> str:
    """Return a text of at most `width` cells, its end cut where it is longer. [any]"""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def spread(left: Iterable[Run], right: Iterable[Run], width: int, fill: str = "text") -> Line:
    """Return a line with one part at each end; where both have no room, the left one is cut. [any]"""
    ending = tuple(right)
    room = width - width_of(ending)
    if room < 1:
        return fit(left, width, fill)
    return fit(fit(left, room, fill) + ending, width, fill)


def bar(share: float, width: int, role: str, track: str = "track") -> Line:
    """Return a bar of `width` cells, filled to `share` in halves of a cell; heavy is filled, light is not. [any]"""
    halves = round(min(max(share, 0.0), 1.0) * width * 2)
    whole, part = divmod(halves, 2)
    filled = "━" * whole + "╸" * part
    return (Run(filled, role), Run("─" * (width - len(filled)), track))


def centred_bar(share: float, width: int, role: str, track: str = "track") -> Line:
    """Return a bar that grows from its middle: `share` 0 is all to the left, 1 all to the right. [any]"""
    middle = width // 2
    end = round(min(max(share, 0.0), 1.0) * (width - 1))
    if abs(share - 0.5) < 1e-6:
        return (Run("─" * middle, track), Run("┃", role), Run("─" * (width - middle - 1), track))
    low, high = min(middle, end), max(middle, end)
    heavy = "┃" + "━" * (high - low) if end >= middle else "━" * (high - low) + "┃"
    return (Run("─" * low, track), Run(heavy, role), Run("─" * (width - high - 1), track))


def stacked(parts: Sequence[tuple[str, float]], total: float, width: int) -> tuple[list[tuple[str, int]], int]:
    """Return how many cells each named part of a stacked bar takes of `width` for `total`, and all of them. [any]

    The ends are rounded, not the parts, so that the parts add up to the sum.
    """
    cells: list[tuple[str, int]] = []
    at, sofar = 0, 0.0
    for name, value in parts:
        sofar += max(0.0, value)
        end = min(width, round(width * sofar / total)) if total > 0 else 0
        cells.append((name, end - at))
        at = end
    return cells, at


def marked(line: Iterable[Run], at: int) -> list[Run]:
    """Return a line of narrow characters with a mark over the cell `at`, on the ground that is there. [any]"""
    out: list[Run] = []
    start = 0
    for run in line:
        inside = at - start
        start += len(run.text)
        if not 0 <= inside < len(run.text):
            out.append(run)
            continue
        role = "strong" if run.role == "track" else run.role
        parts = (run._replace(text=run.text[:inside]), Run("┃", role), run._replace(text=run.text[inside + 1 :]))
        out += [part for part in parts if part.text]
    return out


def columns(parts: Sequence[tuple[Sequence[Line], int]], gap: int) -> list[Line]:
    """Return lists of lines side by side, each as wide as it says, with `gap` blanks between. [any]"""
    height = max(len(lines) for lines, _ in parts)
    out = []
    for row in range(height):
        runs: list[Run] = []
        for lines, width in parts:
            if runs:
                runs.append(Run(" " * gap))
            runs += fit(lines[row] if row < len(lines) else BLANK, width)
        out.append(tuple(runs))
    return out
