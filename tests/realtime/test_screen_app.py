"""The screen's app: keys show before the host has answered, prompts are typed, only what has changed is drawn."""

from dataclasses import replace

import pytest
from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.strip import Strip

from legando.realtime.screen.screenapp import Canvas, ScreenApp
from legando.realtime.screen.screenkeys import Move
from legando.realtime.screen.screenprompt import PromptBar, PromptInput
from legando.realtime.screen.screentheme import contrast
from tests.realtime.screened import STATUS, drive, lines_of


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
