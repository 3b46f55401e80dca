"""`legando bench live --soak MINUTES`: the real `play` beside busy processes, its waveform compared all the while.

What is heard is compared bit by bit with what the bridge carries of the same take, second by second (`comparison`), so
that a soak of any length needs the memory of one second. The server's log says whether its own cycles came late, which
no client can cause, and which client was not ready in time. A break near a player that was late is the player's, unless
the cycles or clients that do next to nothing (the MIDI ports) were late there, too: then the machine stood still.
[control]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from legando.bridge.subscriber import Subscriber
from legando.realtime.errors import LegandoError
from legando.realtime.processes import tied
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.trials.comparison import Break, Comparison
from legando.realtime.trials.stage import BRIGHTNESS_CC, Stage

TURN_S = 0.1
TOLD_MAX = 100
COUNTED = ("underruns", "concealed_frames", "skipped_frames", "xruns")
NEAR_US = 500_000
"""A line of the server's log that comes so shortly before or after a break belongs to it."""

_HOG = "while True: pass"
_PLAYER, _RECORDER = "PortAudio", "legando-recorder"


class ServerLog:
    """What the server says meanwhile: how often its cycles were late, and which clients were. [control]"""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._machine_us: list[int] = []
        self._player_us: list[int] = []

    def add(self, lines: list[str], time_us: int) -> None:
        """Take in new lines, with the time at which they were read."""
        for line in lines:
            if "was not finished" in line:
                client = line.partition("client = ")[2].partition(" ")[0]
                self.counts[client] += 1
                if client.startswith(_PLAYER):
                    self._player_us.append(time_us)
                elif client != _RECORDER:  # which waits for the player
                    self._machine_us.append(time_us)
            elif "XRun" in line or "xrun" in line:
                self.counts["driver"] += 1
                self._machine_us.append(time_us)

    def blames_the_player(self, one: Break) -> bool:
        """Say whether the player was found late near a break, and the machine was not."""
        machine, player = (
            any(abs(time_us - one.time_us) < NEAR_US for time_us in times)
            for times in (self._machine_us, self._player_us)
        )
        return player and not machine


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
            hog = subprocess.Popen([*tied(), sys.executable, "-c", _HOG])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        comparison, log = Comparison(block_frames), ServerLog()
        rng = np.random.default_rng(0)
        end, knob_s = time.monotonic() + 60 * minutes, 0.0
        while (now := time.monotonic()) < end:
            if not stage.playing:
                raise LegandoError(f"legando play ended too early: {stage.said().strip()}")
            while (block := subscriber.receive(0)) is not None:
                comparison.add_stream(block.frames, block.frame_position)
            comparison.add_recorded(stage.take_recorded())
            comparison.compare()
            log.add(stage.server.take_said(), time.perf_counter_ns() // 1000)
            if now > knob_s:  # a hand at work: the networks must not be the same all the time
                stage.hands.send_message([0xB0, BRIGHTNESS_CC, int(rng.integers(128))])
                knob_s = now + 1.0
            time.sleep(TURN_S)
        figures = stage.stop_play()
    for one in comparison.breaks:
        one.player_late = log.blames_the_player(one)
    return {
        "minutes": minutes,
        "hogs": hogs,
        "block_frames": block_frames,
        "breaks": len(comparison.breaks),
        "breaks_of_play": sum(not one.of_the_server for one in comparison.breaks),
        "break_list": [one.plain() for one in comparison.breaks[:TOLD_MAX]],
        "server": {
            "xruns": log.counts["driver"],
            "uneven_cycles": comparison.uneven_cycles,
            "late": {client: count for client, count in log.counts.items() if client != "driver"},
        },
        "compared_s": round(comparison.same_frames / SAMPLE_RATE_HZ, 3),
        "lost_by_the_bench_s": comparison.lost_frames / SAMPLE_RATE_HZ,
        "play": {
            name: figures[name]
            for name in (*COUNTED, "ladder", "real_time", "compute_ms", "latency_ms", "engine_restarts")
        },
    }
