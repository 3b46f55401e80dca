"""The screen as the host sees it: a display like the plain line, drawn by a process of its own. [control]

| from | holds | meaning |
|---|---|---|
| host | status, said, waiting | what to show, and the sentences since the last one |
| host | end | give the terminal back |
| screen | drawn | the last one is drawn: another may come |
| screen | moves | controls that keys have moved, by name |
| screen | prompt | what the performer has typed |
| screen | record | the performer begins a take, or ends it |
| screen | stop | the performer ends the show |

One JSON object a message. At most one status is under way, so that the host never waits for a terminal: a slow one
gets fewer. A screen that dies or says nothing for `HANG_S` is replaced; after `RESTARTS_MAX` times in a row the plain
line takes over.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from legando.realtime.errors import RigError
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import control_event
from legando.realtime.rigs.controlnames import KEEP, MARKS, SEED_MOVES
from legando.realtime.screen.display import Display
from legando.realtime.screen.meter import FLOOR_DB, Levels
from legando.realtime.screen.status import Status, status_to_plain
from legando.realtime.screen.terminal import Terminal
from legando.realtime.taken import taken

EVERY_NS = 80_000_000
"""Twelve times a second: a beat lamp is seen on time, and a slow machine is not kept busy."""

HANG_S = 5.0
START_S = 30.0
RESTARTS_MAX = 5
PROVEN_S = 10.0
"""A screen that has run for so long counts as good: its failure does not add to those before."""

END_S = 2.0
SAID_MAX = 200
REPEATED_MAX = 1000
_PRESSED = ("panic", "tap", KEEP, *SEED_MOVES, *MARKS)


class Screen(Display):
    """Shows a run on a terminal. The host's thread calls it; a thread of its own hears the process and replaces it.

    What `listen` was given is called on that thread, as for MIDI and OSC: immediate controls act at once.
    """

    def __init__(self, *, in_fd: int | None = None, out_fd: int | None = None) -> None:
        super().__init__()
        self._in = sys.stdin.fileno() if in_fd is None else in_fd
        self._out = sys.stdout.fileno() if out_fd is None else out_fd
        self._terminal_state = Terminal(self._in, self._out)
        self._on_move: Callable[[str, float], None] = lambda name, value: None
        self._on_prompt: Callable[[str], None] = lambda line: None
        self._messages: queue.SimpleQueue[LiveMessage] = queue.SimpleQueue()
        self._news: deque[str] = deque(maxlen=SAID_MAX)  # not told to the screen yet
        self._all: deque[str] = deque(maxlen=REPEATED_MAX)  # said again on the terminal's own page at the end
        self._waiting = ""
        self._peak_db: tuple[float, ...] = ()
        self._sent_ns = 0
        self._drawn = False
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._connection: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._began_ns = 0
        self._record_presses: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.restarts = 0
        self.failed = False
        """Whether the plain line has taken over."""

    @property
    def pid(self) -> int:
        """The process's id; 0 when there is none."""
        return self._process.pid if self._process is not None else 0

    # What the host calls.

    def listen(self, on_move: Callable[[str, float], None], on_prompt: Callable[[str], None]) -> None:
        """Say who is told of the controls that keys move and of the lines that are typed, as soon as that is."""
        self._on_move, self._on_prompt = on_move, on_prompt

    def take_record_pressed(self) -> bool:
        """Say whether the record key was pressed; each press once."""
        with contextlib.suppress(queue.Empty):
            self._record_presses.get_nowait()
            return True
        return False

    def take(self) -> Iterator[LiveMessage]:
        """Yield what keys have moved since the last call, oldest first."""
        return taken(self._messages)

    def say(self, text: str) -> None:
        """Show a sentence; all of them are said again at the end, where the terminal keeps them."""
        if self._reader is None or self.failed:
            super().say(text)
            return
        self._all.append(text)
        self._news.append(text)

    def wait_for(self, text: str) -> None:
        """Start the screen, and show what is waited for until the first status."""
        self._waiting = text
        if self._reader is None and not self.failed:
            self._spawn()
            self._reader = threading.Thread(target=self._read, name="screen", daemon=True)
            self._reader.start()

    def show_live(self, levels: Levels, tell: Callable[[], Status]) -> None:
        """Show where the run is, when it is time and the screen has drawn what it was told before."""
        if self.failed:
            super().show_live(levels, tell)
            return
        before = self._peak_db or (FLOOR_DB,) * len(levels.peak_db)
        self._peak_db = tuple(max(old, new) for old, new in zip(before, levels.peak_db, strict=True))
        now_ns = time.perf_counter_ns()
        if not self._drawn:
            silent_ns = now_ns - (self._sent_ns or self._began_ns)
            hung = silent_ns > (HANG_S if self._sent_ns else START_S) * 1e9
            if hung and self._process is not None and self._terminal_state.takes_output:
                self._process.kill()  # the reader starts another
        elif now_ns - self._sent_ns >= EVERY_NS:
            self._send(replace(tell(), peak_db=self._peak_db))
            self._peak_db = ()

    def end(self) -> None:
        """Give the terminal back; what was said stands on it. Harmless when there is no screen."""
        if self._reader is None:
            super().end()
            return
        self._closing.set()
        with self._lock:
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.send_bytes(b'{"end": true}')
        if self._process is not None:
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._clean_up()
        self._reader.join(END_S)
        if self._connection is not None:
            self._connection.close()
        self._reader, self._process, self._connection = None, None, None
        super().end()
        self._repeat()

    def _repeat(self) -> None:
        """Say on the terminal's own page what the screen has shown."""
        while self._all:
            super().say(self._all.popleft())

    # The process.

    def _spawn(self) -> None:
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "legando.realtime.screen.screenprocess", "--fd", str(theirs.fileno())]
        path = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen(
            command,
            stdin=self._in,
            stdout=self._out,
            stderr=self._out,  # where Textual draws
            pass_fds=[theirs.fileno()],
            env=os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": path, "TEXTUAL_ANIMATIONS": "none"},
        )
        theirs.close()
        with self._lock:
            self._drawn, self._sent_ns = False, 0
            self._connection, self._process = ours, process
        self._began_ns = time.perf_counter_ns()

    def _send(self, status: Status | None) -> None:
        """Tell the screen one thing; it has drawn the last, so that the pipe has room."""
        said: list[str] = []
        with contextlib.suppress(IndexError):
            while True:
                said.append(self._news.popleft())
        plain = {
            "status": status_to_plain(status) if status is not None else None,
            "said": said,
            "waiting": self._waiting,
        }
        with self._lock, contextlib.suppress(OSError):  # a screen that is gone is replaced by the reader
            if self._connection is not None:
                self._drawn, self._sent_ns = False, time.perf_counter_ns()
                self._connection.send_bytes(json.dumps(plain).encode())

    def _read(self) -> None:
        """Hear the process; replace it when it ends. On the reader's thread."""
        while True:
            connection = self._connection
            assert connection is not None
            try:
                while True:
                    self._hear(json.loads(connection.recv_bytes()))
            except (EOFError, OSError, ValueError):
                pass
            if self._closing.wait(0.3):
                return
            assert self._process is not None
            self._process.kill()
            self._process.wait()
            self._clean_up()
            connection.close()
            if time.perf_counter_ns() - self._began_ns > PROVEN_S * 1e9:
                self.restarts = 0
            self.restarts += 1
            if self.restarts > RESTARTS_MAX:
                self.failed = True
                self._all.append("the screen failed too often; going on with a line")
                self._repeat()
                return
            self._news.append("the screen was started anew")
            self._spawn()

    def _clean_up(self) -> None:
        """Make the terminal whole again where the process has not."""
        assert self._process is not None
        if self._process.returncode:
            self._terminal_state.restore()

    def _hear(self, told: dict[str, Any]) -> None:
        if told.get("drawn"):
            with self._lock:
                first, self._drawn = not self._sent_ns, True
            if first:
                self._send(None)
        for name, value in told.get("moves", ()):
            with contextlib.suppress(RigError):
                for at in (value, 0.0) if name in _PRESSED else (value,):
                    live = LiveMessage(time.perf_counter_ns(), control_event(name, at))
                    self._on_move(name, at)
                    self._messages.put(live)
        if "prompt" in told:
            try:
                self._on_prompt(str(told["prompt"]))
            except RigError as error:
                self.say(str(error))
        if told.get("record"):
            self._record_presses.put(None)
        if told.get("stop"):
            self.stop_wanted = True
