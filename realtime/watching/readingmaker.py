"""What the host knows, put together as a reading for the monitor. [control]

Asked once a second, on the host's own thread; a reading takes a fraction of a millisecond.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from legando.realtime.outfit import Outfit
from legando.realtime.screen.status import Status
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.version import version
from legando.realtime.watching.reading import ChunkTally, Reading


def reading_of(
    out: Outfit,
    status: Status,
    tally: ChunkTally,
    *,
    made_s: float,
    messages: Mapping[str, int],
    marks: Mapping[str, int],
) -> Reading:
    """Return where the run is now. [control]"""
    ring, plays, osc, player = out.ring, out.rollouts.playing, out.osc, out.player
    return Reading(
        version=version(),
        bundle=plays.bundle_name or out.bundle_name,
        bundle_sha256=plays.bundle_sha256 or out.bundle_sha256,
        engine=plays.engine,
        scene=status.scene + 1,
        tempo_bpm=status.tempo_bpm,
        chunk_s=status.chunk_ms / 1000.0,
        slack_s=status.slack_ms / 1000.0,
        costs=tuple(tally.costs),
        costs_sum_s=tally.costs_sum_s,
        chunks={str(steps): count for steps, count in sorted(tally.chunks.items())},
        late=tally.late,
        steps=status.steps,
        full_steps=status.full_steps,
        latency_s={name: ms / 1000.0 for name, ms in status.latency_ms.items()},
        made_s=made_s,
        played_s=status.played_s,
        underruns=ring.underruns,
        xruns=ring.xruns,
        concealed_s=ring.concealed_frames / SAMPLE_RATE_HZ,
        skipped_s=ring.skipped_frames / SAMPLE_RATE_HZ,
        callback_max_s=ring.callback_max_ns / 1e9,
        engine_ready=out.engine_watch.ready,
        playing=ring.player_state.name.lower() if player is not None else "",
        restarts={
            "engine": out.engine_watch.restarts,
            "player": out.player_watch.restarts,
            "midi": out.hands.process.restarts,
            "monitor": out.monitor.restarts if out.monitor is not None else 0,
        },
        standby={"engine": out.engine.has_spare} | ({"player": player.has_spare} if player is not None else {}),
        peaks=ring.peaks if player is not None else (),
        bridge=out.bridge.account,
        messages=dict(messages),
        refused={"bad": osc.bad, "dropped": osc.dropped} if osc is not None else {},
        rollouts=dict(out.rollouts.outcomes),
        marks=dict(marks),
        pids={
            "host": os.getpid(),
            "engine": out.engine.pid,
            **({"player": player.pid} if player is not None else {}),
        },
    )
