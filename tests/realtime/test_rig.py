"""Rig files: the shipped one works, mistakes are named with what is near."""

import re
from pathlib import Path

import pytest

from legando.realtime.errors import RigError
from legando.realtime.midi.midifile import read_midi_file
from legando.realtime.rigs.binding import ENCODINGS, MODES, Binding
from legando.realtime.rigs.controlnames import CONTROLS, find_control
from legando.realtime.rigs.curve import CURVES
from legando.realtime.rigs.prompts import Prompt, parse_prompt
from legando.realtime.rigs.rig import DEFAULT_RIG, read_rig
from legando.realtime.rigs.source import KINDS, parse_source

SCENE = '[[scene]]\nname = "a"\nprompts = ["deep house:0.5", "dub"]\n'
BIND = '[[bind]]\nsource = "cc 74"\ncontrol = "level"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "rig.toml"
    path.write_text(text)
    return path


def test_the_shipped_rig_has_scenes_bindings_and_a_performance_that_exists() -> None:
    rig = read_rig()
    assert len(rig.scenes) >= 6
    assert {(str(b.origin), b.control) for b in rig.bindings} >= {
        ("cc 74", "brightness"),
        ("cc 7", "level"),
        ("cc 1", "drive"),
    }
    path = rig.path(rig.performance.midi_file)
    assert path is not None
    piece = read_midi_file(path)
    programs = {m.message[1] for m in piece.messages if m.message[0] & 0xF0 == 0xC0}
    assert programs and max(programs) < len(rig.scenes)


def test_a_whole_rig_reads_back(tmp_path: Path) -> None:
    text = """
    [audio]
    device = "USB"
    block_frames = 128
    [midi]
    inputs = ["Keystep"]
    clock = "midi"
    [[midi.bind]]
    control = "tempo_bpm"
    cc = 20
    channel = 2
    min = 100
    max = 140.0
    [engine]
    bundle = "mine"
    steps = 2
    eco = true
    [[scene]]
    name = "one"
    prompts = ["acid:2", {text = "strings: warm", weight = 0.5}]
    tempo_bpm = 128
    muted = ["drums"]
    """
    rig = read_rig(write(tmp_path, text))
    assert rig.audio.block_frames == 128 and rig.midi.clock == "midi"
    assert rig.midi.bindings[0].value_at(127) == 140.0 and rig.midi.bindings[0].value_at(0) == 100.0
    assert rig.path(rig.engine.bundle) == tmp_path / "mine"
    assert rig.engine.eco and rig.engine.steps == 2
    assert rig.scenes[0].prompts == (Prompt(text="acid", weight=2.0), Prompt(text="strings: warm", weight=0.5))
    assert rig.scenes[0].muted == {"drums"} and rig.scenes[0].tempo_bpm == 128.0


