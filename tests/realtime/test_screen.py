"""The screen: what it shows at any size, what its keys move, and that only what has changed is drawn."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.strip import Strip

from legando.realtime.midi.miditext import describe
from legando.realtime.rigs.controlnames import find_control
from legando.realtime.screen.meter import MeterState
from legando.realtime.screen.screenapp import Canvas, ScreenApp
from legando.realtime.screen.screenkeys import HELP, Move, moves_of
from legando.realtime.screen.screenline import plain, width_of
from legando.realtime.screen.screenprompt import PromptBar, PromptInput
from legando.realtime.screen.screentheme import ROLES, colours, contrast, styles, theme_of
from legando.realtime.screen.screenview import View, draw, help_pages
from legando.realtime.screen.status import KNOBS, SHOWN, Heard, Place, Status, status_from_plain, status_to_plain

VALUES = dict.fromkeys(SHOWN, 0.0) | {"density": 0.62, "tempo_bpm": 124.0, "level": 1.0, "guidance": 1.0}
STATUS = Status(
    time_ns=0,
    scenes=("dawn", "night drive", "mirror ball", "夜の雨 four on the corner, and much more to say"),
    scene=1,
    coming="mirror ball",
    tempo_bpm=124.0,
    tick=16 * 16 + 9.0,
    chord="Cmin7",
    section="full",
    key="C minor",
    played_s=92.0,
    peak_db=(-12.0, -3.5),
    values=VALUES | {"mute.bass": 1.0},
    latency_ms={"chunk": 80.0, "compute": 23.0, "margin": 5.0, "lead": 15.0, "codec": 10.0, "device": 5.3},
    slack_ms=52.0,
    chunk_ms=80.0,
    steps=3,
    full_steps=4,
    underruns=2,
    midi_ports=("Launchkey MIDI 1",),
    midi="b04a5d",
    midi_count=7,
    bound={"cc 74": "brightness"},
    bundle="default",
    engine="onnxruntime",
    seed=7,
    recorded_s=92.0,
)
METER = MeterState(peak_db=(-12.0, -3.5), rms_db=(-12.0, -3.5), held_db=(-7.0, -2.1), held_ns=(0, 0), clipped=True)


def text(width: int, height: int, **changes: Any) -> str:
    view = View(status=STATUS, meter=METER, values=STATUS.values, said=("all is well",), midi_lit=True)
    return "\n".join(plain(line) for line in draw(replace(view, **changes), width, height))


@settings(max_examples=150, deadline=None)
@given(
    width=st.integers(1, 220),
    height=st.integers(1, 70),
    chosen=st.integers(0, len(KNOBS) - 1),
    page=st.sampled_from(["playing", "helping", "asking", "waiting"]),
    share=st.floats(-1.0, 3.0),
    said=st.integers(0, 30),
)
def test_every_size_is_filled_exactly(width: int, height: int, chosen: int, page: str, share: float, said: int) -> None:
    view = View(
        status=None if page == "waiting" else replace(STATUS, latency_ms={"chunk": 80.0 * share, "other": 3.0}),
        meter=METER,
        values=dict.fromkeys(SHOWN, share),
        chosen=chosen,
        said=["a sentence that a performer should know about"] * said,
        helping=int(page == "helping"),
        asking=page == "asking",
    )
    lines = draw(view, width, height)
    assert len(lines) == height and {width_of(line) for line in lines} == {width}
    assert {run.role for line in lines for run in line} <= set(ROLES)


def test_eighty_by_twenty_four_has_all_of_it() -> None:
    shown = text(80, 24)
    for words in (
        "night drive ▸ mirror ball",
        "REC 1:32",
        "played 1:32",
        "-7.0 dB",
        "CLIP",
        "17:3 ○ ○ ● ○",
        "Cmin7",
        "124.0 bpm",
        "section full",
        "key C minor",
        "▶ 2  night drive",
        "next",
        "b bass off",
        "138 of 150 ms",
        "compute 23",
        "device 5",
        "Slack 52 of 80 ms",
        "steps 3/4 fewer",
        "underruns 2",
        "xruns 0",
        "concealed 0 ms",
        "bundle default · onnxruntime · seed 7",
        "cc 74 = 93 (channel 1) → brightness",
        "Launchkey MIDI 1",
        "? keys",
        *(name for name in KNOBS if name != "tempo_bpm"),
    ):
        assert words in shown, f"{words!r} is missing from\n{shown}"


def test_a_small_terminal_keeps_what_matters_and_a_large_one_lists_all_keys() -> None:
    small = text(40, 15)
    for words in ("night", "-7.0 dB", "Cmin7", "124.0 bpm", "no bass", "138 of 150 ms", "Slack 52", "? keys"):
        assert words in small, f"{words!r} is missing from\n{small}"
    large = text(160, 50)
    assert all(what in large for _, what in HELP) and "all is well" in large
    assert all(what in text(80, 24, helping=1) for _, what in HELP)
    pages = "".join(text(70, 9, helping=page + 1) for page in range(help_pages(9)))
    assert help_pages(9) == 4 and all(what in pages for _, what in HELP)


def test_a_budget_beyond_the_goal_and_a_mute_are_told_in_words() -> None:
    over = replace(STATUS, latency_ms={"chunk": 80.0, "compute": 90.0}, slack_ms=-15.0)
    shown = text(80, 24, status=over, values=VALUES | {"mute": 1.0, "freeze": 1.0})
    assert next(line for line in shown.splitlines() if "Latency" in line).count("┃") == 1, "the goal is marked"
    assert "170 of 150 ms OVER" in shown and "Slack -15 of 80" in shown and "MUTED" in shown and "FROZEN" in shown


def test_the_budgets_parts_are_as_long_as_their_share() -> None:
    lines = draw(View(status=STATUS, values=VALUES), 160, 24)
    bar = next(line for line in lines if plain(line).startswith(" Latency"))
    cells = {run.role: len(run.text) for run in bar if run.role.startswith("part.")}
    per_ms = cells["part.chunk"] / 80.0
    assert cells["part.compute"] == pytest.approx(23 * per_ms, abs=1.01)
    assert sum(cells.values()) == pytest.approx(STATUS.latency_sum_ms * per_ms, abs=1.5)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_all_that_is_read_stands_out_from_its_ground(theme: str) -> None:
    for role, (front, ground) in colours(theme).items():
        assert contrast(front, ground) >= (1.5 if role == "track" else 4.5), role
    assert set(styles(theme)) == set(ROLES)
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


def test_the_terminals_own_ground_chooses_the_theme() -> None:
    assert [theme_of({"COLORFGBG": told}) for told in ("0;15", "15;0", "0;default;15")] == ["light", "dark", "light"]
    assert theme_of({}) == "dark"


def test_a_status_survives_its_way_to_the_screen() -> None:
    carried = json.loads(json.dumps(status_to_plain(STATUS) | {"from_a_newer_host": 1}))
    assert status_from_plain(carried) == STATUS
    assert len(json.dumps(carried)) < 4096, "one status fits a pipe many times over"


def test_what_is_heard_lags_what_is_made() -> None:
    heard = Heard(48_000)
    assert heard.at(0.0, 120.0).tick == 0.0
    for n in range(200):
        heard.add(Place(frame=3840 * n, tick=0.64 * n, chord=f"chord {n}", section="full"))
    place = heard.at(3840 * 190 + 1920, 120.0)
    assert place.chord == "chord 190" and place.tick == pytest.approx(0.64 * 190.5)


@given(presses=st.lists(st.sampled_from(["left", "right", "comma", "full_stop", "home", "end"]), max_size=60))
def test_keys_move_every_knob_within_its_range_and_meet_its_middle_again(presses: list[str]) -> None:
    for chosen, name in enumerate(KNOBS):
        control, values = find_control(name), dict(VALUES)
        for key in presses:
            (move,) = moves_of(key, STATUS, chosen, values)
            assert move.control == name and control.low <= move.value <= control.high
            values[name] = move.value
        values[name] = (control.low + control.high) / 2
        for key in ("left", "comma", "right", "full_stop"):
            values[name] = moves_of(key, STATUS, chosen, values)[0].value
        assert values[name] == pytest.approx((control.low + control.high) / 2)


@pytest.mark.parametrize(
    ("key", "moves"),
    [
        ("1", (Move("scene.1", 1.0),)),
        ("9", ()),  # no such scene
        ("left_square_bracket", (Move("scene.1", 1.0),)),
        ("right_square_bracket", (Move("scene.3", 1.0),)),
        ("d", (Move("mute.drums", 1.0),)),
        ("b", (Move("mute.bass", 0.0),)),
        ("m", (Move("mute", 1.0),)),
        ("f", (Move("freeze", 1.0),)),
        ("t", (Move("tap", 1.0),)),
        ("exclamation_mark", (Move("panic", 1.0),)),
        ("s", (Move("section", 1.0),)),
        ("w", (Move("keep", 1.0),)),
        ("y", ()),
    ],
)
def test_a_key_moves_what_a_knob_of_that_name_would(key: str, moves: tuple[Move, ...]) -> None:
    assert moves_of(key, STATUS, 0, STATUS.values) == moves
    assert all(find_control(move.control).least <= move.value <= find_control(move.control).most for move in moves)


def test_sections_come_in_turn_and_end_with_none() -> None:
    held = replace(STATUS, section="solo", section_held=True)
    assert moves_of("s", held, 0, VALUES) == (Move("section", 0.0),)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("b04a5d", "cc 74 = 93 (channel 1) → brightness"),
        ("913c40", "C4 64 (channel 2)"),
        ("903c00", "C4 up (channel 1)"),
        ("c205", "program 5 (channel 3)"),
        ("e00040", "bend +0 (channel 1)"),
        ("fa", "start"),
        ("", ""),
        ("90", ""),
    ],
)
def test_midi_messages_are_told_in_words(message: str, words: str) -> None:
    assert describe(bytes.fromhex(message), {"cc 74": "brightness"}) == words


def drive(
    steps: Callable[[ScreenApp, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[Any]:
    """Run the app without a terminal, and return what it has told its host."""
    told: list[Any] = []
    app = ScreenApp(
        on_moves=told.extend,
        on_prompt=told.append,
        on_record=lambda: told.append("record"),
        on_stop=lambda: told.append("stop"),
        clock=clock,
    )

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(run())
    return told


def lines_of(app: ScreenApp) -> str:
    canvas = app.query_one(Canvas)
    return "\n".join(canvas.render_line(row).text for row in range(app.size.height))


def test_keys_become_moves_and_show_before_the_host_has_answered() -> None:
    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        await pilot.press("x", "1")  # nothing to move yet
        app.show(STATUS)
        await pilot.press("right", "right", "down", "up", "up", "x", "2")
        shown = lines_of(app)
        assert "0.72" in shown and "x texture off" in shown and "▶ filter" in shown

    assert drive(steps) == [
        Move("density", 0.67),
        Move("density", 0.72),
        Move("mute.texture", 1.0),
        Move("scene.2", 1.0),
    ]


def test_q_asks_first_and_ctrl_c_does_not() -> None:
    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        app.show(STATUS)
        await pilot.press("q")
        assert "Stop the music?" in lines_of(app)
        await pilot.press("d")  # any other key: go on, and it moves nothing
        assert "Stop the music?" not in lines_of(app)
        await pilot.press("question_mark")
        assert "tap the tempo" in lines_of(app)
        await pilot.press("exclamation_mark")  # acts at any moment, and the page stays
        assert "tap the tempo" in lines_of(app)
        await pilot.press("d", "r", "r", "q", "y", "ctrl+c")

    assert drive(steps) == [Move("panic", 1.0), "record", "record", "stop", "stop"]


def test_a_prompt_is_typed_over_the_footer_and_what_was_typed_comes_back() -> None:
    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        await pilot.press("p")  # nothing plays yet
        app.show(STATUS)
        line, bar = app.query_one(PromptInput), app.query_one(PromptBar)
        assert not bar.is_open
        canvas = app.query_one(Canvas).size
        await pilot.press("p", *"dq x?", "space", "1", "left", "2", "exclamation_mark", "enter")
        assert app.query_one(Canvas).size == canvas and not bar.is_open
        await pilot.press("p", *"jazz", "enter", "p", "space", "enter", "d")
        await pilot.press("p", "up", "up")
        assert line.value == "dq x? 21" and line.cursor_position == 8
        await pilot.press("up", "down")
        assert line.value == "jazz"
        await pilot.press("backspace", "enter", "p", "up", "down")
        assert line.value == ""
        app.show(replace(STATUS, chord="Dmaj7"))
        await pilot.pause()
        assert "Dmaj7" in lines_of(app), "the screen goes on behind it"
        await pilot.press("l", "escape", "l", "p", "ctrl+c")

    assert drive(steps) == [
        Move("panic", 1.0),
        "dq x? 21",
        "jazz",
        Move("mute.drums", 1.0),
        "jaz",
        Move("mute.lead", 1.0),
        "stop",
    ]


def test_keys_that_come_all_at_once_are_for_the_line_from_p_to_enter() -> None:
    """As over a slow connection: no letter of a prompt mutes a part."""

    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        app.show(STATUS)
        for letter in "pdbclxm\rdpm\x1bb":
            key = {"\r": "enter", "\x1b": "escape"}.get(letter, letter)
            app.post_message(Key(key, letter))
        await pilot.pause()
        await pilot.press("p")
        app.post_message(Paste("slow\tpiano\x1bx\nand more"))
        await pilot.pause()
        await pilot.press("home", "delete", *"gl", "end", "ctrl+w", "enter")

    assert drive(steps) == ["dbclxm", Move("mute.drums", 1.0), Move("mute.bass", 0.0), "gllow piano"]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(80, 24), (200, 60), (30, 8), (12, 2), (1, 1)])
def test_the_prompts_line_can_be_read_at_any_size(size: tuple[int, int], theme: str) -> None:
    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        app.show(STATUS)
        if theme == "light":
            await pilot.press("v")
        await pilot.press("p")
        line = app.query_one(PromptInput)
        assert line.region.y == size[1] - 1 and line.region.height == 1
        assert (line.region.width >= size[0] // 2) or size[0] < 12
        for part in ("input--cursor", "input--placeholder"):
            style = line.get_component_rich_style(part)
            assert style.color is not None and style.bgcolor is not None
            assert contrast(style.color.triplet.hex, style.bgcolor.triplet.hex) >= 4.5  # type: ignore[union-attr]
        style = line.rich_style
        assert contrast(style.color.triplet.hex, style.bgcolor.triplet.hex) >= 7.0  # type: ignore[union-attr]
        await pilot.press(*"jazz", "enter")

    assert drive(steps, size) == ["jazz"]


def test_only_lines_that_have_changed_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        app.show(STATUS)
        await pilot.pause()
        drawn: list[int] = []
        original = Canvas.render_line

        def watched(canvas: Canvas, y: int) -> Strip:
            drawn.append(y)
            return original(canvas, y)

        monkeypatch.setattr(Canvas, "render_line", watched)
        app.show(replace(STATUS, xruns=1, peak_db=()))
        await pilot.pause()
        assert len(set(drawn)) == 1, f"one figure stands on one line, drawn were {drawn}"
        drawn.clear()
        app.show(replace(STATUS, xruns=1, peak_db=()))
        await pilot.pause()
        assert not drawn

    drive(steps, clock=lambda: 10**12)  # the MIDI light goes out by itself, sooner than a busy machine comes back here


def test_sizes_and_themes_may_change_at_any_time() -> None:
    async def steps(app: ScreenApp, pilot: Pilot[None]) -> None:
        app.show(STATUS)
        for size in ((200, 60), (40, 15), (1, 1), (12, 4), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("v")
            await pilot.pause()
            assert app.size == size
        assert "138 of 150 ms" in lines_of(app)

    drive(steps)
