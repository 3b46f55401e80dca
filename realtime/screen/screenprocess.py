"""The interface's process: it owns the terminal while it runs, and nothing that the sound needs. [control]

Started by the host (`screenlink`), at a lower priority than all that plays. When the host ends, so does it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from legando.realtime.screen.screenapp import ScreenApp
from legando.realtime.screen.screenkeys import Move
from legando.realtime.screen.screentheme import theme_of
from legando.realtime.screen.status import status_from_plain

NICENESS = 5


class Interface:
    """Joins the app to the host's connection. Everything runs on the app's loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.app = ScreenApp(
            on_moves=self._moved,
            on_prompt=self._typed,
            on_record=self._record,
            on_stop=self._stop,
            on_start=self._listen,
            theme=theme_of(os.environ),
        )

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._connection.fileno(), self._hear)
        self._tell({"drawn": True})

    def _hear(self) -> None:
        try:
            told: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):  # the host has ended
            asyncio.get_running_loop().remove_reader(self._connection.fileno())
            self.app.exit()
            return
        if told.get("end"):
            self.app.exit()
            return
        self.app.say(told["said"])
        if told["status"] is not None:
            self.app.show(status_from_plain(told["status"]))
        else:
            self.app.wait_for(told["waiting"])
        self.app.call_after_refresh(self._tell, {"drawn": True})

    def _moved(self, moves: tuple[Move, ...]) -> None:
        self._tell({"moves": [[move.control, move.value] for move in moves]})

    def _typed(self, line: str) -> None:
        self._tell({"prompt": line})

    def _record(self) -> None:
        self._tell({"record": True})

    def _stop(self) -> None:
        self._tell({"stop": True})

    def _tell(self, plain: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # a host that has gone is noticed by `_hear`
            self._connection.send_bytes(json.dumps(plain).encode())


def main() -> int:
    """Read the arguments that the host gives, and run until it says so or ends. [control]"""
    parser = argparse.ArgumentParser(description="Show a legando host to its performer (started by it).")
    parser.add_argument("--fd", type=int, required=True)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP):  # for the host, whose end ends this process in order
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    connection = Connection(os.dup(arguments.fd))
    os.close(arguments.fd)
    Interface(connection).app.run(mouse=False)
    connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
