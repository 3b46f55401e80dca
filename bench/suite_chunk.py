"""Suites `chunk` and `held`: what a chunk costs, part by part, and whether chunks come in time. [control]"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from legando.bench.chunks import WARM_UP_CHUNKS, WAYS
from legando.bench.held import WARM_UP_CHUNKS as HELD_WARM_UP
from legando.bench.partclock import WHOLE, Row, in_order
from legando.bench.samples import Outcome, Series
from legando.bench.workerlink import Worker

Advance = Callable[[float], None]
"""Told the share of the suite that is done, 0 to 1."""
Sittings = Generator[None, None, Outcome]
"""A suite that pauses between its sittings, while others run, and returns its outcome in the end."""
BLOCK_CHUNKS = 10
BARE, BARE_EACH = "bare work", 4
"""Work that is not ours, and how often it is done before each block of chunks: the machine's own pace (`bare`)."""
CHUNK_SITTINGS = (4, 16)
"""Quick and whole: so many processes. Where one's memory happens to lie makes it some per cent faster for life."""
HELD_SITTINGS = (2, 12)
BUDGET_SHARE = 0.9
"""How much of its own length a chunk may cost for good, as the pacer has it."""


def chunk_suite(bundle: Path | None, quick: bool, advance: Advance) -> Sittings:
    """Time chunks one after the other in each way of `WAYS`, and each part of them, in `CHUNK_SITTINGS`. [control]"""
    blocks, sittings = 2 if quick else 3, CHUNK_SITTINGS[0 if quick else 1]
    warm: dict[str, list[Row]] = {name: [] for name in WAYS}
    rows: dict[str, list[Row]] = {name: [] for name in WAYS}
    bare: list[Row] = []
    about: dict[str, Any] = {}
    done, total = 0, sittings * len(WAYS) * (WARM_UP_CHUNKS + blocks * BLOCK_CHUNKS)
    for sitting in range(sittings):
        if sitting:
            yield
        for eco in (False, True):
            ways = [name for name, way in WAYS.items() if way.eco == eco]
            with Worker(bundle=bundle, eco=eco) as worker:
                about["eco" if eco else "normal"] = worker.about
                for name in ways:
                    warm[name] += worker.run(name, WARM_UP_CHUNKS)
                    done += WARM_UP_CHUNKS
                for _, name in itertools.product(range(blocks), ways):  # in turn, so that a busy moment meets all
                    bare += worker.bare(BARE_EACH)
                    rows[name] += worker.run(name, BLOCK_CHUNKS)
                    done += BLOCK_CHUNKS
                    advance(done / total)
    deadline_ms = BUDGET_SHARE * about["normal"]["chunk_ms"]
    series = [one for name in WAYS for one in series_of(name, [*warm[name], *rows[name]], len(warm[name]), deadline_ms)]
    return Outcome(suite="chunk", series=[*series, *series_of(BARE, bare, 0, None)], detail=about)


def series_of(way: str, rows: Sequence[Row], warm_up: int, deadline_ms: float | None) -> list[Series]:
    """Return the series of one way: the whole chunk, then its parts in the order in which they come. [any]"""
    names = in_order({name for row in rows for name in row})
    made = []
    for name in names:
        wall = [row.get(name, (0, 0))[0] / 1e6 for row in rows]
        cpu = [row.get(name, (0, 0))[1] / 1e6 for row in rows]
        made.append(
            Series(
                name=way if name == WHOLE else f"{way}: {name}",
                unit="ms",
                values=wall[warm_up:],
                warm_up=wall[:warm_up],
                cpu=cpu[warm_up:],
                deadline=deadline_ms if name == WHOLE else None,
                part=name != WHOLE,
            )
        )
    return made


def held_suite(
    bundle: Path | None,
    quick: bool,
    advance: Advance,
    *,
    seconds: float | None = None,
    sittings: int | None = None,
) -> Sittings:
    """Play in real time, on a schedule; count what came late. All sittings are told as one. [control]"""
    sittings = HELD_SITTINGS[0 if quick else 1] if sittings is None else sittings
    length = (seconds if seconds is not None else 14.0 if quick else 180.0) / sittings
    chunks: list[dict[str, Any]] = []
    for sitting in range(sittings):
        if sitting:
            yield
        with Worker(bundle=bundle) as worker:
            about = worker.about
            # what counts follows what counted before, without the warm-up between
            offset_s = chunks[-1]["at_s"] - (HELD_WARM_UP - 1) * about["chunk_ms"] / 1000.0 if chunks else 0.0
            for chunk in worker.hold(length):
                chunks.append({**chunk, "at_s": round(offset_s + chunk["at_s"], 4)})
                advance((sitting + min(1.0, chunk["at_s"] / length)) / sittings)
    return held_outcome(chunks, about)


def held_outcome(chunks: Sequence[dict[str, Any]], about: dict[str, Any]) -> Outcome:
    """Return the outcome of chunks that were held to a schedule. [any]

    `late` is how long after its due time each chunk came: below zero when it came in time.
    """
    cold = [chunk for chunk in chunks if not chunk["warm"]]
    warm = [chunk for chunk in chunks if chunk["warm"]]
    late = Series(
        name="late",
        unit="ms",
        values=[-chunk["slack_ms"] for chunk in warm],
        warm_up=[-chunk["slack_ms"] for chunk in cold],
        deadline=0.0,
    )
    cost = Series(
        name="cost of a chunk",
        unit="ms",
        values=[chunk["cost_ms"] for chunk in warm],
        warm_up=[chunk["cost_ms"] for chunk in cold],
        cpu=[chunk["cpu_ms"] for chunk in warm],
        deadline=BUDGET_SHARE * about["chunk_ms"],
    )
    rungs = sorted({chunk["steps"] for chunk in warm}, reverse=True)
    detail = {
        **about,
        "priority": chunks[-1]["priority"],
        "underruns": sum(chunk["left_ms"] < 0.0 for chunk in warm),
        "ladder": {str(steps): sum(chunk["steps"] == steps for chunk in warm) for steps in rungs},
        "at_s": [chunk["at_s"] for chunk in warm],
        "steps_taken": [chunk["steps"] for chunk in warm],
    }
    return Outcome(suite="held", series=[late, cost], detail=detail)
