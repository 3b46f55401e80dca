"""Keys: other addresses than loopback need them, and only those on the list get in."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import numpy as np
import pytest
import zmq

from legando.bridge import controlwire
from legando.bridge.control import ControlServer
from legando.bridge.gate import MAX_CONNECTIONS
from legando.bridge.keys import client_keys, new_keys, server_keys
from legando.bridge.publisher import Publisher
from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber
from legando.bridge.wire import MAX_SAMPLES_BYTES
from legando.realtime.cli import main
from legando.realtime.errors import LegandoError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new_keys(tmp_path / "keys")
    return tmp_path / "keys"


def hears(publisher: Publisher, subscriber: Subscriber, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        publisher.publish(np.zeros((16, 2), np.float32), publisher.frames)
        if subscriber.receive(5.0) is not None:
            return True
    return False


def test_keys_are_private_and_never_written_over(folder: Path) -> None:
    for path in (folder, folder / "clients"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.key*"))
    assert files == ["client.key_secret", "clients/client.key", "server.key", "server.key_secret"]
    assert all(stat.S_IMODE((folder / name).stat().st_mode) == 0o600 for name in files)
    before = (folder / "server.key_secret").read_bytes()
    with pytest.raises(LegandoError, match="is there already; choose another --client NAME"):
        new_keys(folder)
    new_keys(folder, "laptop")
    assert (folder / "server.key_secret").read_bytes() == before
    assert len(server_keys(folder).clients) == 2


def test_the_command_makes_keys_and_says_where_they_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "studio"
    assert main(["keys", "new", "--out", str(out)]) == 0
    assert str(out / "clients" / "client.key") in capsys.readouterr().out
    assert main(["keys", "new", "--out", str(out)]) == 2
    assert main(["keys", "new", "--out", str(out), "--client", "../up"]) == 2
    assert "is not usable" in capsys.readouterr().err
    assert client_keys(out).server == server_keys(out).public


def test_a_secret_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "server.key_secret").chmod(0o644)
    with pytest.raises(LegandoError, match=r"can be read by others; make new keys, or write: chmod 600"):
        server_keys(folder)


def test_with_keys_any_address_is_served_and_strangers_hear_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LegandoError, match=r"legando keys new, or use 127\.0\.0\.1"):
        Publisher("tcp://0.0.0.0:0")
    new_keys(tmp_path / "other")
    with Publisher("tcp://0.0.0.0:0", keys=server_keys(folder)) as publisher:
        port = publisher.endpoint.rpartition(":")[2]
        endpoint = f"tcp://127.0.0.1:{port}"
        with Subscriber(endpoint, keys=client_keys(folder)) as friend:
            assert hears(publisher, friend, 20.0)
        other = client_keys(tmp_path / "other")
        forged = type(other)(server=server_keys(folder).public, public=other.public, secret=other.secret)
        for keys in (None, other, forged):
            with Subscriber(endpoint, keys=keys) as stranger:
                assert not hears(publisher, stranger, 0.5)
        assert publisher.refusals.of("key") >= 3


def test_steering_is_encrypted_too(folder: Path) -> None:
    with ControlServer("tcp://0.0.0.0:0", keys=server_keys(folder)) as server:
        endpoint = "tcp://127.0.0.1:" + server.endpoint.rpartition(":")[2]
        with Remote(endpoint, keys=client_keys(folder)) as remote:
            remote.set("density", 0.5)
        with pytest.raises(LegandoError, match="no server answers"):
            Remote(endpoint, timeout_ms=300.0)
        assert len(list(server.take())) == 1


def test_one_listener_more_than_the_limit_is_refused_until_one_leaves(tmp_path: Path) -> None:
    assert MAX_CONNECTIONS == 64
    with Publisher(f"ipc://{tmp_path}/a.ipc", max_connections=2) as publisher:
        first, second = Subscriber(publisher.endpoint), Subscriber(publisher.endpoint)
        assert hears(publisher, first, 10.0) and hears(publisher, second, 10.0)
        with Subscriber(publisher.endpoint) as third:
            assert not hears(publisher, third, 0.4)
            assert publisher.refusals.of("full") >= 1
            first.close()
            assert hears(publisher, third, 10.0)
        second.close()


def test_the_largest_message_there_may_be_arrives_with_keys_too(folder: Path) -> None:
    frames = np.zeros((MAX_SAMPLES_BYTES // 8, 2), np.float32)
    with (
        Publisher("tcp://127.0.0.1:0", keys=server_keys(folder)) as publisher,
        Subscriber(publisher.endpoint, keys=client_keys(folder)) as subscriber,
    ):
        assert hears(publisher, subscriber, 20.0)
        until = time.monotonic() + 10.0
        block = None
        while block is None or len(block.frames) < len(frames):
            assert time.monotonic() < until, "the connection was cut"
            publisher.publish(frames, publisher.frames)
            block = subscriber.receive(100.0)


@pytest.mark.parametrize(("size", "answered"), [(controlwire.MAX_MESSAGE_BYTES, True), (600, False)])
def test_a_request_of_the_largest_size_is_read_with_keys_too(folder: Path, size: int, answered: bool) -> None:
    with (
        ControlServer("tcp://127.0.0.1:0", keys=server_keys(folder)) as server,
        zmq.Context() as context,
        context.socket(zmq.DEALER) as sock,
    ):
        sock.linger = 0
        client_keys(folder).arm(sock)
        sock.connect(server.endpoint)
        sock.send(bytes(size))
        assert bool(sock.poll(5000 if answered else 500)) == answered
        assert server.refusals.of("malformed") == answered
