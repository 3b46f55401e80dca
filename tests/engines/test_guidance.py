"""Guidance: how far the style is leaned, what that leaves alone, and what it must not cost."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES
from legando.engines.generator import Generator
from legando.engines.guidance import leaned
from legando.engines.lean import LeanDenoiser
from legando.engines.patterns import LEAN_MOST, PATTERNS, STRUCK, pattern_mask
from legando.engines.score import DRUM_VOICES
from legando.engines.training.music.patterns import measure_patterns
from legando.realtime.controls import GENRES, GUIDANCE_MAX, Controls
from tests.engines.networks import small_bundle
from tests.engines.test_quantise import fill

HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(Path(tmp_path_factory.mktemp("bundles")) / "small")


@pytest.fixture(scope="module", params=[False, True], ids=["float", "int8"])
def network(bundle: Bundle, request: pytest.FixtureRequest) -> LeanDenoiser:
    return LeanDenoiser(bundle, int8=request.param)


def test_passes_allocate_nothing_large(network: LeanDenoiser) -> None:
    def play(chunks: int) -> None:
        for chunk in range(chunks):
            for step in range(1 + chunk % 3):
                network.inputs["t"][0] = step / (1 + chunk % 3)
                network.run(keep=False)
            network.inputs["t"][0] = 1.0
            network.run()

    fill(network, "denoiser", seed=3)
    play(12)
    tracemalloc.start()
    play(60)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert now < 20_000 and peak < 40_000, (now, peak)


def test_a_performer_hears_guidance_and_the_same_turn_gives_the_same_bytes(bundle: Bundle) -> None:
    def play(*guidances: float) -> NDArray[np.float32]:
        generator.reset()
        return np.concatenate(
            [
                generator.step(replace(HOUSE, guidance=guidance)).frames.copy()
                for guidance in guidances
                for _ in range(6)
            ]
        )

    generator = Generator(bundle, seed=6)
    plain = play(1.0, 1.0, 1.0)
    turned = play(1.0, 3.0, 1.0)
    chunks = len(plain) // 3 - 480  # what is heard of the chunks before the turn
    np.testing.assert_array_equal(turned[:chunks], plain[:chunks])
    assert np.abs(turned - plain).max() > 1e-4
    np.testing.assert_array_equal(turned, play(1.0, 3.0, 1.0))
    assert np.isfinite(turned).all() and np.isfinite(play(GUIDANCE_MAX)).all()


def test_guidance_leans_genres_towards_all_of_them_or_away_and_leaves_moods_alone() -> None:
    style = np.array([0.75, 0.25, *[0.0] * 18, 0.1, 0.9, 0.4, 0.6], np.float32)
    assert leaned(style, 1.0) is style
    np.testing.assert_allclose(leaned(style, 0.0)[: len(GENRES)], 1 / len(GENRES), atol=1e-7)
    for guidance in (0.0, 0.4, 1.7, GUIDANCE_MAX):
        given = leaned(style, guidance)
        np.testing.assert_array_equal(given[len(GENRES) :], style[len(GENRES) :])
        assert given[: len(GENRES)].sum() == pytest.approx(1.0, abs=1e-5)
    beyond = [leaned(style, guidance)[:6] for guidance in (1.0, 2.0, GUIDANCE_MAX)]
    assert beyond[0][0] < beyond[1][0] < beyond[2][0] and beyond[0][5] > beyond[1][5] > beyond[2][5]
    assert style[0] == 0.75


def leaning(genre: str, guidance: float, tick: int) -> NDArray[np.float32]:
    mask = np.zeros(LOGITS, np.float32)
    pattern_mask(tuple(float(name == genre) for name in GENRES), guidance, tick, mask)
    return mask


def test_guidance_below_1_leans_the_score_away_from_where_its_genre_strikes() -> None:
    kick = PART_SLICES["drums"].start + (1 << DRUM_VOICES.index("kick"))
    on_beats = [leaning("house", 0.0, tick)[kick] for tick in (0, 4, 8, 12)]
    between = [leaning("house", 0.0, tick)[kick] for tick in (2, 3, 6, 10)]
    assert max(on_beats) < -0.3 < 0.0 < min(between)
    assert leaning("house", 0.0, 4)[kick] < leaning("house", 0.5, 4)[kick] < leaning("house", 0.9, 4)[kick] < 0.0
    for genre in GENRES:
        assert not leaning(genre, 1.0, 4).any() and not leaning(genre, GUIDANCE_MAX, 4).any()
        lean = leaning(genre, 0.0, -3)
        assert np.isfinite(lean).all() and np.abs(lean).max() <= 2 * LEAN_MOST * len(DRUM_VOICES)
        assert not lean[[PART_SLICES[part].start for part in ("chord", "drums", "bass", "lead")]].any()  # rests
        np.testing.assert_array_equal(lean, leaning(genre, 0.0, 13))
    mask = np.full(LOGITS, FORBIDDEN, np.float32)
    pattern_mask((1.0, *[0.0] * (len(GENRES) - 1)), 0.0, 4, mask)
    assert (mask == np.float32(FORBIDDEN)).all()


@pytest.mark.parametrize("genre", ["house", "jazz"])
def test_the_table_of_patterns_is_what_the_composer_writes(genre: str) -> None:
    assert PATTERNS[genre] == measure_patterns(genre)
    assert set(PATTERNS) == set(GENRES) and set(PATTERNS[genre]) <= set(STRUCK)


def test_the_score_follows_guidance_down_and_not_beyond_the_prompt(bundle: Bundle) -> None:
    def score(guidance: float) -> list[tuple[int, tuple[int, ...]]]:
        generator.reset()
        return [tick for _ in range(24) for tick in generator.step(replace(HOUSE, guidance=guidance)).tokens]

    generator = Generator(bundle, seed=3)
    assert score(2.0) == score(1.0) != score(0.0)


def test_guidance_takes_no_pass_of_its_own(bundle: Bundle) -> None:
    def run(*, keep: bool = True) -> None:
        asked.append(keep)
        plain(keep=keep)

    generator, asked = Generator(bundle, seed=3, steps=2), list[bool]()
    denoiser = generator._denoiser
    plain = denoiser.run
    denoiser.run = run  # type: ignore[method-assign]
    for guidance in (0.0, 0.5, 1.0, GUIDANCE_MAX):
        generator.step(replace(HOUSE, guidance=guidance))
    assert asked == [False, False, True] * 4
