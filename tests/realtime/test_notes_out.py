"""Notes leave with their sound, and whatever goes down goes up again, in any order of what happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.errors import RigError
from legando.realtime.midi.channels import Channels
from legando.realtime.midi.echoes import BACK_NS, Echoes
from legando.realtime.midi.midilink import MidiSettings, pack_notes, unpack_notes
from legando.realtime.midi.noteplayer import NotePlayer
from legando.realtime.midi.notesout import MOST, NotesOut
from legando.realtime.midi.notesrig import NotesRig
from legando.realtime.midi.voices import NoteChange
from legando.realtime.ring import CLOSING, PlayerState
from tests.realtime.note_messages import ENDS, OFF, ON, down, notes
from tests.realtime.steady_player import BLOCK_FRAMES, SteadyPlayer
from tests.waiting import until


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
