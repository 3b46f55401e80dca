"""The picture of a check: chunks by rung, where their time goes, and how many streams come in time. [control]"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from legando.engines.card.goals import CHUNK_P99_MS

COLOURS = ("#4269d0", "#efb118", "#3ca951", "#ff725c", "#a463f2", "#9c6b4e")


def draw(path: Path, report: Mapping[str, Any]) -> None:
    """Draw what the report holds; a panel without figures says so. Needs matplotlib. [control]"""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = {name: s["found"] for name, s in report["sections"].items() if "found" in s}
    figure, axes = pyplot.subplots(1, 3, figsize=(15, 5.6), constrained_layout=True)
    try:
        kind = "CPU shim: times say nothing about a card" if report["shim"] else report["about"].get("device", "")
        figure.suptitle(f"legando gpu check, {kind}", fontsize=12, color="#b00020" if report["shim"] else "#222222")
        _rungs(axes[0], {name[:-7]: f for name, f in found.items() if name.endswith(": rungs")}, shim=report["shim"])
        _parts(axes[1], {name[:-7]: f for name, f in found.items() if name.endswith(": parts")}, shim=report["shim"])
        _streams(axes[2], {name[:-9]: f for name, f in found.items() if name.endswith(": streams")})
        figure.savefig(path, dpi=110, format="png")
    finally:
        pyplot.close(figure)


def _rungs(axes: Any, found: Mapping[str, Any], *, shim: bool) -> None:
    axes.set_title("one chunk of one stream, controls to sound")
    lasts = [f["chunk_lasts_ms"] for f in found.values()]
    for colour, (name, f) in zip(COLOURS, found.items(), strict=False):
        rows = f["rungs"]
        steps = [row["steps"] for row in rows]
        for level, style in (("p50", "-"), ("p99", "--"), ("max", ":")):
            values = [row["chunk_ms"][level] for row in rows]
            axes.plot(
                steps, values, style, color=colour, marker="o", markersize=3, label=name if level == "p50" else None
            )
        axes.set_xticks(sorted(set(steps)))
    if not found:
        _nothing(axes)
        return
    _line(axes, lasts[0], "a chunk lasts")
    if not shim:
        _line(axes, CHUNK_P99_MS, "goal, p99")
    _log(axes, "ms: p50 solid, p99 dashed, max dotted")
    axes.set_xlabel("denoising steps")
    axes.legend(fontsize=8)


def _parts(axes: Any, found: Mapping[str, Any], *, shim: bool) -> None:
    axes.set_title("where the time goes, on the device")
    measured = {
        name: {part: row["ms"]["p50"] for part, row in f["parts"].items() if "ms" in row} for name, f in found.items()
    }
    measured = {name: parts for name, parts in measured.items() if parts}
    if not measured:
        _nothing(axes, "no clock on the CPU shim" if shim else "not measured")
        return
    names = list(next(iter(measured.values())))
    height = 0.8 / len(measured)
    for index, (colour, (name, parts)) in enumerate(zip(COLOURS, measured.items(), strict=False)):
        places = [row + index * height for row in range(len(names))]
        bars = axes.barh(places, [parts.get(part, 0.0) for part in names], height, color=colour, label=name)
        axes.bar_label(bars, fmt="%.3f", fontsize=7, padding=2)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(names))], names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("ms, p50 by events")
    axes.margins(x=0.15)
    axes.legend(fontsize=8)


def _streams(axes: Any, found: Mapping[str, Any]) -> None:
    axes.set_title("streams in one step")
    for colour, (name, f) in zip(COLOURS, found.items(), strict=False):
        rows = [row for row in f["counts"] if "step_ms" in row]
        counts = [row["streams"] for row in rows]
        for level, style in (("p50", "-"), ("p99", "--")):
            values = [row["step_ms"][level] for row in rows]
            axes.plot(
                counts, values, style, color=colour, marker="o", markersize=3, label=name if level == "p50" else None
            )
        if counts:
            axes.set_xscale("log", base=2)
            axes.set_xticks(counts, [str(count) for count in counts])
    if not found:
        _nothing(axes)
        return
    deadline = next(iter(found.values()))["deadline_ms"]
    _line(axes, deadline, "deadline")
    _log(axes, "ms: p50 solid, p99 dashed")
    axes.set_xlabel("streams")
    axes.legend(fontsize=8)


def _log(axes: Any, label: str) -> None:
    """Label a logarithmic axis with plain numbers: 0.5, 20, 1000."""
    from matplotlib import ticker

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_ylabel(label)


def _line(axes: Any, ms: float, what: str) -> None:
    axes.axhline(ms, color="#888888", linewidth=0.8)
    axes.text(0.01, ms, f"{what}: {ms:g} ms", transform=axes.get_yaxis_transform(), ha="left", va="bottom", fontsize=8,
              bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5})  # fmt: skip


def _nothing(axes: Any, why: str = "not measured") -> None:
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, color="#666666")
    axes.set_xticks([])
    axes.set_yticks([])
