"""How a command ends: exit statuses, and SIGTERM as clean a way out as Ctrl-C. [control]"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

EXIT_OK, EXIT_USER, EXIT_INTERRUPTED, EXIT_PIPE, EXIT_TERMINATED = 0, 2, 130, 141, 143


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end (SIGTERM)."""


def exit_of(stop: KeyboardInterrupt) -> int:
    """Return the exit status that says how a command was stopped. [any]"""
    return EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED


@contextlib.contextmanager
def polite_kill() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` meanwhile; does nothing outside the main thread. [control]"""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
