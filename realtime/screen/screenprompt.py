"""The line in which a performer types a prompt: it lies over the footer, and the screen goes on behind it. [control]

The app hands it each key as it comes. Were it to take them by itself, those that come before it has the focus, over a
slow connection that brings many at once, would mute parts.
"""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from legando.realtime.rigs.prompts import LINE_MAX

EXAMPLE = "smoky jazz, or smoky jazz:0.7; dusty lofi:0.3"
HINT = " enter plays  esc leaves "
KEPT_MAX = 100
NARROW, TINY = 60, 24


class PromptInput(Input):
    """One line of text that is edited by its actions alone, and what was typed before."""

    def __init__(self) -> None:
        super().__init__(placeholder=EXAMPLE, compact=True, max_length=LINE_MAX)
        self.can_focus = False
        self.cursor_blink = False  # a slow connection carries nothing while nothing happens
        self._typed: list[str] = []
        self._place = 0
        self._edits: dict[str, Callable[[], None]] = {
            "left": self.action_cursor_left,
            "right": self.action_cursor_right,
            "ctrl+left": self.action_cursor_left_word,
            "ctrl+right": self.action_cursor_right_word,
            "home": self.action_home,
            "ctrl+a": self.action_home,
            "end": self.action_end,
            "ctrl+e": self.action_end,
            "backspace": self.action_delete_left,
            "delete": self.action_delete_right,
            "ctrl+d": self.action_delete_right,
            "ctrl+w": self.action_delete_left_word,
            "ctrl+u": self.action_delete_left_all,
            "ctrl+k": self.action_delete_right_all,
            "up": lambda: self._recall(-1),
            "down": lambda: self._recall(1),
        }

    def begin(self) -> None:
        """Be empty, behind all that was typed before, and show the cursor."""
        self.value, self._place, self.has_focus = "", len(self._typed), True

    def keep(self, line: str) -> None:
        """Remember a line that was played."""
        if line not in self._typed[-1:]:
            self._typed = [*self._typed, line][-KEPT_MAX:]

    def edit(self, key: str, character: str | None) -> None:
        """Do what a key says; any that is printed is added to the text."""
        if key in self._edits:
            self._edits[key]()
        elif character is not None and character.isprintable():
            self.insert_text_at_cursor(character)

    def _recall(self, step: int) -> None:
        """Bring back what was typed before, or after that; beyond the last is an empty line."""
        self._place = min(max(self._place + step, 0), len(self._typed))
        self.value = self._typed[self._place] if self._place < len(self._typed) else ""
        self.cursor_position = len(self.value)


class PromptBar(Horizontal):
    """The line with its name and the keys that end it; `open` shows it. `on_line` is told what was typed."""

    DEFAULT_CSS = """
    PromptBar { layer: over; dock: bottom; height: 1; width: 100%; display: none; }
    PromptBar.open { display: block; }
    PromptBar > Static { width: auto; height: 1; }
    PromptBar > PromptInput { width: 1fr; height: 1; }
    PromptBar.narrow > .hint, PromptBar.tiny > .name { display: none; }
    """

    def __init__(self, *, on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._on_line = on_line
        self._input = PromptInput()
        self.is_open = False
        """Whether the keys are for this line."""

    def compose(self) -> ComposeResult:
        """Make name, line and hint."""
        yield Static(" Prompt ▸ ", classes="name", markup=False)
        yield self._input
        yield Static(HINT, classes="hint", markup=False)

    def open(self) -> None:
        """Show the empty line."""
        self.is_open = True
        self._input.begin()
        self.on_resize()
        self.add_class("open")

    def key(self, key: str, character: str | None) -> None:
        """Take a key: enter plays what was typed, escape plays nothing, any other edits."""
        if key not in ("enter", "escape"):
            self._input.edit(key, character)
            return
        self.is_open = False
        self.remove_class("open")
        line = self._input.value.strip()
        if key == "enter" and line:
            self._input.keep(line)
            self._on_line(line)

    def paste(self, text: str) -> None:
        """Take the first line of a text that comes at once."""
        first = text.strip().partition("\n")[0]
        self._input.insert_text_at_cursor("".join(letter if letter.isprintable() else " " for letter in first))

    def on_resize(self) -> None:
        """Leave hint and name out where the line needs the room."""
        self.set_class(self.app.size.width < NARROW, "narrow")
        self.set_class(self.app.size.width < TINY, "tiny")
