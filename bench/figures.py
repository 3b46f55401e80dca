"""Figures: each number on the pages stands there because a committed report says so. [control]

`figures.toml` maps places of pages to fields of reports: a row of a table (its second cell is written whole), a piece
of prose with slots for its numbers, or a table that is made as a block. A report is a small JSON file in `reports/`,
made by `legando bench record`; the shipped bundle's manifest counts as one, named `bundle`. `write` fills the places,
`check` tells in a sentence each that differs, and each number of a page that comes from nowhere: numbers that are not
measured (a chunk's 80 ms, a version) are listed as `plain`, with the words around them.
"""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from legando.realtime.errors import LegandoError

ROOT = Path(__file__).resolve().parents[1]
MAP = Path(__file__).with_name("figures.toml")
REPORTS = Path(__file__).with_name("reports")
BUNDLE = "bundle"
SEPARATOR = " > "
_NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"
_CODE = re.compile(r"(?m)^(?: {4}|\t).*$|```[\s\S]*?```|`[^`\n]*`|\]\([^)]*\)|<[^>\n]*>")

Spans = list[tuple[int, int]]


def read_report(name: str) -> Mapping[str, Any]:
    """Return a committed report, or the shipped bundle's manifest for `bundle`. Raises LegandoError. [control]"""
    from legando.engines.bundle import MANIFEST, default_path

    path = default_path() / MANIFEST if name == BUNDLE else REPORTS / f"{name}.json"
    try:
        told: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LegandoError(f"there is no report {path}; make it with legando bench record {name}") from None
    except (OSError, ValueError) as error:
        raise LegandoError(f"{path} cannot be read ({error}); make it again with legando bench record {name}") from None
    return {**told, "derived": _derived(told)} if name == BUNDLE else told


def _derived(manifest: Mapping[str, Any]) -> dict[str, float]:
    """Return what follows from a manifest: sizes and times as a page tells them. [any]"""
    training = [one["minutes"] for one in manifest.get("training", {}).values() if isinstance(one, Mapping)]
    return {
        "megabytes": sum(file["bytes"] for file in manifest["files"].values()) / 1e6,
        "genres": float(len(manifest["genres"])),
        "training_hours": sum(training) / 60.0,
    }


