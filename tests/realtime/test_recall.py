"""Scenes in time: they come in on the line they are asked for, not a tick before, and get there as they are told."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.controls import STYLE_DIM, Controls
from legando.realtime.errors import RigError
from legando.realtime.performing.ownevent import control_event
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.recall import PLACES, Glide, TapTempo, next_line, ticks_in
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.scene import Scene, SceneChanges
from legando.realtime.tonality import KEY_NAMES, key_classes, key_number, key_of, read_key

CHUNK, RATE = 3840, 48_000


def styled(name: str, weight: float, **values: object) -> StyledScene:
    scene = Scene(name=name, prompts=(Prompt(text=name),), **values)  # type: ignore[arg-type]
    return StyledScene(scene=scene, style=(weight,) * STYLE_DIM, usual_tempo_bpm=120.0)


A = styled("a", 0.0, tempo_bpm=120.0)
B = styled("b", 1.0, tempo_bpm=90.0, muted=frozenset({"drums"}), section="break", key="c minor")


def play(
    chunks: int, *, at: str = "bar", frame: int = CHUNK + 5, scenes: tuple[StyledScene, ...] = (A, B), **changes: object
) -> list[tuple[float, Controls]]:
    """Recall the second scene at a frame; return where each chunk begins and its controls."""
    rules = SceneChanges(at=at, **changes)  # type: ignore[arg-type]
    performance = Performance(scenes, changes=rules)
    performance.feed(frame, bytes((0xC0, 1)))
    made, tick = [], 0.0
    for number in range(chunks):
        controls = performance.controls_for_chunk(number * CHUNK, CHUNK)
        made.append((tick, controls))
        tick = performance._tick
    return made


def first_new_tick(made: list[tuple[float, Controls]]) -> float:
    """Return from which tick on the second scene holds, as an engine would read it."""
    for (tick, controls), (end, _) in pairwise(made):
        if controls.section == "break":
            return tick
        if controls.turn is not None and controls.turn.tick < end - 1e-9:
            assert controls.turn.controls.section == "break"
            return controls.turn.tick
    raise AssertionError("it never came in")


@given(st.floats(0, 1e6), st.sampled_from([at for at in PLACES if at != "now"]))
def test_the_next_line_is_the_first_one_that_has_not_passed(tick: float, at: str) -> None:
    line = next_line(tick, at)
    assert line is not None and line % PLACES[at] == 0 and line - PLACES[at] < tick <= line + 1e-6


@pytest.mark.parametrize(("at", "line"), [("now", 0.0), ("beat", 4.0), ("bar", 16.0), ("phrase", 128.0)])
def test_a_scene_comes_in_on_its_line(at: str, line: float) -> None:
    made = play(220, at=at)
    now = made[1][0]
    assert first_new_tick(made) == pytest.approx(now if at == "now" else line, abs=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 20 * CHUNK), st.floats(60, 200))
def test_whenever_it_is_pressed_the_bar_line_is_the_next_one_that_can_still_be_made(frame: int, tempo: float) -> None:
    scenes = (styled("a", 0.0, tempo_bpm=tempo), B)
    made = play(90, frame=frame, scenes=scenes)
    pressed = made[frame // CHUNK][0]
    line = first_new_tick(made)
    assert line == pytest.approx(next_line(pressed, "bar"), abs=1e-6)


def test_the_scene_itself_may_say_when_and_the_last_press_wins() -> None:
    quick = styled("quick", 0.5, at="beat", section="solo")
    made = play(60, scenes=(A, quick))
    assert next(t.tick for _, c in made if (t := c.turn) is not None) == 4
    performance = Performance((A, B, quick), changes=SceneChanges(at="bar"))
    performance.feed(CHUNK + 1, bytes((0xC0, 1)))
    performance.feed(CHUNK + 2, bytes((0xC0, 2)))
    performance.controls_for_chunk(0, CHUNK)
    performance.controls_for_chunk(CHUNK, CHUNK)
    assert performance.coming is not None and performance.coming.name == "quick"
    assert performance.scene.name == "a"


def test_what_the_engine_says_about_its_place_goes_before_the_reckoning() -> None:
    performance = Performance((A, B), changes=SceneChanges(at="bar"))
    performance.feed(1, bytes((0xC0, 1)))
    assert performance.controls_for_chunk(0, CHUNK, 100.5).turn is None  # the line is 112
    turn = performance.controls_for_chunk(CHUNK, CHUNK, 111.9).turn
    assert turn is not None and turn.tick == 112 and turn.controls.tempo_bpm == 90.0
    assert performance.controls_for_chunk(2 * CHUNK, CHUNK, 112.4).section == "break"


def test_a_fade_goes_from_style_to_style_over_its_beats() -> None:
    made = play(200, fade_beats=8.0)
    line = first_new_tick(made)
    shares = [(tick, c.style_now()[0]) for tick, c in made]
    assert all(value == pytest.approx(min(max((tick - line) / 32, 0), 1), abs=1e-9) for tick, value in shares)
    assert made[-1][1].style == B.style
    muted = next(c for tick, c in made if tick >= line)
    assert "drums" in muted.muted  # parts come and go on the line


def test_a_tempo_ramps_over_its_bars_unless_a_hand_takes_it() -> None:
    made = play(260, tempo_ramp_bars=2.0)
    line = first_new_tick(made)
    for tick, controls in made:
        wanted = 120.0 - 30.0 * min(max((tick - line) / 32, 0.0), 1.0)
        assert controls.tempo_bpm == pytest.approx(wanted, abs=1e-6)
    performance = Performance((A, B), changes=SceneChanges(at="now", tempo_ramp_bars=4.0))
    performance.feed(1, bytes((0xC0, 1)))
    performance.feed(CHUNK + 1, control_event("tempo_bpm", 150.0))
    assert performance.controls_for_chunk(0, CHUNK).tempo_bpm == pytest.approx(120.0)
    assert performance.controls_for_chunk(CHUNK, CHUNK).tempo_bpm == 150.0


def test_the_tempo_of_a_turn_counts_from_its_line() -> None:
    made = play(60)
    line = first_new_tick(made)
    seconds = 16 * 15 / 120 + (made[-1][0] - line) * 15 / 90
    assert seconds == pytest.approx((len(made) - 1) * CHUNK / RATE, abs=1e-4)


def test_a_count_in_clicks_until_the_music_begins_on_its_line() -> None:
    performance = Performance((A, B), changes=SceneChanges(count_in_bars=2))
    made = [performance.controls_for_chunk(n * CHUNK, CHUNK) for n in range(60)]
    clicking = [c for c in made if c.click]
    assert len(clicking) == 50  # 2 bars of 2 s, in chunks of 80 ms
    assert all(c.turn is not None and c.turn.tick == 32 and not c.turn.controls.click for c in clicking)
    assert not any(c.click for c in made[50:])
    followed = Performance((A,), changes=SceneChanges(count_in_bars=2), follow_clock=True)
    assert not followed.controls_for_chunk(0, CHUNK).click


def test_taps_set_the_tempo_and_one_that_is_off_does_not() -> None:
    performance = Performance((A, B), [Binding(control="tap", source="cc 20")])
    for frame in (100, 24_100, 48_100, 73_000, 96_100):  # 0.5 s apart, one 19 ms late
        performance.feed(frame, bytes((0xB0, 20, 127)))
        performance.feed(frame + 2000, bytes((0xB0, 20, 0)))
    made = [performance.controls_for_chunk(n * CHUNK, CHUNK) for n in range(30)]
    assert made[0].tempo_bpm == 120.0 and made[-1].tempo_bpm == pytest.approx(120.0, abs=2.5)
    assert performance.has_a_place(bytes((0xB0, 20, 127))) and performance.has_a_place(control_event("tap", 1.0))
    assert not performance.has_a_place(bytes((0xB0, 21, 127)))
    tap = TapTempo(RATE)
    assert tap.tap(0) is None and tap.tap(RATE // 2) == 120.0
    assert tap.tap(5 * RATE) is None  # a pause begins anew


def test_keys_have_names_numbers_and_pitch_classes() -> None:
    assert read_key("c MINOR") == "C minor" and read_key("a# dorian") == "Bb dorian" and read_key("none") is None
    assert key_classes("C minor") == {0, 2, 3, 5, 7, 8, 10} and key_classes("A minor") == key_classes("C major")
    assert all(key_of(key_number(name)) == name for name in KEY_NAMES) and key_of(0) is None
    with pytest.raises(RigError, match="is no key"):
        read_key("H major")
    performance = Performance((A, B))
    performance.feed(0, control_event("key", float(key_number("D dorian"))))
    assert performance.controls_for_chunk(0, CHUNK).key == "D dorian"


@given(st.floats(0, 1000), st.floats(0, 100), st.lists(st.floats(0, 2000), min_size=2))
def test_a_glide_only_goes_forward(start: float, ticks: float, at: list[float]) -> None:
    shares = [Glide(start, ticks).share(tick) for tick in sorted(at)]
    assert shares == sorted(shares) and all(0.0 <= share <= 1.0 for share in shares)
    assert Glide(start, ticks).share(start + ticks) == 1.0


def test_ticks_pass_as_the_tempo_says() -> None:
    assert ticks_in(RATE, 120.0, RATE) == 8.0
    assert replace(Controls(style=(0.0,) * STYLE_DIM), key="C minor").key == "C minor"
