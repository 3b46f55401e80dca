"""The plug-in on a real `legando serve` with the shipped bundle: exactly its music, at the tempo of the host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from legando.bridge.controlmessages import BeatEvent
from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber
from tests.bridge.plugin.programs import REPOSITORY, ClapHost
from tests.bridge.plugin.signal_server import RATE_HZ

SCENE = '[[scene]]\nname = "night"\nprompts = ["deep house"]\n'
BUNDLE = REPOSITORY / "engines" / "bundles" / "default"


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """Run `legando serve` at the endpoints that the plug-in of this test looks for."""
    rig = folder / "rig.toml"
    rig.write_text(f'[bridge]\npublish = "ipc://{folder}/a.ipc"\ncontrol = "ipc://{folder}/c.ipc"\n{SCENE}')
    command = [sys.executable, "-m", "legando.realtime.cli", "serve", "--rig", str(rig)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY / ".path"), *sys.path])}
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    try:
        yield
        assert process.poll() is None, (folder / "serve.log").read_text()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find(part: NDArray[np.float32], whole: NDArray[np.float32]) -> int:
    """Return where a part lies in a whole, bit by bit, or -1."""
    starts = np.flatnonzero((whole[: len(whole) - len(part) + 1] == part[0]).all(axis=1))
    return next((int(at) for at in starts if np.array_equal(whole[at : at + len(part)], part)), -1)


def test_the_music_of_a_real_server_is_heard_bit_by_bit_and_follows_the_host(
    host: Callable[..., ClapHost], require: Callable[[bool, str], None], tmp_path: Path
) -> None:
    require((BUNDLE / "manifest.json").exists(), "the shipped bundle is not here")
    daw = host(seconds=180)
    daw.ask(f"param 0 {daw.parameters()['buffer']['id']} 400")
    daw.ask(f"activate {RATE_HZ} 256")
    with served(tmp_path), Subscriber(f"ipc://{tmp_path}/a.ipc", max_age_ms=None) as direct:
        assert direct.receive(60_000) is not None, (tmp_path / "serve.log").read_text()
        daw.ask("start paced")
        daw.wait_for_sound(timeout_s=60)
        sent, until = [], time.monotonic() + 4
        while time.monotonic() < until:
            if (block := direct.receive(500)) is not None:
                sent.append(block)
        recorded = daw.sound()[-RATE_HZ:]
        whole = np.concatenate([block.frames for block in sent])
        assert not any(block.gap_frames for block in sent[1:]), "our own ear has missed something"
        pieces = [find(recorded[at : at + 4800], whole) for at in range(0, RATE_HZ, 4800)]
        assert sum(place >= 0 for place in pieces) >= 8, f"found at {pieces}"
        with Remote(f"ipc://{tmp_path}/c.ipc") as ear:
            until = time.monotonic() + 30
            while not _follows(ear.state.beat):
                daw.ask(f"transport 1 128 {time.monotonic() * 128 / 60 % 1000}")
                assert time.monotonic() < until, f"the music does not follow: {ear.state.beat}"
                ear.event(500)
            _steer(daw, ear)
        daw.ask("stop")
    assert int(daw.blocks["switches"].sum()) == 0


def _steer(daw: ClapHost, ear: Remote) -> None:
    """Press for the next idea twice, and hold the last four bars in a loop."""
    parameters, seed = daw.parameters(), ear.get("seed")
    for symbol, value in (("seed_next", 1), ("seed_next", 1), ("loop", 4)):
        daw.ask(f"param 0 {parameters[symbol]['id']} {value}")
    until = time.monotonic() + 10
    while (heard := (ear.get("seed"), ear.get("loop"))) != (seed + 2.0, 4.0):
        assert time.monotonic() < until, f"from {seed} the server has come to {heard}"
        time.sleep(0.1)


def _follows(beat: BeatEvent | None) -> bool:
    return beat is not None and bool(beat.following) and abs(beat.tempo_bpm - 128.0) < 1e-6
