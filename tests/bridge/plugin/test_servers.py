"""How the plug-in finds a server: with keys, by the user's list; and how it makes room where a network is uneven."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from legando.bridge.control import ControlServer
from legando.bridge.keys import ServerKeys, new_keys, server_keys
from legando.bridge.publisher import Publisher
from tests.bridge.plugin.programs import ClapHost, SignalServer, hear
from tests.bridge.plugin.signal_server import RATE_HZ, marked_at

CHUNK = 512
Heard = list[tuple[str, float]]


@contextmanager
def serve(audio: str, control: str, keys: ServerKeys | None = None) -> Iterator[tuple[str, str, Heard]]:
    """Send marked sound from a thread; give the addresses, and what was set."""
    heard: Heard = []
    ended = threading.Event()
    with (
        Publisher(audio, keys=keys) as publisher,
        ControlServer(control, keys=keys, on_set=lambda name, value: heard.append((name, value))) as server,
    ):

        def send() -> None:
            began_s, position = time.perf_counter(), 0
            while not ended.wait(max(0.0, began_s + position / RATE_HZ - time.perf_counter())):
                publisher.publish(marked_at(position, CHUNK), position)
                position += CHUNK

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield publisher.endpoint, server.endpoint, heard
        finally:
            ended.set()
            sender.join()


def play(daw: ClapHost, **values: float) -> None:
    """Activate with a roomy buffer and what else is to be set, and start."""
    parameters = daw.parameters()
    for symbol, value in ({"buffer": 200.0} | values).items():
        daw.ask(f"param 0 {parameters[symbol]['id']} {value}")
    daw.ask(f"activate {RATE_HZ} 256")
    daw.ask("start paced")


def test_a_server_that_asks_for_keys_is_heard_and_steered(host: Callable[..., ClapHost], tmp_path: Path) -> None:
    new_keys(tmp_path / "keys", "daw")
    tcp = "tcp://127.0.0.1:0"
    with serve(tcp, tcp, server_keys(tmp_path / "keys")) as (audio, control, heard):
        addresses = {"LEGANDO_AUDIO": audio, "LEGANDO_CONTROL": control, "LEGANDO_CLIENT": "daw"}
        daw = host(environment=addresses | {"LEGANDO_KEYS": str(tmp_path / "keys")})
        play(daw, level=0.25)
        daw.wait_for_sound()
        until = time.monotonic() + 10
        while ("level", 0.25) not in heard and time.monotonic() < until:
            time.sleep(0.02)
        daw.ask("stop")
        assert ("level", 0.25) in heard
        assert hear(daw.sound())[-1].frames >= 4800


def test_a_plug_in_with_wrong_keys_or_none_hears_nothing(host: Callable[..., ClapHost], tmp_path: Path) -> None:
    new_keys(tmp_path / "keys", "daw")
    new_keys(tmp_path / "other", "daw")
    tcp = "tcp://127.0.0.1:0"
    with serve(tcp, tcp, server_keys(tmp_path / "keys")) as (audio, control, heard):
        addresses = {"LEGANDO_AUDIO": audio, "LEGANDO_CONTROL": control, "LEGANDO_CLIENT": "daw"}
        for folder in ("other", "missing", ""):
            (tmp_path / f"host-{folder}").mkdir()
            keys = str(tmp_path / folder) if folder else ""
            daw = host(environment=addresses | {"LEGANDO_KEYS": keys})
            play(daw, level=0.25)
            time.sleep(1.0)
            daw.ask("stop")
            assert len(daw.sound()) > 0.3 * RATE_HZ and not daw.sound().any()
            daw.end()
        assert heard == []


def test_a_line_of_the_users_list_is_a_server(host: Callable[..., ClapHost], tmp_path: Path) -> None:
    folder = tmp_path / "config" / "legando"
    folder.mkdir(parents=True)
    with serve(f"ipc://{tmp_path}/second.ipc", f"ipc://{tmp_path}/second-c.ipc") as (audio, control, _):
        (folder / "servers").write_text(f"# mine\nipc://nobody ipc://nobody-c\n\n{audio} {control} main\n")
        daw = host(environment={"XDG_CONFIG_HOME": str(tmp_path / "config")})
        play(daw, server=1)
        time.sleep(0.7)
        assert not daw.sound().any()
        daw.ask(f"param 0 {daw.parameters()['server']['id']} 2")
        daw.wait_for_sound()
        daw.ask("stop")


def test_a_buffer_that_may_grow_does_so_where_it_runs_dry(
    server: Callable[..., SignalServer], host: Callable[..., ClapHost]
) -> None:
    server(jitter_ms=60)
    daw = host()
    play(daw, buffer=5.0, buffer_grows=1.0)
    until = time.monotonic() + 15
    while daw.latency_frames() <= 480 and time.monotonic() < until:
        time.sleep(0.1)
    assert daw.latency_frames() > 480, "of 240"
    daw.ask("stop")
