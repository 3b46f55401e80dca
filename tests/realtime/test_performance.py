"""MIDI to snapshots: nothing lost, nothing stuck, everything at its frame, the same every time."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.controls import STYLE_DIM, Controls
from legando.realtime.performing.immediate import ImmediateControls
from legando.realtime.performing.ownevent import lead_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Scene
from legando.realtime.snapshot import controls_from_plain, controls_to_plain

CHUNK = 3840
ON, OFF, CC, PROGRAM = 0x90, 0x80, 0xB0, 0xC0


def styled(name: str, **values: float) -> StyledScene:
    scene = Scene(name=name, prompts=(Prompt(text=name),), **values)  # type: ignore[arg-type]
    return StyledScene(scene=scene, style=tuple([len(name) / 10] * STYLE_DIM), usual_tempo_bpm=90.0 + 10 * len(name))


SCENES = (styled("a", tempo_bpm=120.0, density=0.3), styled("bbb", tempo_bpm=90.0), styled("cc"))
BINDINGS = (
    Binding(control="brightness", cc=74),
    Binding(control="density", cc=71, channel=2),
    Binding(control="tempo_bpm", cc=20, min=100.0, max=140.0),
    Binding(control="level", cc=7),
)


def play(
    events: Sequence[tuple[int, bytes]], chunks: int, *, scenes: Sequence[StyledScene] = SCENES, **options: object
) -> list[Controls]:
    performance = Performance(scenes, BINDINGS, **options)  # type: ignore[arg-type]
    for frame, message in events:
        performance.feed(frame, message)
    return [performance.controls_for_chunk(k * CHUNK, CHUNK) for k in range(chunks)]


def msg(*data: int) -> bytes:
    return bytes(data)


def test_a_note_sounds_at_its_frame_and_is_held_from_the_next_chunk_until_it_ends() -> None:
    made = play([(CHUNK + 100, msg(ON, 60, 127)), (3 * CHUNK + 7, msg(OFF, 60, 0))], 5)
    assert [c.held for c in made] == [(), (), (60,), (60,), ()]
    assert [(n.offset_frames, n.pitch, n.velocity) for n in made[1].notes] == [(100, 60, 1.0)]
    assert [(n.offset_frames, n.pitch, n.velocity) for n in made[3].notes] == [(7, 60, 0.0)]


def test_a_note_on_with_velocity_zero_is_a_note_off() -> None:
    assert [c.held for c in play([(0, msg(ON, 60, 9)), (9, msg(ON, 60, 0))], 2)] == [(), ()]


def test_the_pedal_holds_notes_until_it_is_lifted() -> None:
    events = [
        (0, msg(CC, 64, 127)),
        (1, msg(ON, 60, 80)),
        (2, msg(OFF, 60, 0)),
        (CHUNK + 5, msg(CC, 64, 0)),
    ]
    made = play(events, 3)
    assert [c.held for c in made] == [(), (60,), ()]
    assert [(n.offset_frames, n.velocity) for n in made[1].notes] == [(5, 0.0)]


def test_a_pitch_held_on_two_keyboards_sounds_until_both_let_go() -> None:
    events = [
        (0, msg(ON, 60, 80)),
        (0, msg(ON | 1, 60, 80)),
        (CHUNK, msg(OFF, 60, 0)),
        (2 * CHUNK, msg(OFF | 1, 60, 0)),
    ]
    made = play(events, 4)
    assert [c.held for c in made] == [(), (60,), (60,), ()]
    assert not made[1].notes and [n.velocity for n in made[2].notes] == [0.0]


def test_drum_kit_notes_on_channel_ten_play_nothing() -> None:
    assert not any(c.notes or c.held for c in play([(0, msg(ON | 9, 36, 100))], 2))


@pytest.mark.parametrize("number", [120, 123])
def test_all_notes_off_releases_keys_and_pedal(number: int) -> None:
    events = [(0, msg(ON, 60, 80)), (0, msg(CC, 64, 127)), (0, msg(ON, 64, 80)), (1, msg(OFF, 64, 0))]
    made = play([*events, (CHUNK, msg(CC, number, 0))], 3)
    assert made[1].held == (60, 64) and made[2].held == ()
    assert sorted(n.pitch for n in made[1].notes) == [60, 64]


def test_a_knob_moves_its_control_on_its_channel_only() -> None:
    made = play([(0, msg(CC, 74, 127)), (0, msg(CC, 71, 127)), (CHUNK, msg(CC | 1, 71, 0))], 2)
    assert made[0].brightness == 1.0 and made[0].density == 0.3 and made[1].density == 0.0


def test_a_program_change_recalls_a_scene_whole() -> None:
    events = [
        (0, msg(CC, 74, 127)),
        (CHUNK, msg(PROGRAM, 1)),
        (2 * CHUNK, msg(PROGRAM, 2)),
        (3 * CHUNK, msg(PROGRAM, 99)),
    ]
    made = play(events, 4)
    assert [c.brightness for c in made] == [1.0, None, None, None]
    assert [c.tempo_bpm for c in made] == [120.0, 90.0, 90.0, 90.0]
    assert [c.style[0] for c in made] == [0.1, 0.3, 0.2, 0.2]


def test_a_tempo_event_of_a_file_sets_the_tempo_unless_it_is_locked() -> None:
    event = [(0, b"\xff\x51\x03" + (600_000).to_bytes(3, "big")), (CHUNK, msg(PROGRAM, 1)), (CHUNK, msg(CC, 20, 127))]
    assert [c.tempo_bpm for c in play(event, 2)] == [100.0, 140.0]
    assert [c.tempo_bpm for c in play(event, 2, tempo_bpm=174.0)] == [174.0, 174.0]


def test_each_scene_has_its_styles_tempo_until_somebody_gives_one() -> None:
    free = (styled("cc"), styled("bbb"), styled("a", tempo_bpm=84.0))
    recalls = [(CHUNK, msg(PROGRAM, 1)), (2 * CHUNK, msg(PROGRAM, 2)), (3 * CHUNK, msg(PROGRAM, 0))]

    def tempi(events: Sequence[tuple[int, bytes]], **options: object) -> list[float]:
        return [c.tempo_bpm for c in play(events, 4, scenes=free, **options)]

    assert tempi(recalls) == [110.0, 120.0, 84.0, 84.0]
    assert tempi([(0, msg(CC, 20, 0)), *recalls[:1]]) == [100.0] * 4, "a knob"
    assert tempi([(0, b"\xff\x51\x03" + (500_000).to_bytes(3, "big")), *recalls]) == [120.0, 120.0, 84.0, 84.0]
    assert tempi(recalls, tempo_bpm=99.0) == [99.0] * 4


def test_the_level_knob_is_known_at_once_and_kept() -> None:
    early = ImmediateControls(BINDINGS)
    performance = Performance(SCENES, BINDINGS)
    assert early.feed(msg(CC, 7, 0)) == {"level": 0.0} and early.feed(msg(CC, 8, 0)) == {}
    performance.feed(0, msg(CC, 7, 0))
    performance.controls_for_chunk(0, CHUNK)
    assert performance.level == 0.0


def test_a_clock_sets_tempo_and_position_where_it_is_followed_and_nowhere_else() -> None:
    pulse = 48_000 * 60 / (24 * 100.0)
    events = [(0, msg(0xFA)), *((round(n * pulse), msg(0xF8)) for n in range(200))]
    followed = play(events, 12, follow_clock=True)[-1]
    assert abs(followed.tempo_bpm - 100.0) < 0.1
    assert followed.position_ticks is not None
    assert abs(followed.position_ticks - 11 * CHUNK / pulse / 6) < 0.05
    free = play(events, 12)[-1]
    assert free.tempo_bpm == 120.0 and free.position_ticks is None


def test_an_outside_clock_is_met_as_far_ahead_as_the_sound_is_late() -> None:
    pulse = 48_000 * 60 / (24 * 100.0)
    events = [(0, msg(0xF2, 16, 0)), (0, msg(0xFB)), *((round(n * pulse), msg(0xF8)) for n in range(200))]
    lead = 7200
    made = play([*events, (5 * CHUNK, lead_event(lead))], 12, follow_clock=True)
    places = [controls.position_ticks or 0.0 for controls in made]
    assert places[4] == pytest.approx(16 + 4 * CHUNK / pulse / 6, abs=0.05)
    assert places[11] == pytest.approx(16 + (11 * CHUNK + lead) / pulse / 6, abs=0.05)
    assert play([(0, lead_event(lead))], 1)[0].position_ticks is None, "nobody leads"


def test_a_late_message_acts_at_the_start_of_the_next_chunk() -> None:
    performance = Performance(SCENES)
    performance.controls_for_chunk(0, CHUNK)
    performance.feed(10, msg(ON, 60, 80))
    assert performance.controls_for_chunk(CHUNK, CHUNK).notes[0].offset_frames == 0


messages = st.one_of(
    st.tuples(st.sampled_from([ON, OFF]), st.integers(0, 2), st.integers(48, 52), st.integers(0, 127)).map(
        lambda m: bytes((m[0] | m[1], m[2], m[3]))
    ),
    st.tuples(st.integers(0, 2), st.sampled_from([64, 74, 7, 123]), st.integers(0, 127)).map(
        lambda m: bytes((CC | m[0], m[1], m[2]))
    ),
    st.integers(0, 5).map(lambda n: bytes((PROGRAM, n))),
    st.binary(max_size=4),
)
streams = st.lists(st.tuples(st.integers(0, 6 * CHUNK), messages), max_size=60)


@given(streams)
def test_offsets_lie_in_the_chunk_and_the_same_events_give_the_same_snapshots(events: list[tuple[int, bytes]]) -> None:
    made = play(events, 7)
    for controls in made:
        assert all(0 <= note.offset_frames < CHUNK for note in controls.notes)
        offsets = [note.offset_frames for note in controls.notes]
        assert offsets == sorted(offsets)
        assert controls_from_plain(controls_to_plain(controls)) == controls
    assert play(events, 7) == made


@given(streams)
def test_held_notes_are_exactly_those_whose_end_has_not_been_reported(events: list[tuple[int, bytes]]) -> None:
    sounding: set[int] = set()
    for controls in play(events, 7):
        assert controls.held == tuple(sorted(sounding))
        for note in controls.notes:
            (sounding.add if note.velocity > 0 else sounding.discard)(note.pitch)


@given(streams)
def test_no_note_is_stuck_once_keys_and_pedals_are_up(events: list[tuple[int, bytes]]) -> None:
    end = 7 * CHUNK
    ups = [(end, bytes((CC | c, 64, 0))) for c in range(16)]
    ups += [(end, bytes((OFF | c, p, 0))) for c in range(16) for p in range(128)]
    assert play(events + ups, 9)[-1].held == ()
