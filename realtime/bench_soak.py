"""`legando bench live --soak MINUTES`: the real `play` beside busy processes, its waveform compared all the while.

What is heard is compared bit by bit with what the bridge carries of the same take, second by second, so that a soak of
any length needs the memory of one second. [control]
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from legando.bridge.subscriber import Subscriber
from legando.realtime.errors import LegandoError
from legando.realtime.onset import BLOCK, place
from legando.realtime.ring import Frames
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.stage import BRIGHTNESS_CC, Stage

KEEP_FRAMES = 10 * SAMPLE_RATE_HZ
TURN_S = 0.1
_HOG = "while True: pass"


class Comparison:
    """Follows a recording along a stream, both coming in pieces. State: what of both is not yet compared. [any]"""

    def __init__(self) -> None:
        self._stream: Frames = np.zeros((0, 2), dtype=np.float32)
        self._stream_start = 0
        self._recorded: Frames = np.zeros((0, 2), dtype=np.float32)
        self._recorded_start = 0
        self._offset: int | None = None
        self.breaks = 0
        self.same_frames = 0
        self.lost_frames = 0
        self.break_at_s: list[float] = []

    def add_stream(self, frames: Frames, position: int) -> None:
        """Take in what left the engine. A gap of the bridge is filled with what nothing is equal to."""
        missing = position - (self._stream_start + len(self._stream))
        if missing > 0 and len(self._stream):
            self.lost_frames += missing
            frames = np.concatenate([np.full((missing, 2), np.nan, dtype=np.float32), frames])
        elif not len(self._stream):
            self._stream_start = position
        self._stream = np.concatenate([self._stream, frames])
        surplus = len(self._stream) - KEEP_FRAMES
        if surplus > 0:
            self._stream, self._stream_start = self._stream[surplus:], self._stream_start + surplus

    def add_recorded(self, frames: Frames) -> None:
        """Take in what was heard."""
        self._recorded = np.concatenate([self._recorded, frames])

    def compare(self) -> None:
        """Compare all that there is of both, but the newest second of the recording, whose stream may be on its way."""
        while len(self._recorded) > SAMPLE_RATE_HZ:
            piece = self._recorded[:BLOCK]
            if self._offset is not None and self._agrees(piece):
                self.same_frames += BLOCK
            elif piece.any():
                self._look_up(piece)
            elif self._offset is not None:  # silence that is not in the stream
                self._broke()
                self._offset = None
            self._recorded, self._recorded_start = self._recorded[BLOCK:], self._recorded_start + BLOCK

    def _agrees(self, piece: Frames) -> bool:
        assert self._offset is not None
        at = self._recorded_start + self._offset - self._stream_start
        return at >= 0 and np.array_equal(piece, self._stream[at : at + BLOCK])

    def _look_up(self, piece: Frames) -> None:
        """Find where the recording goes on; a place other than expected is a break."""
        at = place(piece, self._stream, near=len(self._stream) // 2)
        if at is None:
            if self._offset is not None:
                self._broke()
            self._offset = None
            return
        offset = at + self._stream_start - self._recorded_start
        if self._offset is not None and offset != self._offset:
            self._broke()
        self._offset = offset
        self.same_frames += BLOCK

    def _broke(self) -> None:
        if self.same_frames < SAMPLE_RATE_HZ:
            return  # the first second only finds the place: soft music may fit in several
        self.breaks += 1
        if len(self.break_at_s) < 100:
            self.break_at_s.append(round(self._recorded_start / SAMPLE_RATE_HZ, 3))


def run_soak(
    *, minutes: float, hogs: int, instrument: str, bundle: Path | None, block_frames: int, lead_ms: float | None
) -> dict[str, Any]:
    """Play for so long beside so many busy processes, and return what `--json` prints. [control]"""
    lines = "" if lead_ms is None else f"lead_ms = {lead_ms}"
    with (
        ExitStack() as stack,
        Stage(instrument=instrument, block_frames=block_frames, rig_lines=lines, bundle=bundle) as stage,
    ):
        endpoint = f"ipc://{stage.folder}/soak.ipc"
        stage.write_rig(publish=endpoint)
        subscriber = stack.enter_context(Subscriber(endpoint, max_age_ms=None, queue_messages=4096))
        stage.start_play("--json")
        for _ in range(hogs):
            hog = subprocess.Popen([sys.executable, "-c", _HOG])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        comparison = Comparison()
        rng = np.random.default_rng(0)
        end, knob_s = time.monotonic() + 60 * minutes, 0.0
        while (now := time.monotonic()) < end:
            if not stage.playing:
                raise LegandoError(f"legando play ended too early: {stage.said().strip()}")
            while (block := subscriber.receive(0)) is not None:
                comparison.add_stream(block.frames, block.frame_position)
            comparison.add_recorded(np.ascontiguousarray(stage.take_recorded()[:, :2]))
            comparison.compare()
            if now > knob_s:  # a hand at work: the networks must not be the same all the time
                stage.hands.send_message([0xB0, BRIGHTNESS_CC, int(rng.integers(128))])
                knob_s = now + 1.0
            time.sleep(TURN_S)
        figures = stage.stop_play()
    return {
        "minutes": minutes,
        "hogs": hogs,
        "block_frames": block_frames,
        "breaks": comparison.breaks,
        "break_at_s": comparison.break_at_s,
        "compared_s": round(comparison.same_frames / SAMPLE_RATE_HZ, 3),
        "lost_by_the_bench_s": comparison.lost_frames / SAMPLE_RATE_HZ,
        "play": {
            name: figures[name]
            for name in ("underruns", "concealed_frames", "xruns", "ladder", "real_time", "compute_ms", "latency_ms")
        },
    }
