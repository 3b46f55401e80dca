"""Ring: sound in shared memory, from the one process that makes it to all that listen. [any]

The host creates a ring and unlinks it; the engine is its only writer; the player, the bridge and the recorder read,
each with a position of its own. Positions are frames since the stream began and never wrap. The writer waits for
nobody: a reader that falls a whole ring behind is told so (`ReadStatus.LOST`) and never hears a torn block.

The layout of the file is in `ringheader`.

Ordering: the writer stores `reserved`, copies, stores `written`; a reader loads `written`, copies, loads `reserved`,
and drops what it copied if the writer may have been there (a sequence lock, after Boehm 2012, "Can seqlocks get along
with programming language memory models?"). Each word is one aligned 8-byte move, so it is never torn. CPython does not
reorder across byte codes, and x86 keeps stores in order and loads in order (Intel SDM vol. 3A, 9.2.2), so there the
plain moves suffice. Other processors need a barrier: releasing and then taking a private, uncontended lock is one on
ARMv8 (a store-release before a load-acquire), see `_fence`.
"""

from __future__ import annotations

import enum
import fcntl
import mmap
import os
import platform
import re
import secrets
import tempfile
import threading
import time
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt

from legando.realtime.closing import Closing
from legando.realtime.errors import LegandoError
from legando.realtime.ringheader import (
    CAPACITY_WORD,
    CHANNELS_WORD,
    CLOSING,
    FINISHED,
    FLAGS_WORD,
    HEADER_BYTES,
    LEVEL_MAX,
    MAGIC,
    MAGIC_WORD,
    PANIC_MS,
    RATE_WORD,
    RESERVED_WORD,
    VERSION,
    VERSION_WORD,
    WRITTEN_AT_WORD,
    WRITTEN_WORD,
    PlayerState,
    RingHeader,
)

__all__ = [
    "CLOSING",
    "FINISHED",
    "LEVEL_MAX",
    "PANIC_MS",
    "Frames",
    "PlayerState",
    "ReadStatus",
    "Ring",
    "clean_stale_rings",
    "ring_folder",
]

Frames = npt.NDArray[np.float32]
"""Sound at the edges of legando: float32, shape (frames, channels)."""

_NAME = re.compile(r"legando-[A-Za-z0-9._-]{1,80}\.ring")
_SHM = Path("/dev/shm")
_NEEDS_FENCE = platform.machine().lower() not in ("x86_64", "amd64", "i386", "i686")
_BARRIER = threading.Lock()
_BARRIER.acquire()


class ReadStatus(enum.IntEnum):
    """What became of a read. [any]"""

    OK = 0
    EMPTY = 1
    """The frames are not all written yet; `out` is untouched."""
    LOST = 2
    """The writer has gone over the frames; what is in `out` must not be used."""


def ring_folder() -> Path:
    """Return the folder that holds rings: memory where the system has it, else the temporary folder. [control]"""
    return _SHM if os.access(_SHM, os.W_OK) else Path(tempfile.gettempdir())


def clean_stale_rings() -> int:
    """Unlink rings whose creator is gone, and return how many. [control]

    A creator holds a lock on its file, which the kernel drops with the process, however it ends.
    """
    removed = 0
    for path in ring_folder().glob("legando-*.ring*"):
        try:
            if path.suffix != ".ring" and time.time() - path.stat().st_mtime < 60:
                continue  # being born: not locked yet
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # another user's, or gone meanwhile
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed += 1
        except BlockingIOError:
            pass  # its creator lives
        finally:
            os.close(descriptor)
    return removed


def _fence() -> None:
    """Keep memory operations before this line before those after it. [audio]"""
    if _NEEDS_FENCE:
        _BARRIER.release()
        _BARRIER.acquire()


