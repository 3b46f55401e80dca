"""`legando engines build|list|verify|gc`: networks compiled for NVIDIA cards, and where they are kept. [control]"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from legando.realtime.arguments import refuse_foreign, whole
from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK

if TYPE_CHECKING:
    from legando.engines.compiled.library import Progress
    from legando.engines.compiled.store import Entry, Store

EXIT_FAILED = 1
DAYS = 30
SPACE_MB = 4000
TAKERS = {
    **dict.fromkeys(("batch", "network", "precision", "library", "target", "again"), ("engines build",)),
    **dict.fromkeys(("days", "space", "dry"), ("engines gc",)),
    "bundle": ("engines build", "engines verify", "engines gc"),
}
"""Options that not all actions take."""
COLUMNS = ("network", "for", "precision", "target", "library", "size", "built in", "last used")


def add_engines(parser: argparse.ArgumentParser) -> None:
    """Declare what comes after `legando engines`. [control]"""
    parser.add_argument("action", choices=("build", "list", "verify", "gc"), help="see the options of each")
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="not list: the model; default: the shipped one")
    where = "default: engines in $LEGANDO_CACHE_DIR or ~/.cache/legando"
    parser.add_argument("--cache", type=Path, metavar="DIR", help=where)
    parser.add_argument("--batch", type=_batches, metavar="N,N", help="build: streams at once; default: 1")
    parser.add_argument("--network", metavar="NAME", help="build: one of them only")
    parser.add_argument("--precision", metavar="NAME", help="build: mixed, half, int8 or fp32; default: the one chosen")
    parser.add_argument("--library", metavar="NAME", help="build: tensorrt or tensorrt_rtx; default: what fits")
    parser.add_argument("--target", metavar="ARCH", help="build, RTX: sm_75 .. sm_121; default: portable")
    parser.add_argument("--again", action="store_true", help="build: even if the cache has it")
    parser.add_argument("--days", type=whole("number of days", 0, 3650), metavar="N", help=f"gc: default {DAYS}")
    parser.add_argument(
        "--space", type=whole("size in MB", 0, 10_000_000), metavar="MB", help=f"gc: default {SPACE_MB}"
    )
    parser.add_argument("--dry", action="store_true", help="gc: say what would go, and leave it")
    parser.add_argument("--json", action="store_true", help="print what was found as one JSON object")


def _batches(text: str) -> tuple[int, ...]:
    read = whole("number of streams", 1, 256)
    return tuple(dict.fromkeys(read(part) for part in text.split(",")))


def engines_command(arguments: argparse.Namespace) -> int:
    """Do what was asked; status 1 when an engine is wrong or cannot be built. [control]"""
    refuse_foreign(arguments, f"engines {arguments.action}", TAKERS)
    from legando.engines.compiled.store import Store

    cache: Path | None = arguments.cache
    store = Store(None if cache is None else cache)
    actions = {"build": _build, "list": _list, "verify": _verify, "gc": _gc}
    return actions[arguments.action](arguments, store)


def _build(arguments: argparse.Namespace, store: Store) -> int:
    from legando.engines.bundle import Bundle
    from legando.engines.compiled.kinds import CHOSEN, NETWORKS, label_of
    from legando.engines.compiled.library import find_card, find_library
    from legando.engines.compiled.provide import provide

    card = find_card()
    library = find_library(arguments.library, card=card)
    target = library.target(arguments.target, card)
    bundle = Bundle.load(arguments.bundle)
    names = NETWORKS if arguments.network is None else (arguments.network,)
    made = []
    for batch in arguments.batch or (1,):
        for name in names:
            label = label_of(name, batch, arguments.precision or CHOSEN.get(name, "mixed"))
            with _bar(label) as on_progress:
                engine = provide(
                    bundle, name, batch=batch, library=library, target=target, store=store, say=_tell,
                    precision=arguments.precision, on_progress=on_progress, again=arguments.again,
                )  # fmt: skip
            about = {"engine": engine.stem, "bytes": len(engine.engine), "cached": engine.hit}
            made.append({**about, "seconds": round(engine.seconds, 3)})
            if not arguments.json:
                how = "in the cache" if engine.hit else f"built in {engine.seconds:.1f} s"
                print(f"{label}, {target}: {len(engine.engine) / 1e6:.1f} MB, {how}", flush=True)
    if arguments.json:
        told = {"library": library.name, "version": library.version, "target": target, "folder": str(store.folder)}
        print(json.dumps({**told, "engines": made}))
    return EXIT_OK


@contextmanager
def _bar(label: str) -> Iterator[Progress | None]:
    """Show a progress bar on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.fields[label]}"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading the graph", total=1.0, label=label)
        yield lambda phase, done: progress.update(task, description=phase.lower(), completed=done)


