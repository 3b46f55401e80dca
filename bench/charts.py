"""Charts of a bench: where latency goes, how costs spread, whether chunks came in time. Arrays in, marks out. [any]"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from legando.bench.marks import Marks

WIDTH = 960.0
_LEFT, _RIGHT, _BOTTOM = 64.0, 24.0, 42.0
_BINS = 60
NEAR_MS = 2.0
"""A chunk that came less than so long before it was due shows as near."""


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return round numbers from low to high: steps of 1, 2 or 5 times a power of ten. [any]"""
    raw = max(high - low, 1e-9) / max(count - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def waterfall(parts: Sequence[tuple[str, float, str]]) -> Marks:
    """Draw a sum of latencies, each part from where the one before it ends. parts: name, ms, kind of mark. [any]"""
    row, left = 26.0, 190.0
    total = sum(ms for _, ms, _ in parts)
    marks = Marks(WIDTH, row * (len(parts) + 1) + 56.0, f"parts of the latency, {total:.1f} ms in all")
    right = WIDTH - 110.0
    across = _scale(0.0, max(total, 1e-9), left, right)
    bottom = row * (len(parts) + 1) + 12.0
    for value in ticks(0.0, total, 8):
        marks.line("grid", [(across(value), 6.0), (across(value), bottom)])
        marks.text(across(value), bottom + 16.0, f"{value:g}", anchor="middle")
    marks.text((left + right) / 2, bottom + 36.0, "ms from the move to the sound", anchor="middle")
    at = 0.0
    for index, (name, ms, kind) in enumerate(parts):
        y = 8.0 + row * index
        marks.text(left - 10.0, y + 15.0, name, kind="text", anchor="end")
        marks.rect(
            kind, across(at), y + 3.0, max(across(at + ms) - across(at), 1.5), row - 8.0, hint=f"{name}: {ms:.2f} ms"
        )
        marks.text(across(at + ms) + 6.0, y + 15.0, f"{ms:.1f}" if ms >= 1.0 else f"{ms:.2f}")
        at += ms
    y = 8.0 + row * len(parts)
    marks.text(left - 10.0, y + 15.0, "sum", kind="text", anchor="end")
    marks.rect("bar", across(0.0), y + 3.0, across(total) - across(0.0), row - 8.0, hint=f"{total:.1f} ms")
    marks.text(across(total) + 6.0, y + 15.0, f"{total:.1f} ms", kind="text")
    return marks


def histogram(values: Sequence[float], deadline: float | None, label: str, lines: Mapping[str, float]) -> Marks:
    """Draw how often each value came, on a logarithmic scale so that single outliers show; `lines` are named. [any]"""
    height, top = 330.0, 84.0
    marks = Marks(WIDTH, height, f"histogram of {label}, {len(values)} values")
    low = 0.0 if min(values) >= 0.0 else min(values)
    high = 1.04 * max([*values, deadline or 0.0])
    across = _scale(low, high, _LEFT, WIDTH - _RIGHT)
    counts = [0] * _BINS
    for value in values:
        counts[min(int((value - low) / (high - low) * _BINS), _BINS - 1)] += 1
    most = max(counts)
    decades = max(1, math.ceil(math.log10(most + 1)))
    floor = height - _BOTTOM

    def up(count: float) -> float:
        return floor - (floor - top) * math.log10(count / 0.7) / (decades - math.log10(0.7))

    for decade in range(decades + 1):
        y = up(10.0**decade)
        marks.line("grid", [(_LEFT, y), (WIDTH - _RIGHT, y)])
        marks.text(_LEFT - 8.0, y + 4.0, f"{10**decade}", anchor="end")
    step = (high - low) / _BINS
    for index, count in enumerate(counts):
        if count:
            begin = low + index * step
            late = deadline is not None and begin >= deadline
            x, y = across(begin) + 0.5, up(count)
            hint = f"{begin:.1f} to {begin + step:.1f}: {count}"
            marks.rect("miss" if late else "bar", x, y, across(begin + step) - x - 0.5, floor - y, hint=hint)
    for value in ticks(low, high, 9):
        marks.text(across(value), floor + 16.0, f"{value:g}", anchor="middle")
    marks.text((_LEFT + WIDTH - _RIGHT) / 2, height - 6.0, label, anchor="middle")
    marks.text(8.0, 12.0, "how many (logarithmic)")
    named = sorted([(value, name, "quiet") for name, value in lines.items()])
    if deadline is not None:
        named.append((deadline, "deadline", "deadline"))
    _name_lines(marks, named, across, top, floor)
    return marks


def _name_lines(
    marks: Marks, named: Sequence[tuple[float, str, str]], across: Callable[[float], float], top: float, floor: float
) -> None:
    """Draw upright lines with their names above, on up to four heights, so that neighbours do not overlap."""
    ends = [-1e9] * 4
    for value, name, kind in sorted(named):
        x = across(value)
        words = f"{name} {value:.1f}"
        half = 3.2 * len(words)
        level = next((n for n in range(4) if x - half > ends[n] + 6.0), 3)
        ends[level] = x + half
        marks.line(kind, [(x, top - 4.0), (x, floor)])
        centre = min(max(x, half), WIDTH - half)
        marks.text(centre, top - 8.0 - 14.0 * level, words, kind=kind, anchor="middle")


def timeline(
    at_s: Sequence[float], slack_ms: Sequence[float], steps: Sequence[int], *, lead_ms: float, most_steps: int
) -> Marks:
    """Draw what was left when each chunk came, and with how many steps it was made. [any]

    The upper line is the least slack of each column of the picture, so that a single late chunk is never lost.
    """
    height, top, between = 380.0, 26.0, 262.0
    marks = Marks(WIDTH, height, "slack of each chunk and denoising steps, over time")
    last = max(at_s[-1], 1e-9)
    across = _scale(at_s[0], last, _LEFT, WIDTH - _RIGHT)
    low, high = min([*slack_ms, -1.0]), max([*slack_ms, 1.0])
    margin = 0.06 * (high - low)
    down = _scale(low - margin, high + margin, between, top)
    marks.text(8.0, 14.0, "left when the chunk came (ms); below zero it is late")
    for value in ticks(low, high, 6):
        marks.line("grid", [(_LEFT, down(value)), (WIDTH - _RIGHT, down(value))])
        marks.text(_LEFT - 8.0, down(value) + 4.0, f"{value:g}", anchor="end")
    marks.line("deadline", [(_LEFT, down(0.0)), (WIDTH - _RIGHT, down(0.0))])
    marks.text(WIDTH - _RIGHT, down(0.0) - 5.0, "due", kind="deadline", anchor="end")
    if low < -lead_ms:
        marks.line("deadline", [(_LEFT, down(-lead_ms)), (WIDTH - _RIGHT, down(-lead_ms))])
        marks.text(WIDTH - _RIGHT, down(-lead_ms) - 5.0, "the ring is empty: heard", kind="deadline", anchor="end")
    columns = int(WIDTH - _LEFT - _RIGHT)
    least: dict[int, tuple[float, float]] = {}
    for at, slack in zip(at_s, slack_ms, strict=True):
        column = int(columns * (at - at_s[0]) / last)
        if column not in least or slack < least[column][1]:
            least[column] = (at, slack)
    marks.line("line", [(across(at), down(slack)) for at, slack in least.values()])
    for at, slack in zip(at_s, slack_ms, strict=True):
        if slack < 0.0:
            x, y = across(at), down(slack)
            marks.rect("miss", x - 3.0, y - 3.0, 6.0, 6.0, hint=f"{at:.2f} s: {-slack:.1f} ms late")
    floor = height - _BOTTOM
    marks.text(8.0, between + 18.0, "denoising steps")
    rung = _scale(0.0, float(most_steps), floor, between + 28.0)
    for value in sorted({most_steps, 1, *steps}):
        marks.line("grid", [(_LEFT, rung(value)), (WIDTH - _RIGHT, rung(value))])
        marks.text(_LEFT - 8.0, rung(value) + 4.0, f"{value}", anchor="end")
    corners: list[tuple[float, float]] = []
    for at, count in zip(at_s, steps, strict=True):
        if corners and corners[-1][1] != rung(count):
            corners.append((across(at), corners[-1][1]))
        if not corners or corners[-1][1] != rung(count):
            corners.append((across(at), rung(count)))
    marks.line("step", [*corners, (across(last), corners[-1][1])])
    for value in ticks(at_s[0], last, 10):
        marks.text(across(value), floor + 16.0, f"{value:g}", anchor="middle")
    marks.text((_LEFT + WIDTH - _RIGHT) / 2, height - 6.0, "time (s)", anchor="middle")
    return marks


def heat_strip(at_s: Sequence[float], slack_ms: Sequence[float]) -> Marks:
    """Draw a cell for each chunk, row after row: in time, near, late. Nothing is summed up, so nothing hides. [any]"""
    columns = 150
    rows = -(-len(slack_ms) // columns)
    side = (WIDTH - _LEFT - _RIGHT) / columns
    tall = max(side, 12.0) if rows < 6 else side + 2.0
    marks = Marks(WIDTH, 34.0 + rows * (tall + 3.0) + 34.0, "each chunk: in time, near its due time, late")
    late = sum(slack < 0.0 for slack in slack_ms)
    x = _LEFT
    for kind, words in (("good", "in time"), ("near", f"less than {NEAR_MS:g} ms left"), ("miss", f"late: {late}")):
        marks.rect(kind, x, 8.0, 12.0, 12.0)
        marks.text(x + 18.0, 18.0, words)
        x += 40.0 + 7.0 * len(words)
    for number, (at, slack) in enumerate(zip(at_s, slack_ms, strict=True)):
        row, column = divmod(number, columns)
        kind = "miss" if slack < 0.0 else "near" if slack < NEAR_MS else "good"
        y = 34.0 + row * (tall + 3.0)
        marks.rect(kind, _LEFT + column * side, y, side - 0.8, tall, hint=f"{at:.2f} s: {slack:+.1f} ms")
        if column == 0:
            marks.text(_LEFT - 8.0, y + tall - 2.0, f"{at:.0f} s", anchor="end")
    marks.text(_LEFT, 34.0 + rows * (tall + 3.0) + 16.0, f"one cell is one chunk; a row is {columns} of them")
    return marks


def _scale(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    def place(value: float) -> float:
        return begin + (end - begin) * (value - low) / (high - low)

    return place
