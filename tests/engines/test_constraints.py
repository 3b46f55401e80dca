"""Masks from the performer's notes: the harmony follows at once, muted parts rest, nothing is ever ruled out whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.engines.arranger import Bar
from legando.engines.constraints import (
    FORBIDDEN,
    LOGITS,
    PART_SLICES,
    density_mask,
    held_features,
    plan_mask,
    score_mask,
)
from legando.engines.score import BASS_LOW, HOLD, LEAD_LOW, REST, VOCABULARY, chord_pitch_classes, chord_token
from legando.realtime.controls import PARTS

C_MINOR = (48, 51, 55)
CMIN = chord_token(0, "min")
FMAJ = chord_token(5, "maj")


def allowed(
    part: str,
    *,
    held: tuple[int, ...] = (),
    muted: frozenset[str] = frozenset(),
    current: int = REST,
    tick: int = 0,
    leads: bool = False,
) -> set[int]:
    out = np.full(LOGITS, np.nan, dtype=np.float32)
    score_mask(held, muted, current, tick, leads, out)
    return set(np.flatnonzero(out[PART_SLICES[part]] == 0.0).tolist())


def classes(tokens: set[int], low: int) -> set[int]:
    return {(token - 2 + low) % 12 for token in tokens if token >= 2}


def test_nothing_held_leaves_everything_open() -> None:
    for part in PARTS:
        assert len(allowed(part)) == VOCABULARY[part]
        assert len(allowed(part, held=(60, 64))) == VOCABULARY[part]


@pytest.mark.parametrize("tick", range(8))
def test_new_chord_is_struck_on_the_very_tick(tick: int) -> None:
    assert allowed("chord", held=C_MINOR, current=FMAJ, tick=tick) == {CMIN}
    assert allowed("chord", held=C_MINOR, current=REST, tick=tick) == {CMIN}
    for part in ("bass", "lead"):
        assert HOLD not in allowed(part, held=C_MINOR, current=FMAJ, tick=tick)


def test_sounding_chord_may_hold_or_strike_again_but_not_change_or_rest() -> None:
    assert allowed("chord", held=C_MINOR, current=CMIN) == {HOLD, CMIN}
    # C Eb G Bb is Cmin7 whichever note is lowest; a chord of the same pitch classes counts as the same
    cmin7 = chord_token(0, "min7")
    assert allowed("chord", held=(48, 51, 55, 58), current=cmin7) == {HOLD, cmin7}


def test_bass_keeps_to_chord_tones_and_lead_passes_only_between_beats() -> None:
    tones = set(chord_pitch_classes(CMIN))
    for tick in range(4):
        assert classes(allowed("bass", held=C_MINOR, current=CMIN, tick=tick), BASS_LOW) == tones
    assert classes(allowed("lead", held=C_MINOR, current=CMIN, tick=4), LEAD_LOW) == tones
    between = classes(allowed("lead", held=C_MINOR, current=CMIN, tick=5), LEAD_LOW)
    assert tones < between and 4 not in between  # never the major third over a minor chord


def test_muted_parts_only_rest_even_under_a_held_chord() -> None:
    for part in PARTS:
        assert allowed(part, held=C_MINOR, muted=frozenset({part}), current=FMAJ) == {REST}


def test_lead_rests_while_the_performer_leads() -> None:
    assert allowed("lead", leads=True) == {REST}
    assert allowed("lead", held=C_MINOR, current=CMIN, leads=True) == {REST}
    assert len(allowed("bass", leads=True)) == VOCABULARY["bass"]


@given(
    held=st.lists(st.integers(0, 127), max_size=10).map(tuple),
    muted=st.frozensets(st.sampled_from(PARTS)),
    current=st.integers(0, VOCABULARY["chord"] - 1),
    tick=st.integers(0, 10**6),
    leads=st.booleans(),
)
def test_every_part_always_keeps_a_token(
    held: tuple[int, ...], muted: frozenset[str], current: int, tick: int, leads: bool
) -> None:
    out = np.full(LOGITS, np.nan, dtype=np.float32)
    score_mask(held, muted, current, tick, leads, out)
    assert set(np.unique(out)) <= {np.float32(0.0), np.float32(FORBIDDEN)}
    assert all((out[PART_SLICES[part]] == 0.0).any() for part in PARTS)


def test_held_features_are_the_chord_or_the_notes() -> None:
    out = np.ones(12, dtype=np.float32)
    held_features((), out)
    assert not out.any()
    held_features((60, 67), out)
    assert np.flatnonzero(out).tolist() == [0, 7]
    held_features((64, 67, 72), out)
    assert np.flatnonzero(out).tolist() == [0, 4, 7]


def test_a_planned_bar_leaves_silent_what_it_leaves_out() -> None:
    bar = Bar("break", frozenset({"drums", "chord"}), 0b11111100, 1, True, False)
    mask = np.zeros(LOGITS, np.float32)
    plan_mask(bar, (), mask)
    for part in ("bass", "lead"):
        assert np.flatnonzero(mask[PART_SLICES[part]] == 0.0).tolist() == [0]
    assert (mask[PART_SLICES["chord"]] == 0.0).all() and (mask[PART_SLICES["texture"]] == 0.0).all()
    allowed = np.flatnonzero(mask[PART_SLICES["drums"]] == 0.0)
    assert len(allowed) == 64 and not (allowed & 0b11).any()


def test_a_held_chord_sounds_even_in_a_bar_without_chords() -> None:
    bar = Bar("solo", frozenset({"drums"}), 255, 0, True, False)
    mask = np.zeros(LOGITS, np.float32)
    plan_mask(bar, (60, 64, 67), mask)
    assert (mask[PART_SLICES["chord"]] == 0.0).all()
    plan_mask(bar, (60,), mask)
    assert np.flatnonzero(mask[PART_SLICES["chord"]] == 0.0).tolist() == [0]


@pytest.mark.parametrize("shift", [-0.8, 0.0, 0.6])
def test_density_leans_on_strokes_and_notes_and_rules_nothing_in_or_out(shift: float) -> None:
    out = np.zeros(LOGITS, dtype=np.float32)
    score_mask(C_MINOR, frozenset({"bass"}), CMIN, 3, False, out)
    before = out.copy()
    density_mask(shift, out)
    np.testing.assert_array_equal(out > FORBIDDEN / 2, before > FORBIDDEN / 2)
    drums = out[PART_SLICES["drums"]]
    assert drums[0] == 0.0
    assert np.sign(drums[0b1]) == np.sign(shift)
    assert drums[0b10110] == pytest.approx(3 * drums[0b1])
    for part in ("chord", "lead"):
        assert (out[PART_SLICES[part]][[REST, HOLD]] == before[PART_SLICES[part]][[REST, HOLD]]).all()
    assert (out[PART_SLICES["texture"]] == before[PART_SLICES["texture"]]).all()