def lookup(source: str) -> float:
    """Return the number that `REPORT > KEY > KEY` names; a list by `name` or from 0 on. [control]

    Raises LegandoError.
    """
    name, *keys = source.split(SEPARATOR)
    found: Any = read_report(name)
    for key in keys:
        if isinstance(found, list):
            named = {one.get("name"): one for one in found if isinstance(one, Mapping)}
            found = {str(at): one for at, one in enumerate(found)} | named
        if not isinstance(found, Mapping) or key not in found:
            raise LegandoError(f"the report {name} has no {SEPARATOR.join(keys)}; make it with legando bench record")
        found = found[key]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise LegandoError(f"{source} is no number but {found!r}; name a field below it")
    return float(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A place of a page and where its numbers come from. With `row` it is the second cell of that table row."""

    file: str
    text: str
    sources: tuple[str, ...]
    row: str = ""
    scale: float = 1.0

    def __post_init__(self) -> None:
        slots = sum(field is not None for _, field, _, _ in Formatter().parse(self.text))
        if slots != len(self.sources):
            raise LegandoError(f"{MAP.name}: {self.text!r} has {slots} numbers and {len(self.sources)} sources")

    def numbers(self) -> list[str]:
        """Return the numbers as they are to be written. Raises LegandoError."""
        shapes = [spec for _, field, spec, _ in Formatter().parse(self.text) if field is not None]
        values = [self.scale * lookup(source) for source in self.sources]
        return [format(value, spec or "") for value, spec in zip(values, shapes, strict=True)]

    def places(self, page: str) -> list[re.Match[str]]:
        """Return where a page has this figure; each number is a group, or the cell is the only one."""
        if self.row:
            return list(re.finditer(rf"(?m)^\| {re.escape(self.row)} \|([^|\n]*)\|", page))
        parts = []
        for literal, field, _, _ in Formatter().parse(self.text):
            parts.append(r"\s+".join(re.escape(word) for word in re.split(r"\s+", literal)))
            parts.append(f"({_NUMBER})" if field is not None else "")
        return list(re.finditer("".join(parts), page))

    def written(self, page: str) -> str:
        """Return the page with these numbers. Raises LegandoError where the page has no such place, or two."""
        places = self.places(page)
        if len(places) != 1:
            where = f"row {self.row!r}" if self.row else f"text {self.text!r}"
            raise LegandoError(f"{self.file} has the {where} {len(places)} times, not once; correct {MAP.name}")
        wanted = (
            [f" {_one_where_equal(self.text.format(*map(_Ready, self.numbers())))} "] if self.row else self.numbers()
        )
        for group, text in reversed(list(enumerate(wanted, 1))):
            begin, end = places[0].span(group)
            page = page[:begin] + text + page[end:]
        return page


def _one_where_equal(text: str) -> str:
    """Return a text in which a range whose ends are equal, as they are written, is one number. [any]"""
    return re.sub(rf"(?<![\d.,+-])({_NUMBER}) to \1(?![\d.,]*\d)", r"\1", text)


class _Ready(str):
    """A number that is written already: a format's own shape leaves it alone."""

    __slots__ = ()

    def __format__(self, _: str) -> str:
        return str(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A whole table of a page, known by its first line, and what makes it."""

    file: str
    begins: str
    made_by: str

    def place(self, page: str) -> tuple[int, int]:
        """Return where the table is. Raises LegandoError."""
        found = re.search(rf"(?m)^{re.escape(self.begins)}\n(?:\|.*\n?)*", page)
        if found is None:
            raise LegandoError(f"{self.file} has no table that begins with {self.begins!r}; correct {MAP.name}")
        return found.span()

    def written(self, page: str) -> str:
        """Return the page with the table as it is to be."""
        begin, end = self.place(page)
        return page[:begin] + _tables()[self.made_by]().rstrip("\n") + "\n" + page[end:]


def _tables() -> dict[str, Callable[[], str]]:
    from legando.bench.peers.table import measured_table, output_table, published_table
    from legando.engines.training.figures.quality_table import quality_table

    return {
        "quality": lambda: quality_table(read_report(BUNDLE).get("evaluation", {})),
        "peers": lambda: measured_table(read_report("peers")),
        "outputs": lambda: output_table(read_report("peers")),
        "published": published_table,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """All of `figures.toml`. In `whole` pages, and tables under `PAGE#HEADING`, each number must be accounted for."""

    figures: tuple[Figure, ...]
    blocks: tuple[Block, ...]
    plain: Mapping[str, tuple[str, ...]]
    whole: tuple[str, ...]

    @property
    def places(self) -> list[Block | Figure]:
        """All that is written."""
        return [*self.blocks, *self.figures]

    @property
    def files(self) -> list[str]:
        """The pages that are written."""
        return list(dict.fromkeys(one.file for one in self.places))

    def written(self, file: str, page: str) -> str:
        """Return a page with all its figures; one that has no report or no place stays, for `check` to tell."""
        for one in self.places:
            if one.file == file:
                with contextlib.suppress(LegandoError):
                    page = one.written(page)
        return page

    def unknown(self, file: str, page: str) -> list[str]:
        """Return the numbers of a page that come from nowhere, each with its line's number and words. [any]

        Code and links are left out.
        """
        hidden: Spans = [match.span() for match in _CODE.finditer(page)]
        for figure in self.figures:
            hidden += [match.span() for match in figure.places(page) if figure.file == file]
        hidden += [block.place(page) for block in self.blocks if block.file == file]
        for words in self.plain.get(file, ()):
            pattern = r"\s+".join(re.escape(word) for word in words.split())
            hidden += [match.span() for match in re.finditer(pattern, page)]
        told = []
        asked = [name.partition("#")[2] for name in self.whole if name.partition("#")[0] == file]
        for match in re.finditer(rf"(?<![A-Za-z\d]){_NUMBER}", page):
            begin, end = match.span()
            if any(first <= begin and end <= last for first, last in hidden):
                continue
            line = page.count("\n", 0, begin) + 1
            headings = re.findall(r"(?m)^#+ (.*)$", page[:begin])
            in_table = page.splitlines()[line - 1].startswith("|")
            if "" in asked or (in_table and headings and headings[-1] in asked):
                told.append(f"{file}:{line}: {page.splitlines()[line - 1].strip()[:90]!r} has {match.group()}")
        return told


def read_map(path: Path = MAP) -> Map:
    """Read the map. Raises LegandoError. [control]"""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        return Map(
            figures=tuple(
                Figure(**{k: v for k, v in one.items() if k != "from"}, sources=tuple(one["from"]))
                for one in told.get("figure", [])
            ),
            blocks=tuple(Block(**one) for one in told.get("block", [])),
            plain={file: tuple(words) for file, words in told.get("plain", {}).items()},
            whole=tuple(told.get("whole", [])),
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise LegandoError(f"{path} cannot be read ({error}); see the comments at its top") from None


def check(known: Map, root: Path = ROOT) -> list[str]:
    """Return a sentence for each figure that differs from its report or comes from none. [control]"""
    told = []
    for one in known.places:
        try:
            page = (root / one.file).read_text(encoding="utf-8")
            made = one.written(page)
        except LegandoError as error:
            told.append(str(error))
            continue
        if made != page:
            name = one.begins if isinstance(one, Block) else one.row or one.text
            told.append(f"{one.file}: {name!r} is not what the reports say; run legando bench figures --write")
    for file in dict.fromkeys(name.partition("#")[0] for name in known.whole):
        found = known.unknown(file, (root / file).read_text(encoding="utf-8"))
        told += [f"{line}, and no report says so; add it to {MAP.name}" for line in found]
    return told


def write(known: Map, root: Path = ROOT) -> list[str]:
    """Write every figure into its page; return the pages that changed. [control]"""
    changed = []
    for file in known.files:
        path = root / file
        page = path.read_text(encoding="utf-8")
        made = known.written(file, page)
        if made != page:
            path.write_text(made, encoding="utf-8")
            changed.append(file)
    return changed


def figures_lines(*, fill: bool) -> tuple[list[str], Sequence[str]]:
    """Write or check; return what is to be printed, and what is wrong. Raises LegandoError. [control]"""
    known = read_map()
    if gone := [file for file in known.files if not (ROOT / file).is_file()]:
        raise LegandoError(
            f"{', '.join(gone)} not found in {ROOT}: figures are held to reports in a checkout of legando"
        )
    lines = [f"{file} written" for file in write(known)] if fill else []
    wrong = check(known)
    return (lines if wrong else [*lines, f"all figures of {', '.join(known.files)} are what the reports say"]), wrong
