"""The report of a check: JSON for machines, Markdown for readers, PNG for eyes; each only when whole. [control]"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from legando.engines.card import goals
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

NAME = "gpu"
Report = Mapping[str, Any]


def write_report(folder: Path, report: Report) -> list[Path]:
    """Write gpu.json, gpu.md and gpu.png; return what was written. Raises LegandoError. [control]

    The picture is left out where matplotlib is missing, and the page then has none.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [_whole(folder / f"{NAME}.json", lambda path: _text(path, json.dumps(report, indent=2) + "\n"))]
        try:
            written.append(_whole(folder / f"{NAME}.png", lambda path: _picture(path, report)))
        except ImportError:
            (folder / f"{NAME}.png").unlink(missing_ok=True)
        page = markdown(report, picture=len(written) > 1)
        written.append(_whole(folder / f"{NAME}.md", lambda path: _text(path, page)))
        return written
    except OSError as error:
        raise LegandoError(f"{folder} cannot be written ({error.strerror}); choose another folder") from error


def _picture(path: Path, report: Report) -> None:
    from legando.engines.card.picture import draw

    draw(path, report)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _whole(path: Path, write: Callable[[Path], None]) -> Path:
    with whole_file(path) as part:
        write(part)
    return path


def markdown(report: Report, *, picture: bool) -> str:
    """Return the report as a page. [any]"""
    lines = ["# Graphics card", ""]
    if report["shim"]:
        lines += ["**Made on the CPU shim: times and rates here say nothing about a card.**", ""]
    lines += [f"- {name}: {_plain(value)}" for name, value in report["about"].items()]
    if picture:
        lines += ["", f"![Chunks by rung, their parts, and streams in time]({NAME}.png)"]
    lines += ["", "## Goals", "", *_goals(report)]
    lines += ["", "## Kernels against their references", "", *_kernels(report["kernels"])]
    for name, section in report["sections"].items():
        lines += ["", f"## {name[:1].upper()}{name[1:]}", ""]
        if "reason" in section:
            lines += [f"Not measured: {section['reason']}."]
        else:
            lines += _section(section["found"])
    page = "\n".join(lines).rstrip() + "\n"
    while "\n\n\n" in page:
        page = page.replace("\n\n\n", "\n\n")
    return page


def _goals(report: Report) -> list[str]:
    rows = [[name, goals.wanted(name), *found] for name, found in goals.reached(report).items()]
    return _table(["goal", "wanted", "found", "reached"], rows)


def _kernels(rows: list[Mapping[str, Any]]) -> list[str]:
    head = ["kernel", "equal", "numbers", "last bits", "p50 us", "p99 us", "max us"]
    keys = ("kernel", "equal", "compared", "differing", "p50_us", "p99_us", "max_us")
    table = _table(head, [[row[key] for key in keys] for row in rows])
    return table + [f"- {row['kernel']}: {wrong}" for row in rows for wrong in row["wrong"]]


def _section(found: Any) -> list[str]:
    """Return what a section found: rows as a table, the rest as a list."""
    if not isinstance(found, Mapping):
        return [_plain(found)]
    lines = []
    for name, value in found.items():
        rows = _rows(value)
        if rows is None:
            lines.append(f"- {name}: {_plain(value)}")
            continue
        columns = list(dict.fromkeys(key for row in rows for key in row))
        lines += ["", *_table(columns, [[row.get(column) for column in columns] for row in rows]), ""]
    return lines


def _rows(value: Any) -> list[dict[str, Any]] | None:
    """Return a list of rows, or a mapping of rows by name, as flat rows; None for anything else."""
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return [_flat(row) for row in value]
    if isinstance(value, Mapping) and value and all(isinstance(row, Mapping) for row in value.values()):
        return [{"": name, **_flat(row)} for name, row in value.items()]
    return None


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= {f"{name.removesuffix('_ms')} {key}": part for key, part in value.items()}
        else:
            flat[name] = value
    return flat


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    def line(cells: list[Any]) -> str:
        return f"| {' | '.join(_plain(cell) for cell in cells)} |"

    return [line(head), line(["---"] * len(head)), *(line(row) for row in rows)]


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    return str(value)
