"""Keeping: what plays becomes a scene of the rig file, when the performer presses `keep`. [control]

The scene is there at once; a thread of its own writes the file in one step, comments and order untouched. Who plays
the shipped rig gets a copy of it, `rig.toml`, in the folder where legando was started, as with `legando learn`.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from legando.realtime.closing import Closing
from legando.realtime.errors import RigError
from legando.realtime.rigs.rig import rig_text
from legando.realtime.rigs.rigedit import OWN_RIG, own_rig_text, save_rig, scene_in
from legando.realtime.rigs.scene import Scene
from legando.realtime.taken import taken


class Keeper(Closing):
    """Writes scenes to one rig file, one after the other; `keep` and `take_news` are for the host's thread."""

    def __init__(self, file: Path | None) -> None:
        """`file` is None where the shipped rig plays."""
        self._file = file if file is not None else OWN_RIG.resolve()
        self._shipped = file is None
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._writer = ThreadPoolExecutor(1, "keeper")

    def keep(self, scene: Scene) -> None:
        """Have a scene written."""
        self._writer.submit(self._write, scene)

    def say(self, sentence: str) -> None:
        """Have a sentence said when the host has time for it. [any]"""
        self._news.put(sentence)

    def take_news(self) -> Iterator[str]:
        """Yield what the performer should know, a sentence each."""
        return taken(self._news)

    def close(self) -> None:
        """Wait until all is written; harmless twice."""
        self._writer.shutdown()

    def _write(self, scene: Scene) -> None:
        try:
            new = not self._file.exists()
            text, name = scene_in(own_rig_text() if new else rig_text(self._file), scene)
            save_rig(self._file, text)
        except (RigError, OSError) as error:
            self.say(f"{scene.name!r} is not kept: {error}")
            return
        hint = f"; play it with --rig {self._file.name}" if self._shipped else ""
        self.say(f"{name!r} is kept in {self._file}{hint}")
