"""What a card does with a chunk: times of each rung, of each part, of many streams, and their energy. [control]

All times are of real takes with a performer's controls, from `step` to sound with the host, unless they say otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from legando.engines.bundle import Bundle
from legando.engines.card.cardgenerator import CardGenerator
from legando.engines.card.energy import EnergyMeter
from legando.engines.card.floor import floor_of
from legando.engines.card.sections import spread, timed
from legando.realtime.controls import Controls
from legando.realtime.ladder import rungs_of

PLAYED = Controls(
    style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0, held=(57, 60, 64), space=0.8, drive=0.8
)
"""With space and drive turned up, so that they take their time."""
STREAMS = (1, 2, 4, 8, 16, 32)
DEADLINE_SHARE = 0.5
"""How much of a chunk all streams may take at p99: the rest is for the host, the player, and a bad moment."""
Opener = Callable[[Sequence[int]], CardGenerator]


def _step(card: CardGenerator, steps: int) -> Callable[[], None]:
    controls = [replace(PLAYED, steps=steps)] * len(card.seeds)

    def step() -> None:
        card.step(controls)

    return step


def rungs(open_card: Opener, *, seconds: float, most: int) -> dict[str, Any]:
    """Return for each rung the time of a chunk of one stream, its launches, and the nodes of its graph. [control]"""
    card = open_card([1])
    try:
        rows = []
        for steps in rungs_of(card.default_steps):
            step = _step(card, steps)
            timed(step, seconds=seconds / 10, least=2, most=20)
            before = card.graph_launches
            taken = timed(step, seconds=seconds, least=3, most=most)
            launches = card.graph_launches - before
            rows.append(
                {"steps": steps, "chunk_ms": spread(taken), "nodes": card.graph.graphs[steps, True].nodes}
                | {"launches_per_chunk": round(launches / len(taken), 3)}
            )
        return {"engine": card.engine, "chunk_lasts_ms": 1e3 * card.chunk_frames / card.sample_rate_hz, "rungs": rows}
    finally:
        card.close()


def parts(open_card: Opener, bundle: Bundle, *, bytes_per_s: float | None, times: int = 200) -> dict[str, Any]:
    """Return the time of each part on the device, each in a graph of its own, by events; and the memory floor."""
    card = open_card([1])
    try:
        graph, device = card.graph, card.graph.device
        steps = card.default_steps
        timed(_step(card, steps), seconds=1.0, least=2, most=10)
        work: dict[str, Callable[[], None]] = {
            "conditioning": graph.conditioning.assemble,
            "denoiser, one pass": lambda: device.enqueue(graph.networks.denoiser),
            "sampler, one step": lambda: graph.sampler.step(1 / steps, last=False),
            "decoder": lambda: device.enqueue(graph.networks.decoder),
            "drive": lambda: graph.drive.enqueue(graph.audio.address),
            "room": lambda: graph.room.enqueue(graph.audio.address),
            "seam": lambda: graph.seam.enqueue(graph.audio.address, graph.chunk_frames),
            "memory pass": lambda: device.enqueue(graph.networks.memory),
            "history": graph.history.enqueue,
            "tick": graph.record_tick,
            "whole chunk, no tick": lambda: graph.record_chunk((steps, False)),
            "whole chunk, with a tick": lambda: graph.record_chunk((steps, True)),
        }
        clock: Any = device
        rows: dict[str, dict[str, Any]] = {}
        for name, record in work.items():
            captured = device.capture(record)
            captured.launch()
            device.sync()
            took_us = clock.microseconds(captured.launch, times)
            rows[name] = {"nodes": captured.nodes} | ({"ms": spread([t / 1e3 for t in took_us])} if took_us else {})
            captured.close()
        found: dict[str, Any] = {"engine": card.engine, "steps": steps, "parts": rows}
        if bytes_per_s is not None:
            floor = dict(floor_of(bundle, graph.networks, steps=steps, bytes_per_s=bytes_per_s))
            whole = rows["whole chunk, with a tick"].get("ms")
            if whole:
                floor |= {f"ratio_{kind}": round(whole["p50"] / floor[f"{kind}_ms"], 2) for kind in ("once", "passes")}
            found["floor"] = floor
        return found
    finally:
        card.close()


def streams(open_card: Opener, *, seconds: float, most: int, counts: Sequence[int] = STREAMS) -> dict[str, Any]:
    """Return how many streams come in time on one card: the largest number whose p99 keeps the deadline. [control]"""
    rows: list[dict[str, Any]] = []
    live, lasts_ms = 0, 0.0
    for count in counts:
        try:
            card = open_card(range(count))
        except Exception as error:  # too many for the card's memory, or for a compiler: the next may be too
            rows.append({"streams": count, "reason": " ".join(str(error).split())[:300]})
            break
        try:
            step = _step(card, card.default_steps)
            timed(step, seconds=seconds / 10, least=2, most=10)
            taken = spread(timed(step, seconds=seconds, least=3, most=most))
            lasts_ms = 1e3 * card.chunk_frames / card.sample_rate_hz
            in_time = taken["p99"] <= DEADLINE_SHARE * lasts_ms
            live = count if in_time else live
            rows.append({"streams": count, "step_ms": taken, "in_time": in_time})
        finally:
            card.close()
    return {"deadline_ms": DEADLINE_SHARE * lasts_ms, "live_streams": live, "counts": rows}


def energy(open_card: Opener, *, seconds: float) -> dict[str, Any]:
    """Return joules for a second of audio: one stream as it plays, and chunks one after the other. [control]"""
    with EnergyMeter() as meter:
        idle_from = meter.joules()
        time.sleep(1.0)
        idle_w = meter.joules() - idle_from
        card = open_card([1])
        try:
            step = _step(card, card.default_steps)
            step()
            lasts = card.chunk_frames / card.sample_rate_hz
            found: dict[str, Any] = {"idle_w": round(idle_w, 1)}
            for name, pace in (("as it plays", lasts), ("one after the other", 0.0)):
                began, before, chunks = time.perf_counter(), meter.joules(), 0
                while time.perf_counter() - began < seconds:
                    due = began + chunks * pace
                    time.sleep(max(0.0, due - time.perf_counter()))
                    step()
                    chunks += 1
                found[name] = {"joules_per_audio_s": round((meter.joules() - before) / (chunks * lasts), 3)}
            return found
        finally:
            card.close()
