"""Ideas: another seed from a bar line on, prepared before it, and the same tune wherever it comes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
from legando.engines.tune import AHEAD_TICKS, PREROLL_TICKS, RISE_TICKS, Ask, ticks_to_write
from legando.realtime.controls import Controls, Idea, NoteEvent, Turn
from legando.realtime.snapshot import controls_from_plain, controls_to_plain
from tests.engines.networks import small_bundle

BAR = 16
HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=174.0)
TECHNO = replace(HOUSE, style=(0.0, 1.0, *HOUSE.style[2:]), key="C minor")
Steered = Callable[[float], Controls]


def ideas(*changes: tuple[int, int], controls: Controls = HOUSE, notice: float = 16.0) -> Steered:
    """Return what a host says at a tick: `changes` are (tick, seed), each announced `notice` ticks before."""

    def steered(tick: float) -> Controls:
        now, coming = controls, None
        for line, seed in changes:
            idea = Idea(seed=seed, origin=line)
            if line <= tick + 1e-6:
                now = replace(now, idea=idea)
            elif coming is None and line - notice <= tick:
                coming = Turn(tick=line, controls=replace(now, idea=idea))
        return replace(now, turn=coming)

    return steered


def play(generator: Generator, steered: Steered, ticks: int) -> dict[int, tuple[int, ...]]:
    """Return the score of so many ticks, and leave the generator where it is then."""
    score: dict[int, tuple[int, ...]] = {}
    while generator.tick < ticks:
        score |= dict(generator.step(steered(generator.tick)).tokens)
    return score


def bars(score: dict[int, tuple[int, ...]], origin: int, count: int) -> list[tuple[int, ...]]:
    return [score[tick] for tick in range(origin, origin + count * BAR)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture
def light(bundle: Bundle) -> Callable[[int], Generator]:
    """Makes generators of the small bundle, one step a chunk."""
    return lambda seed: Generator(bundle, seed=seed, steps=1)


def test_a_seed_is_the_same_tune_whenever_it_comes(light: Callable[[int], Generator]) -> None:
    back = play(light(0), ideas((16, 7), (48, 3), (80, 7), (112, 0)), 16 * BAR)
    assert bars(back, 16, 2) == bars(back, 80, 2), "what was played before makes no difference"
    assert bars(back, 16, 2) != bars(back, 48, 2)
    assert bars(back, 80, 2) == bars(play(light(7), lambda _: HOUSE, 48), 0, 2), "nor whether the run began with it"
    assert bars(back, 112, 8) == bars(play(light(0), lambda _: HOUSE, 160), 0, 8)


def test_the_score_before_the_line_knows_nothing_of_what_is_to_come(light: Callable[[int], Generator]) -> None:
    plain, turned = play(light(0), lambda _: HOUSE, 48), play(light(0), ideas((48, 7)), 48)
    assert bars(plain, 0, 3) == bars(turned, 0, 3)


def test_the_run_s_own_seed_needs_no_idea(bundle: Bundle) -> None:
    own, named = Generator(bundle, seed=5), Generator(bundle, seed=5)
    for _ in range(4):
        a, b = own.step(HOUSE), named.step(replace(HOUSE, idea=Idea(seed=5, origin=0)))
        assert a.tokens == b.tokens and np.array_equal(a.frames, b.frames)


@pytest.mark.parametrize("notice", [16.0, 6 * 0.928])
def test_no_chunk_writes_more_than_its_share_and_all_is_there_at_the_line(
    light: Callable[[int], Generator], notice: float
) -> None:
    asked: list[list[Ask]] = []
    generator = light(0)
    write = generator._write_tick

    def listening(ask: Ask) -> tuple[int, ...]:
        asked[-1].append(ask)
        return write(ask)

    generator._write_tick = listening  # type: ignore[method-assign]
    steered = ideas((32, 7), notice=notice)
    while generator.tick < 48:
        asked.append([])
        generator.step(steered(generator.tick))
    chunks = asked[1:]  # the first one has bars of its own to write
    ahead = [[ask for ask in chunk if ask.ahead] for chunk in chunks]
    shares = [len(chunk) for chunk in ahead]
    assert sum(shares) == PREROLL_TICKS and max(shares) <= AHEAD_TICKS
    assert max(after - before for before, after in itertools.pairwise(shares)) <= RISE_TICKS
    assert [ask.fresh for chunk in ahead for ask in chunk].index(True) == 0
    (first,) = [(n, ask) for n, chunk in enumerate(chunks) for ask in chunk if ask.turns]
    assert first[1].tick == 32 and not ahead[first[0]], "the chunk in which it begins costs what any does"


def test_a_knob_that_moves_before_the_line_starts_the_preparation_again(light: Callable[[int], Generator]) -> None:
    def moving(tick: float) -> Controls:
        now = ideas((32, 7))(tick)
        if now.turn is None:
            return now
        return replace(now, turn=replace(now.turn, controls=replace(now.turn.controls, density=min(1.0, tick / 24))))

    def moved(tick: float) -> Controls:
        now = ideas((32, 7))(tick)
        return replace(now, density=1.0) if tick >= 32 else moving(tick)

    settled = play(light(0), ideas((32, 7), controls=replace(HOUSE, density=1.0)), 64)
    assert bars(play(light(0), moved, 64), 32, 2) == bars(settled, 32, 2)


def test_an_idea_that_is_told_late_begins_all_the_same(light: Callable[[int], Generator]) -> None:
    told, untold = play(light(0), ideas((32, 7)), 64), play(light(0), ideas((32, 7), notice=1.0), 64)
    assert bars(told, 32, 2) == bars(untold, 32, 2)


def test_hands_on_the_keys_do_not_reach_the_bars_before(light: Callable[[int], Generator]) -> None:
    def held(tick: float) -> Controls:
        now = ideas((32, 7))(tick)
        note = NoteEvent(offset_frames=0, pitch=70, velocity=0.5)
        return replace(now, held=(57, 60, 64), notes=(note,)) if tick < 22 else now

    assert bars(play(light(0), held, 64), 32, 2) == bars(play(light(0), ideas((32, 7)), 64), 32, 2)


def test_another_engine_goes_on_in_the_idea_that_plays(light: Callable[[int], Generator]) -> None:
    """As far from the origin as a spare engine's memory reaches it writes what the one before would have."""
    origin, ends = 16, 16 + PREROLL_TICKS + BAR
    steered, first, spare = ideas((origin, 7)), light(0), light(0)
    score = play(first, steered, ends)
    spare.go_on(first._sequencer.chunks * first.chunk_frames, first.tick, list(score.items())[-PREROLL_TICKS:])
    assert spare._sequencer.chunks == first._sequencer.chunks
    after, other = play(first, steered, ends + 2 * BAR), play(spare, steered, ends + 2 * BAR)
    assert after == other and len(after) >= 2 * BAR


