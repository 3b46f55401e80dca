"""The plug-in for Windows, cross-compiled, in the CLAP host under Wine: exact sound, notes, keys, and back again.

Wine is not Windows: its clock, its sockets and its list of access are Linux's in other clothes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from legando.bridge.keys import new_keys, server_keys
from tests.bridge.plugin.conftest import CLAP_HEADERS, CLAPHOST, HOSTS, compile_c
from tests.bridge.plugin.programs import REPOSITORY, ClapHost, SignalServer, check_exact, hear
from tests.bridge.plugin.signal_server import RATE_HZ
from tests.bridge.plugin.test_servers import play, serve

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(1800)]  # the first test builds three libraries

COMPILER = "x86_64-w64-mingw32-gcc-posix"
ANYWHERE = "tcp://127.0.0.1:0"
SYSTEM = {
    "advapi32.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ole32.dll",
    "rpcrt4.dll",
    "user32.dll",
    "ws2_32.dll",
}
"""What every Windows has."""


@dataclass(frozen=True, slots=True)
class Windows:
    """What was built, and the Windows that Wine makes."""

    folder: Path
    claphost: Path
    vst3host: Path
    wine: Path

    @property
    def settings(self) -> Path:
        """Return the folder that Windows calls %APPDATA%."""
        (user,) = (path for path in (self.wine / "drive_c" / "users").iterdir() if path.name != "Public")
        return user / "AppData" / "Roaming"


@pytest.fixture(scope="session")
def windows_or_reason() -> Windows | str:
    """Build all, or say why that cannot be."""
    tools = (COMPILER, "wine", "cmake", "pkg-config", "dpkg-source", "autoreconf", "libtoolize")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    missing += ["dpf-source"] * (not CLAP_HEADERS.is_dir())
    if missing:
        packages = "wine wine64 cmake pkg-config dpkg-dev dpf-source autoconf automake libtool"
        return f"{', '.join(missing)} not found; apt install g++-mingw-w64-x86-64-posix {packages}"
    folder = REPOSITORY / "build" / "plugin-windows"
    done = subprocess.run(["make", "plugin-windows"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    hosts, wine = folder / "hosts", folder / "wine"
    claphost = compile_for_windows(CLAPHOST, hosts / "claphost.exe")
    vst3host = compile_for_windows(("vst3host.c",), hosts / "vst3host.exe", "-fms-extensions")
    settings = os.environ | environment(wine)
    done = subprocess.run(["wine", "wineboot", "-i"], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return Windows(folder, claphost, vst3host, wine)


def compile_for_windows(sources: tuple[str, ...], program: Path, *options: str) -> Path:
    """Compile a test host, and return a script that runs it."""
    needed = (f"-I{CLAP_HEADERS}", "-D__USE_MINGW_ANSI_STDIO=1", "-static")
    compile_c(sources, program, *options, *needed, compiler=COMPILER)
    script = program.with_suffix("")
    script.write_text(f'#!/bin/sh\nexec wine "{program}" "$@"\n')
    script.chmod(0o755)
    return script


def environment(wine: Path) -> dict[str, str]:
    """Return what keeps Wine quiet, without a window, and in a folder of its own."""
    return {"WINEPREFIX": str(wine), "WINEDEBUG": "-all", "WINEARCH": "win64", "WINEDLLOVERRIDES": "mscoree,mshtml="}


@pytest.fixture
def windows(windows_or_reason: Windows | str) -> Windows:
    """Return what was built; skip where the compiler or Wine is not: neither is part of the continuous build."""
    if isinstance(windows_or_reason, str):
        pytest.skip(windows_or_reason)
    return windows_or_reason


@pytest.fixture
def daw(windows: Windows, tmp_path: Path) -> Iterator[Callable[..., ClapHost]]:
    """Return what opens the plug-in in the CLAP host under Wine."""
    with ExitStack() as stack:

        def start(name: str = "host", *, addresses: dict[str, str] | None = None, **options: Any) -> ClapHost:
            folder = tmp_path / name
            folder.mkdir()
            clap, together = windows.folder / "bin" / "legando.clap", environment(windows.wine) | (addresses or {})
            return stack.enter_context(ClapHost(windows.claphost, clap, folder, environment=together, **options))

        yield start


def test_every_source_compiles_for_windows(require: Callable[[bool, str], None]) -> None:
    require(shutil.which(COMPILER) is not None, f"{COMPILER} not found; apt install g++-mingw-w64-x86-64-posix")
    sources = [path for path in HOSTS.parent.glob("*.cpp") if path.name != "system_posix.cpp"]
    options = ["-std=gnu++17", "-fsyntax-only", "-Wall", "-Wextra", "-DNOMINMAX", "-DWIN32_LEAN_AND_MEAN"]
    folders = [f"-I{HOSTS.parent}", "-isystem", str(CLAP_HEADERS.parent), "-idirafter", "/usr/include"]
    compiler = COMPILER.replace("gcc", "g++")
    done = subprocess.run([compiler, *options, *folders, *map(str, sources)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_sound_is_exact_and_what_the_host_says_arrives(
    server: Callable[..., SignalServer], daw: Callable[..., ClapHost]
) -> None:
    source = server(audio=ANYWHERE, control=ANYWHERE)
    host = daw(addresses=source.environment)
    play(host, density=0.25)
    assert host.latency_frames() == 200 * RATE_HZ // 1000
    host.wait_for_sound(timeout_s=60)
    source.wait_for("clients", lambda clients: clients["count"] == 1)
    source.wait_for_set("density", 0.25)
    time.sleep(3.0)  # until the server knows the other clock
    keys, offsets = range(60, 68), (0, 1, 100, 255)
    for key in keys:
        host.ask("hold")
        for number, offset in enumerate(offsets):
            host.ask(f"midi 0 {offset} {0x90 + number} {key} 100")
        host.ask("give")
        time.sleep(0.1)
    host.ask("transport 1 132 64")
    source.wait_for("lead", lambda said: said["tempo_bpm"] == 132.0 and said["playing"])
    source.wait_for("midi", lambda said: said["bytes"] == [0x93, 67, 100])
    time.sleep(0.5)
    host.ask("stop")
    times_ns = np.array([said["time_ns"] for said in source.of("midi") if said["bytes"][1] in keys]).reshape(-1, 4)
    frames = (times_ns - times_ns[:, :1]) * RATE_HZ / 1e9
    kept = np.isclose(frames, offsets, atol=5.0, rtol=0.0).all(axis=1)  # 0.1 ms
    assert kept.sum() >= 6, f"notes keep their frames but where the clock is known better from now on: {frames}"
    assert max(run.frames for run in check_exact(host.sound())) > 0.3 * RATE_HZ


def test_a_killed_server_comes_back(server: Callable[..., SignalServer], daw: Callable[..., ClapHost]) -> None:
    source = server(audio=ANYWHERE, control=ANYWHERE)
    host = daw(addresses=source.environment, seconds=90)
    play(host)
    host.wait_for_sound(timeout_s=60)
    for again in (1, 2, 3):
        source.kill()
        time.sleep(1.0)
        since, start = len(host.sound()), again * 1_000_000
        source = server(audio=source.audio, control=source.control, start=start)
        host.wait_for_sound(since=since, timeout_s=30)
        source.wait_for("clients", lambda clients: clients["count"] == 1)
        assert max(hear(host.sound()[since:]), key=lambda run: run.frames).position >= start
    host.ask("stop")


def test_keys_are_used_unless_others_can_read_them(daw: Callable[..., ClapHost], tmp_path: Path) -> None:
    new_keys(tmp_path / "keys", "daw")
    with serve(ANYWHERE, ANYWHERE, server_keys(tmp_path / "keys")) as (audio, control, heard):
        addresses = {"LEGANDO_AUDIO": audio, "LEGANDO_CONTROL": control, "LEGANDO_CLIENT": "daw"}
        addresses["LEGANDO_KEYS"] = str(tmp_path / "keys")
        host = daw(addresses=addresses)
        play(host, level=0.25)
        host.wait_for_sound(timeout_s=60)
        until = time.monotonic() + 10
        while ("level", 0.25) not in heard and time.monotonic() < until:
            time.sleep(0.02)
        host.ask("stop")
        assert ("level", 0.25) in heard
        host.end()
        (tmp_path / "keys" / "daw.key_secret").chmod(0o644)
        open_to_others = daw("others", addresses=addresses)
        play(open_to_others)
        time.sleep(1.5)
        open_to_others.ask("stop")
        assert len(open_to_others.sound()) > RATE_HZ and not open_to_others.sound().any()


def test_the_users_list_lies_where_windows_keeps_settings(windows: Windows, daw: Callable[..., ClapHost]) -> None:
    with serve(ANYWHERE, ANYWHERE) as (audio, control, _):
        folder = windows.settings / "legando"
        folder.mkdir(exist_ok=True)
        (folder / "servers").write_text(f"# mine\n{audio} {control} main\n")
        host = daw()
        play(host, server=1)
        host.wait_for_sound(timeout_s=60)
        host.ask("stop")


def test_it_looks_on_loopback_where_nobody_says_where(daw: Callable[..., ClapHost]) -> None:
    with serve("tcp://127.0.0.1:5580", "tcp://127.0.0.1:5581"):
        host = daw()
        play(host)
        host.wait_for_sound(timeout_s=60)
        host.ask("stop")


def test_addresses_are_those_that_windows_has(windows: Windows) -> None:
    program, plugin = windows.folder / "hosts" / "core.exe", HOSTS.parent
    sources = [Path(__file__).with_name("core.cpp"), plugin / "client_config.cpp", plugin / "system_windows.cpp"]
    libraries = REPOSITORY / "build" / "windows-libraries"
    options = ["-std=gnu++17", "-O1", "-DNOMINMAX", f"-I{plugin}", f"-I{libraries}/include", f"-L{libraries}/lib"]
    command = [COMPILER.replace("gcc", "g++"), *options, *map(str, sources), "-o", str(program), "-static"]
    subprocess.run([*command, "-lsamplerate", "-lws2_32", "-ladvapi32"], check=True)

    def resolve(encrypted: int, *addresses: str) -> list[str]:
        done = subprocess.run(
            ["wine", program, "resolve", str(encrypted), *addresses],
            env=os.environ | environment(windows.wine),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    loopback = ["tcp://127.0.0.1:5580", "tcp://[::1]:5580", "tcp://localhost:5580"]
    far, none = ["tcp://192.168.1.20:5580", "tcp://studio:5580"], ["ipc://audio", "ipc://C:/a.ipc", "tcp://127.0.0.1"]
    near = [*loopback[:2], "tcp://127.0.0.1:5580"]
    assert resolve(0, *loopback, *far, *none) == [*near, "", "", "", "", ""]
    assert resolve(1, *loopback, *far, *none) == [*near, *far, "", "", ""]


def test_the_vst3_plays_and_leads(windows: Windows, server: Callable[..., SignalServer], tmp_path: Path) -> None:
    source = server(audio=ANYWHERE, control=ANYWHERE)
    vst3 = windows.folder / "bin" / "legando.vst3" / "Contents" / "x86_64-win" / "legando.vst3"
    done = subprocess.run(
        [windows.vst3host, vst3, "6", tmp_path / "sound.f32", tmp_path / "blocks.bin"],
        env=os.environ | environment(windows.wine) | source.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"name": "legando", "latency": 40 * RATE_HZ // 1000}
    sound = np.fromfile(tmp_path / "sound.f32", dtype="<f4").reshape(-1, 2)
    assert sum(run.frames for run in hear(sound) if run.frames > 100) > RATE_HZ, "bit by bit"
    source.wait_for("lead", lambda lead: lead["tempo_bpm"] == 131.0 and lead["playing"] and lead["tick"] > 1)


@pytest.mark.parametrize(
    ("path", "entry"),
    [("legando.vst3/Contents/x86_64-win/legando.vst3", "GetPluginFactory"), ("legando.clap", "clap_entry")],
)
def test_each_is_one_file_that_needs_nothing_but_windows(windows: Windows, path: str, entry: str) -> None:
    command = ["x86_64-w64-mingw32-objdump", "-p", str(windows.folder / "bin" / path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needs = {line.split()[-1].lower() for line in said.splitlines() if "DLL Name:" in line}
    assert needs <= SYSTEM
    exports = said.partition("[Ordinal/Name Pointer] Table")[2]
    assert entry in exports
