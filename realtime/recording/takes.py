"""Takes: what the performer records with a key while it plays, each into a file of its own. [control]

A take holds what leaves the engine, before the level, from the next chunk on, as FLAC of 24 bits; a crash leaves it
playable (`takefile`). Its comment says what made it and at which frame it began. When the music stops, so does the
take. A take is finished on a thread of its own: the engine must not wait for a disk.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError
from legando.realtime.recording.kept import Kept, kept_sound
from legando.realtime.recording.spool import Spool
from legando.realtime.recording.take import RECORD_CHUNKS
from legando.realtime.recording.takefile import open_take
from legando.realtime.ring import Frames
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ
from legando.realtime.taken import taken


def take_path(folder: Path, now: time.struct_time) -> Path:
    """Return a name for a take that is not there yet: the time, and a number where that is taken. [any]"""
    stem = time.strftime("legando-%Y%m%d-%H%M%S", now)
    names = (stem, *(f"{stem}-{number}" for number in range(2, 100)))
    return next((path for name in names if not (path := folder / f"{name}.flac").exists()), folder / f"{stem}.flac")


class Takes:
    """Owned by the host's thread. State: the take that runs, if one does."""

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self._folder = folder
        self._about = about
        self._news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._ending: list[threading.Thread] = []
        self._spool: Spool[Frames] | None = None
        self._path = folder
        self._frames = 0
        self._ended: list[tuple[Path, Spool[Frames]]] = []

    @property
    def running(self) -> bool:
        """Whether a take runs."""
        return self._spool is not None

    @property
    def seconds(self) -> float | None:
        """How long the take is so far, None where none runs."""
        return self._frames / SAMPLE_RATE_HZ if self._spool is not None else None

    @property
    def kept(self) -> list[Kept]:
        """What each take holds; to be asked once all are closed."""
        return [kept_sound("take", path, spool.failure) for path, spool in self._ended]

    def toggle(self, frame: int) -> None:
        """Begin a take, or end the one that runs; a folder that takes none is said in one sentence."""
        if self._spool is not None:
            self._end()
            return
        self._path, self._frames = take_path(self._folder, time.localtime()), 0
        try:
            store = open_take(
                self._path, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS, about={**self._about, "from_frame": frame}
            )
        except LegandoError as error:
            self._news.put(f"nothing is recorded: {error}")
            return
        self._spool = Spool(store, most=RECORD_CHUNKS)
        self._news.put(f"recording to {self._path}")

    def sound(self, block: Frames) -> None:
        """Keep one chunk: float32 (frames, channels)."""
        if self._spool is None:
            return
        self._spool.put(block.copy())
        self._frames += len(block)
        error = self._spool.take_error()
        if error is not None:
            self._news.put(error)
            self._end()

    def close(self) -> None:
        """End the take that runs, and wait until all are on the disk; harmless when there is none."""
        self._end()
        while self._ending:
            self._ending.pop().join()

    def take_news(self) -> Iterator[str]:
        """Yield what became of takes since the last call, a sentence each."""
        return taken(self._news)

    def _end(self) -> None:
        if self._spool is None:
            return
        spool, path, seconds = self._spool, self._path, self._frames / SAMPLE_RATE_HZ
        self._spool = None
        self._ended.append((path, spool))

        def finish() -> None:
            try:
                spool.close()
            except LegandoError as error:
                self._news.put(str(error))
            self._news.put(f"recorded {seconds:.1f} s to {path}")

        self._ending.append(threading.Thread(target=finish, name=f"finish {path.name}"))
        self._ending[-1].start()
