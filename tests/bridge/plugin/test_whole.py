"""All of it: `legando serve` with the bundle that it ships, and the plug-in in a host that leads its time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.bridge.plugin.programs import REPOSITORY, ClapHost
from tests.bridge.plugin.signal_server import RATE_HZ

PATIENCE_S = 120.0  # a busy machine takes so long to load the networks


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """Run the server where the `host` fixture's plug-ins look for it."""
    rig = (REPOSITORY / "realtime" / "rigs" / "default_rig.toml").read_text()
    addresses = f'publish = "ipc://{folder}/a.ipc"\ncontrol = "ipc://{folder}/c.ipc"\n#'
    assert 'publish = ""' in rig
    (folder / "rig.toml").write_text(rig.replace('publish = ""', addresses))
    command = [sys.executable, "-m", "legando.realtime.cli", "serve", "--live", "--rig", str(folder / "rig.toml")]
    path = os.pathsep.join([str(REPOSITORY / ".path"), *sys.path])
    with (folder / "serve.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": path}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            server.terminate()
            server.wait(30)


def wait_until(true: Callable[[], bool], what: str, folder: Path) -> None:
    """Wait, or fail with what the server has said."""
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until, f"{what} did not happen: {(folder / 'serve.log').read_text()[-1500:]}"
        time.sleep(0.1)


def test_the_real_server_plays_follows_the_hosts_tempo_and_changes_scene(
    host: Callable[..., ClapHost], tmp_path: Path
) -> None:
    with served(tmp_path):
        daw = host(seconds=3 * PATIENCE_S)
        parameters = daw.parameters()

        def value(symbol: str) -> float:
            return float(daw.ask(f"value 0 {parameters[symbol]['id']}")["value"])

        daw.ask(f"param 0 {parameters['buffer']['id']} 200")
        daw.ask(f"activate {RATE_HZ} 256")
        daw.ask("start paced")
        wait_until(lambda: value("receiving") == 1.0 and value("tempo_now") > 0.0, "sound", tmp_path)
        assert value("scene_now") == 1.0
        daw.ask("transport 1 137 0")
        wait_until(lambda: abs(value("tempo_now") - 137.0) < 0.01, "the host's tempo", tmp_path)
        daw.ask(f"param 0 {parameters['scene']['id']} 2")
        wait_until(lambda: value("scene_now") == 2.0, "the second scene", tmp_path)
        assert abs(value("tempo_now") - 137.0) < 0.01, "a scene's own tempo does not lead while the host does"
        assert value("resampling") == 0.0, "one clock"
        daw.ask("stop")
        sound = daw.sound()[-RATE_HZ:]
        assert np.isfinite(sound).all() and np.sqrt((sound**2).mean()) > 0.003, "it plays"