class Ring(RingHeader, Closing):
    """One mapped ring; make it with `Ring.create` or `Ring.attach`. [any]"""

    def __init__(self, path: Path, descriptor: int, *, owner: bool) -> None:
        self.name = path.name
        self._path = path
        self._descriptor = descriptor
        self._owner = owner
        populate = getattr(mmap, "MAP_POPULATE", 0)  # no page faults later, in the callback
        self._map = mmap.mmap(descriptor, 0, flags=mmap.MAP_SHARED | populate)
        super().__init__(self._map)
        count = self.capacity_frames * self.channels
        flat = np.frombuffer(self._map, dtype="<f4", count=count, offset=HEADER_BYTES)
        self._samples: Frames = flat.reshape(self.capacity_frames, self.channels)
        self._mask = self.capacity_frames - 1

    @property
    def address(self) -> int:
        """Where the mapping begins, header first, for a device that writes into it."""
        return self._samples.ctypes.data - HEADER_BYTES

    @classmethod
    def create(
        cls,
        *,
        run_id: str | None = None,
        sample_rate_hz: int = 48_000,
        channels: int = 2,
        capacity_frames: int = 1 << 17,
    ) -> Ring:
        """Make a ring that lives until its creator closes it or dies. [control]

        Raises LegandoError when the values cannot be used or shared memory is full.
        """
        if capacity_frames < 2 or capacity_frames & (capacity_frames - 1):
            raise LegandoError(f"a ring of {capacity_frames} frames cannot be made; give a power of two")
        if not 1 <= channels <= 64 or sample_rate_hz < 1:
            raise LegandoError(f"a ring of {channels} channels at {sample_rate_hz} Hz cannot be made; give 1 to 64")
        path = ring_folder() / f"legando-{run_id or secrets.token_hex(6)}.ring"
        if not _NAME.fullmatch(path.name):
            raise LegandoError(f"run id {run_id!r} cannot name a ring; use letters, digits, dot, dash and underscore")
        clean_stale_rings()
        size = HEADER_BYTES + capacity_frames * channels * 4
        # Born under another name and already locked, so that no other process takes it for stale or half made.
        newborn = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = -1
        try:
            descriptor = os.open(newborn, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size)  # fails now rather than with a bus error later
            else:
                os.ftruncate(descriptor, size)
            with mmap.mmap(descriptor, HEADER_BYTES) as header, memoryview(header).cast("Q") as words:
                words[VERSION_WORD], words[RATE_WORD], words[CHANNELS_WORD] = VERSION, sample_rate_hz, channels
                words[CAPACITY_WORD] = capacity_frames
                words[MAGIC_WORD] = MAGIC
            os.link(newborn, path)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise LegandoError(
                f"a ring of {size >> 10} KiB cannot be made at {path}: {error.strerror}; free some room there"
            ) from error
        finally:
            newborn.unlink(missing_ok=True)
        ring = cls(path, descriptor, owner=True)
        ring.level = 1.0
        return ring

    @classmethod
    def attach(cls, name: str) -> Ring:
        """Map the ring of that name, made by another process. [control]

        Raises LegandoError when there is none, or it is not a ring of this version.
        """
        if not _NAME.fullmatch(name):
            raise LegandoError(f"{name!r} is not the name of a ring; give the one that its creator printed")
        path = ring_folder() / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise LegandoError(f"ring {name} cannot be opened: {error.strerror}; its host may have ended") from error
        size = os.fstat(descriptor).st_size
        head = os.pread(descriptor, 40, 0) if size >= HEADER_BYTES else b""
        fields = [int.from_bytes(head[at : at + 8], "little") for at in range(0, 40, 8)]
        whole = HEADER_BYTES + fields[CAPACITY_WORD] * fields[CHANNELS_WORD] * 4
        if fields[MAGIC_WORD] != MAGIC or fields[VERSION_WORD] != VERSION or size != whole:
            os.close(descriptor)
            raise LegandoError(f"{path} is not a ring of version {VERSION}; end the other legando that made it")
        return cls(path, descriptor, owner=False)

    # The writer's side.

    def write(self, frames: Frames) -> int:
        """Append frames and return the new write position; only one process may call this. [engine]

        frames: float32 (frames, channels), at most half a ring, so that readers have room to be late.
        """
        count = len(frames)
        assert count * 2 <= self.capacity_frames and frames.shape[1] == self.channels, "block does not fit the ring"
        words, start = self._words, self._words[WRITTEN_WORD]
        end = start + count
        # A writer that died in the middle of a copy has left a longer reservation; it stays until passed.
        words[RESERVED_WORD] = max(end, words[RESERVED_WORD])
        _fence()
        at = start & self._mask
        first = min(count, self.capacity_frames - at)
        self._samples[at : at + first] = frames[:first]
        if first < count:
            self._samples[: count - first] = frames[first:]
        _fence()
        words[WRITTEN_WORD] = end
        words[WRITTEN_AT_WORD] = perf_counter_ns()
        return end

    # A reader's side.

    def read_into(self, out: Frames, position: int) -> ReadStatus:
        """Fill `out` with the frames from `position` on, or say why not. [audio]

        out: float32 (frames, channels). All or nothing; only `ReadStatus.OK` means that `out` is good.
        """
        count = len(out)
        if position + count > self._words[WRITTEN_WORD]:
            return ReadStatus.EMPTY
        _fence()
        at = position & self._mask
        first = min(count, self.capacity_frames - at)
        out[:first] = self._samples[at : at + first]
        if first < count:
            out[first:] = self._samples[: count - first]
        _fence()
        if self._words[RESERVED_WORD] - self.capacity_frames > position:
            return ReadStatus.LOST
        return ReadStatus.OK

    @property
    def oldest_frames(self) -> int:
        """The earliest position that can still be read."""
        return max(0, self._words[RESERVED_WORD] - self.capacity_frames)

    # The end.

    def close(self) -> None:
        """Unmap the ring; its creator also unlinks it. Readers that have it mapped keep what they see. [control]"""
        if self._descriptor < 0:
            return
        if self._owner:
            self._words[FLAGS_WORD] |= CLOSING
            self._path.unlink(missing_ok=True)
        self.release()
        self._samples = np.zeros((0, self.channels), dtype=np.float32)
        self._map.close()
        os.close(self._descriptor)
        self._descriptor = -1
