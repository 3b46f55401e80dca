"""The machine's own mark: two processes with the same one read the same monotonic clock. [any]"""

from __future__ import annotations

import functools
import uuid
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NO_CLOCK = bytes(16)


@functools.cache
def clock_id() -> bytes:
    """Return the 16 bytes of Linux's boot id; zeros where there is none, which equals nobody's clock. [any]"""
    try:
        return uuid.UUID(_BOOT_ID.read_text().strip()).bytes
    except (OSError, ValueError):
        return NO_CLOCK


def same_clock(other: bytes) -> bool:
    """Say whether a clock id is this machine's. [any]"""
    return other != NO_CLOCK and other == clock_id()
