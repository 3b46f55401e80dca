"""The page's sections on peers: what was measured in turn with us; apart, what others have published. [any]"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from legando.bench.peers.table import (
    COLUMNS,
    MEASURED,
    measured_rows,
    output_columns,
    output_rows,
    published,
    published_rows,
    sources_of,
)
from legando.bench.samples import Outcome

_NUMBERS = ("processor", "p50", "p95", "p99", "ratio", "breaks")


def peers_tables(outcome: Outcome) -> str:
    """Return the measured tables of a run: times, breaks, and what could not run with its reason. [any]"""
    told = (
        '<p class="note">Sides take turns, a few calls each, one thread each. Ratios are of processor time in the same '
        "rounds (ways between processes: of time on the wall), with an interval of 99.5 %. Decoders are told for each "
        "second of sound; codecs have random weights.</p>\n"
    )
    rows = measured_rows(outcome.detail, {one.name: one.figures() for one in outcome.series})
    told += _table(MEASURED[1:-1], rows, grouped=True)
    if outcome.detail["outputs"]:
        told += (
            '<p class="note">A ramp to the sound device beside a load that holds the interpreter lock; breaks in what '
            "the server was given.</p>\n"
        ) + _table(output_columns(outcome.detail), output_rows(outcome.detail))
    if outcome.detail["skipped"]:
        lines = (f"<li>{escape(name)}: {escape(why)}</li>\n" for name, why in outcome.detail["skipped"].items())
        told += f'<p class="note">Not measured:</p>\n<ul class="note">\n{"".join(lines)}</ul>\n'
    return told


def published_section() -> str:
    """Return the section of published figures. [any]"""
    rows = [
        (*cells[:-1], "; ".join(f"{says}: {address.partition('://')[2]}" for says, address in sources_of(one)))
        for one, cells in zip(published(), published_rows(), strict=True)
    ]
    return (
        "<section>\n<h2>Published by others</h2>\n"
        '<p class="note">None of this was measured here, and machines differ. What a source does not say is left out.'
        f"</p>\n{_table(COLUMNS, rows, words=True)}</section>\n"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, words: bool = False, grouped: bool = False) -> str:
    """Draw a table; with `grouped`, a row's first cell names its group, and its last one is a remark below its name."""
    kinds = [' class="number"' if not words and head.startswith(_NUMBERS) else "" for head in heads]
    top = "".join(f"<th{kind}>{escape(head)}</th>" for head, kind in zip(heads, kinds, strict=True))
    body, group, remark = "", "", ""
    for row in rows:
        if grouped:
            if row[0] != group:
                group = row[0]
                body += f'<tr class="group"><td colspan="{len(heads)}">{escape(group)}</td></tr>\n'
            remark, row = row[-1], row[1:-1]
        told = [escape(cell) for cell in row]
        if grouped and remark:
            told[0] += f'<div class="remark">{escape(remark)}</div>'
        cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(told, kinds, strict=True))
        body += f'<tr class="inner">{cells}</tr>\n' if grouped else f"<tr>{cells}</tr>\n"
    kind = "figures words" if words else "figures"
    return (
        f'<div class="wide"><table class="{kind}">\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>\n'
        "</table></div>\n"
    )
