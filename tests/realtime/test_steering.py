"""Hands on controls: every mode of binding, what pads do, panic, and a flood that leaves nothing behind."""

import random
import time

import pytest

from legando.realtime.controls import GENRE_SLOTS, MOODS, STYLE_DIM, Controls
from legando.realtime.errors import RigError
from legando.realtime.midi.midistream import MidiStream
from legando.realtime.performing.immediate import ImmediateControls
from legando.realtime.performing.keys import SOSTENUTO_CC, SUSTAIN_CC, Keys
from legando.realtime.performing.ownevent import control_event, lead_event, read_own_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Scene

CHUNK = 3840
ON, OFF, CC, PROGRAM, BEND = 0x90, 0x80, 0xB0, 0xC0, 0xE0


def style(value: float) -> tuple[float, ...]:
    return (1.0, *[0.0] * (GENRE_SLOTS - 1), *[value] * len(MOODS))


def scene(name: str, value: float = 0.5, *, muted: frozenset[str] = frozenset(), **moods: float) -> StyledScene:
    prompts = (Prompt(text="x", weight=1.0), Prompt(text="y", weight=1.0))
    return StyledScene(
        scene=Scene(name=name, prompts=prompts, muted=muted, **moods),  # type: ignore[arg-type]
        style=style(value),
        usual_tempo_bpm=100.0,
        prompt_styles=(style(0.0), style(1.0)),
    )


class Hands:
    """A performance and what is sent to it, chunk by chunk."""

    def __init__(self, *bindings: Binding) -> None:
        self.performance = Performance((scene("a"), scene("b", density=0.9, muted=frozenset(("bass",)))), bindings)
        self._chunk = 0

    def send(self, *messages: tuple[int, ...] | bytes) -> Controls:
        """Return the snapshot of the chunk in which the messages come."""
        start = self._chunk * CHUNK
        for message in messages:
            self.performance.feed(start, bytes(message))
        self._chunk += 1
        return self.performance.controls_for_chunk(start, CHUNK)


def test_an_absolute_knob_glides_no_faster_than_its_slew() -> None:
    hands = Hands(Binding(control="density", cc=1, slew=0.8, range=(0.0, 1.0)))
    way = [hands.send(*([(CC, 1, 127)] if n == 0 else [])).density for n in range(8)]
    assert way == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.0, 1.0]), "it begins at the style's own density"
    assert hands.performance.value_of("density") == 1.0


def test_a_knob_with_pickup_waits_until_it_meets_its_control() -> None:
    hands = Hands(Binding(control="density", cc=1, pickup=True))
    assert hands.send((CC, 1, 10)).density is None, "the prompt's 0.5 is far away"
    assert hands.send((CC, 1, 40)).density is None
    assert hands.send((CC, 1, 90)).density == pytest.approx(90 / 127), "it went past"
    assert hands.send((PROGRAM, 1), (CC, 1, 80)).density == 0.9, "the scene has moved the control away"
    assert hands.send((CC, 1, 113)).density == pytest.approx(113 / 127), "met again"


@pytest.mark.parametrize(("encoding", "up", "down"), [("twos", 1, 127), ("offset", 65, 63), ("sign", 1, 65)])
def test_a_relative_encoder_goes_on_from_where_the_control_is_and_stops_at_the_ends(
    encoding: str, up: int, down: int
) -> None:
    hands = Hands(Binding(control="density", cc=1, mode="relative", encoding=encoding))
    assert hands.send((CC, 1, up)).density == pytest.approx(0.5 + 1 / 127)
    assert hands.send(*[(CC, 1, down)] * 2).density == pytest.approx(0.5 - 1 / 127)
    assert hands.send((PROGRAM, 1), (CC, 1, down)).density == pytest.approx(0.9 - 1 / 127)
    assert hands.send(*[(CC, 1, up)] * 500).density == 1.0
    assert hands.send((CC, 1, down)).density == pytest.approx(1 - 1 / 127), "no turns to make up for"


def test_a_bound_wheel_is_centred_and_fine() -> None:
    hands = Hands(Binding(control="guidance", source="bend", mode="centred", range=(0.0, 2.0)))
    assert hands.send((BEND, 0, 64)).guidance == 1.0
    assert hands.send((BEND, 127, 127)).guidance == 2.0 and hands.send((BEND, 0, 0)).guidance == 0.0


def test_aftertouch_poly_pressure_pairs_and_parameters_move_controls() -> None:
    hands = Hands(
        Binding(control="drive", source="aftertouch"),
        Binding(control="space", source="poly 60"),
        Binding(control="brightness", source="cc14 20", channel=3),
        Binding(control="temperature", source="nrpn 2:44", range=(1.0, 1.5)),
    )
    made = hands.send((0xD0, 127), (0xA0, 60, 127), (0xA0, 61, 0), (CC | 2, 20, 64), (CC | 2, 52, 0), (CC, 20, 0))
    assert (made.drive, made.space) == (1.0, 1.0)
    assert made.brightness == pytest.approx(8192 / 16383)
    assert hands.send((CC, 99, 2), (CC, 98, 44), (CC, 6, 127), (CC, 38, 127)).temperature == 1.5


