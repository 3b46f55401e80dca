"""The page of a bench: one HTML file with its charts inside, and the same charts as pictures beside it. [any]

Nothing is fetched and no script runs. It reads in a bright office, on a dark stage and on paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from legando.bench.against import Comparison
from legando.bench.charts import heat_strip, histogram, timeline, waterfall
from legando.bench.held import LEAD_MS
from legando.bench.marks import Marks
from legando.bench.page_peers import peers_tables, published_section
from legando.bench.page_style import STYLE
from legando.bench.samples import PERCENTS, Outcome, Results, Series
from legando.realtime.errors import LegandoError
from legando.realtime.schedule import MARGIN_NS
from legando.realtime.wholefile import whole_file

PAGE = "index.html"
TITLES = {
    "chunk": "What a chunk costs",
    "held": "Held in real time",
    "ring": "Shared memory",
    "bridge": "Bridge",
    "midi": "MIDI",
    "start": "Start",
    "memory": "Memory",
    "roofline": "Roofline",
    "peers": "Peers, measured here",
}


def write_page(folder: Path, results: Results, comparison: Comparison | None = None) -> tuple[Path, str]:
    """Write the page and its pictures; return the page, and why there are no pictures, if so. Raises LegandoError."""
    charts = charts_of(results)
    path = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(page(results, charts, comparison), encoding="utf-8")
    except OSError as error:
        raise LegandoError(f"{path} cannot be written ({error.strerror}); choose another folder") from error
    why = ""
    for name, (_, _, marks) in charts.items():
        try:
            marks.png(folder / f"{name}.png")
        except LegandoError as error:
            why = str(error)
    return path, why


def charts_of(results: Results) -> dict[str, tuple[str, str, Marks]]:
    """Return title, note and marks of each chart that the results have figures for. [any]"""
    charts: dict[str, tuple[str, str, Marks]] = {}
    if (chunk := results.outcomes.get("chunk")) is not None and (whole := chunk.find("as played")) is not None:
        note = (
            "What a note or knob waits for, chunk costs at their 99th percentile, part by part as the chunk is made. "
            "Grey parts are fixed; the sound device's own latency comes on top."
        )
        charts["waterfall"] = ("Where the latency goes", note, waterfall(budget(chunk)))
        told = whole.figures()
        note = (
            "Every chunk, as played, beside its budget of nine tenths of what it lasts. The scale is logarithmic: "
            "one slow chunk among thousands still shows."
        )
        lines = {name: told[name] for name in ("p50", "p99", "max")}
        charts["histogram"] = (
            "How costs spread",
            note,
            histogram(whole.values, whole.deadline, "cost of a chunk (ms)", lines),
        )
    if (held := results.outcomes.get("held")) is not None and (late := held.find("late")) is not None:
        slack = [-value for value in late.values]
        at_s, detail = held.detail["at_s"], held.detail
        note = (
            "Chunks made on a schedule, as the engine does. A late chunk eats into the lead of "
            f"{LEAD_MS:.1f} ms; only beyond that it is heard."
        )
        marks = timeline(at_s, slack, detail["steps_taken"], lead_ms=LEAD_MS, most_steps=detail["steps"])
        charts["timeline"] = ("Slack and ladder", note, marks)
        charts["heat"] = ("Misses", "Point at a cell for its time and slack.", heat_strip(at_s, slack))
    return charts


def budget(chunk: Outcome) -> list[tuple[str, float, str]]:
    """Return the parts of the latency of a note or a knob: name, ms, kind of mark. [any]"""
    about = chunk.detail["normal"]
    parts: list[tuple[str, float, str]] = [("wait for the boundary", about["chunk_ms"], "fixed")]
    whole = chunk.find("as played")
    assert whole is not None
    inner = [one for one in chunk.series if one.name.startswith("as played: ")]
    p99 = whole.figures()["p99"]
    # parts do not have their worst moments together: each has its share of the whole's p99
    sums = sum(one.figures()["p50"] for one in inner) or 1.0
    steps = [one for one in inner if ": step " in one.name]
    for one in inner:
        if one in steps[1:]:
            continue
        name, ms = one.name.partition(": ")[2], one.figures()["p50"]
        if one in steps:
            name = f"{len(steps)} denoising steps"
            ms = sum(step.figures()["p50"] for step in steps)
        parts.append((name, p99 * ms / sums, "bar2"))
    parts += [
        ("margin", MARGIN_NS / 1e6, "fixed"),
        ("ring lead", LEAD_MS, "fixed"),
        ("codec", about["latency_ms"], "fixed"),
    ]
    return [part for part in parts if part[1] > 0.0]


def page(results: Results, charts: dict[str, tuple[str, str, Marks]], comparison: Comparison | None) -> str:
    """Return the whole page. [any]"""
    sections = [_head(results)]
    if comparison is not None:
        sections.append(_against(comparison))
    for name, (title, note, marks) in charts.items():
        sections.append(
            f'<section class="chart">\n<h2>{escape(title)}</h2>\n<p class="note">{escape(note)}</p>\n'
            f'<figure id="{name}">\n{marks.svg()}\n</figure>\n</section>\n'
        )
    sections += [_suite(name, outcome) for name, outcome in results.outcomes.items()]
    sections.append(_machine(results))
    title = f"legando bench: {results.machine.get('commit') or results.machine.get('legando')}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _head(results: Results) -> str:
    told = []
    chunk, held = results.outcomes.get("chunk"), results.outcomes.get("held")
    if chunk is not None and (whole := chunk.find("as played")) is not None:
        figures, about = whole.figures(), chunk.detail["normal"]
        told.append(
            f"a chunk of {about['chunk_ms']:g} ms costs <strong>{figures['p50']:.1f} ms</strong> at p50, "
            f"<strong>{figures['p99']:.1f} ms</strong> at p99"
        )
    if held is not None and (late := held.find("late")) is not None:
        misses = late.misses or 0
        kind = "missed" if misses else "met"
        told.append(
            f'<strong class="{kind}">{misses} of {len(late.values)}</strong> chunks late, '
            f"{held.detail['underruns']} heard"
        )
    quick = '<p class="note">Quick: fewer samples than the whole bench takes.</p>\n' if results.quick else ""
    made = escape(str(results.machine.get("made", "")).replace("T", " ").removesuffix("+00:00"))
    return (
        f'<header>\n<h1>Latency bench</h1>\n<p class="summary">{"; ".join(told) or "no chunk was measured"}</p>\n'
        f'{quick}<p class="note">commit <code>{escape(results.machine.get("commit") or "unknown")}</code>, '
        f"{made} UTC<br>{escape(results.machine.get('device', ''))}, load at the start "
        f"{results.machine.get('load', ['?'])[0]}</p>\n</header>\n"
    )


def _against(comparison: Comparison) -> str:
    verdict = "".join(f"<li>{escape(line)}</li>\n" for line in comparison.lines())
    failures = "".join(f'<li class="missed">{escape(line)}</li>\n' for line in comparison.failures)
    rows = "".join(
        f'<tr><td>{escape(part.part)}</td><td class="number">{part.work.old:.3f}</td>'
        f'<td class="number">{part.work.new:.3f}</td><td class="number">{escape(part.work.percent)}</td>'
        f'<td class="number">{escape(part.wall.percent)}</td><td>{_slower(part.slower)}</td></tr>\n'
        for part in comparison.parts
    )
    return (
        f"<section>\n<h2>Against {escape(comparison.base)}</h2>\n<ul>\n{verdict}{failures}</ul>\n"
        '<div class="wide"><table class="figures">\n<thead><tr><th>part</th><th class="number">work before (ms)</th>'
        '<th class="number">now (ms)</th><th class="number">work, p50</th><th class="number">wall, p50</th>'
        f"<th>verdict</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )


def _slower(slower: bool) -> str:
    return '<span class="missed">slower</span>' if slower else ""


def _suite(name: str, outcome: Outcome) -> str:
    title = escape(TITLES.get(name, name))
    if outcome.skipped:
        return f'<section>\n<h2>{title}</h2>\n<p class="note">not measured: {escape(outcome.skipped)}</p>\n</section>\n'
    if name == "peers":
        took = f'<span class="took">{outcome.seconds:.0f} s</span>'
        return f"<section>\n<h2>{title} {took}</h2>\n{peers_tables(outcome)}</section>\n{published_section()}"
    told = _table(outcome.series) if outcome.series else ""
    if name == "roofline":
        told += _roofline(outcome.detail)
    else:
        told += _detail(outcome.detail)
    return f'<section>\n<h2>{title} <span class="took">{outcome.seconds:.0f} s</span></h2>\n{told}</section>\n'


def _table(series: Sequence[Series]) -> str:
    heads = "".join(f'<th class="number">{name}</th>' for name in PERCENTS)
    rows = []
    for one in series:
        figures = one.figures()
        if not figures:
            continue
        cells = "".join(f'<td class="number">{_number(figures[name])}</td>' for name in PERCENTS)
        misses = "" if one.misses is None else f'<span class="{"missed" if one.misses else "met"}">{one.misses}</span>'
        shown = one.name.partition(": ")[2] if one.part else one.name
        kind = ' class="inner"' if one.part else ""
        warm = _number(max(one.warm_up)) if one.warm_up else ""
        rows.append(
            f'<tr{kind}><td>{escape(shown)}</td><td>{one.unit}</td>{cells}<td class="number">{misses}</td>'
            f'<td class="number">{len(one.values)}</td><td class="number">{warm}</td></tr>\n'
        )
    return (
        f'<div class="wide"><table class="figures">\n<thead><tr><th></th><th>unit</th>{heads}'
        '<th class="number">misses</th><th class="number">samples</th><th class="number">warm-up, max</th></tr>'
        "</thead>\n"
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>\n"
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"


def _roofline(detail: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{told["mflop"]:.1f}</td>'
        f'<td class="number">{told["mb"]:.1f}</td>'
        f'<td class="number">{told["arithmetic_ms"]:.2f}</td><td class="number">{told["memory_ms"]:.2f}</td>'
        f'<td class="number">{told["measured_ms"]:.2f}</td><td class="number">{told["times_floor"]:.1f}</td></tr>\n'
        for name, told in detail["networks"].items()
    )
    heads = ("Mflop", "MB moved", "arithmetic (ms)", "memory (ms)", "measured (ms)", "times the floor")
    cells = "".join(f'<th class="number">{head}</th>' for head in heads)
    return (
        f'<p class="note">One thread: {detail["matrix_gflop_s"]:g} Gflop/s in products of matrices, '
        f"{detail['copy_256_mb_gb_s']:g} GB/s copying 256 MB. The floor is the larger of arithmetic and memory; what "
        "is measured also holds what lies around a network in its part.</p>\n"
        f'<div class="wide"><table class="figures">\n<thead><tr><th>network</th>{cells}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table></div>\n"
    )


def _detail(detail: dict[str, Any]) -> str:
    told = {name: value for name, value in detail.items() if not isinstance(value, list)}
    if not told:
        return ""
    return (
        "<dl>\n"
        + "".join(f"<dt>{escape(name)}</dt><dd>{_plain(value)}</dd>\n" for name, value in told.items())
        + "</dl>\n"
    )


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return escape(", ".join(f"{name} {inner}" for name, inner in value.items()).replace("_", " "))
    return escape(f"{value:g}" if isinstance(value, float) else str(value))


def _machine(results: Results) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{_plain(value)}</dd>\n" for name, value in results.machine.items())
    return f"<section>\n<h2>Measured with</h2>\n<dl>\n{rows}</dl>\n</section>\n"
