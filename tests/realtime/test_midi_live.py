"""MIDI ports as on stage: they come and go, lights answer, and a show sends its clock."""

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from legando.realtime.controls import STYLE_DIM
from legando.realtime.host import Host
from legando.realtime.midi.hands import Hands
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import ClockRig, MidiRig, Rig, Scene
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.conftest import JackServer, running_server, server_environment
from tests.realtime.midi_ports import sink, source
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

pytestmark = pytest.mark.live


def rig(**midi: Any) -> Rig:
    clock = midi.pop("clock_rig", ClockRig())
    return Rig(
        midi=MidiRig(api="jack", **midi),
        clock=clock,
        scenes=tuple(Scene(name=name, prompts=(Prompt(text="a"),)) for name in "ab"),
    )


@contextmanager
def opened(show: Rig) -> Iterator[Hands]:
    hands = Hands(show, every_s=0.1)
    assert hands.open() is None
    try:
        yield hands
    finally:
        hands.close()


def hear(hands: Hands, count: int) -> list[bytes]:
    got: list[LiveMessage] = []

    def enough() -> bool:
        got.extend(hands.take())
        return len(got) >= count

    until(enough)
    return [live.message for live in got]


def test_a_controller_may_come_late_leave_with_notes_held_and_come_back(jack_server: JackServer) -> None:
    with opened(rig(inputs=("/key(step|lab)/",))) as hands:
        assert hands.names == ()
        assert any("there is no MIDI input" in said and "key(step|lab)" in said for said in hands.take_news())
        with source("controllers", "Keystep 37") as out:
            until(lambda: len(hands.names) == 1)
            for message in ([0x92, 60, 99], [0x92, 62, 99], [0x82, 62, 0], [0xB2, 64, 127]):
                out.send_message(message)
            assert len(hear(hands, 4)) == 4
        until(lambda: hands.names == ())
        assert sorted(hear(hands, 2)) == [bytes((0x82, 60, 0)), bytes((0xB2, 64, 0))], "what it held ends"
        with source("controllers", "Keylab"):
            until(lambda: len(hands.names) == 1)
        said = list(hands.take_news())
        assert any("Keystep 37 is here" in s for s in said) and any("Keystep 37 has gone" in s for s in said)


def test_only_the_named_port_leads_the_clock_and_it_plays_no_notes_unless_it_is_an_input(
    jack_server: JackServer,
) -> None:
    with source("box", "drum machine") as box, source("box", "keys") as keys:
        clock = ClockRig(input="drum machine")
        with opened(rig(inputs=("keys",), clock_rig=clock)) as hands:
            assert len(hands.names) == 2
            for message in ([0xF8], [0x90, 60, 1], [0xFA]):
                box.send_message(message)
                keys.send_message(message)
            time.sleep(0.3)
            got = hear(hands, 3)
        assert sorted(got) == [bytes((0x90, 60, 1)), b"\xf8", b"\xfa"]


def test_lights_follow_their_controls_and_a_controller_that_comes_learns_them_all(jack_server: JackServer) -> None:
    values = {"scene.1": 1.0, "scene.2": 0.0, "mute.drums": 0.0}
    binds = (
        Binding(control="scene.1", source="note 36", channel=10),
        Binding(control="scene.2", source="note 37", channel=10),
        Binding(control="mute.drums", source="cc 50"),
    )
    show = rig(inputs=("pads",), feedback=True)
    show = Rig(midi=show.midi, scenes=show.scenes, binds=binds)
    with source("pads (capture)", "grid"), opened(show) as hands, ExitStack() as later:
        hands.show(values.__getitem__)  # nobody there yet
        got = later.enter_context(sink("pads (playback)", "grid"))

        def shown(message: bytes) -> bool:
            hands.show(values.__getitem__)
            return message in [m for _, m in got]

        until(lambda: shown(bytes((0x99, 36, 127))))
        until(lambda: shown(bytes((0x99, 37, 0))) and shown(bytes((0xB0, 50, 0))))
        values.update({"scene.1": 0.0, "scene.2": 1.0, "mute.drums": 1.0})
        until(lambda: shown(bytes((0x99, 37, 127))) and shown(bytes((0x99, 36, 0))) and shown(bytes((0xB0, 50, 127))))
        count = len(got)
        hands.show(values.__getitem__)
        time.sleep(0.1)
        assert len(got) == count, "only changes are sent"


KNOCKING = """
import sys, threading, time, rtmidi
out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="box")
out.open_virtual_port("pads")
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
while True:
    out.send_message([0x90, 60, 100])
    time.sleep(0.05)
"""


