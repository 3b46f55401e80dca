"""`legando bench live --rollout DIR`: another bundle comes in while the music plays, and goes back, over and over.

What is heard is held to what left the engine, over every fade; and the level of each fade to the level of the music on
both its sides: a cross-fade of two sounds that are alike in part can dip or swell. Music rises and falls by itself, so
that the same is measured where nothing fades. [control]
"""

from __future__ import annotations

import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from legando.realtime.crossfade import FADE_FRAMES
from legando.realtime.errors import LegandoError
from legando.realtime.osc.oscwire import build_osc
from legando.realtime.recording.journal import read_take
from legando.realtime.ring import Frames
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.trials.comparison import compared
from legando.realtime.trials.stage import Stage, free_port

WAIT_S = 60.0
REST_S = 7.0
"""Played before the first roll-out, between two, and after the last; a second of it is not compared."""

WINDOW_FRAMES = SAMPLE_RATE_HZ // 2


def run_rollouts(*, to: Path, times: int, instrument: str, bundle: Path | None, block_frames: int) -> dict[str, Any]:
    """Roll a bundle out and back so many times; return what `--json` prints. Raises LegandoError. [control]"""
    if not to.is_dir():
        raise LegandoError(f"there is no bundle {to}; name the folder of one to roll out")
    with Stage(instrument=instrument, block_frames=block_frames, bundle=bundle) as stage:
        address = ("127.0.0.1", free_port())
        stage.write_rig(more=f'[osc]\nlisten = "127.0.0.1:{address[1]}"', engine=f"candidates = ['{to.resolve()}']")
        take = stage.folder / "take.wav"
        stage.start_play("--record", str(take), "--json")
        blocks: list[Frames] = []
        rolled, refused = 0, ""
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as out:
            blocks += stage.listen(REST_S)
            for which in ("next", "back") * times:
                said = len(stage.said())
                out.sendto(build_osc(f"/legando/bundle/{which}", ()), address)
                refused = _wait(stage, blocks, said)
                if refused:
                    break
                rolled += 1
                blocks += stage.listen(REST_S)
        figures = stage.stop_play()
        sound, _ = soundfile.read(take, dtype="float32", always_2d=True)
        rolls = read_take(take.with_suffix(".jsonl")).rolls
    comparison = compared(sound, np.concatenate(blocks), block_frames)
    begins, mains = ([one["roll"] for one in rolls if what in one] for what in ("begin", "main"))
    fades = [fade_level_db(sound, begin) for begin in begins]
    calm = [
        main + FADE_FRAMES
        for main in mains
        if main + 3 * FADE_FRAMES <= min((b for b in begins if b > main), default=len(sound))
    ]
    rests = [fade_level_db(sound, at) for at in calm]
    breaks = sum(not one.of_the_server for one in comparison.breaks)
    return {
        "times": times,
        "rolled": rolled,
        "refused": refused,
        "block_frames": block_frames,
        "breaks": len(comparison.breaks),
        "breaks_of_play": breaks,
        "compared_s": round(comparison.same_frames / SAMPLE_RATE_HZ, 3),
        "level_db": [{"most": round(most, 2), "least": round(least, 2)} for most, least in fades],
        "rest_db": [{"most": round(most, 2), "least": round(least, 2)} for most, least in rests],
        "survived": rolled == 2 * times and breaks == 0,
        "play": {name: figures[name] for name in ("underruns", "xruns", "ladder")},
    }


def fade_level_db(sound: Frames, begin: int) -> tuple[float, float]:
    """Return the highest and lowest level of half a second of a fade, against the two seconds on both sides. [any]"""
    power = np.mean(np.square(sound, dtype=np.float64), axis=1) + 1e-12
    sides = (power[max(begin - FADE_FRAMES, 0) : begin], power[begin + FADE_FRAMES : begin + 2 * FADE_FRAMES])
    rest = np.mean([side.mean() for side in sides if len(side)])
    fade = power[begin : begin + FADE_FRAMES]
    windows = [
        fade[at : at + WINDOW_FRAMES].mean() for at in range(0, FADE_FRAMES - WINDOW_FRAMES + 1, WINDOW_FRAMES // 4)
    ]
    levels = 10.0 * np.log10(np.array(windows) / rest)
    return float(levels.max()), float(levels.min())


def _wait(stage: Stage, blocks: list[Frames], said: int) -> str:
    """Wait until the bundle plays; return why it does not, empty if it does."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until and stage.playing:
        told = stage.said()[said:]
        if " plays\n" in told:
            return ""
        if "is refused" in told or "no other bundle" in told:
            return told.strip().splitlines()[-1]
        blocks += stage.listen(0.1)
    return f"it neither played nor was refused within {WAIT_S:g} s"