def test_a_button_toggles_at_each_press_from_whatever_holds() -> None:
    hands = Hands(Binding(control="mute.bass", source="note 36"))
    press, release = (ON, 36, 100), (OFF, 36, 0)
    assert [sorted(hands.send(m).muted) for m in (press, release, press, release)] == [["bass"], ["bass"], [], []]
    assert hands.send((PROGRAM, 1)).muted == {"bass"}
    assert hands.send(press, release).muted == frozenset(), "the scene has muted it, so a press opens it"


def test_a_switching_button_says_itself_what_it_is() -> None:
    hands = Hands(Binding(control="mute.drums", cc=36))
    assert [len(hands.send((CC, 36, v)).muted) for v in (127, 0, 64, 63)] == [1, 0, 1, 0]


def test_a_section_holds_while_its_pad_is_down_and_the_last_pad_wins() -> None:
    hands = Hands(
        Binding(control="section.break", source="note 40"),
        Binding(control="section.solo", source="note 41"),
        Binding(control="section", source="cc 9"),
    )
    assert hands.send((ON, 40, 1)).section == "break"
    assert hands.send((ON, 41, 1)).section == "solo"
    assert hands.send((OFF, 41, 0)).section == "break"
    assert hands.send((OFF, 40, 0)).section is None
    assert [hands.send((CC, 9, v)).section for v in (0, 25, 127)] == [None, "intro", "solo"]


def test_pads_recall_scenes_on_their_channel_and_play_no_note() -> None:
    hands = Hands(
        Binding(control="scene.2", source="note 37", channel=10), Binding(control="scene.1", source="note 36")
    )
    made = hands.send((ON | 9, 37, 1), (OFF | 9, 37, 0), (ON, 37, 90))
    assert hands.performance.scene_index == 1 and [n.pitch for n in made.notes] == [37], "channel 1 still plays it"
    assert not hands.send((ON, 36, 90)).notes and hands.performance.scene_index == 0


def test_a_bound_program_moves_its_control_and_others_recall_scenes() -> None:
    hands = Hands(Binding(control="mute.lead", source="program 5"))
    assert hands.send((PROGRAM, 5)).muted == {"lead"} and hands.send((PROGRAM, 5)).muted == frozenset()
    assert hands.send((PROGRAM, 1)) and hands.performance.scene_index == 1


def test_prompt_weights_blend_the_prompts_of_the_scene_that_plays() -> None:
    hands = Hands(
        Binding(control="weight.2", cc=1, range=(0.0, 1.0), slew=0.0), Binding(control="weight.1", cc=2, slew=0)
    )
    assert hands.send().style == style(0.5)
    assert hands.send((CC, 1, 0)).style[-1] == 0.0
    assert hands.send((CC, 1, 127), (CC, 2, 0)).style[-1] == 1.0
    assert hands.send((CC, 1, 0)).style == style(0.5), "no weight at all leaves the scene's own"
    assert len(hands.send().style) == STYLE_DIM


def test_one_knob_may_move_two_controls() -> None:
    hands = Hands(Binding(control="drive", cc=1), Binding(control="brightness", cc=1, range=(1.0, 0.0)))
    made = hands.send((CC, 1, 127))
    assert (made.drive, made.brightness) == (1.0, 0.0)


def test_sostenuto_holds_the_keys_that_were_down_and_no_others() -> None:
    keys = Keys()
    keys.press(0, 60)
    assert keys.pedal(0, SOSTENUTO_CC, True) == []
    keys.press(0, 62)
    assert keys.let_go(0, 60) == [] and keys.let_go(0, 62) == [62] and keys.sounding == {60}
    assert keys.pedal(0, SUSTAIN_CC, True) == [] and keys.pedal(0, SOSTENUTO_CC, False) == [60]


def test_panic_ends_every_note_on_every_channel_with_pedals_and_sections() -> None:
    hands = Hands(Binding(control="panic", source="cc 30"), Binding(control="section.break", source="note 40"))
    pedals = [(CC | c, p, 127) for c in range(3) for p in (SUSTAIN_CC, SOSTENUTO_CC)]
    hands.send(*[(ON | c, 60 + c, 99) for c in range(3)], *pedals, (ON, 40, 9), (OFF, 60, 0))
    made = hands.send((CC, 30, 127))
    assert sorted(n.pitch for n in made.notes) == [60, 61, 62] and made.section is None
    assert hands.performance.take_moved() == {"panic": 1.0}
    assert hands.send((ON, 70, 9), (OFF, 70, 0), ()).held == () and hands.performance.held == (), "the pedal is up"