def test_bindings_say_source_mode_range_curve_and_slew(tmp_path: Path) -> None:
    text = """
    [midi]
    feedback = true
    inputs = ["/key(step|lab)/", "launch"]
    [[midi.bind]]
    control = "level"
    cc = 7
    [[bind]]
    source = "nrpn 2:44"
    channel = 3
    control = "tempo"
    mode = "absolute"
    range = [80, 140.0]
    curve = "s"
    slew = 2
    pickup = true
    [[bind]]
    source = "note 36"
    control = "scene.1"
    [clock]
    in = "MPC"
    out = "/digi.*/"
    """
    rig = read_rig(write(tmp_path, text + SCENE))
    assert [str(b.origin) for b in rig.bindings] == ["cc 7", "nrpn 300", "note 36"]
    tempo = rig.bindings[1]
    assert tempo.control == "tempo_bpm" and tempo.ends == (80.0, 140.0) and tempo.per_s == 30.0 and tempo.pickup
    assert rig.clock.input == "MPC" and rig.clock.output == "/digi.*/" and rig.follows_clock and rig.midi.feedback


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[audio]\nblok_frames = 1\n" + SCENE, ["blok_frames", "'block_frames'", "[audio]"]),
        ("[adio]\n" + SCENE, ["adio", "'audio'"]),
        ("zzz = 1\n" + SCENE, ["zzz", "known keys", "scene"]),
        ("[audio]\nblock_frames = 1\n" + SCENE, ["block_frames", "1", "16 to 8192"]),
        ("[audio]\nblock_frames = true\n" + SCENE, ["block_frames", "whole number", "true"]),
        ("[audio]\nlevel = nan\n" + SCENE, ["level", "nan", "finite"]),
        ('[audio]\nlead_ms = "soon"\n' + SCENE, ["lead_ms", "a number", "'soon'"]),
        ("audio = 3\n" + SCENE, ["audio", "table"]),
        ('[midi]\nclock = "link"\n' + SCENE, ["clock", "link", "internal"]),
        ('[midi]\ninputs = "all"\n' + SCENE, ["inputs", "list"]),
        ('[[midi.bind]]\ncontrol = "brightnes"\ncc = 3\n' + SCENE, ["brightnes", "'brightness'"]),
        ('[[midi.bind]]\ncontrol = "level"\ncc = 64\n' + SCENE, ["64", "sustain"]),
        ('[[midi.bind]]\ncontrol = "level"\ncc = 200\n' + SCENE, ["cc", "200", "119"]),
        ('[[midi.bind]]\ncontrol = "level"\n' + SCENE, ["midi.bind", "'cc'"]),
        ('[[bind]]\ncontrol = "level"\nsource = "knob 3"\n' + SCENE, ["[bind]", "'knob'", "cc"]),
        ('[[bind]]\ncontrol = "level"\nsource = "cc 3"\npickup = 1\n' + SCENE, ["bind.pickup", "true or false"]),
        ('[[bind]]\ncontrol = "scene.9"\nsource = "cc 3"\n' + SCENE, ["'scene.9'", "scene.1"]),
        ('[[bind]]\ncontrol = "weight.3"\nsource = "cc 3"\n' + SCENE, ["'weight.3'", "weight.2"]),
        ('[midi]\ninputs = ["/(/"]\n' + SCENE, ["inputs", "'/(/'", "slashes"]),
        ('[clock]\nin = "/(/"\n' + SCENE, ["[clock]", "in", "slashes"]),
        ('[clock]\ninput = "x"\n' + SCENE, ["input", "'in'"]),
        ("[engine]\nseed = -1\n" + SCENE, ["seed", "-1"]),
        ("[engine]\neco = 1\n" + SCENE, ["eco", "1"]),
        ('[bridge]\npublish = "udp://x"\n' + SCENE, ["publish", "udp://x", "tcp://"]),
        ("[engine]\nseed = 1\n", ["no scene", "[[scene]]"]),
        ('[[scene]]\nname = "a"\nprompts = []\n', ["'a'", "no prompts"]),
        ('[[scene]]\nname = "a"\nprompts = ["x:0"]\n', ["'a'", "weigh 0"]),
        ('[[scene]]\nname = "a"\nprompts = ["x:y"]\n', ["'y'", "'x'", "not a number"]),
        ('[[scene]]\nname = "a"\nprompts = ["x"]\ntempo_bpm = 900\n', ["tempo_bpm", "900", "240"]),
        ('[[scene]]\nname = "a"\nprompts = ["x"]\nmuted = ["drum"]\n', ["'drum'", "'drums'"]),
        (SCENE + SCENE, ["two scenes", "'a'", "another name"]),
        (BIND + BIND + SCENE, ["cc 74 is bound to level twice", "take one"]),
        (BIND + '[[midi.bind]]\ncc = 74\ncontrol = "level"\n' + SCENE, ["cc 74 is bound to level twice"]),
        (2 * (BIND + "channel = 3\n") + SCENE, ["cc 74 on channel 3 is bound to level twice"]),
        ("not toml", ["not TOML"]),
    ],
)
def test_a_mistake_is_one_sentence_with_the_value_and_what_to_do(tmp_path: Path, text: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RigError) as caught:
        read_rig(path)
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence
    for word in words:
        assert word in sentence


def test_one_source_may_move_two_controls_and_two_channels_one_control(tmp_path: Path) -> None:
    text = BIND + BIND.replace("level", "drive") + BIND + "channel = 1\n" + BIND + "channel = 2\n"
    assert len(read_rig(write(tmp_path, text + SCENE)).bindings) == 4


def test_a_missing_rig_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RigError, match=r"none\.toml.*No such file"):
        read_rig(tmp_path / "none.toml")


@pytest.mark.parametrize("text", ["a:nan", "a:inf", "a:-1", "a:", ":1", "", "   ", "a:b", "a:1e9"])
def test_a_prompt_that_says_nothing_or_weighs_nonsense_is_refused(text: str) -> None:
    with pytest.raises(RigError):
        parse_prompt(text)


def test_a_prompt_has_weight_one_unless_it_says_otherwise() -> None:
    assert parse_prompt(" deep house ") == Prompt(text="deep house", weight=1.0)
    assert parse_prompt("dub: techno : 0.25") == Prompt(text="dub: techno", weight=0.25)


def test_every_control_can_be_bound_over_its_whole_range() -> None:
    for name, control in CONTROLS.items():
        binding = Binding(control=name, cc=10)
        assert (binding.value_at(0), binding.value_at(127)) == (control.low, control.high)


def test_the_midi_page_names_every_source_control_mode_and_curve() -> None:
    page = (DEFAULT_RIG.parents[1] / "midi" / "MIDI.md").read_text()
    written = [
        parse_source(text) for text in re.findall(r'`(?:source = )?"((?:[a-z0-9]+ [0-9:]+)|bend|aftertouch)"', page)
    ]
    assert {source.kind for source in written} == set(KINDS)
    for name in (*MODES, *ENCODINGS, *CURVES):
        assert f'"{name}"' in page or f"`{name}`" in page, name
    for name in CONTROLS:
        short = name if name == "tempo_bpm" else f".{name.partition('.')[2]}" if "." in name else name
        assert f"`{name}`" in page or f"`{short}`" in page, name
    for control in re.findall(r'`control = "([^"]+)"`', page):
        assert find_control(control)
