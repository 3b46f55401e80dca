"""The screen as lines: a status goes in, lines of exactly the terminal's size come out. [any]

Pure. `draw` stacks panels by what a performer needs first: where there is little room the lesser ones are left out,
where there is much they get air.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from legando.realtime.screen.meter import MeterState, clock, rest
from legando.realtime.screen.screenkeys import FOOTER, HELP
from legando.realtime.screen.screenline import BLANK, Line, Run, columns, fit, shorten, spread, width_of
from legando.realtime.screen.screenpanels import (
    bars,
    budget,
    health,
    meters,
    midi,
    model,
    music,
    parts,
    scenes,
)
from legando.realtime.screen.status import KNOBS, Status

WIDE, NARROW, ROOMY = 130, 60, 34
KEYS_WIDTH = 56
MARGIN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is drawn: the last status (None before the first), and what belongs to the screen alone.

    `values` has the controls as they are shown: a key's move shows before the host has confirmed it. `helping` is which
    page of the keys is shown, from 1; 0 is none.
    """

    status: Status | None = None
    waiting: str = ""
    meter: MeterState = field(default_factory=rest)
    values: Mapping[str, float] = field(default_factory=dict)
    chosen: int = 0
    said: Sequence[str] = ()
    asking: bool = False
    helping: int = 0
    now_ns: int = 0
    midi_lit: bool = False
    stale: bool = False


def draw(view: View, width: int, height: int) -> list[Line]:
    """Return `height` lines of `width` cells. [any]"""
    width, height = max(1, width), max(1, height)
    inner = max(1, width - 2 * MARGIN)
    if view.helping:
        body = _help(inner, height - 1, min(view.helping, help_pages(height)))
    elif view.status is None:
        body = _waiting(view, inner, height - 1)
    else:
        body = _playing(view, view.status, inner, height - 1)
    lines = [(Run(" " * MARGIN), *line) for line in body[: height - 1]]
    lines += [BLANK] * (height - 1 - len(lines))
    return [fit(line, width) for line in (_title(view, width), *lines)][:height]


def _title(view: View, width: int) -> Line:
    """The first line: the show, and what must never be missed."""
    if view.asking:
        return fit((Run(" Stop the music?  y: stop   any other key: go on", "alarm"),), width, "alarm")
    status = view.status
    if status is None:
        return fit((Run(" legando", "title"),), width, "title")
    when = (
        f"played {clock(status.played_s)}"
        if status.total_s is None
        else f"{clock(status.total_s - status.played_s)} left"
    )
    right = [Run(f"{when} ", "title")]
    if status.recorded_s is not None:
        right[:0] = [Run(f" ● REC {clock(status.recorded_s)} ", "alarm"), Run("  ", "title")]
    if view.values.get("mute", 0.0) >= 0.5:
        right.insert(0, Run(" MUTED ", "alarm"))
        right.insert(1, Run("  ", "title"))
    if view.values.get("freeze", 0.0) >= 0.5:
        right.insert(0, Run(" FROZEN ", "alarm"))
        right.insert(1, Run("  ", "title"))
    if view.stale:
        right.insert(0, Run(" NO NEWS FROM THE HOST ", "alarm"))
        right.insert(1, Run("  ", "title"))
    left = f"{' legando ' if width >= NARROW else ''} {status.scene_name}"
    if status.coming:
        left += f" ▸ {status.coming}"
    return spread((Run(left, "title"),), right, width, "title")


def _waiting(view: View, width: int, height: int) -> list[Line]:
    lines: list[Line] = [BLANK, (Run(f"{view.waiting} ..." if view.waiting else "starting ...", "strong"),), BLANK]
    room = max(0, height - len(lines) - 1)
    lines += [(Run(sentence, "dim"),) for sentence in view.said[-room:]] if room else []
    return lines


