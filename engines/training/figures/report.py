"""The report of an evaluation: one folder with a page, pictures and sounds; nothing is fetched, no script runs. [any]

The page is built from `Results` and the exhibits of `report_sounds`; its pieces are functions from data to HTML text.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from legando.engines.training.figures.desk import Desk, Figure
from legando.engines.training.figures.report_charts import effect_table, line_chart
from legando.engines.training.figures.report_sounds import Exhibit, make_exhibits
from legando.engines.training.figures.report_style import STYLE
from legando.engines.training.figures.results import PartResult, Results, machine
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

PAGE = "index.html"


def write_report(folder: Path, results: Results, desk: Desk, *, quick: bool = False) -> Path:
    """Write sounds, pictures and the page into a folder; returns the page. Raises LegandoError. [any]"""
    exhibits = make_exhibits(folder, desk, quick=quick)
    path = folder / PAGE
    try:
        with whole_file(path) as part:
            part.write_text(page(results, exhibits), encoding="utf-8")
    except OSError as error:
        raise LegandoError(f"{path} cannot be written ({error.strerror}); choose another folder") from error
    return path


def page(results: Results, exhibits: Sequence[Exhibit]) -> str:
    """Return the whole page. [any]"""
    title = f"legando: bundle {results.bundle}"
    takes = [exhibit for exhibit in exhibits if exhibit.kind == "take"]
    codec = [exhibit for exhibit in exhibits if exhibit.kind == "codec"]
    body = [
        _head(results),
        _figures(results),
        _drift(results.exhibits.get("drift")),
        _effects(results.exhibits.get("control effects")),
        _failures(results.exhibits.get("failures")),
        _sounds("Takes", "Each take beside a render of the very score that the model wrote for it.", takes),
        _sounds(
            "Codec", "Renders of pieces and instruments that were not trained on, and what the codec keeps.", codec
        ),
        _machine(),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{''.join(body)}</main>\n</body>\n</html>\n"
    )


def _head(results: Results) -> str:
    judged = [figure for figure in results.figures if figure.target]
    met = sum(figure.met for figure in judged)
    lines = [f"<strong>{met} of {len(judged)}</strong> targets met"]
    if missed := len(judged) - met:
        lines.append(f"{missed} missed")
    if results.missing:
        count = len(results.missing)
        lines.append(f"{count} part{'s' * (count > 1)} not measured")
    quick = any(part.quick for part in results.parts.values())
    made = datetime.datetime.now(datetime.UTC).strftime("%d %B %Y, %H:%M UTC")
    note = '<p class="note">Quick samples: fewer and shorter than the full evaluation takes.</p>\n' if quick else ""
    short = ""
    if missed:
        items = "".join(
            f"<li>{escape(figure.name)}: {_value(figure)}, {_target(figure)}</li>\n"
            for figure in judged
            if not figure.met
        )
        short = f'<details class="note" open>\n<summary>What is missed</summary>\n<ul>\n{items}</ul>\n</details>\n'
    return (
        f"<header>\n<h1>Bundle {escape(results.bundle)}</h1>\n"
        f'<p class="summary">{" · ".join(lines)}</p>\n{short}{note}'
        f'<p class="note">SHA-256 <code>{escape(results.hash)}</code><br>{made}</p>\n</header>\n'
    )


def _figures(results: Results) -> str:
    rows = []
    for name, part in results.parts.items():
        rows.append(
            f'<tbody>\n<tr class="part"><th colspan="4" scope="rowgroup">{escape(name)}{_took(part)}</th></tr>\n'
        )
        if part.missing:
            rows.append(f'<tr class="missing"><td colspan="4">not measured: {escape(part.missing)}</td></tr>\n')
        rows += [_row(figure) for figure in part.figures]
        rows.append("</tbody>\n")
    return (
        '<section>\n<h2>Figures</h2>\n<table class="figures">\n<thead>\n<tr><th scope="col">figure</th>'
        '<th scope="col" class="number">value</th><th scope="col">target</th><th scope="col">result</th></tr>\n'
        "</thead>\n"
        f"{''.join(rows)}</table>\n</section>\n"
    )


def _took(part: PartResult) -> str:
    if part.missing:
        return ""
    quick = ", quick" if part.quick else ""
    return f' <span class="took">{part.seconds / 60:.1f} min{quick}</span>'


def _value(figure: Figure) -> str:
    if not math.isfinite(figure.value):
        return "none"
    return f"{figure.shown} {escape(figure.unit)}" if figure.unit else figure.shown


def _target(figure: Figure) -> str:
    return escape(f"{figure.target} {figure.unit}".strip() if figure.target else "")


def _row(figure: Figure) -> str:
    result = "" if not figure.target else '<span class="met">met</span>'
    if figure.target and not figure.met:
        result = '<span class="missed">missed</span>'
    return (
        f'<tr><td>{escape(figure.name)}</td><td class="number">{_value(figure)}</td>'
        f"<td>{_target(figure)}</td><td>{result}</td></tr>\n"
    )


def _drift(shown: dict[str, Any] | None) -> str:
    """A long take's centroid and loudness, with the band that the target allows around its second minute."""
    if shown is None:
        return ""
    seconds = [float(value) for value in shown["seconds"]]
    minutes = [value / 60.0 for value in seconds]
    centroid = [float(value) for value in shown["centroid_hz"]]
    loudness = [float(value) for value in shown["loudness_db"]]
    second = [index for index, value in enumerate(seconds) if 60.0 <= value < 120.0] or [0]
    hz = sum(centroid[index] for index in second) / len(second)
    db = sum(loudness[index] for index in second) / len(second)
    charts = (
        line_chart(minutes, centroid, "spectral centroid (Hz)", "time (min)", band=(0.85 * hz, 1.15 * hz)),
        line_chart(minutes, loudness, "loudness (LUFS)", "time (min)", band=(db - 2.0, db + 2.0)),
    )
    text = (
        f"One take of “{escape(str(shown['prompt']))}”, every 10 seconds. The band is what the last minute as a whole "
        "may be: 15 % and 2 dB around the second."
    )
    figures = "".join(f"<figure>{chart}</figure>\n" for chart in charts)
    length = f"{(seconds[-1] + seconds[0]) / 60.0:.0f} minutes without a stop"
    return (
        f'<section>\n<h2>{length}</h2>\n<p class="note">{text}</p>\n<div class="pair">\n{figures}</div>\n</section>\n'
    )


