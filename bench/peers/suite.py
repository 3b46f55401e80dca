"""Suite `peers`: legando and what others have built, in turn, in one run. [control]

Every side is a process that stays alive; rounds go through all of them, a few calls each, in an order that turns by one
each round, so that whatever the machine does meets all alike. A ratio is that of a round's neighbours, by the
processor's time at p50, with an interval from a bootstrap over rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from legando.bench.peers.hops import HopSides
from legando.bench.peers.install import ENVIRONMENTS, NETWORKS
from legando.bench.peers.output import output_trials
from legando.bench.peers.side import Side
from legando.bench.samples import Outcome, Series
from legando.bench.shift import quantile_shift
from legando.bench.suite_chunk import Advance
from legando.realtime.errors import LegandoError

CODEC = Path(__file__).with_name("foreign_codec.py")
BLOCKS = (128, 256)
CHUNK_S = 0.08
TITLES = {
    "bare": "bare ONNX Runtime", "exported": "the bundle's own graphs", "eager": "torch, eager",
    "torch": "legando on torch", "compiled": "torch, compiled", "schedule": "StreamDiffusion's schedule",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One line of the comparison: what a side is asked for, how often a turn, and what one call is worth."""

    group: str
    name: str
    side: str
    call: str
    count: int
    audio_s: float = 0.0
    """Sound that one call makes, where times are told for each second of it; 0: a call is a call."""
    ours: bool = False
    note: str = ""


@dataclass(slots=True)
class Kept:
    """What came of one contestant: rounds of calls, in milliseconds."""

    wall: list[list[float]] = field(default_factory=list)
    cpu: list[list[float]] = field(default_factory=list)


def contestants(codecs: dict[str, dict[str, float]]) -> list[Contestant]:
    """Return every line, those of codecs by how much sound a call of theirs makes. [any]"""
    out = [
        Contestant(group="chunk", name="legando, a whole chunk", side="legando", call="chunk", count=4, ours=True),
        Contestant(group="chunk", name="bare ONNX Runtime, the same graphs", side="bare", call="chunk", count=4,
                   note="the floor: the same calls, nothing around them"),
        Contestant(group="chunk", name="bare ONNX Runtime, the bundle's own graphs", side="exported", call="chunk",
                   count=3),
        Contestant(group="chunk", name="legando on torch, a whole chunk", side="torch", call="chunk", count=2,
                   note="--backend torch"),
        Contestant(group="chunk", name="torch, compiled", side="compiled", call="chunk", count=3,
                   note="all voices; the decoder eager, which the compiler does not finish"),
        Contestant(group="chunk", name="torch, eager", side="eager", call="chunk", count=2,
                   note="all voices, sounding or not"),
        Contestant(group="decoder, 80 ms a call", name="legando's decoder", side="legando", call="decoder, 80 ms",
                   count=4, audio_s=CHUNK_S, ours=True),
        Contestant(group="decoder, 1 s a call", name="legando's decoder", side="legando", call="decoder, 2 s", count=1,
                   audio_s=25 * CHUNK_S, ours=True, note="25 calls: it has no longer ones"),
        Contestant(group="schedule", name="steps in turn", side="schedule", call="steps in turn", count=4, ours=True,
                   note="no chunk waits for another"),
        Contestant(group="schedule", name="StreamDiffusion's schedule", side="schedule",
                   call="steps of four chunks as a batch", count=4, note="each chunk leaves 240 ms later"),
    ]  # fmt: skip
    for name, lengths in codecs.items():
        for length, audio_s in lengths.items():
            group = "decoder, 80 ms a call" if length == "80 ms" else "decoder, 1 s a call"
            note = f"{1000.0 * audio_s:.0f} ms a call"
            out.append(Contestant(group=group, name=name, side=name, call=length, count=1, audio_s=audio_s, note=note))
    return out


