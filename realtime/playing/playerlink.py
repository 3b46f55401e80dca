"""The link between host and player: what the player is told, and the host's handle on its process. [control]

The player is told once, on its command line. It reports on a pipe of its own, one JSON object a line:
`{"ready": {...}}`, then `{"end": SENTENCE, "lost": bool}`; or only `{"error": SENTENCE}`. When the host closes the
player's standard input, it fades out and ends. All else crosses in the ring: samples, level, counters.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
from dataclasses import asdict, dataclass
from time import monotonic
from types import TracebackType
from typing import Any

from legando.realtime.child import Child
from legando.realtime.errors import DeviceError


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerSettings:
    """What to open and how full the ring must be.

    `device` is a name, part of one, an index, or None for the default. The player starts at `prefill_frames`, and after
    an underrun or a restart at `resume_frames` (two blocks, if None): the host must write at least that far ahead. When
    more than `max_lead_frames` wait to be played (half a ring, if None), it jumps forward to the prefill.
    """

    device: str | int | None = None
    host_api: str | None = None
    block_frames: int = 256
    prefill_frames: int = 3840
    resume_frames: int | None = None
    max_lead_frames: int | None = None

    def __post_init__(self) -> None:
        if not 16 <= self.block_frames <= 8192:
            raise DeviceError(f"a block of {self.block_frames} frames is outside 16 to 8192; choose 64 to 1024")
        if self.prefill_frames < 1:
            raise DeviceError(f"a prefill of {self.prefill_frames} frames is too small; give at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerReady:
    """What the player opened, and the real-time priority of its callback, 0 for none."""

    device: str
    host_api: str
    block_frames: int
    latency_ms: float
    priority: int


class PlayerProcess:
    """Start, watch, stop and restart the player of one ring. [control]"""

    def __init__(self, ring_name: str, settings: PlayerSettings) -> None:
        self.ring_name = ring_name
        self.settings = settings
        self.ready: PlayerReady | None = None
        self._child: Child | None = None
        self._reports = -1
        self._pending = b""
        self._end: str | None = None
        self._give_up_s = self._timeout_s = 0.0
        self.lost_device = False
        """Whether the last one ended because its device or sound server had gone."""
        self._spare: tuple[Child, int] | None = None

    def start(self, timeout_s: float = 10.0) -> PlayerReady:
        """Start the process and wait until its device runs. Raises DeviceError with the reason when it cannot."""
        self.begin(timeout_s)
        while (ready := self.poll_ready(0.1)) is None:
            pass
        return ready

    def begin(self, timeout_s: float) -> None:
        """Start the process, or let the spare go; `poll_ready` tells when its device runs."""
        assert self._child is None, "already started"
        self._end, self._pending, self._timeout_s = None, b"", timeout_s
        self._give_up_s = monotonic() + timeout_s
        if self._spare is not None and self._spare[0].alive:
            (self._child, self._reports), self._spare = self._spare, None
            assert self._child.stdin is not None
            with contextlib.suppress(OSError):  # it died meanwhile, which the report tells
                self._child.stdin.write(b"go\n")
                self._child.stdin.flush()
        else:
            self._child, self._reports = self._launch()

    def poll_ready(self, wait_s: float = 0.0) -> PlayerReady | None:
        """Return what the player has opened, None while it is still at it. Raises DeviceError when it cannot."""
        assert self._child is not None, "not started"
        report = self._next_report(monotonic() + wait_s)
        if report is not None and "ready" in report:
            self.ready = PlayerReady(**report["ready"])
            return self.ready
        if report is not None:
            sentence = str(report.get("error") or report.get("end"))
        elif not self._child.alive:
            sentence = f"the player ended before it was ready, with {self._child.last_words()}"
        elif monotonic() > self._give_up_s:
            sentence = f"the sound device did not start within {self._timeout_s:g} s; choose another device"
        else:
            return None
        self._reap(patience_s=0.0)
        raise DeviceError(sentence)

    @property
    def has_spare(self) -> bool:
        """Whether another player stands by."""
        return self._spare is not None and self._spare[0].alive

    def keep_spare(self) -> None:
        """Start another player that gets ready, but opens no device before it is needed, unless there is one."""
        if not self.has_spare:
            self._drop_spare()
            self._spare = self._launch("--spare")

    def _launch(self, *more: str) -> tuple[Child, int]:
        ours, theirs = os.pipe()
        words = ["--ring", self.ring_name, "--report-fd", str(theirs)]
        words += ["--settings", json.dumps(asdict(self.settings)), *more]
        try:
            return Child("legando.realtime.playing.player", words, pass_fd=theirs, piped=True, urgent=True), ours
        finally:
            os.close(theirs)

    def _drop_spare(self) -> None:
        if self._spare is not None:
            child, reports = self._spare
            child.end(patience_s=0.0)
            child.close()
            os.close(reports)
            self._spare = None

    @property
    def pid(self) -> int:
        """The process's id; 0 when there is none."""
        return self._child.pid if self._child is not None else 0

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.alive

    @property
    def end(self) -> str | None:
        """Why the process ended, as a sentence, or None while it runs or before it started."""
        if self._end is None and self._child is not None and not self._child.alive:
            report = self._next_report(monotonic()) or {}
            said = report.get("end") or report.get("error")
            self.lost_device = bool(report.get("lost"))
            self._end = str(said or f"the player ended with {self._child.last_words()}")
        return self._end

    def stop(self, timeout_s: float = 2.0) -> None:
        """Let the player fade out and end; kill it if it does not. Harmless when it is not running. [control]"""
        self._drop_spare()
        self._reap(patience_s=timeout_s)

    def wait(self, timeout_s: float) -> bool:
        """Return whether the player has ended within that time: after `Ring.finish()`, when all is played. [control]"""
        return self._child is None or self._child.wait(timeout_s)

    def begin_again(self, timeout_s: float) -> None:
        """Replace a dead or stuck player without waiting for the new one; it goes on at the position of the old one."""
        self._reap(patience_s=0.0)
        self.begin(timeout_s)

    def restart(self, timeout_s: float = 10.0) -> PlayerReady:
        """Replace a dead or stuck player, and wait until its device runs."""
        self._reap(patience_s=0.0)
        return self.start(timeout_s)

    def __enter__(self) -> PlayerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _next_report(self, deadline_s: float) -> dict[str, Any] | None:
        """Return the next line of the report pipe, or None when it is closed or the time is over."""
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._reports], [], [], max(0.0, deadline_s - monotonic()))
            chunk = os.read(self._reports, 4096) if readable else b""
            if not chunk:
                return None
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def _reap(self, *, patience_s: float) -> None:
        if self._child is None:
            return
        self._child.end(patience_s=patience_s)
        _ = self.end  # read the last report while the pipe is there
        self._child.close()
        os.close(self._reports)
        self._child, self._reports = None, -1
