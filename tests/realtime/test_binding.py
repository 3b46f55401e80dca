"""Bindings: what a knob's value means for its control, in every mode; and the slew towards it."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.errors import RigError
from legando.realtime.performing.slew import Slew
from legando.realtime.rigs.binding import ENCODINGS, Binding, centred, steps_of
from legando.realtime.rigs.curve import CURVES, bend, unbend
from legando.realtime.rigs.source import KINDS, Source, parse_source

unit = st.floats(0.0, 1.0)


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_rises_from_0_to_1_and_has_an_inverse(curve: str) -> None:
    heights = [bend(curve, x / 200) for x in range(201)]
    assert heights[0] == 0.0 and heights[-1] == pytest.approx(1.0, abs=1e-12)
    assert all(low < high for low, high in itertools.pairwise(heights))
    assert all(unbend(curve, h) == pytest.approx(x / 200, abs=1e-6) for x, h in enumerate(heights))


@given(unit, unit, st.floats(0.01, 100.0), st.lists(st.floats(0.0, 0.5), max_size=20))
def test_a_slew_never_leaves_its_way_never_goes_faster_than_its_rate_and_arrives(
    start: float, target: float, per_s: float, times: list[float]
) -> None:
    slew = Slew(start, start).toward(target, per_s)
    for seconds in times:
        after = slew.after(seconds)
        assert abs(after.value - slew.value) <= per_s * seconds + 1e-12
        assert abs(target - after.value) <= abs(target - slew.value)
        slew = after
    end = slew.after(1.0 / per_s + 1e-6)
    assert end.value == target and end.done


def test_a_slew_without_a_rate_is_there_at_once_and_one_without_time_stays() -> None:
    assert Slew(0.0, 1.0).after(1e-9).value == 1.0
    assert Slew(0.0, 1.0).after(0.0).value == 0.0


@pytest.mark.parametrize(
    ("encoding", "up", "down", "fast"),
    [("twos", 1, 127, (3, 125)), ("offset", 65, 63, (67, 61)), ("sign", 1, 65, (3, 67))],
)
def test_each_relative_encoding_counts_both_ways(encoding: str, up: int, down: int, fast: tuple[int, int]) -> None:
    assert steps_of(up, encoding) == 1 and steps_of(down, encoding) == -1
    assert [steps_of(raw, encoding) for raw in fast] == [3, -3]
    assert all(-64 <= steps_of(raw, encoding) <= 63 for raw in range(128))


def test_every_encoding_is_tested() -> None:
    assert set(ENCODINGS) == {"twos", "offset", "sign"}


@pytest.mark.parametrize("bits", [7, 14])
def test_the_middle_of_a_centred_knob_is_a_step_wide_and_the_ends_are_reached(bits: int) -> None:
    top, middle, step = (1 << bits) - 1, 1 << (bits - 1), 1 << (bits - 7)
    assert centred(0, bits) == 0.0 and centred(top, bits) == 1.0
    assert {centred(middle + k * step, bits) for k in (-1, 0, 1)} == {0.5}
    places = [centred(raw, bits) for raw in range(top + 1)]
    assert places == sorted(places)
    binding = Binding(control="filter", source="bend")
    assert [binding.value_at(raw, bits) for raw in (0, middle, top)] == [-1.0, 0.0, 1.0]


@given(st.sampled_from(CURVES), st.sampled_from(["absolute", "centred"]), unit, st.tuples(unit, unit))
def test_position_and_value_are_each_others_inverse(
    curve: str, mode: str, place: float, ends: tuple[float, float]
) -> None:
    if abs(ends[0] - ends[1]) < 0.01:
        return
    binding = Binding(control="density", cc=1, curve=curve, mode=mode, range=ends)
    value = binding.value_of(place)
    assert min(ends) <= value <= max(ends)
    assert binding.value_of(binding.position_of(value)) == pytest.approx(value, abs=1e-6)


def test_a_range_may_fall() -> None:
    binding = Binding(control="brightness", cc=1, range=(1.0, 0.25))
    assert (binding.value_at(0), binding.value_at(127)) == (1.0, 0.25)


def test_slew_is_the_time_of_a_whole_sweep() -> None:
    assert Binding(control="guidance", cc=1, range=(0.0, 2.0), slew=0.5).per_s == 4.0
    assert Binding(control="guidance", cc=1, slew=0.0).per_s == math.inf


@pytest.mark.parametrize(
    ("control", "source", "mode"),
    [
        ("density", "cc 1", "absolute"),
        ("density", "note 36", "momentary"),
        ("filter", "cc 1", "centred"),
        ("mute.drums", "note 36", "toggle"),
        ("mute.drums", "cc 36", "absolute"),
        ("section.break", "note 36", "momentary"),
        ("scene.2", "note 36", "momentary"),
        ("freeze", "note 36", "momentary"),
    ],
)
def test_a_control_has_a_mode_of_its_own(control: str, source: str, mode: str) -> None:
    assert Binding(control=control, source=source).way == mode


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("cc 74", Source("cc", 74)),
        (" CC  7 ", Source("cc", 7)),
        ("cc14 20", Source("cc14", 20)),
        ("nrpn 300", Source("nrpn", 300)),
        ("nrpn 2:44", Source("nrpn", 300)),
        ("rpn 0:1", Source("rpn", 1)),
        ("note 36", Source("note", 36)),
        ("poly 36", Source("poly", 36)),
        ("aftertouch", Source("aftertouch")),
        ("bend", Source("bend")),
        ("program 5", Source("program", 5)),
    ],
)
def test_a_source_is_read_and_written(text: str, source: Source) -> None:
    assert parse_source(text) == source and parse_source(str(source)) == source


def test_every_kind_of_source_reads_back() -> None:
    for kind in KINDS:
        source = Source(kind, 0 if kind in ("bend", "aftertouch") else 5)
        assert parse_source(str(source)) == source


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cc", ["lacks its number", "cc 20"]),
        ("cc 128", ["128", "119"]),
        ("cc 64", ["64", "sustain"]),
        ("cc 66", ["66", "sostenuto"]),
        ("cc14 40", ["40", "31"]),
        ("bend 3", ["bend", "number"]),
        ("not 36", ["'note'"]),
        ("nrpn 200:1", ["coarse:fine", "127"]),
        ("cc 1:2", ["coarse:fine"]),
        ("", ["cannot be read"]),
        ("cc -1", ["cannot be read"]),
        ("cc ٣", ["cannot be read"]),
    ],
)
def test_a_wrong_source_says_what_to_write(text: str, words: list[str]) -> None:
    with pytest.raises(RigError) as caught:
        parse_source(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"control": "density"}, ["source", "cc 74"]),
        ({"control": "density", "source": "cc 1", "cc": 1}, ["one 'source'"]),
        ({"control": "densty", "cc": 1}, ["'density'"]),
        ({"control": "scene.0", "cc": 1}, ["scene.1"]),
        ({"control": "scene.one", "cc": 1}, ["scene.1"]),
        ({"control": "density", "cc": 1, "mode": "abs"}, ["mode", "absolute"]),
        ({"control": "density", "cc": 1, "encoding": "two"}, ["encoding", "'twos'"]),
        ({"control": "density", "cc": 1, "curve": "expo"}, ["curve", "'exp'"]),
        ({"control": "density", "cc": 1, "range": (0.0, 2.0)}, ["range", "2", "0 to 1"]),
        ({"control": "density", "cc": 1, "range": (0.0,)}, ["range", "two numbers"]),
        ({"control": "density", "cc": 1, "range": (0.0, 1.0), "max": 1.0}, ["both", "'range'"]),
        ({"control": "density", "cc": 1, "range": (0.0, math.nan)}, ["range", "nan"]),
        ({"control": "density", "cc": 1, "slew": -1.0}, ["slew", "-1"]),
        ({"control": "density", "source": "bend", "mode": "relative"}, ["relative", "bend"]),
        ({"control": "panic", "cc": 1, "mode": "relative"}, ["relative", "panic"]),
        ({"control": "density", "cc": 1, "mode": "relative", "pickup": True}, ["pickup", "relative"]),
        ({"control": "density", "cc": 1, "channel": 17}, ["channel", "17", "1 to 16"]),
    ],
)
def test_a_wrong_binding_says_what_to_do(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(RigError) as caught:
        Binding(**values)  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words), str(caught.value)
