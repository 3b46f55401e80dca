"""Held in real time: chunks made when they are due, as `legando serve` makes them, against a schedule. [engine]

The pacer and the ladder are the engine's own, so are its priority and its locked memory; the ring is real, and the
clock plays it. Chunk k is due at a time that was fixed before it was begun, so that a stall is charged to all chunks
that it delays, not only to the one that it met (coordinated omission). When the ring runs empty, the schedule begins
anew after it, as a player's does, and that is counted: `underruns`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from legando.bench.chunks import PLAYING, ChunkBench
from legando.realtime.enginelink import EngineSettings, prefill_frames
from legando.realtime.pacer import Pacer
from legando.realtime.priority import ENGINE_PRIORITY, lock_memory, real_time
from legando.realtime.rigs.rig import AudioRig
from legando.realtime.ring import Ring
from legando.realtime.schedule import frames_to_ns

LEAD_MS = AudioRig().lead_ms + 1000.0 * AudioRig().block_frames / 48_000
"""What the ring keeps ahead with the rig as it is shipped, and one block."""
WARM_UP_CHUNKS = 48


def settings(ring: Ring, lead_frames: int) -> EngineSettings:
    """Return what an engine without a player is told. [any]"""
    return EngineSettings(
        ring=ring.name, instrument="", bundle=None, seed=0, chunk_latents=None, steps=None, eco=False,
        lead_frames=lead_frames, paced_by="clock",
    )  # fmt: skip


def hold(bench: ChunkBench, seconds: float) -> Iterator[dict[str, Any]]:
    """Play for so long; yield for each chunk its time, slack, cost and steps. [engine]

    `slack_ms` is what was left until the chunk was due, below zero when it came late; `left_ms` what was left in the
    ring then, below zero when it had run empty. `warm` is false for the first chunks.
    """
    generator = bench.generator
    rate = generator.sample_rate_hz
    lead_frames = round(LEAD_MS * rate / 1000.0)
    priority = real_time(ENGINE_PRIORITY)
    lock_memory()
    with Ring.create(sample_rate_hz=rate, channels=generator.channels) as ring:
        pacer = Pacer(
            ring, settings(ring, lead_frames), chunk_frames=generator.chunk_frames, steps=bench.about["steps"]
        )
        prefill = prefill_frames(lead_frames, generator.chunk_frames)
        chunks = WARM_UP_CHUNKS + round(seconds * rate / generator.chunk_frames)
        origin_ns = 0
        for number in range(chunks):
            if not origin_ns and ring.written_frames >= prefill:  # a player begins
                origin_ns = time.perf_counter_ns() - frames_to_ns(ring.written_frames - prefill, rate)
            pacer.wait()
            steps = pacer.take()
            began_ns = time.perf_counter_ns()
            empty_ns = frames_to_ns(ring.written_frames, rate) + (origin_ns or began_ns)
            if origin_ns and began_ns > empty_ns:  # the ring has run empty meanwhile: play from here on
                origin_ns, empty_ns = began_ns - frames_to_ns(ring.written_frames, rate), began_ns
            row, chunk = bench.clock.chunk(replace(PLAYING, steps=steps))
            ring.write(chunk.frames)
            now_ns = time.perf_counter_ns()
            if number:  # the first chunk also composes the bars before it: no measure of the next
                pacer.done()
            gc.collect(0)
            yield {
                "at_s": round(number * generator.chunk_frames / rate, 4),
                "left_ms": round((empty_ns - now_ns) / 1e6, 4),
                "slack_ms": round((empty_ns - now_ns) / 1e6 - LEAD_MS, 4),
                "cost_ms": round((now_ns - began_ns) / 1e6, 4),
                "cpu_ms": round(row["whole"][1] / 1e6, 4),
                "steps": steps,
                "warm": number >= WARM_UP_CHUNKS,
                "priority": priority,
            }