def _tell(text: str) -> None:
    print(f"legando: {text}", file=sys.stderr, flush=True)


def _list(arguments: argparse.Namespace, store: Store) -> int:
    entries = store.entries()
    if arguments.json:
        print(json.dumps({"folder": str(store.folder), "engines": [_described(entry) for entry in entries]}))
        return EXIT_OK
    if not entries:
        print(f"no engines in {store.folder}; make some with: legando engines build")
        return EXIT_OK
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print("\n".join(list_lines(entries, width)))
    count = f"{len(entries)} engine{'s' * (len(entries) > 1)}"
    print(f"{count}, {sum(entry.bytes for entry in entries) / 1e6:.0f} MB in {store.folder}")
    return EXIT_OK


def list_lines(entries: Sequence[Entry], width: int | None) -> list[str]:
    """Return what engines there are: as a table where that fits into the width, else two lines for each. [any]"""
    rows = [_cells(entry) for entry in entries if not entry.wrong]
    columns = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    if rows and (width is None or sum(columns) + 2 * len(columns) <= width):
        table = [COLUMNS, *rows]
        lines = ["  ".join(f"{cell:{n}}" for cell, n in zip(row, columns, strict=True)).rstrip() for row in table]
    else:
        lines = []
        for network, streams, precision, target, library, size, built, used in rows:
            lines += _wrapped(f"{network} for {streams}, {precision}, {target}, {size}", width)
            lines += _wrapped(f"  {library}, built in {built}, used {used}", width)
    for entry in entries:
        if entry.wrong:
            lines += _wrapped(f"damaged: {entry.wrong}, {entry.bytes / 1e6:.1f} MB, used {_day(entry)}", width)
    return lines


def _cells(entry: Entry) -> tuple[str, ...]:
    """Return the cells of a row of the table."""
    key, built = entry.key, entry.sidecar.get("build_s")
    streams = f"{key['batch']} stream{'s' * (key['batch'] != 1)}"
    library = f"{str(key['library']).replace('_', '-')} {key['version']}"
    names = str(key["network"]), streams, str(key["precision"]), str(key["target"]), library
    took = f"{built:.1f} s" if isinstance(built, int | float) else "?"
    return *names, f"{entry.bytes / 1e6:.1f} MB", took, _day(entry)


def _wrapped(text: str, width: int | None) -> list[str]:
    """Return a sentence in lines of the width, the second one and those after it indented."""
    return [text] if width is None else textwrap.wrap(text, max(width, 20), subsequent_indent="    ")


def _day(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.used_s, UTC).strftime("%Y-%m-%d")


def _described(entry: Entry) -> dict[str, Any]:
    used = datetime.fromtimestamp(entry.used_s, UTC).isoformat(timespec="seconds")
    about = {name: entry.sidecar.get(name) for name in ("label", "bundle", "onnx_sha256", "build_s", "made")}
    return {"engine": entry.stem, "bytes": entry.bytes, "used": used, "wrong": entry.wrong, **about, "key": entry.key}


