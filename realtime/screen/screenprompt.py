"""The line in which a performer types a prompt: it lies over the footer, and the screen goes on behind it. [control]"""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.events import Key
from textual.widgets import Input, Static

from legando.realtime.rigs.prompts import LINE_MAX

EXAMPLE = "smoky jazz, or smoky jazz:0.7; dusty lofi:0.3"
HINT = " enter plays  esc leaves "
KEPT_MAX = 100
NARROW, TINY = 60, 24
_PANIC = "!"


class PromptInput(Input):
    """One line of text. It leaves up, down and escape to the bar, and never takes the panic key for a letter."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("up", "recall(-1)", show=False),
        Binding("down", "recall(1)", show=False),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self, *, on_leave: Callable[[], None], on_panic: Callable[[], None]) -> None:
        super().__init__(placeholder=EXAMPLE, compact=True, max_length=LINE_MAX, select_on_focus=False)
        self.cursor_blink = False  # a slow connection carries nothing while nothing happens
        self._on_leave, self._on_panic = on_leave, on_panic
        self._typed: list[str] = []
        self._place = 0

    def keep(self, line: str) -> None:
        """Remember a line that was played."""
        if line not in self._typed[-1:]:
            self._typed = [*self._typed, line][-KEPT_MAX:]

    def begin(self) -> None:
        """Be empty, behind all that was typed before."""
        self.value, self._place = "", len(self._typed)

    def action_recall(self, step: int) -> None:
        """Bring back what was typed before, or after that; beyond the last is an empty line."""
        self._place = min(max(self._place + step, 0), len(self._typed))
        self.value = self._typed[self._place] if self._place < len(self._typed) else ""
        self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        """Play nothing."""
        self._on_leave()

    async def _on_key(self, event: Key) -> None:
        if event.character == _PANIC:
            event.stop()
            event.prevent_default()  # Textual calls the base's after this one, unless it is told not to
            self._on_panic()


class PromptBar(Horizontal):
    """The line with its name and the keys that end it; `open` shows it. `on_line` is told what was typed."""

    DEFAULT_CSS = """
    PromptBar { layer: over; dock: bottom; height: 1; width: 100%; display: none; }
    PromptBar.open { display: block; }
    PromptBar > Static { width: auto; height: 1; }
    PromptBar > PromptInput { width: 1fr; height: 1; }
    PromptBar.narrow > .hint, PromptBar.tiny > .name { display: none; }
    """

    def __init__(self, *, on_line: Callable[[str], None], on_panic: Callable[[], None]) -> None:
        super().__init__()
        self._on_line = on_line
        self._input = PromptInput(on_leave=self.close, on_panic=on_panic)

    def compose(self) -> ComposeResult:
        """Make name, line and hint."""
        yield Static(" Prompt ▸ ", classes="name", markup=False)
        yield self._input
        yield Static(HINT, classes="hint", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether something may be typed."""
        return self.has_class("open")

    def open(self) -> None:
        """Show the empty line, and take the keys."""
        self._input.begin()
        self.on_resize()
        self.add_class("open")
        self._input.focus()

    def close(self) -> None:
        """Give the keys back to the screen."""
        self.remove_class("open")
        self.screen.set_focus(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Play what was typed; an empty line is none."""
        event.stop()
        line = event.value.strip()
        self.close()
        if line:
            self._input.keep(line)
            self._on_line(line)

    def on_resize(self) -> None:
        """Leave hint and name out where the line needs the room."""
        self.set_class(self.app.size.width < NARROW, "narrow")
        self.set_class(self.app.size.width < TINY, "tiny")
