"""Notes leave with their sound, and none hangs: not in a mute or panic, nor where an engine or process is killed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.errors import RigError
from legando.realtime.midi.channels import Channels, Timed
from legando.realtime.midi.echoes import BACK_NS, Echoes
from legando.realtime.midi.midilink import MidiSettings, pack_notes, unpack_notes
from legando.realtime.midi.noteplayer import NotePlayer
from legando.realtime.midi.notesout import MOST, NotesOut
from legando.realtime.midi.notesrig import NotesRig
from legando.realtime.midi.ports import Ports
from legando.realtime.midi.voices import NoteChange
from legando.realtime.playing.devices import quiet_stderr
from legando.realtime.rigs.rig import ClockRig, MidiRig
from legando.realtime.ring import CLOSING, PlayerState
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.stage import Stage
from tests.realtime.conftest import JackServer
from tests.realtime.steady_player import BLOCK_FRAMES, SteadyPlayer
from tests.realtime.test_replay import children
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

ON, OFF, ENDS = 0x90, 0x80, 0xB0


def down(messages: list[bytes]) -> set[tuple[int, int]]:
    """Return the keys that are down after these messages, by channel; what ends must have begun."""
    keys: set[tuple[int, int]] = set()
    for message in messages:
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == ON:
            assert (channel, message[1]) not in keys and message[2]
            keys.add((channel, message[1]))
        elif kind == OFF:
            assert (channel, message[1]) in keys
            keys.discard((channel, message[1]))
        elif kind == ENDS and message[1] == 123:
            keys = {key for key in keys if key[0] != channel}
    return keys


@contextmanager
def playing(header: SteadyPlayer, rig: NotesRig) -> Iterator[tuple[NotesOut, list[tuple[int, bytes]]]]:
    sent: list[tuple[int, bytes]] = []
    out = NotesOut(
        header,
        lambda message: sent.append((time.perf_counter_ns(), message)),
        rig,
        sample_rate_hz=48_000,
        block_frames=BLOCK_FRAMES,
    )
    out.start()
    try:
        yield out, sent
    finally:
        out.close()


def notes(*spans: tuple[int, int, int]) -> list[Timed]:
    """Return a note on channel 2 from frame to frame, for each (pitch, begin, end)."""
    timed = [(begin, bytes((ON | 1, pitch, 100))) for pitch, begin, _ in spans]
    return sorted(timed + [(end, bytes((OFF | 1, pitch, 0))) for pitch, _, end in spans])


@pytest.mark.alone
@pytest.mark.parametrize(("software", "ahead_ms", "late_ms"), [(False, 0.0, 10.0), (True, 0.0, 0.0), (True, 5.0, -5.0)])
def test_notes_leave_with_their_sound(software: bool, ahead_ms: float, late_ms: float) -> None:
    header = SteadyPlayer()
    with playing(header, NotesRig(software=software, ahead_ms=ahead_ms)) as (out, sent):
        now = header.played_frames + 9600
        frames = [now + n * 1200 for n in range(16)]
        out.add(notes(*((40 + n, frame, frame + 700) for n, frame in enumerate(frames))))
        until(lambda: len(sent) == 32)
    begun = [at for at, message in sent if message[0] & 0xF0 == ON]
    leaves = [header.handed_ns(frame) for frame in frames]
    off_ms = np.array([(at - due) / 1e6 for at, due in zip(begun, leaves, strict=True)])
    assert -0.5 < np.median(off_ms) - late_ms < 8.0, off_ms  # the machine may be busy
    assert not down([message for _, message in sent])


@pytest.mark.alone
def test_whatever_stops_the_sound_ends_its_notes_and_what_is_held_comes_back() -> None:
    header = SteadyPlayer()
    with playing(header, NotesRig(software=True)) as (out, sent):

        def heard() -> set[tuple[int, int]]:
            return down([message for _, message in sent])

        far = header.played_frames + 48_000 * 60
        out.add(notes((40, header.played_frames, far)))
        until(lambda: heard() == {(1, 40)})
        at_rest = dict(header.immediates)
        for name, value in (("mute", 1.0), ("freeze", 1.0), ("player_state", PlayerState.STARVED), ("panics", 1)):
            if name in at_rest:
                header.immediates[name] = 1.0
            else:
                setattr(header, name, value)
            until(lambda: not heard())
            out.add(notes((50, header.played_frames, header.played_frames + 480)))
            header.immediates.update(at_rest)
            header.player_state = PlayerState.PLAYING
            until(lambda: heard() == {(1, 40)})
        assert bytes((ENDS | 1, 123, 0)) in [message for _, message in sent], "a panic ends what others began, too"
        header.flags = CLOSING
        until(lambda: not heard())
    assert {message for _, message in sent[-5:]} == {bytes((ENDS | channel, 123, 0)) for channel in (0, 1, 2, 3, 9)}


def test_a_flood_is_bounded_and_still_ends() -> None:
    header = SteadyPlayer()
    header.player_state = PlayerState.FILLING  # nothing leaves yet
    with playing(header, NotesRig()) as (out, sent):
        out.add((frame, bytes((ON | 1, 60, 1))) for frame in range(3 * MOST))
        assert len(out._waiting) == MOST
        out.add([(9, bytes((OFF | 1, 60, 0)))])
        assert len(out._waiting) == MOST + 1
    assert {message[0] & 0xF0 for _, message in sent} == {ENDS}


messages = st.tuples(st.sampled_from((ON, OFF)), st.integers(0, 2), st.integers(60, 63), st.integers(1, 127)).map(
    lambda m: bytes((m[0] | m[1], m[2], m[3] if m[0] == ON else 0))
)


@given(st.lists(st.one_of(messages, st.booleans(), messages.map(lambda m: (m,)))))
def test_every_key_that_goes_down_goes_up(script: list[bytes | bool | tuple[bytes]]) -> None:
    """Notes, late notes, quiet and not, in any order: a receiver never sees a key pressed twice or left down."""
    sent: list[bytes] = []
    player = NotePlayer(sent.append, drums=2)
    for step in script:
        if isinstance(step, bool):
            player.be_quiet(step)
            assert not step or not down(sent)
        elif isinstance(step, tuple):
            player.skip(step[0])
        else:
            player.play(step)
        assert down(sent) == player.down
    player.forget()
    assert not down(sent)


@given(st.lists(st.tuples(st.sampled_from(("bass", "chord", "lead")), st.integers(40, 42)), max_size=40))
def test_parts_that_share_a_channel_share_its_keys(toggles: list[tuple[str, int]]) -> None:
    channels, held, sent = Channels({"bass": 4, "chord": 4}), set[tuple[str, int]](), []
    for frame, key in enumerate(toggles):
        sent += channels.feed([NoteChange(frame, *key, 0.0 if key in held else 0.5)])
        held ^= {key}
        expected = {(4, pitch) for part, pitch in held if part != "lead"}
        assert down([message for _, message in sent]) == expected, "the lead has no channel"


def test_an_echo_is_heard_once_as_one_and_soon() -> None:
    now_ns, sent = 0, list[bytes]()
    echoes = Echoes(sent.append, lambda: now_ns)
    echoes.send(b"\x91\x40\x40")
    echoes.send(b"\x81\x40\x00")
    assert echoes.came(b"\x91\x40\x40") and echoes.came(b"\x91\x40\x00"), "a note on without velocity ends"
    assert not echoes.came(b"\x91\x40\x40"), "the performer's own"
    echoes.send(b"\x91\x40\x40")
    now_ns = BACK_NS + 1
    assert not echoes.came(b"\x91\x40\x40") and len(sent) == 3


def test_messages_cross_to_the_midi_process_as_they_are() -> None:
    timed = [(10, b"\x91\x40\x40"), (3840 + 1920, b"\x89\x24\x00")]
    assert unpack_notes(pack_notes(10, timed)[1:]) == timed
    rig = NotesRig(port="synth", lead=0, played=7, ahead_ms=3.0)
    settings = MidiSettings(midi={"inputs": [], "out": {name: getattr(rig, name) for name in rig.__slots__}})
    assert settings.midi_rig.out == rig
    assert rig.channels == {"drums": 9, "bass": 1, "chord": 0, "texture": 3, "played": 6}


def test_a_channel_of_the_drums_is_theirs_alone() -> None:
    with pytest.raises(RigError, match="lead = 10 is the channel of the drums"):
        NotesRig(lead=10)
    assert replace(NotesRig(drums=0), lead=10).channels["lead"] == 9


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
        listener.cancel_callback()
        for port in (listener, out):
            port.close_port()
            port.delete()


@contextmanager
def synthesizer() -> Iterator[list[tuple[float, bytes]]]:
    """Offer a port that notes can be sent to, on the JACK server of now."""
    import rtmidi

    got: list[tuple[float, bytes]] = []
    with quiet_stderr():
        listener = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="rack")
        listener.set_callback(lambda event, _: got.append((time.perf_counter(), bytes(event[0]))))
        listener.open_virtual_port("synth")
    try:
        yield got
    finally:
        listener.cancel_callback()
        listener.close_port()
        listener.delete()


@pytest.mark.live
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


@pytest.mark.live
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
        listener.cancel_callback()
        listener.close_port()
        listener.delete()
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


@pytest.mark.live
def test_a_show_sends_its_notes_with_the_sound_and_none_hangs_whoever_is_killed(bench: None) -> None:
    with Stage(instrument=SPEC) as stage, synthesizer() as got:
        stage.write_rig(more=RIG)
        stage.start_play("--midi-out", "synth", "--seconds", "600", "--json")

        def hand(number: int, value: int) -> None:
            stage.hands.send_message([0xB0, number, value])

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
        os.kill(children(stage.play_pid, "legando.realtime.engine")[0], signal.SIGKILL)
        until(lambda: not heard())
        until(lambda: kicks(since) > 1 and any(key[0] == 1 for key in heard()), 30.0)

        since = len(got)
        os.kill(children(stage.play_pid, "midiprocess")[0], signal.SIGKILL)
        until(lambda: any(m == bytes((ENDS | 1, 123, 0)) for _, m in got[since:]))
        until(lambda: kicks(since) > 1 and any(key[0] == 1 for key in heard()), 30.0)

        os.kill(stage.play_pid, signal.SIGKILL)
        until(lambda: not heard() and got[-1][1][0] & 0xF0 == ENDS)