def help_pages(height: int) -> int:
    """Return how many pages of a screen of `height` lines the keys fill. [any]"""
    return 1 if height > len(HELP) else -(-len(HELP) // max(1, height - 2))


def _help(width: int, height: int, page: int = 1) -> list[Line]:
    keys = max(len(key) for key, _ in HELP) + 2
    lines: list[Line] = [(Run("Keys", "head"),)] if height > len(HELP) else []
    pages, rows = help_pages(height + 1), max(1, height - 1)
    shown = HELP if pages == 1 else HELP[(page - 1) * rows : page * rows]
    lines += [fit((Run(f"{key:{keys}}", "strong"), Run(text)), width) for key, text in shown]
    if height > len(lines):
        lines.append((Run("?: more   any other key: back" if page < pages else "any key: back", "dim"),))
    return lines


def _playing(view: View, status: Status, width: int, height: int) -> list[Line]:
    """Everything, from the levels at the top to the keys at the bottom; a tall terminal gets air."""
    footer = _footer(width)
    if height < 20 or width < NARROW:
        return _small(view, status, width, height, footer)
    roomy = height >= ROOMY
    air: list[Line] = [BLANK] if roomy else []
    above = [*air, *meters(view.meter, width, thick=roomy), *air, *music(status, view.now_ns, width)]
    below = [parts(view.values, width), *air, *budget(status, width, roomy=roomy), *air, health(status, width)]
    below += [model(status, width), midi(status, width, lit=view.midi_lit)]
    room = height - len(above) - len(below) - len(footer)
    middle = _middle(view, status, width, room, roomy=roomy)
    left = room - len(middle)
    before: list[Line] = [BLANK] if left >= 1 else []
    after: list[Line] = [BLANK] if left >= 3 else []
    left -= len(before) + len(after)
    news: list[Line] = [(Run(shorten(text, width), "dim"),) for text in view.said[-(left - 2) :]] if left > 2 else []
    if 1 <= left <= 2 and view.said:
        news = [(Run(shorten(view.said[-1], width), "dim"),)]
    elif news:
        news = [BLANK, (Run("Messages", "head"),), *news]
    news += [BLANK] * (left - len(news))
    return [*above, *before, *middle, *after, *below, *news, *footer]


def _middle(view: View, status: Status, width: int, room: int, *, roomy: bool) -> list[Line]:
    """Scenes beside controls, and beside them all keys where there is room."""
    step = 2 if roomy and room >= 2 * len(KNOBS) + 4 else 1
    wanted = max(step * len(KNOBS) + 2 - step, 1 + min(len(status.scenes), 10))
    keys = _help(KEYS_WIDTH, room)[: len(HELP) + 1] if roomy and width >= WIDE and room > len(HELP) + 1 else []
    rows = min(room, max(wanted, len(keys)))
    left = min(46, max(24, width * 3 // 10 if not keys else width // 5))
    right = width - left - 3 - (KEYS_WIDTH + 3 if keys else 0)
    sides = [(scenes(status, left, rows), left), (bars(status, view.values, view.chosen, right, rows, step), right)]
    return columns([*sides, (keys, KEYS_WIDTH)] if keys else sides, 3)


def _small(view: View, status: Status, width: int, height: int, footer: list[Line]) -> list[Line]:
    """What matters most, for a small terminal: levels, the music, then controls, the budget and faults."""
    lines = meters(view.meter, width, thick=False)[:2] + music(status, view.now_ns, width)
    if height - len(lines) < 4:
        return lines[: max(0, height)]
    tail = [parts(view.values, width), *budget(status, width, roomy=False)[:1], health(status, width), *footer[-1:]]
    rows = height - len(lines) - len(tail)
    while rows < 1 and len(tail) > 1:
        del tail[0]
        rows = height - len(lines) - len(tail)
    return [*lines, *bars(status, view.values, view.chosen, width, rows, 1, title=False), *tail]


def _footer(width: int) -> list[Line]:
    """Return the keys that fit on a line, the way to all of them always."""
    shown: list[Run] = []
    must = (Run("?", "strong"), Run(" keys", "dim"))
    for item in FOOTER:
        key, _, what = item.rpartition(" ")
        more = (Run(key, "strong"), Run(f" {what}  ", "dim"))
        if width_of(shown) + width_of(more) + width_of(must) > width:
            break
        shown += more
    return [fit((*shown, *must), width)]
