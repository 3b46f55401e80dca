"""Continuity: what is missing, repeated or restarted in a stream, from the headers alone. [any]

Pure bookkeeping: no socket, no clock. Loss is counted in frames from `frame_position`, which also sees audio that the
server never sent; `sequence` only tells old messages from new ones.
"""

from __future__ import annotations

from typing import NamedTuple

from legando.bridge.wire import AudioHeader


class Arrival(NamedTuple):
    """What one block means for the stream; `fresh` is False for a repeat or a late one, to be thrown away. [any]"""

    fresh: bool
    gap_frames: int = 0
    restarted: bool = False


class Continuity:
    """Follow one stream from header to header and count its gaps, lost frames and restarts. [any]

    The first block ever seen sets the start: what was sent before it is not a gap. A new stream id is a restart of the
    publisher; a frame position that goes back with a newer sequence is a restart of its time line. How much a restart
    cost cannot be known from the headers, so it counts as no gap. `sequence` and `next_position` are the last block's;
    whoever has seen that a block follows without a gap may move them on itself.
    """

    __slots__ = ("_stream_id", "gaps", "lost_frames", "next_position", "repeats", "restarts", "sequence")

    def __init__(self) -> None:
        self.gaps = 0
        self.lost_frames = 0
        self.restarts = 0
        self.repeats = 0
        self._stream_id: bytes | None = None
        self.sequence = 0
        self.next_position = 0

    def observe(self, header: AudioHeader) -> Arrival:
        """Take the next header in the order of arrival and say what it means. [any]"""
        known = header.stream_id == self._stream_id
        if known and header.sequence <= self.sequence:
            self.repeats += 1
            return Arrival(fresh=False)
        first = self._stream_id is None
        restarted = not first and (not known or header.frame_position < self.next_position)
        gap_frames = 0 if first or restarted else header.frame_position - self.next_position
        self.restarts += restarted
        self.gaps += gap_frames > 0
        self.lost_frames += gap_frames
        self._stream_id = header.stream_id
        self.sequence = header.sequence
        self.next_position = header.frame_position + header.frames
        return Arrival(fresh=True, gap_frames=gap_frames, restarted=restarted)
