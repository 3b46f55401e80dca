"""Levels in dBFS and the line that shows them."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.realtime.screen.meter import (
    FALL_DB_PER_S,
    FLOOR_DB,
    HOLD_NS,
    Levels,
    bar,
    clock,
    measure,
    render_live,
    render_meter,
    render_progress,
    rest,
    shows_unicode,
    step_meter,
)

LEVEL_DB = st.floats(-80.0, 6.0)


def test_a_sine_of_half_scale_reads_minus_six_and_minus_nine() -> None:
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    levels = measure(np.stack([sine, np.zeros_like(sine)], axis=1).astype(np.float32))
    assert levels.peak_db == pytest.approx((-6.0206, FLOOR_DB), abs=1e-3)
    assert levels.rms_db == pytest.approx((-9.0309, FLOOR_DB), abs=1e-3)
    assert measure(np.zeros((0, 2), dtype=np.float32)).peak_db == (FLOOR_DB, FLOOR_DB)


def test_the_meter_rises_at_once_falls_slowly_and_holds_its_mark() -> None:
    quiet = Levels(peak_db=(FLOOR_DB,), rms_db=(FLOOR_DB,))
    state = step_meter(Levels(peak_db=(-6.0,), rms_db=(-12.0,)), rest(1), 0)
    assert (state.peak_db, state.held_db) == ((-6.0,), (-6.0,))
    state = step_meter(quiet, state, 1_000_000_000)
    assert state.peak_db == pytest.approx((-6.0 - FALL_DB_PER_S,))
    assert state.held_db == (-6.0,)
    state = step_meter(quiet, state, HOLD_NS)
    assert state.held_db == state.peak_db
    assert not state.clipped
    assert step_meter(Levels(peak_db=(0.0,), rms_db=(-3.0,)), state, 1).clipped


@given(peaks=st.tuples(LEVEL_DB, LEVEL_DB), width=st.integers(1, 200), unicode=st.booleans(), done=st.floats(0, 40))
def test_no_line_is_wider_than_asked(peaks: tuple[float, float], width: int, unicode: bool, done: float) -> None:
    state = step_meter(Levels(peak_db=peaks, rms_db=peaks), rest(2), 1)
    meter = render_meter(state, width, unicode=unicode)
    line = render_progress(
        state, done_seconds=done, total_seconds=30.0, elapsed_ns=9 * 10**9, width=width, unicode=unicode
    )
    assert len(meter) <= width and len(line) <= width
    assert "\n" not in meter + line
    if not unicode:
        assert (meter + line).isascii()


@given(low=LEVEL_DB, high=LEVEL_DB, unicode=st.booleans())
def test_a_louder_level_never_has_a_shorter_bar(low: float, high: float, unicode: bool) -> None:
    low, high = min(low, high), max(low, high)
    filled = "#█"
    lengths = [sum(cell in filled for cell in bar(level, FLOOR_DB, 30, unicode=unicode)) for level in (low, high)]
    assert lengths[0] <= lengths[1]


def test_the_line_looks_like_this() -> None:
    state = step_meter(Levels(peak_db=(-15.0, -30.0), rms_db=(-20.0, -33.0)), rest(2), 1)
    assert render_meter(state, 48, unicode=False) == "L[#########...] R[######......]  -15.0 dB"
    assert render_meter(state, 48, unicode=True) == "L▐█████████   ▌ R▐██████      ▌  -15.0 dB"
    assert render_meter(rest(), 48, unicode=False) == "L[............] R[............]   -inf dB"
    line = render_progress(state, done_seconds=10.0, total_seconds=30.0, elapsed_ns=4 * 10**9, width=80, unicode=False)
    assert line.startswith(" 33%  0:10/0:30  0:08 left  L[")
    assert 72 <= len(line) <= 80


def test_where_there_is_little_room_one_bar_shows_the_louder_channel() -> None:
    state = step_meter(Levels(peak_db=(-30.0, -15.0), rms_db=(-33.0, -20.0)), rest(2), 1)
    assert render_meter(state, 30, unicode=False) == "[#############.....]  -15.0 dB"
    assert render_meter(state, 16, unicode=False) == "-15.0 dB"


LIVE = {"when": "0:07 left", "chord": "C#min7", "tempo_bpm": 104.0}


def test_the_live_line_looks_like_this() -> None:
    state = step_meter(Levels(peak_db=(-15.0, -30.0), rms_db=(-20.0, -33.0)), rest(2), 1)

    def line(scene: str, faults: str, width: int) -> str:
        return render_live(state, scene=scene, faults=faults, width=width, unicode=False, **LIVE)  # type: ignore[arg-type]

    assert line("dawn", "", 79) == "0:07 left  dawn  C#min7  104.0 bpm  L[#######...] R[#####.....]  -15.0 dB"
    narrow = line("four on the corner", "2 xruns", 79)
    assert narrow.startswith("0:07 left  four on the c~  C#min7  104.0 bpm  2 xruns  [#")
    assert "bpm  6 underruns, 77 xruns  L[###" in line("dawn", "6 underruns, 77 xruns", 119)


@given(scene=st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=40), width=st.integers(1, 200))
def test_no_live_line_is_wider_than_asked(scene: str, width: int) -> None:
    line = render_live(rest(), scene=scene, faults="1 underrun", width=width, unicode=False, **LIVE)  # type: ignore[arg-type]
    assert len(line) <= width and line.isascii()


def test_the_clock_counts_down_to_zero() -> None:
    assert [clock(value) for value in (0.0, 0.2, 59.0, 65.0, 3600.0)] == ["0:00", "0:01", "0:59", "1:05", "1:00:00"]


def test_blocks_are_for_unicode_terminals_only() -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    assert shows_unicode(Terminal(io.BytesIO(), encoding="UTF-8"))
    assert not shows_unicode(Terminal(io.BytesIO(), encoding="ascii"))
    assert not shows_unicode(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert not shows_unicode(io.StringIO())