def test_what_has_acted_ahead_is_not_told_again() -> None:
    hands = Hands(Binding(control="level", cc=7), Binding(control="mute", cc=8))
    hands.performance.feed(0, bytes((CC, 7, 0)), acted=True)
    hands.performance.feed(0, bytes((CC, 8, 127)))
    hands.send()
    assert hands.performance.take_moved() == {"mute": 1.0} and hands.performance.take_moved() == {}


def test_immediate_controls_follow_every_mode_and_what_else_sets_them() -> None:
    early = ImmediateControls(
        [
            Binding(control="mute", source="note 36"),
            Binding(control="filter", cc=21),
            Binding(control="level", cc=22, mode="relative"),
            Binding(control="density", cc=23),
        ],
        level=0.5,
    )
    assert early.feed(bytes((ON, 36, 1))) == {"mute": 1.0} and early.feed(bytes((OFF, 36, 0))) == {}
    assert early.feed(bytes((ON, 36, 1))) == {"mute": 0.0}
    assert early.feed(bytes((CC, 21, 64))) == {"filter": 0.0} and early.feed(bytes((CC, 21, 0))) == {"filter": -1.0}
    early.put({"level": 0.9})
    assert early.feed(bytes((CC, 22, 127)))["level"] == pytest.approx(0.9 - 1 / 127)
    assert early.feed(bytes((CC, 23, 127))) == {}, "the chunk's business"


def test_events_of_our_own_set_controls_by_name_and_read_back() -> None:
    assert read_own_event(control_event("tempo", 150.0)) == ("tempo_bpm", 150.0)
    assert read_own_event(control_event("density", 7.0)) == ("density", 1.0), "within its limits"
    assert read_own_event(lead_event(9000)) == 9000
    hands = Hands()
    made = hands.send(control_event("drive", 0.25), control_event("mute.bass", 1.0), control_event("section.solo", 1.0))
    assert made.muted == {"bass"} and (made.drive, made.section) == (0.25, "solo")
    assert hands.send(control_event("scene.2", 1.0)).density == 0.9
    with pytest.raises(RigError, match="'drive'"):
        control_event("drve", 1.0)
    for cut in range(len(control_event("drive", 0.25))):
        assert read_own_event(control_event("drive", 0.25)[:cut]) is None


EVERYTHING = (
    *(
        Binding(control=c, source=f"cc {n}")
        for n, c in enumerate(("density", "level", "tempo", "filter", "section"), 1)
    ),
    Binding(control="drive", source="cc14 20", pickup=True, curve="s"),
    Binding(control="space", source="nrpn 5", curve="exp"),
    Binding(control="guidance", source="bend", mode="centred", curve="log"),
    Binding(control="temperature", cc=9, mode="relative", encoding="sign"),
    Binding(control="scene.2", source="note 36"),
    Binding(control="scene.1", source="program 3"),
    Binding(control="mute.bass", source="note 37"),
    Binding(control="section.break", source="aftertouch"),
    Binding(control="weight.2", source="poly 60"),
    Binding(control="panic", source="note 38"),
)


@pytest.mark.parametrize("last", ["panic", "all notes off"])
def test_a_flood_of_random_and_malformed_bytes_leaves_no_note_and_costs_little(last: str) -> None:
    rng = random.Random(7)
    stream, hands, early = MidiStream(), Hands(*EVERYTHING), ImmediateControls(EVERYTHING)
    messages = 0
    began = time.process_time()
    while messages < 100_000:
        batch: list[bytes] = []
        for _ in range(500):
            start = bytes((rng.choice((ON, OFF, CC, BEND, PROGRAM, 0xA0, 0xD0, 0xF0, 0xFF, 0xF2)) | rng.randrange(16),))
            junk = rng.randbytes(rng.randrange(5))
            batch += stream.feed((start if rng.random() < 0.8 else b"") + bytes(b & 0x7F for b in junk[:2]) + junk[2:])
            batch.append(junk)  # and what no stream would let through
        for message in batch:
            early.feed(message)
        messages += len(batch)
        made = hands.send(*batch)
        assert len(made.notes) <= 256
    per_message_us = (time.process_time() - began) / messages * 1e6
    assert per_message_us < 200, f"{per_message_us:.1f} us for each message"
    assert hands.performance.held, "the flood held notes"
    hands.send((OFF, 38, 0))
    ends = [(ON, 38, 1)] if last == "panic" else [(CC | c, n, 0) for c in range(16) for n in (64, 66, 123)]
    hands.send(*ends)
    assert hands.send().held == ()


def test_the_notes_of_a_flood_end_as_all_of_them_would() -> None:
    hands = Hands()
    sounding: set[int] = set()
    rng = random.Random(3)
    for _ in range(20):
        made = hands.send(*((rng.choice((ON, OFF)), rng.randrange(128), rng.randrange(128)) for _ in range(1500)))
        assert set(made.held) == sounding
        for note in made.notes:
            (sounding.add if note.velocity else sounding.discard)(note.pitch)
