"""`legando bench live --kills N --jack-restarts M`: how long the sound is away when something dies. [control]

Engine or player, at random, gets SIGKILL; the JACK server is ended or killed and started again. What counts is the
waveform: from the death (or, for the server, from its return) to the first frame that is not silent any more. The
host's memory and file handles are compared between the first kills and the last. While there is no engine the player
repeats the last beat; how long that lasts is read from the bridge, which carries only what is new (`music_back`).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from legando.bridge.subscriber import Subscriber
from legando.realtime.errors import LegandoError
from legando.realtime.processes import child_pid, open_handles, resident_bytes
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.onset import BLOCK
from legando.realtime.trials.stage import Stage

SILENT = 1e-5
STEADY_S = 0.3
"""Sound that lasts so long has come back."""

CONCEALED_S = 3.0
"""Without silence for so long after a death, the death was not heard."""

BACK_S = 40.0
REST_S = (0.5, 1.5)
IN_FLIGHT_NS = 20_000_000
"""What was made so shortly after a death, the dead one had made."""
MODULES = {"engine": "legando.realtime.engine", "player": "legando.realtime.playing.player"}


@dataclass(slots=True)
class Silences:
    """How long it was silent each time, in seconds."""

    seconds: list[float] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Return count, median and worst. [any]"""
        ordered = sorted(self.seconds) or [0.0]
        return {
            "count": len(self.seconds),
            "median_s": round(ordered[len(ordered) // 2], 3),
            "worst_s": round(ordered[-1], 3),
            "not_heard": sum(value == 0.0 for value in self.seconds),
        }

    def times(self) -> dict[str, float]:
        """Return median and worst alone. [any]"""
        return {name: value for name, value in self.plain().items() if name in ("median_s", "worst_s")}


def usage(pid: int) -> tuple[float, int]:
    """Return memory in MB and the number of file handles of a process. [control]"""
    return resident_bytes(pid) / (1 << 20), open_handles(pid)


class Ear:
    """Hears when the sound stops and when it is back. Owned by one thread."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def silence_s(self, since_ns: int, *, expect_silence: bool = True) -> float:
        """Wait until the sound that stops after `since_ns` is back; return for how long it was away, 0 for never.

        Without `expect_silence` the time runs from `since_ns` to the first steady sound. Raises LegandoError after
        `BACK_S`.
        """
        stopped_us = None if expect_silence else since_ns // 1000
        sounding_us: int | None = None
        give_up = time.monotonic() + BACK_S
        while time.monotonic() < give_up:
            block = self._stage.take_recorded()
            for at in range(0, len(block) - BLOCK + 1, BLOCK):
                piece = block[at : at + BLOCK]
                now_us = int(times_us(piece[:1])[0])
                if now_us * 1000 < since_ns:
                    continue
                if float(np.abs(piece[:, :2]).max()) < SILENT:
                    sounding_us = None
                    stopped_us = stopped_us or now_us
                    continue
                sounding_us = sounding_us or now_us
                if stopped_us is None and now_us * 1000 - since_ns > CONCEALED_S * 1e9:
                    return 0.0
                if stopped_us is not None and now_us - sounding_us > STEADY_S * 1e6:
                    return (sounding_us - stopped_us) / 1e6
            if not self._stage.playing:
                raise LegandoError(f"legando play has ended: {self._stage.said().strip()}")
            time.sleep(0.02)
        raise LegandoError(
            f"the sound was not back after {BACK_S:g} s; play said: {self._stage.said().strip()[-2000:]}; "
            f"its threads stand at: {self._stage.stands_at()}"
        )


def run_kills(
    *,
    kills: int,
    jack_restarts: int,
    instrument: str,
    bundle: Path | None,
    block_frames: int,
    say: Callable[[str], None],
    seed: int = 0,
) -> dict[str, Any]:
    """Kill so often, in random order, and return what `--json` prints. Raises LegandoError when play ends. [control]"""
    chance = random.Random(seed)
    todo = [chance.choice(("engine", "player")) for _ in range(kills)] + ["jack"] * jack_restarts
    chance.shuffle(todo)
    silences = {what: Silences() for what in ("engine", "player", "jack")}
    music_back = Silences()
    with (
        ExitStack() as stack,
        Stage(instrument=instrument, block_frames=block_frames, bundle=bundle) as stage,
    ):
        endpoint = f"ipc://{stage.folder}/kills.ipc"
        stage.write_rig(publish=endpoint)
        bridge = stack.enter_context(Subscriber(endpoint, max_age_ms=None))
        stage.start_play("--json")
        ear = Ear(stage)
        first: tuple[float, int] | None = None
        back = True
        last = (0.0, 0)
        for number, what in enumerate(todo):
            stage.listen(chance.uniform(*REST_S))
            try:
                silences[what].seconds.append(_strike(stage, ear, what, chance, bridge, music_back))
            except LegandoError as error:
                say(str(error))
                back = False
                break
            last = usage(stage.play_pid)
            if first is None and number >= min(10, len(todo) // 4):
                first = last
            if number % 10 == 9:
                say(f"{number + 1} of {len(todo)}: {what} last, {silences[what].seconds[-1]:.2f} s; {last[0]:.1f} MB")
        figures: dict[str, Any] = {}
        try:
            figures = stage.stop_play() if stage.playing else {}
        except LegandoError as error:
            say(str(error))
    first = first or last
    return {
        **{what: told.plain() for what, told in silences.items()},
        "music_back": music_back.times(),
        "sound_back_each_time": back,
        "ended_when_asked": bool(figures),
        "growth": {"memory_mb": round(last[0] - first[0], 1), "handles": last[1] - first[1]},
        "play": {name: figures.get(name) for name in ("engine_restarts", "player_restarts", "underruns")},
    }


def _strike(
    stage: Stage, ear: Ear, what: str, chance: random.Random, bridge: Subscriber, music_back: Silences
) -> float:
    """Kill once, and return how long it was silent."""
    if what == "jack":
        stage.server.stop(kill=chance.random() < 0.5)
        stage.server.start()
        back_ns = time.perf_counter_ns()
        stage.start_recorder()
        return ear.silence_s(back_ns, expect_silence=False)
    until = time.monotonic() + BACK_S
    while (pid := child_pid(stage.play_pid, MODULES[what])) is None:
        if time.monotonic() > until:
            raise LegandoError(f"there was no {what} to kill for {BACK_S:g} s")
        stage.take_recorded()
        time.sleep(0.05)
    stage.take_recorded()
    now_ns = time.perf_counter_ns()
    os.kill(pid, signal.SIGKILL)
    silence_s = ear.silence_s(now_ns)
    if what == "engine":
        until = time.monotonic() + BACK_S
        while (block := bridge.receive(50)) is None or block.timestamp_ns - now_ns < IN_FLIGHT_NS:
            if time.monotonic() > until:
                raise LegandoError(f"there was no new music for {BACK_S:g} s")
            stage.take_recorded()
        music_back.seconds.append((block.timestamp_ns - now_ns) / 1e9)
    return silence_s
