"""A file that appears only when it is whole: written beside its place, made safe, then renamed. [any]"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


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
