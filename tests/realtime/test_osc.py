"""OSC: the rig file's names over UDP; nonsense is counted, never more than that."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.errors import DeviceError, LegandoError, RigError
from legando.realtime.osc.oscfeedback import HeardBeat, OscFeedback
from legando.realtime.osc.oscmap import event_of
from legando.realtime.osc.oscserver import OscServer
from legando.realtime.osc.oscwire import OscError, build_osc, parse_osc
from legando.realtime.performing.ownevent import control_event, read_own_event
from legando.realtime.recording.journal import read_take
from legando.realtime.rigs.controlnames import CONTROLS
from legando.realtime.rigs.rig import OscRig
from tests.realtime.tone_generator import SPEC

SCENES = ("dawn", "night drive")
MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
numbers = st.one_of(st.integers(-(2**31), 2**31 - 1), st.floats(width=32, allow_nan=False))
arguments = st.lists(st.one_of(numbers, texts), max_size=8)


@pytest.fixture
def server() -> Iterator[OscServer]:
    server = OscServer(OscRig(listen="127.0.0.1:0", max_per_s=100_000), SCENES)
    yield server
    server.close()


def send(server: OscServer, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for datagram in datagrams:
            out.sendto(datagram, ("127.0.0.1", server.port))


def wait(server: OscServer, received: int) -> None:
    until = time.monotonic() + 10
    while server.received < received:
        assert time.monotonic() < until
        time.sleep(0.005)


@given(arguments)
def test_what_is_built_is_read_again(given_arguments: list[int | float | str]) -> None:
    assert parse_osc(build_osc("/a/b", given_arguments)) == [("/a/b", tuple(given_arguments))]


def test_another_implementation_is_understood_and_understands() -> None:
    builder = pytest.importorskip("pythonosc.osc_message_builder")
    bundler = pytest.importorskip("pythonosc.osc_bundle_builder")
    reader = pytest.importorskip("pythonosc.osc_message")
    bundle = bundler.OscBundleBuilder(bundler.IMMEDIATELY)
    for value in (0.5, 7, "night drive", True, b"abcde"):
        message = builder.OscMessageBuilder(address="/legando/x")
        message.add_arg(value)
        bundle.add_content(message.build())
    assert [args for _, args in parse_osc(bundle.build().dgram)] == [(0.5,), (7,), ("night drive",), (1,), ()]
    ours = reader.OscMessage(build_osc("/legando/scene", ("dämmerung", 2, 0.25)))
    assert (ours.address, ours.params) == ("/legando/scene", ["dämmerung", 2, 0.25])


@pytest.mark.parametrize(
    ("address", "given_arguments", "event"),
    [
        ("control/brightness", (0.7,), control_event("brightness", 0.7)),
        ("control/mute/drums", (1,), control_event("mute.drums", 1.0)),
        ("control/mute.drums", (0,), control_event("mute.drums", 0.0)),
        ("control/key", ("c minor",), control_event("key", 13.0)),
        ("key", ("none",), control_event("key", 0.0)),
        ("control/section", ("break",), control_event("section", 4.0)),
        ("tempo", (128.0,), control_event("tempo_bpm", 128.0)),
        ("scene", ("night drive",), control_event("scene.2", 1.0)),
        ("scene", (1,), control_event("scene.1", 1.0)),
        ("panic", (), control_event("panic", 1.0)),
        ("tap", (), control_event("tap", 1.0)),
        ("note", (60, 100), b"\x90\x3c\x64"),
        ("note", (60.0, 0.5, 10), b"\x99\x3c\x40"),
        ("note", (60, 0), b"\x90\x3c\x00"),
    ],
)
def test_an_address_does_what_the_rig_calls_it(
    address: str, given_arguments: tuple[int | float | str, ...], event: bytes
) -> None:
    assert event_of((f"/legando/{address}", given_arguments), SCENES) == event


def test_every_control_has_its_address() -> None:
    for name, control in CONTROLS.items():
        told = read_own_event(event_of((f"/legando/control/{name}", (control.high,)), SCENES))
        assert told == (name, control.high)


@pytest.mark.parametrize(
    ("address", "given_arguments", "sentence"),
    [
        ("/legando/control/brightnes", (1,), "did you mean 'brightness'"),
        ("/legando/control/brightness", (), "no value"),
        ("/legando/control/brightness", ("high",), "takes a number"),
        ("/legando/control/brightness", (float("nan"),), "not a finite number"),
        ("/legando/scene", ("nigt drive",), "did you mean 'night drive'"),
        ("/legando/scene", (3,), "count from 1 to 2"),
        ("/legando/note", (200, 1), "outside"),
        ("/legando/note", (60,), "needs pitch and velocity"),
        ("/legando/key", ("H minor",), "is no key"),
        ("/legando/sceen", (1,), "did you mean 'scene'"),
        ("/live/x", (1,), "does not begin with"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    address: str, given_arguments: tuple[int | float | str, ...], sentence: str
) -> None:
    with pytest.raises(LegandoError, match=sentence):
        event_of((address, given_arguments), SCENES)


@given(st.binary(max_size=200))
def test_no_datagram_raises_anything_but_an_osc_error(datagram: bytes) -> None:
    for data in (datagram, b"#bundle\0" + bytes(8) + datagram, b"/legando/scene\0\0,i" + datagram):
        try:
            parse_osc(data)
        except OscError:
            continue


def test_a_hundred_thousand_packets_of_nonsense_do_no_harm(server: OscServer) -> None:
    """At full speed; the thread lives, the queue is bounded, one line a second, and the next good one is heard."""
    rng = random.Random(7)
    good = build_osc("/legando/control/brightness", (0.25,))
    kinds = [good, build_osc("/legando/note", (60, 100)), b"#bundle\0" + bytes(8) + good, build_osc("/legando/nothing")]
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(100_000):
            data = bytearray(rng.choice(kinds))
            if rng.random() < 0.8:
                data[rng.randrange(len(data))] = rng.randrange(256)
            if rng.random() < 0.3:
                del data[rng.randrange(len(data)) :]
            out.sendto(data, ("127.0.0.1", server.port))
    seconds = time.monotonic() - began
    time.sleep(0.5)  # what is in the socket's buffer
    heard = sum(1 for _ in server.take())
    assert server.received > 500 and server.bad > 100 and heard <= 4096
    assert len(list(server.take_news())) <= seconds + 2
    sent = time.perf_counter_ns()
    until = time.monotonic() + 5
    live = None
    while live is None and time.monotonic() < until:
        send(server, good)
        time.sleep(0.01)
        live = next(server.take(), None)
    assert live is not None and live.message == control_event("brightness", 0.25)
    assert live.time_ns - sent < 1_000_000_000


def test_no_more_is_read_than_the_rig_allows() -> None:
    server = OscServer(OscRig(listen="127.0.0.1:0", max_per_s=200), SCENES)
    try:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            send(server, build_osc("/legando/tap"))
        assert server.received <= 200 * 1.5 + 20
    finally:
        server.close()


def test_a_taken_port_and_an_open_address_are_refused(server: OscServer) -> None:
    with pytest.raises(DeviceError, match="in use; choose another port"):
        OscServer(OscRig(listen=f"127.0.0.1:{server.port}"), SCENES)
    for bad in ("0.0.0.0:9000", "example.org:9000", "9000", "127.0.0.1:x", "[::]:9000"):
        with pytest.raises(RigError):
            OscRig(listen=bad)
    with pytest.raises(RigError, match="remote = true"):
        OscRig(feedback="192.0.2.1:9000")
    opened = OscServer(OscRig(listen="0.0.0.0:0", remote=True), SCENES)
    try:
        assert "whoever reaches this machine can play it" in next(opened.take_news())
    finally:
        opened.close()


def test_the_beat_that_is_told_is_the_one_that_is_heard() -> None:
    beat = HeardBeat()
    assert beat.at(0) is None
    for n in range(4):
        beat.made(n * 3840, n * 0.75, 3840, (n + 1) * 0.75)
    assert [beat.at(frame) for frame in (0, 3840, 3 * 3840, 4 * 3840)] == [0, 0, 0, None]
    beat.made(4 * 3840, 3.0, 3840, 5.0)
    assert [beat.at(4 * 3840), beat.at(4 * 3840 + 1920)] == [0, 1]


def test_feedback_tells_what_changes_and_only_that() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(2)
        feedback = OscFeedback(f"127.0.0.1:{ear.getsockname()[1]}")
        for _ in range(3):
            feedback.tell("scene", "night drive", 2)
        feedback.tell("chord", "Cmin7")
        assert parse_osc(ear.recv(512)) == [("/legando/scene", ("night drive", 2))]
        assert parse_osc(ear.recv(512)) == [("/legando/chord", ("Cmin7",))]
        feedback.close()


def test_a_show_is_played_by_osc_and_tells_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(30)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (tmp_path / "rig.toml").write_text(
            f"""
            [bridge]
            publish = "ipc://{tmp_path}/a.ipc"
            [osc]
            listen = "127.0.0.1:{port}"
            feedback = "127.0.0.1:{ear.getsockname()[1]}"
            [scenes]
            at = "beat"
            [[scene]]
            name = "dawn"
            prompts = ["pads"]
            tempo_bpm = 120.0
            [[scene]]
            name = "night drive"
            prompts = ["techno"]
            tempo_bpm = 140.0
            """
        )
        words = ["serve", "--rig", str(tmp_path / "rig.toml"), "--seconds", "5", "--journal", str(tmp_path / "a.jsonl")]
        with subprocess.Popen([sys.executable, "-c", MAIN, *words], stderr=subprocess.PIPE, text=True) as run:
            told: list[object] = [parse_osc(ear.recv(512))[0][0]]
            sent: tuple[tuple[str | float, ...], ...] = (
                ("control/brightness", 0.7),
                ("note", 64, 90),
                ("scene", "night drive"),
                ("nonsense",),
            )
            for address, *rest in sent:
                ear.sendto(build_osc(f"/legando/{address}", rest), ("127.0.0.1", port))
            while "/legando/beat" not in told or ("/legando/scene", ("night drive", 2)) not in told:
                (message,) = parse_osc(ear.recv(512))
                told += [message, message[0]]
            assert run.wait(30) == 0
            assert run.stderr is not None and "there is no '/legando/nonsense'" in run.stderr.read()
    made = [chunk.controls for chunk in read_take(tmp_path / "a.jsonl").chunks]
    assert any(controls["brightness"] == pytest.approx(0.7) for controls in made)
    assert any(controls["notes"] and controls["notes"][0][1] == 64 for controls in made)
    turns = [controls["turn"] for controls in made if controls["turn"]]
    assert turns and all(tick % 4 == 0 and later["tempo_bpm"] == 140.0 for tick, later in turns)
    assert made[-1]["tempo_bpm"] == 140.0