def _effects(shown: dict[str, Any] | None) -> str:
    if shown is None:
        return ""
    note = (
        "How far each measure moves, in standard deviations between takes, when a control is moved for four seconds. "
        "A control should move its own measure by 1 or more and the others by less than half of that."
    )
    table = effect_table(shown["rows"], shown["columns"], shown["values"])
    return f'<section>\n<h2>What each control does</h2>\n<p class="note">{note}</p>\n{table}</section>\n'


def _failures(shown: dict[str, Any] | None) -> str:
    """The prompts and seeds that failed, so that they can be played again."""
    if shown is None or not shown["cases"]:
        return ""
    items = "".join(f"<li>{escape(str(case))}</li>\n" for case in shown["cases"])
    return f'<section>\n<h2>Prompts that failed</h2>\n<ul class="note">\n{items}</ul>\n</section>\n'


def _sounds(title: str, text: str, exhibits: Sequence[Exhibit]) -> str:
    if not exhibits:
        return ""
    out = [f'<section>\n<h2>{title}</h2>\n<p class="note">{text}</p>\n']
    for exhibit in exhibits:
        out.append(f'<article>\n<h3>{escape(exhibit.title)}</h3>\n<div class="pair">\n')
        for sound in exhibit.sounds:
            name = f"{exhibit.title}: {sound.label}"
            out.append(
                f'<figure>\n<figcaption>{escape(sound.label)} <a href="{escape(sound.sound)}">'
                f"{escape(Path(sound.sound).name)}</a></figcaption>\n"
                f'<img src="{escape(sound.picture)}" alt="spectrogram of {escape(name)}" width="884" height="408">\n'
                f'<audio controls preload="metadata" src="{escape(sound.sound)}" aria-label="{escape(name)}"></audio>\n'
                "</figure>\n"
            )
        out.append("</div>\n</article>\n")
    return "".join(out) + "</section>\n"


def _machine() -> str:
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>\n" for key, value in machine().items())
    return f"<section>\n<h2>Measured with</h2>\n<dl>\n{rows}</dl>\n</section>\n"
