"""The outlet: what is new in the ring goes to the bridge, the recorder and the take, before the level. [control]"""

from __future__ import annotations

import numpy as np

from legando.realtime.enginelink import Made
from legando.realtime.outfit import Outfit
from legando.realtime.ring import Frames, ReadStatus
from legando.realtime.screen.meter import measure
from legando.realtime.show import CHANNELS


class Outlet:
    """Owned by the host's thread. State: which frames have passed."""

    def __init__(self, outfit: Outfit) -> None:
        self._outfit = outfit
        self._passed_frames = 0
        self.levels = measure(np.zeros((0, CHANNELS), dtype=np.float32))
        """How loud the last chunk was that passed, where no player says how loud it plays."""

    def pass_on(self, made: Made) -> None:
        """Give all that is whole to whoever listens."""
        out = self._outfit
        wanted = out.bridge.publishes or out.recorder is not None or out.take.wanted or out.takes.running
        if not wanted:
            self._passed_frames = made.position_frames + made.frames
            return
        block: Frames = np.empty((made.frames, CHANNELS), dtype=np.float32)
        while (status := out.ring.read_into(block, self._passed_frames)) is not ReadStatus.EMPTY:
            if status is ReadStatus.LOST:  # the host stood still for a whole ring; subscribers see the gap
                self._passed_frames = made.position_frames
                continue
            if out.bridge.publishes:
                out.bridge.publish(block, self._passed_frames, out.ring.written_at_ns)
            if out.player is None:
                self.levels = measure(block)
            if out.recorder is not None:
                total = out.show.frames
                keep = len(block) if total is None else min(len(block), total - out.recorder.frames)
                out.recorder.write(block[: max(0, keep)])
            out.take.sound(self._passed_frames, block)
            out.takes.sound(block)
            self._passed_frames += len(block)
