"""The screen: what it shows at any size, and that all of it can be read."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.screen.screenkeys import HELP
from legando.realtime.screen.screenline import plain, width_of
from legando.realtime.screen.screentheme import ROLES, colours, contrast, styles, theme_of
from legando.realtime.screen.screenview import View, draw, help_pages
from legando.realtime.screen.status import KNOBS, SHOWN, Heard, Place, status_from_plain, status_to_plain
from tests.realtime.screened import METER, STATUS, VALUES, text


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
