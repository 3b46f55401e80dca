"""Where the bridge may listen: this machine only, and never over somebody's file."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from legando.bridge.endpoint import MAX_IPC_PATH_BYTES, parse_endpoint
from legando.bridge.publisher import Publisher
from legando.bridge.subscriber import Subscriber
from legando.realtime.errors import LegandoError


@pytest.mark.parametrize(
    "text",
    [
        "tcp://0.0.0.0:5555",
        "tcp://*:5555",
        "tcp://192.168.1.5:5555",
        "tcp://[::]:5555",
        "tcp://[2001:db8::1]:5555",
        "tcp://example.org:5555",
        "tcp://127.0.0.1.example.org:5555",
        "tcp://lo:5555",
        "tcp://:5555",
    ],
)
def test_an_address_that_is_not_loopback_is_refused(text: str) -> None:
    for opener in (Publisher, Subscriber):
        with pytest.raises(LegandoError, match=r"not on this machine's loopback.*use 127\.0\.0\.1"):
            opener(text)


@pytest.mark.parametrize("text", ["", "audio", "udp://127.0.0.1:5555", "http://127.0.0.1:5555", "inproc://x", "tcp:/x"])
def test_another_scheme_is_refused(text: str) -> None:
    with pytest.raises(LegandoError, match="neither ipc:// nor tcp://"):
        Publisher(text)


@pytest.mark.parametrize("port", ["", "x", "-1", "65536", "5555/x", "٣"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(LegandoError, match="give one from 1 to 65535"):
        Publisher(f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize("port", ["0", "*"])
def test_only_a_publisher_can_ask_for_a_free_port(port: str) -> None:
    assert parse_endpoint(f"tcp://localhost:{port}", bind=True).url == "tcp://127.0.0.1:*"
    with pytest.raises(LegandoError, match="give one from 1 to 65535"):
        Subscriber(f"tcp://localhost:{port}")


@pytest.mark.parametrize("rest", ["", "@abstract", "*", "/a/folder/", "/nul\0byte"])
def test_an_ipc_endpoint_without_a_file_is_refused(rest: str) -> None:
    with pytest.raises(LegandoError, match="names no file of its own"):
        Publisher(f"ipc://{rest}")


def test_an_ipc_path_that_is_too_long_gives_the_limit(tmp_path: Path) -> None:
    fits = "/" + "x" * (MAX_IPC_PATH_BYTES - 1)
    assert parse_endpoint(f"ipc://{fits}").path == Path(fits)
    with pytest.raises(LegandoError, match="has 108 bytes, the system allows 107"):
        Publisher(f"ipc://{fits}x")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LegandoError, match=f"create it with: mkdir -m 700 {tmp_path}/none"):
        Publisher(f"ipc://{tmp_path}/none/audio.ipc")


def test_the_socket_file_is_private_and_goes_away_with_the_publisher(tmp_path: Path) -> None:
    path = tmp_path / "audio.ipc"
    umask = os.umask(0)
    try:
        with Publisher(f"ipc://{path}"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.exists()
        assert os.umask(0) == 0, "binding must put the umask back"
    finally:
        os.umask(umask)


def test_a_file_that_is_not_a_socket_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "song.wav"
    precious.write_bytes(b"music")
    with pytest.raises(LegandoError, match="taken by a file that is not a socket"):
        Publisher(f"ipc://{precious}")
    assert precious.read_bytes() == b"music"


def test_an_endpoint_in_use_is_refused_and_the_first_publisher_stays(tmp_path: Path) -> None:
    for endpoint in (f"ipc://{tmp_path}/audio.ipc", "tcp://127.0.0.1:0"):
        with Publisher(endpoint) as first:
            with pytest.raises(LegandoError, match="is in use; stop the other program"):
                Publisher(first.endpoint)
            if first.endpoint.startswith("ipc"):
                assert (tmp_path / "audio.ipc").exists()


def test_a_second_try_is_nothing_that_the_first_publisher_counts(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/audio.ipc"
    with Publisher(endpoint) as first:
        for _ in range(3):
            with pytest.raises(LegandoError, match="another legando serve"):
                Publisher(endpoint)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
            stranger.connect(str(tmp_path / "audio.ipc"))
        until = time.monotonic() + 10
        while not first.refusals.total:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert first.refusals.plain() == {"key": 1}, "the stranger, who came last"


def test_a_closed_publisher_frees_its_endpoint_at_once(tmp_path: Path) -> None:
    with Publisher("tcp://127.0.0.1:0") as first:
        endpoint = first.endpoint
    for again in (endpoint, f"ipc://{tmp_path}/audio.ipc"):
        for _ in range(3):
            Publisher(again).close()


def test_a_socket_left_by_a_killed_publisher_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "audio.ipc"
    script = (
        "import sys, time; from legando.bridge.publisher import Publisher; p = Publisher(sys.argv[1]); "
        "sys.stdout.write('up'); sys.stdout.flush(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, f"ipc://{path}"], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.read(2) == b"up"
        child.send_signal(signal.SIGKILL)
    assert path.is_socket()
    with Publisher(f"ipc://{path}"):
        assert path.is_socket()


def test_ipv6_loopback_works_where_the_machine_has_it() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with Publisher("tcp://[::1]:0") as publisher:
        assert publisher.endpoint.startswith("tcp://[::1]:")
        Subscriber(publisher.endpoint).close()
