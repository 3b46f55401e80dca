"""The queue of messages that wait for the chunk in which they act. [control]"""

from __future__ import annotations

import heapq
from collections.abc import Iterator


class MessageQueue:
    """Messages in the order of their frames, and of their coming where these are one. Owned by one thread."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, bytes, bool]] = []
        self._fed = 0

    def put(self, frame: int, message: bytes, acted: bool) -> None:
        """Queue one message for a frame; `acted` says that the player knows already what it moves there."""
        heapq.heappush(self._waiting, (frame, self._fed, message, acted))
        self._fed += 1

    def withdraw(self, frame: int, message: bytes) -> None:
        """Take back one message, as if it had never come; harmless when there is none such."""
        index = next((n for n, entry in enumerate(self._waiting) if entry[0] == frame and entry[2] == message), None)
        if index is not None:
            del self._waiting[index]
            heapq.heapify(self._waiting)

    def take_before(self, end_frame: int) -> Iterator[tuple[int, bytes, bool]]:
        """Take out frame, message and `acted` of all that act before a frame."""
        while self._waiting and self._waiting[0][0] < end_frame:
            frame, _, message, acted = heapq.heappop(self._waiting)
            yield frame, message, acted
