"""How a command ends: exit statuses; a kill or a closed terminal is as clean a way out as Ctrl-C. [control]

| status | says |
|---|---|
| 0 | all went well |
| 1 | `bench` or `evaluate` measured what should not be |
| 2 | something that the user can mend: one sentence on standard error, nothing half-written |
| 3 | `play`, `serve`: the music went on, but a recording, a journal or `--out` is not whole, however the run ended |
| 129, 130, 143 | stopped: the terminal was closed, Ctrl-C, a polite kill |
| 141 | whoever read the results had seen enough |
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

EXIT_OK, EXIT_USER, EXIT_LOST, EXIT_INTERRUPTED, EXIT_PIPE = 0, 2, 3, 130, 141
_POLITE = (signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else (signal.SIGTERM,)


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end (SIGTERM), or its terminal was closed (SIGHUP)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_of(stop: KeyboardInterrupt) -> int:
    """Return the exit status that says how a command was stopped: 128 and the signal, as shells do. [any]"""
    return 128 + stop.number if isinstance(stop, Terminated) else EXIT_INTERRUPTED


def open_streams() -> None:
    """Make standard streams safe to print to. [control]

    One that was closed (`>&-`) leads nowhere: a file would take its place, and be written to. What a terminal without
    Unicode (`LC_ALL=C`) cannot show is printed as an escape.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def silence_output() -> None:
    """Let what is still to be printed lead nowhere, where nobody takes it; else the interpreter's end complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def of_the_system(error: OSError | UnicodeEncodeError) -> str | None:
    """Return what to tell of an error that any command may meet, wherever it writes; None for all others. [any]"""
    if isinstance(error, UnicodeEncodeError):  # bytes that are no text, or a locale such as C
        text = error.object if len(error.object) < 200 else error.object[error.start : error.end]
        return f"{text!a} cannot be written in {error.encoding}; use other letters or another locale"
    if error.errno == errno.ENOSPC:
        where = f" for {error.filename}" if error.filename else ", or where this is printed"
        return f"no space is left on the disk{where}; free some room there"
    return None


@contextlib.contextmanager
def polite_kill() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated` meanwhile; does nothing outside the main thread. [control]

    A signal that is ignored stays so: `nohup legando serve` outlives its terminal. An ImportError that a library has
    made of a signal becomes the signal again.
    """
    came: list[KeyboardInterrupt] = []

    def end(number: int, _frame: FrameType | None) -> None:
        came.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
        raise came[-1]

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_POLITE)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    except ImportError as error:
        if not came:
            raise
        raise came[-1] from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
