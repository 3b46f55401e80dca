"""The plug-in and its test hosts, built once for the whole run; a server whose sound tells where it came from."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bridge.plugin.coreprogram import core, core_or_reason
from tests.bridge.plugin.programs import REPOSITORY, ClapHost, SignalServer
from tests.realtime.conftest import jack_server, jack_server_or_reason

__all__ = ["core", "core_or_reason", "jack_server", "jack_server_or_reason"]  # fixtures

HOSTS = REPOSITORY / "bridge" / "plugin" / "hosts"
CLAP_HEADERS = Path("/usr/share/dpf/distrho/src")
CLAPHOST = ("claphost.c", "clapplay.c")


@dataclass(frozen=True, slots=True)
class Built:
    """Where the plug-in and the programs that prove it lie."""

    folder: Path
    clap: Path
    lv2: Path
    vst3: Path
    claphost: Path
    rtcheck: Path
    jackprobe: Path | None


def compile_c(sources: tuple[str, ...], out: Path, *options: str, compiler: str = "cc") -> None:
    """Compile one of the test hosts, warnings being errors."""
    out.parent.mkdir(parents=True, exist_ok=True)
    warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    paths = [str(HOSTS / source) for source in sources]
    libraries = ("-lpthread",) if compiler != "cc" else ("-lpthread", "-ldl")
    fresh = out.with_name(f"{out.stem}.{os.getpid()}{out.suffix}")  # another process may run the old one
    command = [compiler, "-O2", "-g", *warnings, *paths, "-o", str(fresh), *options, *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    fresh.replace(out)


def why_no_build() -> str:
    """Say what is missing for a build, or nothing."""
    missing = [tool for tool in ("cc", "c++", "cmake", "make") if shutil.which(tool) is None]
    missing += ["dpf-source"] * (not CLAP_HEADERS.is_dir())
    missing += ["libzmq3-dev"] * (not Path("/usr/include/zmq.h").exists())
    return f"the plug-in needs {', '.join(missing)}" if missing else ""


def make_plugin(*arguments: str) -> None:
    """Build the plug-in as a user does; of several test processes one after the other."""
    (REPOSITORY / "build").mkdir(exist_ok=True)
    with (REPOSITORY / "build" / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "plugin", *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]


@pytest.fixture(scope="session")
def built_or_reason() -> Built | str:
    """Build all, or say why that cannot be."""
    if reason := why_no_build():
        return reason
    make_plugin()
    folder = Path(os.environ.get("PLUGIN_BUILD") or REPOSITORY / "build" / "plugin")  # where the Makefile puts it
    hosts = folder / "hosts"
    compile_c(CLAPHOST, hosts / "claphost", f"-I{CLAP_HEADERS}")
    compile_c(("rtcheck.c",), hosts / "rtcheck.so", "-shared", "-fPIC")
    has_jack = Path("/usr/include/jack/jack.h").exists()
    if has_jack:
        compile_c(("jackprobe.c",), hosts / "jackprobe", "-ljack")
    return Built(
        folder=folder,
        clap=folder / "bin" / "legando.clap",
        lv2=folder / "bin" / "legando.lv2",
        vst3=folder / "bin" / "legando.vst3",
        claphost=hosts / "claphost",
        rtcheck=hosts / "rtcheck.so",
        jackprobe=hosts / "jackprobe" if has_jack else None,
    )


@pytest.fixture
def built(built_or_reason: Built | str, require: Callable[[bool, str], None]) -> Built:
    """Return what was built."""
    require(not isinstance(built_or_reason, str), str(built_or_reason))
    assert isinstance(built_or_reason, Built)
    return built_or_reason


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., SignalServer]]:
    """Return what starts a server in the test's folder; all are ended with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(SignalServer(tmp_path, **options))


@pytest.fixture
def host(built: Built, tmp_path: Path) -> Iterator[Callable[..., ClapHost]]:
    """Return what opens the plug-in in the CLAP host, its endpoints those of `server`."""
    endpoints = {"LEGANDO_AUDIO": f"ipc://{tmp_path}/a.ipc", "LEGANDO_CONTROL": f"ipc://{tmp_path}/c.ipc"}
    with ExitStack() as stack:

        def start(*, environment: dict[str, str] | None = None, clap: Path | None = None, **options: Any) -> ClapHost:
            together = endpoints | (environment or {})
            opened = ClapHost(built.claphost, clap or built.clap, tmp_path, environment=together, **options)
            return stack.enter_context(opened)

        yield start
