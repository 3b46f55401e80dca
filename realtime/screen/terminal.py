"""The terminal: whether it can show a screen, and how it was before, which a dead interface cannot restore. [control]

Nothing here waits for a terminal: one that stands still (a stalled ssh connection, Ctrl-S) must not hold up the music.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from importlib.util import find_spec
from typing import Any

RESET = (
    "\x1b[?2026l"  # drawing is shown at once
    "\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l"  # no reports of mouse and focus
    "\x1b[?2004l\x1b[?2048l\x1b[<u"  # nor of pastes and sizes; keys as ever
    "\x1b[0m\x1b[?7h\x1b[?1049l\x1b[?25h"  # colours, line wrap, the page before, the cursor
)
_DUMB = ("", "dumb", "unknown")


def why_no_screen() -> str | None:
    """Return why the screen cannot be shown here, as a sentence; None where it can. [control]"""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "the screen needs a terminal for input and output; use --plain"
    if os.environ.get("TERM", "") in _DUMB:
        return "this terminal (TERM) is too simple for the screen; use --plain"
    if "utf" not in (sys.stdout.encoding or "").lower():
        return "the screen needs a terminal that shows Unicode (LANG=C.UTF-8); use --plain"
    if find_spec("textual") is None:
        return "the screen needs textual: pip install textual, or use --plain"
    if os.name != "posix":
        return "the screen needs a POSIX terminal; use --plain"
    if _in_background(sys.stdin.fileno()):
        return "legando runs in the background of this terminal; use --plain"
    return None


def _in_background(descriptor: int) -> bool:
    """Say whether the terminal would stop us for using it; one that is not our session's own stops nobody."""
    try:
        return os.tcgetpgrp(descriptor) != os.getpgrp()
    except OSError:
        return False


def can_take(descriptor: int) -> bool:
    """Say whether a terminal takes more output now, without waiting. [any]"""
    try:
        return bool(select.select([], [descriptor], [], 0)[1])
    except (OSError, ValueError):
        return False


class Terminal:
    """A terminal as it was found. Owned by whoever starts the interface."""

    def __init__(self, in_fd: int, out_fd: int) -> None:
        import termios

        self._in, self._out = in_fd, out_fd
        self._before: list[Any] = termios.tcgetattr(in_fd)

    @property
    def takes_output(self) -> bool:
        """Whether it takes output now."""
        return can_take(self._out)

    def restore(self) -> None:
        """Make it again what it was, whatever an interface that died has left. Harmless when all is well."""
        import termios

        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._in, termios.TCSANOW, self._before)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if self.takes_output:
            with contextlib.suppress(OSError):
                os.write(self._out, RESET.encode())
