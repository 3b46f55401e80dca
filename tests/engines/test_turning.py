"""A score turns on the very tick of the bar line; it keeps to a key, counts in, and goes on for another engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES, key_mask
from legando.engines.generator import Generator
from legando.engines.metronome import CLICK_MS, Metronome
from legando.engines.score import (
    BASS_LOW,
    HOLD,
    LEAD_LOW,
    REST,
    VOCABULARY,
    chord_pitch_classes,
    chord_token,
    read_score,
)
from legando.engines.timeline import Clock
from legando.engines.turning import take_ticks
from legando.realtime.controls import PARTS, Controls, NoteEvent, Turn
from legando.realtime.tonality import KEY_NAMES, key_classes
from tests.engines.networks import small_bundle

HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)
JAZZ = Controls(style=(*[0.0] * 9, 1.0, *[0.0] * 10, 0.5, 0.5, 0.5, 0.5), tempo_bpm=150.0)
SILENT = replace(JAZZ, muted=frozenset(PARTS))
CHUNK = 3840


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


def test_each_tick_has_the_controls_of_its_side_of_the_line_and_the_tempo_changes_there() -> None:
    clock = Clock()
    turned = replace(HOUSE, turn=Turn(tick=16, controls=JAZZ))
    seen: list[tuple[int, int, str]] = []
    for chunk in range(60):
        ticks, sound = take_ticks(clock, CHUNK, turned)
        seen += [(t, chunk * CHUNK + o, "jazz" if c.style == JAZZ.style else "house") for t, o, c in ticks]
        assert (sound.style == JAZZ.style) == (clock.position_ticks > 16)
    assert [tick for tick, _, _ in seen] == list(range(len(seen)))
    assert all((name == "jazz") == (tick >= 16) for tick, _, name in seen)
    frames = {tick: frame for tick, frame, _ in seen if tick % 2 == 0}  # even ones do not swing
    assert frames[16] - frames[0] == pytest.approx(16 * 720_000 / 124.0, abs=1.5)
    assert frames[32] - frames[16] == pytest.approx(16 * 720_000 / 150.0, abs=2.5)


def test_the_written_score_turns_on_the_very_tick(bundle: Bundle) -> None:
    """Everything is muted from tick 19 on, in the middle of a chunk: 18 is written as ever, 19 rests."""
    plain, turning = Generator(bundle, seed=3), Generator(bundle, seed=3)
    turned = replace(HOUSE, turn=Turn(tick=19, controls=replace(HOUSE, muted=frozenset(PARTS))))
    before = dict(entry for _ in range(40) for entry in plain.step(HOUSE).tokens)
    after = dict(entry for _ in range(40) for entry in turning.step(turned).tokens)
    assert {tick for tick in before if before[tick] != after[tick]} and all(
        before[tick] == after[tick] for tick in range(19)
    )
    assert all(after[tick] == (REST,) * 5 for tick in range(19, max(after)))


def test_a_turn_that_has_passed_holds_for_a_host_that_is_late(bundle: Bundle) -> None:
    generator = Generator(bundle, seed=3)
    turned = replace(HOUSE, turn=Turn(tick=4, controls=SILENT))
    tokens = dict(entry for _ in range(30) for entry in generator.step(turned).tokens)
    assert all(tokens[tick] == (REST,) * 5 for tick in tokens if tick >= 4)


@pytest.mark.parametrize("key", KEY_NAMES)
def test_a_key_leaves_each_part_something_and_nothing_outside(key: str) -> None:
    mask = np.zeros(LOGITS, np.float32)
    key_mask(key, (), REST, False, mask)
    classes = key_classes(key)
    for part, low in (("bass", BASS_LOW), ("lead", LEAD_LOW)):
        row = mask[PART_SLICES[part]]
        assert row[REST] == row[HOLD] == 0.0
        for token in range(2, VOCABULARY[part]):
            assert (row[token] == 0.0) == ((token - 2 + low) % 12 in classes)
    row = mask[PART_SLICES["chord"]]
    allowed = [token for token in range(2, VOCABULARY["chord"]) if row[token] == 0.0]
    assert len(allowed) >= 7 and all(set(chord_pitch_classes(token)) <= classes for token in allowed)
    assert not mask[PART_SLICES["drums"]].any()


def test_a_held_chord_goes_before_the_key_and_an_old_chord_does_not_stay() -> None:
    mask = np.zeros(LOGITS, np.float32)
    key_mask("C major", (61, 65, 68), REST, True, mask)  # C# major, held by hand
    assert not mask.any()
    key_mask("C major", (), chord_token(1, "maj"), True, mask)
    assert mask[PART_SLICES["chord"]][HOLD] == mask[PART_SLICES["bass"]][HOLD] == FORBIDDEN


def test_a_score_in_a_key_stays_there(bundle: Bundle) -> None:
    generator = Generator(bundle, seed=1)
    locked = replace(HOUSE, key="F# phrygian", temperature=1.5)
    classes = key_classes("F# phrygian")
    for _ in range(60):
        for _, (chord, _, bass, lead, _) in generator.step(locked).tokens:
            assert set(chord_pitch_classes(chord)) <= classes
            assert bass < 2 or (bass - 2 + BASS_LOW) % 12 in classes
            assert lead < 2 or (lead - 2 + LEAD_LOW) % 12 in classes


def test_a_count_in_is_clicks_alone_and_the_music_begins_on_its_line(bundle: Bundle) -> None:
    generator = Generator(bundle, seed=3)
    counting = replace(HOUSE, click=True, turn=Turn(tick=16, controls=HOUSE))
    made = [generator.step(counting) for _ in range(1)]
    sound, tokens = [made[0].frames.copy()], list(made[0].tokens)
    for _ in range(34):
        chunk = generator.step(counting)
        sound.append(chunk.frames.copy())
        tokens += chunk.tokens
    assert all(token == (REST,) * 5 for tick, token in tokens if tick < 16)
    assert any(token != (REST,) * 5 for tick, token in tokens if tick >= 16)
    stream = np.abs(np.concatenate(sound)[:, 0])
    beat = 48_000 * 60 / 124
    for number in range(4):
        at = round(number * beat) + generator.latency_frames
        assert stream[at : at + 480].max() > 0.1
        assert stream[at + 9600 : at + 14_400].max() < 0.5 * stream[at : at + 480].max()


def test_a_click_that_crosses_the_chunk_is_whole() -> None:
    whole, cut = Metronome(48_000, 2, 8000), Metronome(48_000, 2, 2000)
    silence = np.zeros((8000, 2), np.float32)
    expected = whole.mix(silence, [(1900, True), (3000, False)]).copy()
    parts = [cut.mix(silence[:2000], [(1900, True)]).copy(), cut.mix(silence[:2000], [(1000, False)]).copy()]
    parts += [cut.mix(silence[:2000], []).copy() for _ in range(2)]
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-7)
    assert np.flatnonzero(expected.any(axis=1))[-1] < 3000 + CLICK_MS * 48 + 1


def test_another_engine_goes_on_in_the_same_score(bundle: Bundle) -> None:
    one, other = Generator(bundle, seed=3), Generator(bundle, seed=3)
    past = [entry for _ in range(150) for entry in one.step(HOUSE).tokens]
    other.go_on(150 * CHUNK, one.tick, past[-128:])
    assert other.tick == one.tick
    first, chunk = one.step(HOUSE), other.step(HOUSE)
    assert chunk.position_frames == first.position_frames == 150 * CHUNK and chunk.chord == first.chord
    ahead = [entry for _ in range(60) for entry in one.step(HOUSE).tokens]
    again = [entry for _ in range(60) for entry in other.step(HOUSE).tokens]
    assert again == ahead


def test_what_is_struck_is_the_score_and_what_the_performer_plays(bundle: Bundle) -> None:
    generator = Generator(bundle, seed=3)
    first = generator.step(HOUSE)
    assert {stroke for stroke in first.struck if stroke[2] < 0} >= {
        (0, part, -1, 0.0) for part in ("bass", "chord", "texture", "lead")
    }, "nothing that another engine left goes on"
    struck, tokens = list(first.struck[4:]), list(first.tokens)
    for number in range(1, 80):
        chunk = generator.step(HOUSE)
        struck += [(number * CHUNK + at, part, pitch, velocity) for at, part, pitch, velocity in chunk.struck]
        tokens += chunk.tokens
    hits = read_score(np.array([row for _, row in tokens], np.int16))[1]
    heard = [(offset, voice, velocity) for offset, part, voice, velocity in struck if part == "drums"]
    tick = 15 / 124 * 48_000
    assert [(voice, velocity) for _, voice, velocity in heard] == [(hit.voice, hit.velocity) for hit in hits]
    swing = 0.05  # house
    places = [(hit.start_ticks + swing * (hit.start_ticks % 2)) * tick for hit in hits]
    late = [offset - place for (offset, _, _), place in zip(heard, places, strict=True)]
    assert min(late) > -1e-3 and max(late) < 1.0 + 1e-3
    notes = (NoteEvent(offset_frames=7, pitch=18, velocity=0.5), NoteEvent(offset_frames=9, pitch=18, velocity=0.0))
    played = [stroke for stroke in generator.step(replace(HOUSE, notes=notes)).struck if stroke[1] == "played"]
    assert played == [(7, "played", 30, 0.5), (9, "played", 30, 0.0)], "at the pitch that is heard"
