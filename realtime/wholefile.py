"""A file that appears only when it is whole: written beside its place, made safe, then renamed; or why not. [any]"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_FULL_BYTES = 1 << 16
"""A disk with less room than this counts as full: of a block that did not fit, some of it may be written."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield where to write; that takes its place at `path` when the block ends well, and is removed when not. [any]

    Meant for one writer at a time. Raises OSError where the place cannot be written. A rename alone may outlive the
    bytes in a loss of power, so these are flushed to the disk first (POSIX, fsync).
    """
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def reason_of(error: BaseException, path: str | Path) -> str:
    """Return why a file cannot be written, without a full stop; libsndfile says "System error" of a full disk. [any]"""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    with contextlib.suppress(OSError):
        disk = shutil.disk_usage(Path(path).parent)
        if disk.total and disk.free < _FULL_BYTES:  # /proc has no room at all
            return os.strerror(errno.ENOSPC)
    text = str(getattr(error, "error_string", "") or error or "a short write")
    return text.strip().rstrip(".")