def open_sides(stack: ExitStack, bundle: Path | None) -> tuple[dict[str, Side], dict[str, Any], dict[str, str]]:
    """Start every side at once and wait for each; return those that run, what they told, and why others do not."""
    more = ["--bundle", str(bundle)] if bundle is not None else []
    started: dict[str, Side] = {}
    skipped: dict[str, str] = {}
    for way in ("legando", "bare", "exported", "eager", "torch", "compiled", "schedule"):
        started[way] = Side([*NETWORKS, way, *more])
    codecs = ENVIRONMENTS["codecs"]
    for name in ("RAVE v2", "EnCodec 48 kHz stereo", "EnCodec 24 kHz mono"):
        if codecs.missing:
            skipped[name] = codecs.missing
        else:
            started[name] = Side([str(codecs.python), str(CODEC), name], foreign=True)
    sides, told = {}, {}
    for side in started.values():
        stack.callback(side.close)
    for name, side in started.items():
        try:
            told[name] = side.ready()
            sides[name] = side
        except LegandoError as error:
            skipped[TITLES.get(name, name)] = str(error)
    return sides, told, skipped


def peers_suite(bundle: Path | None, quick: bool, advance: Advance, rounds: int | None = None) -> Outcome:
    """Measure all peers that can run here. Raises LegandoError when legando itself cannot. [control]"""
    rounds = rounds or (8 if quick else 20)
    with ExitStack() as stack:
        sides, told, skipped = open_sides(stack, bundle)
        if "legando" not in sides:
            raise LegandoError(f"legando itself cannot run: {skipped['legando']}")
        advance(0.2)
        codecs = {
            name: lengths for name, lengths in told.items() if name not in ("legando",) and "calls" not in lengths
        }
        lines = [one for one in contestants(codecs) if one.side in sides]
        kept = {(one.group, one.name): Kept() for one in lines}
        for number in range(rounds):
            turn = number % len(lines)
            for one in lines[turn:] + lines[:turn]:
                sides[one.side].run(one.call, 1)  # its memory comes back into the caches
                wall, cpu = sides[one.side].run(one.call, one.count)
                scale = 1e-6 / (one.audio_s or 1.0)
                kept[one.group, one.name].wall.append([scale * ns for ns in wall])
                kept[one.group, one.name].cpu.append([scale * ns for ns in cpu])
            advance(0.2 + 0.4 * (number + 1) / rounds)
    series, rows = compared(lines, kept)
    with HopSides() as hops:
        ways, why = hops.measure(rounds=4 if quick else 10, count=40 if quick else 60)
        skipped |= why
        advance(0.8)
    series += ways
    rows += hop_rows(ways)
    outputs, why = output_trials(blocks=BLOCKS[1:] if quick else BLOCKS, seconds=6.0 if quick else 12.0)
    return Outcome(suite="peers", series=series, detail={"rows": rows, "outputs": outputs, "skipped": skipped | why})


def compared(
    lines: Sequence[Contestant], kept: dict[tuple[str, str], Kept]
) -> tuple[list[Series], list[dict[str, Any]]]:
    """Return a series and a row for each line; a row has its ratio to ours, with an interval. [any]"""
    series, rows = [], []
    for one in lines:
        mine = kept[one.group, one.name]
        unit = "ms"
        made = Series(
            name=f"{one.group}: {one.name}",
            unit=unit,
            values=[value for values in mine.wall for value in values],
            cpu=[value for values in mine.cpu for value in values],
        )
        base = next(kept[other.group, other.name] for other in lines if other.group == one.group and other.ours)
        shift = quantile_shift(np.array([base.cpu]), np.array([mine.cpu]), 50.0)
        series.append(made)
        rows.append(
            {
                "group": one.group,
                "name": one.name,
                "series": made.name,
                "work_p50_ms": round(shift.new, 4),
                "ratio": round(shift.ratio, 3),
                "low": round(shift.low, 3),
                "high": round(shift.high, 3),
                "ours": one.ours,
                "note": one.note,
            }
        )
    return series, rows


def hop_rows(series: Sequence[Series]) -> list[dict[str, Any]]:
    """Return the rows of ways between processes, whose ratio is by the wall's clock. [any]"""
    base = next((one for one in series if one.name.endswith("legando's bridge")), None)
    rows = []
    for one in series:
        group, _, name = one.name.partition(": ")
        row: dict[str, Any] = {"group": group, "name": name, "series": one.name, "ours": one is base, "note": ""}
        if base is not None:
            size = min(len(one.values), len(base.values))
            blocks = [np.array(side.values[: size // 20 * 20]).reshape(1, -1, 20) for side in (base, one)]
            shift = quantile_shift(blocks[0], blocks[1], 50.0)
            row |= {"ratio": round(shift.ratio, 3), "low": round(shift.low, 3), "high": round(shift.high, 3)}
        rows.append(row)
    return rows
