"""The plug-in's parts without a host: one program (`core.cpp`), built once with the address and undefined behaviour
sanitizers; any finding ends it.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
PLUGIN = REPOSITORY / "bridge" / "plugin"
SOURCE = Path(__file__).with_name("core.cpp")
FLAGS = ("-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{PLUGIN}")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
Core = Callable[..., str]
Figures = dict[str, Any]


@pytest.fixture(scope="session")
def core_or_reason() -> Path | str:
    """Compile the program, unless a newer one is there; or say why that cannot be."""
    if shutil.which("c++") is None or not Path("/usr/include/samplerate.h").exists():
        return "the plug-in's parts need a C++ compiler and libsamplerate0-dev"
    program = REPOSITORY / "build" / "plugin-core" / "core"
    sources = (SOURCE, PLUGIN / "client_config.cpp", PLUGIN / "system_posix.cpp")
    newest = max(path.stat().st_mtime for path in (*sources, *PLUGIN.glob("*.hpp")))
    if not program.exists() or program.stat().st_mtime < newest:
        program.parent.mkdir(parents=True, exist_ok=True)
        fresh = program.with_name(f"core.{os.getpid()}")
        command = ["c++", *FLAGS, *SANITIZERS, *map(str, sources), "-o", str(fresh), "-lpthread", "-lsamplerate"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        fresh.replace(program)
    return program


@pytest.fixture
def core(core_or_reason: Path | str, require: Callable[[bool, str], None]) -> Core:
    """Return what runs a command of the program, with messages on its standard input, and returns what it prints."""
    require(not isinstance(core_or_reason, str), str(core_or_reason))

    def run(*words: object, messages: Iterable[bytes] = (), environment: dict[str, str] | None = None) -> str:
        given = b"".join(struct.pack("<I", len(message)) + message for message in messages)
        command = [str(core_or_reason), *map(str, words)]
        done = subprocess.run(command, input=given, capture_output=True, env=os.environ | (environment or {}))
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        return done.stdout.decode()

    return run


def lines(text: str) -> list[Figures]:
    return [json.loads(line) for line in text.splitlines()]
