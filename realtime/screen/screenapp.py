"""The interface as a Textual app: one widget that draws lines, keys that become moves, a line to type in. [control]

It knows nothing of processes: statuses come in through `show`, moves and prompts go out through callables. Only lines
that have changed are drawn again, so that a slow connection carries little and nothing flickers.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import Key, Paste, Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from legando.realtime.screen.meter import Levels, rest, step_meter
from legando.realtime.screen.screenkeys import PANIC, Move, moves_of
from legando.realtime.screen.screenline import Line
from legando.realtime.screen.screenprompt import PromptBar
from legando.realtime.screen.screentheme import GROUNDS, prompt_css, styles
from legando.realtime.screen.screenview import View, draw, help_pages
from legando.realtime.screen.status import KNOBS, Status

OWN_NS = 600_000_000
"""How long a key's move is shown although the host has not confirmed it."""
LIT_NS = 150_000_000
STALE_NS = 2_000_000_000
SAID_MAX = 100
IDLE_S = 0.5


class Canvas(Widget):
    """Lines of the terminal's size; `show` draws those that differ from what is there."""

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self.styles_by_role = styles("dark")

    def show(self, lines: list[Line]) -> None:
        """Draw these lines."""
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.refresh()
            return
        changed = [row for row, (old, new) in enumerate(zip(before, lines, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, row, self.size.width, 1) for row in changed))

    def render_line(self, y: int) -> Strip:
        """Return one line for the terminal."""
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self.styles_by_role["text"])
        return Strip([Segment(run.text, self.styles_by_role[run.role]) for run in self._lines[y]])


class ScreenApp(App[None]):
    """The screen of one show. `on_moves` is told what keys move, `on_prompt` what is typed; recording and stopping are
    the host's, too.
    """

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    CSS = "Screen { layers: base over; } Canvas { layer: base; }" + prompt_css()
    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("ctrl+c", "stop", show=False, priority=True),
        Binding("ctrl+q", "stop", show=False, priority=True),
    ]

    def __init__(
        self,
        *,
        on_moves: Callable[[tuple[Move, ...]], None],
        on_prompt: Callable[[str], None],
        on_record: Callable[[], None],
        on_stop: Callable[[], None],
        on_start: Callable[[], None] | None = None,
        theme: str = "dark",
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._on_moves, self._on_record = on_moves, on_record
        self._prompt = PromptBar(on_line=on_prompt)
        self._on_stop, self._on_start = on_stop, on_start
        self._theme = theme
        self._status: Status | None = None
        self._waiting = ""
        self._said: deque[str] = deque(maxlen=SAID_MAX)
        self._meter = rest()
        self._stepped_ns = self._heard_ns = clock()
        self._midi_ns, self._midi_count = 0, 0
        self._own: dict[str, tuple[float, int]] = {}
        self._chosen = 0
        self._asking, self._helping = False, 0

    def compose(self) -> ComposeResult:
        """Make the one widget, and the line over it."""
        yield Canvas()
        yield self._prompt

    def on_mount(self) -> None:
        """Draw for the first time; from then on whenever something comes, and now and then by itself."""
        self._canvas = self.query_one(Canvas)
        self._paint_ground()
        self._redraw()
        self.set_interval(IDLE_S, self._redraw)
        if self._on_start is not None:
            self._on_start()

    def _paint_ground(self) -> None:
        self._canvas.styles_by_role = styles(self._theme)
        self.screen.styles.background = GROUNDS[self._theme]
        self._canvas.styles.background = GROUNDS[self._theme]
        self._prompt.set_class(self._theme == "light", "light")
        self._canvas.refresh()

    # From the host.

    def wait_for(self, text: str) -> None:
        """Say what is waited for, until the first status."""
        self._waiting = text
        self._redraw()

    def say(self, sentences: list[str]) -> None:
        """Add to what has been said."""
        self._said.extend(sentences)

    def show(self, status: Status) -> None:
        """Show where the run is."""
        now_ns = self._clock()
        if status.peak_db:
            levels = Levels(peak_db=status.peak_db, rms_db=status.peak_db)
            if len(status.peak_db) != len(self._meter.peak_db):
                self._meter = rest(len(status.peak_db))
            self._meter = step_meter(levels, self._meter, now_ns - self._stepped_ns)
        if status.midi_count != self._midi_count:
            self._midi_count, self._midi_ns = status.midi_count, now_ns
        self._stepped_ns = self._heard_ns = now_ns
        self._status = status
        self._redraw()

    # To the terminal.

    def _values(self) -> dict[str, float]:
        """Return what controls are set to, with the keys' own moves ahead of the host's answer."""
        now_ns = self._clock()
        self._own = {name: own for name, own in self._own.items() if now_ns - own[1] < OWN_NS}
        told = dict(self._status.values) if self._status is not None else {}
        return told | {name: value for name, (value, _) in self._own.items()}

    def _redraw(self) -> None:
        now_ns = self._clock()
        view = View(
            status=self._status,
            waiting=self._waiting,
            meter=self._meter,
            values=self._values(),
            chosen=self._chosen,
            said=tuple(self._said),
            asking=self._asking,
            helping=self._helping,
            now_ns=now_ns,
            midi_lit=now_ns - self._midi_ns < LIT_NS,
            stale=self._status is not None and now_ns - self._heard_ns > STALE_NS,
        )
        self._canvas.show(draw(view, self.size.width, self.size.height))

    def on_resize(self, _: Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self._redraw)

    # From the keys.

    def action_stop(self) -> None:
        """End the show at once."""
        self._on_stop()

    def on_key(self, event: Key) -> None:
        """Do what a key says."""
        event.stop()
        if event.key == PANIC:  # at any moment; no prompt needs it
            if self._status is not None:
                self._move(moves_of(event.key, self._status, self._chosen, self._values()))
        elif self._prompt.is_open:
            self._prompt.key(event.key, event.character)
        elif self._asking:
            self._asking = False
            if event.key in ("y", "Y"):
                self._on_stop()
        elif self._helping:
            more = event.key == "question_mark" and self._helping < help_pages(self.size.height)
            self._helping = self._helping + 1 if more else 0
        elif event.key in ("question_mark", "h", "f1"):
            self._helping = 1
        elif event.key == "p" and self._status is not None:
            self._prompt.open()
        elif event.key == "q":
            self._asking = True
        elif event.key in ("up", "down"):
            self._chosen = (self._chosen + (1 if event.key == "down" else -1)) % len(KNOBS)
        elif event.key == "v":
            self._theme = "light" if self._theme == "dark" else "dark"
            self._paint_ground()
        elif event.key == "r":
            self._on_record()
        elif event.key == "z":
            self._meter = rest(len(self._meter.peak_db))
        elif self._status is not None:
            self._move(moves_of(event.key, self._status, self._chosen, self._values()))
        self._redraw()

    def on_paste(self, event: Paste) -> None:
        """Type what is pasted, where something may be typed."""
        if self._prompt.is_open:
            self._prompt.paste(event.text)

    def _move(self, moves: tuple[Move, ...]) -> None:
        now_ns = self._clock()
        for move in moves:
            if not move.control.startswith(("scene.", "section")):
                self._own[move.control] = (move.value, now_ns)
        if moves:
            self._on_moves(moves)
