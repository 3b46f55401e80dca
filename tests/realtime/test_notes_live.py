"""Notes at real ports: they leave with the sound, and none hangs where a server, engine or process is killed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from legando.realtime.midi.notesrig import NotesRig
from legando.realtime.midi.ports import Ports
from legando.realtime.playing.devices import quiet_stderr
from legando.realtime.processes import child_pid
from legando.realtime.rigs.rig import ClockRig, MidiRig
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.stage import Stage
from tests.realtime.conftest import JackServer
from tests.realtime.midi_ports import sink, stop
from tests.realtime.note_messages import ENDS, OFF, ON, down, notes
from tests.realtime.steady_player import BLOCK_FRAMES, SteadyPlayer
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

pytestmark = pytest.mark.live


@contextmanager
def thru() -> Iterator[tuple[list[bytes], Callable[[list[int]], None]]]:
    """Offer a port that returns at once what it gets; yield that, and what sends besides."""
    import rtmidi

    came: list[bytes] = []
    with quiet_stderr():
        out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="box (capture)")
        listener = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="box (playback)")

    def give_back(event: tuple[list[int], float], _: object) -> None:
        came.append(bytes(event[0]))
        if event[0][0] & 0xF0 in (ON, OFF):
            out.send_message(event[0])

    listener.set_callback(give_back)
    out.open_virtual_port("thru")
    listener.open_virtual_port("thru")
    try:
        yield came, out.send_message
    finally:
        stop(listener)
        out.close_port()
        out.delete()


def test_a_port_that_returns_what_it_gets_does_not_play_along(jack_server: JackServer) -> None:
    """What `Midi Through` does; the performer's own note on the same port is heard."""
    heard: list[bytes] = []
    rig = MidiRig(api="jack", inputs=("*",), out=NotesRig(port="thru", software=True))
    header = SteadyPlayer()
    with thru() as (came, back):
        ports = Ports(rig, ClockRig(), lambda live: heard.append(live.message), lambda *_: None)
        ports.open()
        ports.start_clock(header, sample_rate_hz=48_000, block_frames=BLOCK_FRAMES, latency_frames=0)
        begin = header.played_frames + 2400
        ports.play(notes(*((40 + n, begin + n * 2400, begin + n * 2400 + 1200) for n in range(8))))
        until(lambda: sum(message[0] & 0xF0 == OFF for message in came) == 8)
        time.sleep(0.1)
        back([ON, 72, 99])
        until(lambda: bytes((ON, 72, 99)) in heard)
        ports.close()
    assert heard[0] == bytes((ON, 72, 99)), heard


def test_who_connects_to_the_port_that_is_offered_gets_the_notes(jack_server: JackServer) -> None:
    import rtmidi

    got: list[bytes] = []
    header = SteadyPlayer()
    rig = MidiRig(api="jack", out=NotesRig(virtual="for the rack", software=True))
    ports = Ports(rig, ClockRig(), lambda _: None, lambda *_: None)
    ports.open()
    with quiet_stderr():
        listener = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="rack")
    try:
        listener.set_callback(lambda event, _: got.append(bytes(event[0])))
        listener.open_port([name.endswith("for the rack") for name in listener.get_ports()].index(True))
        ports.start_clock(header, sample_rate_hz=48_000, block_frames=BLOCK_FRAMES, latency_frames=0)
        begin = header.played_frames + 2400
        ports.play(notes((40, begin, begin + 1200)))
        until(lambda: len(got) == 2)
        ports.close()
        until(lambda: len(got) == 2 + 5)
    finally:
        stop(listener)
    assert [message[0] for message in got[:2]] == [ON | 1, OFF | 1]
    assert {message[0] for message in got[2:]} == {ENDS | channel for channel in (0, 1, 2, 3, 9)}


RIG = """
    [midi.out]
    software = true
    [[midi.bind]]
    control = "mute"
    cc = 20
    [[midi.bind]]
    control = "mute.bass"
    cc = 21
    [[midi.bind]]
    control = "panic"
    cc = 22
    [live]
    spares = false
"""


def test_a_show_sends_its_notes_with_the_sound_and_none_hangs_whoever_is_killed(bench: None) -> None:
    with Stage(instrument=SPEC) as stage, sink("rack", "synth") as got:
        stage.write_rig(more=RIG)
        stage.start_play("--midi-out", "synth", "--seconds", "600", "--json")

        def hand(number: int, value: int) -> None:
            stage.hands.send_message([0xB0, number, value])

        def kill(module: str) -> None:
            pid = child_pid(stage.play_pid, module)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

        def heard() -> set[tuple[int, int]]:
            return down([message for _, message in got])

        def kicks(since: int = 0) -> int:
            return sum(message[0] == ON | 9 for _, message in got[since:])

        recorded = np.concatenate(stage.listen(3.0))
        heard_s = times_us(recorded)[np.flatnonzero(np.diff(recorded[:, 0], prepend=0.0) > 0.1)] / 1e6
        kicks_s = np.array([at for at, message in got if message[0] == ON | 9])
        off_ms = np.array([1e3 * min(kicks_s - click, key=abs) for click in heard_s])
        figures = f"median {np.median(off_ms):.1f} ms, worst {np.abs(off_ms).max():.1f} ms of {len(off_ms)}"
        sys.stderr.write(f"notes against their sound: {figures}\n")
        # A JACK port hands over once a period of 5.3 ms.
        assert len(off_ms) >= 3 and abs(np.median(off_ms)) < 8.0, figures
        assert any(key[0] == 1 for key in heard()), "the bass sounds"

        hand(20, 127)
        until(lambda: not heard())
        quiet = len(got)
        time.sleep(0.6)
        assert not kicks(quiet), "a mute mutes notes, too"
        hand(20, 0)
        until(lambda: any(key[0] == 1 for key in heard()) and kicks(quiet) > 0)

        hand(21, 127)
        since = len(got)
        until(lambda: not any(key[0] == 1 for key in heard()) and kicks(since) > 1)
        since = len(got)
        until(lambda: kicks(since) > 1)
        assert not any(message[0] == ON | 1 for _, message in got[since:])
        hand(21, 0)
        until(lambda: any(key[0] == 1 for key in heard()))

        hand(22, 127)
        until(lambda: got[-1][1][0] & 0xF0 == ENDS and not heard())

        until(lambda: any(key[0] == 1 for key in heard()))
        since = len(got)
        kill("legando.realtime.engine")
        until(lambda: not heard())
        until(lambda: kicks(since) > 1 and any(key[0] == 1 for key in heard()), 30.0)

        since = len(got)
        kill("legando.realtime.midi.midiprocess")
        until(lambda: any(m == bytes((ENDS | 1, 123, 0)) for _, m in got[since:]))
        until(lambda: kicks(since) > 1 and any(key[0] == 1 for key in heard()), 30.0)

        os.kill(stage.play_pid, signal.SIGKILL)
        until(lambda: not heard() and got[-1][1][0] & 0xF0 == ENDS)