@pytest.mark.parametrize("jump", [-64.0, 40.0, 4000.0])
def test_an_outside_clock_that_jumps_leaves_the_idea_playing(light: Callable[[int], Generator], jump: float) -> None:
    generator, steered = light(0), ideas((16, 7))
    play(generator, steered, 24)
    told = replace(steered(generator.tick), position_ticks=generator.tick + jump)
    chunk = generator.step(told)
    assert abs(chunk.tick - told.position_ticks) < 1e-6  # type: ignore[operator]
    for _ in range(4):
        assert np.isfinite(generator.step(replace(told, position_ticks=None)).frames).all()
    assert generator._sequencer._tune.idea == Idea(seed=7, origin=16)


def test_an_idea_may_come_with_the_end_of_the_count_in(light: Callable[[int], Generator]) -> None:
    music = replace(TECHNO, idea=Idea(seed=7, origin=16))
    late = play(light(0), lambda tick: replace(HOUSE, click=tick < 16, turn=Turn(tick=16, controls=HOUSE)), 10)
    assert set(late.values()) == {(0,) * 5}

    def counted(tick: float) -> Controls:
        if tick >= 16:
            return music
        return replace(HOUSE, click=True, turn=Turn(tick=16, controls=music if tick > 4 else HOUSE))

    assert bars(play(light(0), counted, 48), 16, 2) == bars(play(light(7), lambda _: TECHNO, 32), 0, 2)


def test_shares_are_even_and_bounded() -> None:
    left, written, to_line = PREROLL_TICKS, [], 20.0
    while to_line >= 0.0:
        written.append(ticks_to_write(left, to_line, 0.8))
        left, to_line = left - written[-1], to_line - 0.8
    assert left == 0 and max(written) - min(written) <= 1
    assert ticks_to_write(PREROLL_TICKS, 0.1, 0.8) == AHEAD_TICKS


def test_a_snapshot_keeps_its_idea() -> None:
    idea = replace(HOUSE, idea=Idea(seed=2**62, origin=-16))
    for controls in (HOUSE, idea, replace(HOUSE, turn=Turn(tick=3, controls=idea))):
        assert controls_from_plain(controls_to_plain(controls)) == controls
    assert "idea" not in controls_to_plain(HOUSE), "old journals are as they were"
