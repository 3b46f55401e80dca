"""Ways of sound from process to process, in turn: the bridge, bare libzmq, the ring, a JACK port. [control]

One block of 3840 frames for the bridge, libzmq and the ring, each from before it is sent to after it is read. JACK
moves its period's 128 frames at its next cycle, and no sooner: the wait is in its figure, a chunk's length is not.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from legando.bench.awake import awake
from legando.bench.hops import Hops
from legando.bench.peers.install import ENVIRONMENTS
from legando.bench.peers.side import Side
from legando.bench.samples import Series
from legando.bench.suite_ring import ring_hops_us
from legando.realtime.errors import LegandoError
from legando.realtime.ring import Ring
from legando.realtime.trials.jack_server import JackServer

JACK = Path(__file__).with_name("foreign_jack.py")
FRAMES, PERIOD_FRAMES = 3840, 128
GROUP = "one way between processes"
PACE_S = 0.001
WARM_UP = 10


class HopSides:
    """The open ways; use it as a context."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._jack: Side | None = None
        self._skipped: dict[str, str] = {}

    def __enter__(self) -> HopSides:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="legando-bench-")))
            self._stack.enter_context(awake())
            self._hops = Hops("ipc", folder)
            self._stack.callback(self._hops.close)
            self._ring = self._stack.enter_context(Ring.create())
            self._open_jack()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open_jack(self) -> None:
        try:
            if why := ENVIRONMENTS["sound"].missing:
                raise LegandoError(why)
            server = self._stack.enter_context(JackServer(PERIOD_FRAMES))
            before = os.environ.copy()
            os.environ.update(server.environment)
            try:
                side = Side([str(ENVIRONMENTS["sound"].python), str(JACK)], foreign=True)
            finally:
                for name in server.environment:
                    os.environ.pop(name)
                os.environ.update({name: before[name] for name in server.environment if name in before})
            self._stack.callback(side.close)
            side.ready()
            self._jack = side
        except LegandoError as error:
            self._skipped["a JACK port"] = str(error)

    def measure(self, *, rounds: int, count: int) -> tuple[list[Series], dict[str, str]]:
        """Take turns; return a series for each way, and what could not run with its reason. [control]"""
        noise = np.random.default_rng(1).standard_normal((FRAMES, 2)).astype(np.float32)
        times: dict[str, list[float]] = {"legando's bridge": [], "bare libzmq": [], "legando's ring": []}
        if self._jack is not None:
            times["a JACK port"] = []
        for _ in range(rounds):
            for _ in range(WARM_UP + count):
                time.sleep(PACE_S)
                times["bare libzmq"].append(self._hops.bare_hop_us(noise) / 1e3)
                time.sleep(PACE_S)
                times["legando's bridge"].append(self._hops.hop_us(noise) / 1e3)
            times["legando's ring"] += [us / 1e3 for _, us in ring_hops_us(self._ring, FRAMES, WARM_UP + count)]
            if self._jack is not None:
                wall, _ = self._jack.run("jack", WARM_UP + count)
                times["a JACK port"] += [ns / 1e6 for ns in wall]
        kept = {
            name: [value for n, value in enumerate(values) if n % (WARM_UP + count) >= WARM_UP]
            for name, values in times.items()
        }
        return [
            Series(name=f"{GROUP}: {name}", unit="ms", values=values) for name, values in kept.items()
        ], self._skipped