@contextmanager
def knocking() -> Iterator[None]:
    """Run a controller in a process of its own, since a dead JACK server takes along who holds its ports."""
    with subprocess.Popen(
        [sys.executable, "-c", KNOCKING], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()


def test_a_jack_server_that_is_killed_takes_only_its_ports_along_and_they_come_back(
    jack_server: JackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"legando-kill-{secrets.token_hex(4)}"
    for key, value in server_environment(name).items():
        monkeypatch.setenv(key, value)
    with ExitStack() as stack:
        server = stack.enter_context(running_server(name))
        controller = stack.enter_context(ExitStack())
        controller.enter_context(knocking())
        hands = stack.enter_context(opened(rig(inputs=("*",))))
        until(lambda: b"\x90\x3c\x64" in hear(hands, 1))
        server.kill()
        server.wait()
        controller.close()
        stack.enter_context(running_server(name))
        controller.enter_context(knocking())
        hands.sound_server_was_replaced()
        until(lambda: bytes((0x80, 60, 0)) in hear(hands, 1))  # what was held ends
        until(lambda: hands.process.restarts > 0 and b"\x90\x3c\x64" in hear(hands, 1), 20.0)


def test_a_midi_process_that_is_killed_is_replaced_and_what_it_held_ends(jack_server: JackServer) -> None:
    with source("box", "pads") as out, opened(rig(inputs=("pads",))) as hands:
        out.send_message([0x90, 64, 1])
        assert hear(hands, 1) == [bytes((0x90, 64, 1))]
        os.kill(hands.process.pid, signal.SIGKILL)
        assert hear(hands, 1) == [bytes((0x80, 64, 0))], "the note that was held ends"
        until(lambda: hands.process.restarts == 1 and len(hands.names) == 1)
        out.send_message([0x90, 65, 1])
        assert hear(hands, 1) == [bytes((0x90, 65, 1))]


def test_a_flood_through_a_real_port_costs_no_note_and_no_time_afterwards(jack_server: JackServer) -> None:
    rng, count = random.Random(11), 100_000
    scene = StyledScene(
        scene=Scene(name="a", prompts=(Prompt(text="a"),)), style=(0.05,) * STYLE_DIM, usual_tempo_bpm=120.0
    )
    performance = Performance((scene,), (Binding(control="panic", cc=119, channel=16),))
    with source("box", "pads") as box, opened(rig(inputs=("pads",))) as hands:
        heard = chunks = 0

        def chunk() -> None:
            nonlocal heard, chunks
            for live in hands.take():
                performance.feed(chunks * 3840, live.message)
                heard += 1
            performance.controls_for_chunk(chunks * 3840, 3840)
            chunks += 1

        began = time.monotonic()
        for n in range(count):
            status = rng.choice((0x80, 0x90, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0)) | rng.randrange(15)
            message = [status, rng.randrange(128), rng.randrange(128)]
            box.send_message(message[: rng.choice((1, 2, 3, 3, 3, 3))] if n % 10 == 0 else message)
            if n % 200 == 199:  # what a JACK port carries in a period
                time.sleep(0.006)
            if n % 3000 == 2999:
                chunk()
        took_s = time.monotonic() - began
        time.sleep(1.0)
        chunk()
        assert heard > count * 0.6, "malformed ones, those with too much data and unfinished ones fall out"
        assert performance.held, "the flood held notes"
        box.send_message([0xBF, 119, 127])
        time.sleep(0.1)
        chunk()
        assert performance.held == ()
        delays = []
        for n in range(20):
            box.send_message([0xBF, 20, n])
            sent_ns = time.perf_counter_ns()
            until(lambda: any(live.message[:2] == b"\xbf\x14" for live in hands.take()), 2.0)
            delays.append((time.perf_counter_ns() - sent_ns) / 1e6)
        after_ms = sorted(delays)[10]
        sys.stderr.write(f"flood: {heard} messages in {took_s:.1f} s; then a knob takes {after_ms:.1f} ms, median\n")
        assert after_ms < 60.0


def test_a_show_is_steered_by_pads_lights_them_and_sends_its_clock(
    jack_server: JackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    prompts = (Prompt(text="a"),)
    show = Show(
        rig=Rig(
            midi=MidiRig(inputs=("grid",), api="jack", feedback=True),
            binds=(
                Binding(control="scene.2", source="note 37", channel=10),
                Binding(control="mute", source="note 40", channel=10),
            ),
            clock=ClockRig(output="clock in"),
            scenes=(
                Scene(name="a", prompts=prompts, tempo_bpm=120.0),
                Scene(name="b", prompts=prompts, tempo_bpm=150.0),
            ),
        ),
        bundle=None,
        piece=None,
        seconds=8.0,
    )
    host = Host(show, instrument=SPEC, display=Display(quiet=True))
    with (
        source("pads (capture)", "grid") as pads,
        sink("pads (playback)", "grid") as lights,
        sink("drums", "clock in") as clock,
    ):
        runner = threading.Thread(target=host.run)
        runner.start()
        until(lambda: host.chunks_made > 8, 30.0)
        until(lambda: bytes((0x99, 37, 0)) in [m for _, m in lights])
        pads.send_message([0x99, 37, 100])
        pads.send_message([0x89, 37, 0])
        until(lambda: bytes((0x99, 37, 127)) in [m for _, m in lights])
        pads.send_message([0x99, 40, 100])
        until(lambda: bytes((0x99, 40, 127)) in [m for _, m in lights])
        runner.join(30)
        time.sleep(0.2)
    kinds = [message[0] for _, message in clock]
    assert kinds[:2] == [0xFA, 0xF8] and kinds[-1] == 0xFC
    assert set(kinds) == {0xFA, 0xF8, 0xFC}, "no jump: the music went on from scene to scene"
    late = np.array([at for at, message in clock if message == b"\xf8"])[-48:]
    beat_s = 2 * np.median(late[12:] - late[:-12])  # of many half beats: a machine that stalls delays a few of them
    assert 60 / beat_s == pytest.approx(150.0, rel=0.15), "the second scene's tempo"
    assert lights[-1][1] in (bytes((0x99, 37, 0)), bytes((0x99, 40, 0))), "the lights go out at the end"
