"""Install peers, each into an environment of its own under the user's cache; ours is never touched. [control]

    legando bench peers --install

Versions are fixed, so that two runs on two days compare the same code. What a peer needs for its training alone is left
out where its import allows that. A peer that cannot be installed here is told with its reason, and left out of a run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from legando.bench.workerlink import environment
from legando.realtime.errors import LegandoError

TIMEOUT_S = 1800.0
NETWORKS = (sys.executable, "-W", "ignore", "-m", "legando.bench.peers.networks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What one environment holds. `alone` is installed without what it says it requires, `without` is removed after."""

    name: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    proof: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return cache() / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def missing(self) -> str:
        """Why it cannot be used, or nothing."""
        return "" if (self.folder / "whole").exists() else "not installed; run legando bench peers --install"


ENVIRONMENTS = {
    one.name: one
    for one in (
        Environment(
            name="codecs",
            packages=(
                "torch==2.13.0", "numpy<2", "scipy<1.13", "einops==0.8.2", "gin-config==0.5.0", "GPUtil==1.4.0",
                "librosa", "lmdb", "pytorch_lightning", "requests", "tqdm", "pyyaml", "flask", "protobuf<4",
            ),
            alone=("acids-rave==2.3.1", "cached-conv==2.5.0", "udls", "encodec==0.1.1", "torchaudio"),
            without=("torchaudio/lib",),  # linked to CUDA's libraries; decoders need none of it
            proof="import rave, encodec",
        ),
        Environment(
            name="sound",
            packages=("numpy", "sounddevice==0.5.6", "rtmixer==0.1.7", "jack-client==0.5.7"),
            proof="import sounddevice, rtmixer, jack",
        ),
    )
}  # fmt: skip


def cache() -> Path:
    """Return where peers lie: `legando/peers` in the user's cache. [any]"""
    named = os.environ.get("XDG_CACHE_HOME")
    return (Path(named) if named else Path.home() / ".cache") / "legando" / "peers"


def install(say: Callable[[str], None]) -> dict[str, str]:
    """Make every environment that is not whole yet; return those that failed, with the reason. [control]"""
    failed: dict[str, str] = {}
    for one in ENVIRONMENTS.values():
        if not one.missing:
            say(f"{one.name}: is in {one.folder}")
            continue
        say(f"{one.name}: {', '.join((*one.packages, *one.alone))}")
        try:
            _make(one)
        except LegandoError as error:
            failed[one.name] = str(error)
            shutil.rmtree(one.folder, ignore_errors=True)
    say("torch: compiling our networks, for the cache")
    done = subprocess.run(
        [*NETWORKS, "compiled"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        failed["torch, compiled"] = (done.stdout.strip() or done.stderr.strip()).rpartition("\n")[2]
    return failed


def _make(one: Environment) -> None:
    shutil.rmtree(one.folder, ignore_errors=True)
    one.folder.parent.mkdir(parents=True, exist_ok=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(one.folder))  # ours reaches into it, and stays out itself
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(one.python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    )
    _run(*pip, *one.packages)
    if one.alone:
        _run(*pip, "--no-deps", *one.alone)
    for path in one.without:
        for found in one.folder.glob(f"lib/python*/site-packages/{path}"):
            shutil.rmtree(found)
    _run(str(one.python), "-W", "ignore", "-c", one.proof)
    (one.folder / "whole").touch()


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LegandoError(f"{command[0]} {command[1]} failed ({error})") from error
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        raise LegandoError(f"{' '.join(command[1:3])} failed: {last}")
