"""Spool: a thread that writes to a disk, so that nobody who makes sound waits for one. [control]

What is put is written in order; about each second, and at the end, what was written is made safe (`sync`). A disk that
fails or stands still for too long ends the spool, and only that: `error` then has the sentence, and nothing more is
kept.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Generic, Protocol, TypeVar

from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import reason_of

SYNC_S = 1.0
T_contra = TypeVar("T_contra", contravariant=True)


class Store(Protocol[T_contra]):
    """What a spool writes to; every call comes from its thread, and OSError says why one failed."""

    name: str

    def write(self, item: T_contra) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Spool(Generic[T_contra]):
    """Owns a store. `put` never blocks; `most` items may wait."""

    def __init__(self, store: Store[T_contra], *, most: int = 4096) -> None:
        self._store = store
        self._items: queue.Queue[T_contra | None] = queue.Queue(most + 1)
        self._most = most
        self._error: str | None = None
        self._told = False
        self._thread = threading.Thread(target=self._run, name=f"spool {store.name}", daemon=True)
        self._thread.start()

    def put(self, item: T_contra) -> None:
        """Hand over one item, which nobody changes any more."""
        if self._error is None and self._items.qsize() >= self._most:
            self._error = f"{self._store.name} cannot be written fast enough; what came until now is kept"
        if self._error is None:
            self._items.put_nowait(item)

    @property
    def failure(self) -> str | None:
        """Why not all is kept; None while it is."""
        return self._error

    def take_error(self) -> str | None:
        """Return why nothing more is kept, once."""
        if self._error is None or self._told:
            return None
        self._told = True
        return self._error

    def finish(self) -> None:
        """Write what waits, make it safe, close the store; harmless twice. A disk that fails is told by `failure`."""
        if self._thread.is_alive():
            self._items.put(None)
            self._thread.join()

    def close(self) -> None:
        """Finish. Raises LegandoError for a failed disk of which nobody was told."""
        self.finish()
        error = self.take_error()
        if error is not None:
            raise LegandoError(error)

    def _run(self) -> None:
        synced_s, dirty = time.monotonic(), False
        try:
            while True:
                try:
                    item = self._items.get(timeout=SYNC_S)
                    if item is None:
                        return
                    self._store.write(item)
                    dirty = True
                except queue.Empty:
                    pass
                if dirty and time.monotonic() - synced_s >= SYNC_S:
                    self._store.sync()
                    synced_s, dirty = time.monotonic(), False
        except OSError as error:
            reason = reason_of(error, self._store.name)
            self._error = f"{self._store.name} cannot be written ({reason}); free some room there"
        finally:
            try:
                self._store.close()
            except OSError as error:
                self._error = self._error or f"{self._store.name} cannot be closed ({error.strerror or error})"