def _verify(arguments: argparse.Namespace, store: Store) -> int:
    """Digests always; on a card, everything that an engine must show before it may play."""
    entries = store.entries(deep=True)
    found: list[dict[str, Any]] = []
    card, proofs = _prover(arguments, store)
    for entry in entries:
        wrong, share = entry.wrong, None
        if not wrong and proofs is not None:
            try:
                share = proofs(entry)
            except LegandoError as error:
                wrong = str(error)
        found.append({"engine": entry.stem, "wrong": wrong, "error": share})
        if not arguments.json:
            proven = "whole" if share is None else f"whole, proven: within {share:.0%} of what is allowed"
            print(f"{entry.stem}: {f'WRONG: {wrong}' if wrong else proven}", flush=True)
    if arguments.json:
        print(json.dumps({"folder": str(store.folder), "card": card, "engines": found}))
    elif not entries:
        print(f"no engines in {store.folder}; make some with: legando engines build")
    if entries and card is None:
        _tell("there is no CUDA card here, so files were checked, and nothing was played")
    return EXIT_FAILED if any(row["wrong"] for row in found) else EXIT_OK


def _prover(arguments: argparse.Namespace, store: Store) -> tuple[str | None, Any]:
    """Return the card's name and what proves an entry on it; two Nones without a card."""
    from legando.engines.compiled.library import EngineError, find_card, find_library

    card = find_card()
    if card is None:
        return None, None
    from legando.engines.bundle import Bundle
    from legando.engines.compiled.compiled import Loaded, kernels_path
    from legando.engines.compiled.key import make_key
    from legando.engines.compiled.proof import Bench, prove
    from legando.kernels.device import Gpu

    bundle = Bundle.load(arguments.bundle)

    def proven(entry: Entry) -> float | None:
        key = entry.key
        library = find_library(str(key["library"]))
        facts = {name: key[name] for name in ("network", "batch", "precision", "target")}
        name = facts.pop("network")
        if make_key(bundle, name, library=library, **facts) != dict(key):
            return None  # of another bundle, or another version: nothing to hold it against
        gpu = Gpu()
        try:
            loaded = Loaded(library, entry.path.read_bytes(), kernels=kernels_path(store, entry.stem, library, card))
            bench = Bench(loaded.network(), gpu)
            worst = prove(bundle, name, bench, batch=key["batch"], precision=key["precision"]).worst
            loaded.keep_kernels()
        except OSError as error:
            raise EngineError(f"{entry.path.name} cannot be read ({error.strerror})") from error
        finally:
            gpu.close()
        return worst

    return card.name, proven


def _gc(arguments: argparse.Namespace, store: Store) -> int:
    from legando.engines.bundle import Bundle
    from legando.engines.compiled.collect import collect, installed_versions, why_unwanted

    bundles = [Bundle.load(None)]
    if arguments.bundle is not None:
        bundles.append(Bundle.load(arguments.bundle))
    versions = installed_versions()
    gone = collect(
        store,
        lambda key: why_unwanted(key, bundles, versions),
        days=DAYS if arguments.days is None else arguments.days,
        max_bytes=1e6 * (SPACE_MB if arguments.space is None else arguments.space),
        dry=arguments.dry,
    )
    if arguments.json:
        rows = [{"engine": r.stem, "bytes": r.bytes, "reason": r.reason, "kept": r.kept} for r in gone]
        print(json.dumps({"folder": str(store.folder), "dry": arguments.dry, "removed": rows}))
        return EXIT_OK
    for removal in gone:
        verb = "would go" if arguments.dry else "stays" if removal.kept else "gone"
        print(f"{removal.stem}: {verb}: {removal.kept or removal.reason}")
    freed = sum(removal.bytes for removal in gone if not removal.kept)
    print(f"{freed / 1e6:.0f} MB {'would be ' if arguments.dry else ''}freed in {store.folder}")
    return EXIT_OK
