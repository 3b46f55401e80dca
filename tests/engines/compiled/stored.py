"""Engines on disk for tests: made by a stand-in, damaged, or held by a process that builds."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from legando.engines.bundle import Bundle
from legando.engines.compiled.provide import Made, provide
from legando.engines.compiled.store import Store
from tests.engines.compiled.conftest import StandInLibrary


def make(bundle: Bundle, library: StandInLibrary, folder: Path, said: list[str] | None = None, batch: int = 1) -> Made:
    return provide(
        bundle,
        "language",
        batch=batch,
        library=library,
        target="portable",
        store=Store(folder),
        say=(said if said is not None else []).append,
    )


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    middle = len(data) // 2
    if how == "bit":
        data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    elif how == "truncated":
        data = data[:middle]
    elif how == "longer":
        data += b"\0"
    elif how == "empty":
        data = b""
    path.unlink()
    if how != "missing":
        path.write_bytes(data)


BUILDER = """
    import os, sys, time
    from pathlib import Path
    from legando.engines.compiled.store import Store
    folder, stem = Path(sys.argv[1]), sys.argv[2]
    with Store(folder).lock(stem):
        (folder / f".{stem}.x.part").write_bytes(b"half an engine")
        print("locked", flush=True)
        time.sleep(60)
"""


@contextmanager
def builder(folder: Path, stem: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds an engine's lock with half an engine written."""
    command = [sys.executable, "-c", textwrap.dedent(BUILDER), str(folder), stem]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "locked\n"
            yield process
        finally:
            process.kill()
