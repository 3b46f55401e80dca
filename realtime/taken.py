"""What waits in a queue, taken by the thread that has time for it. [any]"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from typing import TypeVar

_T = TypeVar("_T")


def taken(waiting: queue.Queue[_T] | queue.SimpleQueue[_T]) -> Iterator[_T]:
    """Yield what waits, oldest first, until nothing does; never wait. [any]"""
    with contextlib.suppress(queue.Empty):
        while True:
            yield waiting.get_nowait()
