"""Tables of peers: what was measured here, and what others have published; never one with figures of both. [any]"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).with_name("published.toml")
COLUMNS = ("system", "control to sound", "times real time", "hardware", "source")
MEASURED = (
    "group", "peer", "processor, p50 (ms)", "p50 (ms)", "p95 (ms)", "p99 (ms)", "ratio to ours (99.5 %)", "note",
)  # fmt: skip


def published() -> list[dict[str, str]]:
    """Return what has been published, a row for each system. [any]"""
    rows: list[dict[str, str]] = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))["published"]
    return rows


def sources_of(one: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what each source of a system says, and its address. [any]"""
    more = [(one["also_says"], one["also"])] if "also" in one else []
    return [(one["says"], one["source"]), *more]


def published_rows() -> list[tuple[str, str, str, str, str]]:
    """Return the cells of the table of published figures; the last is the source's address. [any]"""
    return [(one["system"], one["wait"], one["speed"], one["hardware"], one["source"]) for one in published()]


def published_table() -> str:
    """Return it as Markdown. [any]"""
    rows = [
        (*cells[:-1], ", ".join(f"[{says}]({address})" for says, address in sources_of(one)))
        for one, cells in zip(published(), published_rows(), strict=True)
    ]
    return markdown(COLUMNS, rows)


def measured_rows(detail: Mapping[str, Any], figures: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Return the cells of the table of measured peers, group by group. `figures`: percentiles in ms by series. [any]"""
    out = []
    groups = list(dict.fromkeys(row["group"] for row in detail["rows"]))
    for row in sorted(detail["rows"], key=lambda row: groups.index(row["group"])):
        told = figures[row["series"]]
        work = _ms(row["work_p50_ms"]) if "work_p50_ms" in row else ""
        times = [_ms(told[name]) for name in ("p50", "p95", "p99")]
        ratio = "1" if row["ours"] else ""
        if not row["ours"] and "ratio" in row:
            ratio = f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        out.append((row["group"], row["name"], work, *times, ratio, row["note"]))
    return out


def output_rows(detail: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the cells of the table of breaks: a row for each way, a column for each block size. [any]"""
    blocks = sorted({row["block"] for row in detail["outputs"]})
    names = dict.fromkeys(row["name"] for row in detail["outputs"])
    found = {(row["name"], row["block"]): row for row in detail["outputs"]}
    rows = []
    for name in names:
        cells = [found.get((name, block)) for block in blocks]
        rows.append((name, *("" if one is None else _breaks(one) for one in cells)))
    return rows


def _breaks(row: Mapping[str, Any]) -> str:
    lost = f", {100.0 * row['lost']:.0f} % lost" if row["lost"] >= 0.005 else ""
    return f"{row['breaks']} in {row['seconds']:g} s{lost}"


def output_columns(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """Return its heads. [any]"""
    return ("way", *(f"breaks, {block} frames" for block in sorted({row["block"] for row in detail["outputs"]})))


def measured_table(report: Mapping[str, Any]) -> str:
    """Return the measured peers of a report as Markdown. [any]"""
    rows = measured_rows(report["details"]["peers"], report["suites"]["peers"])
    told = [row if row[0] not in {one[0] for one in rows[:at]} else ("", *row[1:]) for at, row in enumerate(rows)]
    return markdown(MEASURED, told)


def output_table(report: Mapping[str, Any]) -> str:
    """Return the breaks of a report as Markdown. [any]"""
    detail = report["details"]["peers"]
    return markdown(output_columns(detail), output_rows(detail))


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table. [any]"""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)])


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
