"""The outlet: what is new in the ring goes to the bridge, the recorder and the take, before the level. [control]"""

from __future__ import annotations

import numpy as np

from legando.realtime.enginelink import Made
from legando.realtime.errors import LegandoError
from legando.realtime.outfit import Outfit
from legando.realtime.ring import Frames, ReadStatus
from legando.realtime.screen.meter import measure
from legando.realtime.show import CHANNELS


class Outlet:
    """Owned by the host's thread. State: which frames have passed, and to whom."""

    def __init__(self, outfit: Outfit) -> None:
        self._outfit = outfit
        self._passed_frames = 0
        self._recorder = outfit.recorder  # None from when there is no room for more
        self.levels = measure(np.zeros((0, CHANNELS), dtype=np.float32))
        """How loud the last chunk was that passed, where no player says how loud it plays."""

    def pass_on(self, made: Made) -> None:
        """Give all that is whole to whoever listens."""
        out = self._outfit
        wanted = out.bridge.publishes or self._recorder is not None or out.take.wanted or out.takes.running
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
            self._record(block)
            out.take.sound(self._passed_frames, block)
            out.takes.sound(block)
            self._passed_frames += len(block)

    def _record(self, block: Frames) -> None:
        """Keep a block; where there is no room for it the music goes on, and what came until now is kept."""
        if self._recorder is None:
            return
        total = self._outfit.show.frames
        keep = len(block) if total is None else min(len(block), total - self._recorder.frames)
        try:
            self._recorder.write(block[: max(0, keep)])
        except LegandoError as error:
            self._outfit.display.say(f"{error}; what came until now is kept, and the music goes on")
            self._recorder = None
