"""Energy is read where the machine counts it; passes are counted as they run; modes are compared in pairs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from legando.engines.generator import Generator
from legando.engines.training.figures.desk import Desk
from legando.engines.training.figures.energy import Block, benchmark_of, normal_mode, passes_figures, play_block
from legando.engines.training.figures.energy_modes import bootstrap, compare, quality_figures, saving_figures
from legando.engines.training.measures import passes
from legando.engines.training.measures.energy_meters import Meter, Reading, rapl_packages, spent
from legando.realtime.watching.costs import WATTS_A_CORE


def reading(process_s: float, *packages_uj: int, gpu_mj: int = -1) -> Reading:
    wraps = (1_000_000,) * len(packages_uj)
    return Reading(thread_s=process_s / 2, process_s=process_s, packages_uj=packages_uj, wraps_uj=wraps, gpu_mj=gpu_mj)


def test_joules_are_those_of_all_packages_and_of_the_gpu_and_counters_may_wrap() -> None:
    assert spent(reading(1.0), reading(3.0)).joules == 2.0 * WATTS_A_CORE
    assert spent(reading(1.0, 100, 500), reading(3.0, 400, 700)).joules == pytest.approx(500e-6)
    assert spent(reading(1.0, 999_900), reading(3.0, 100)).joules == pytest.approx(200e-6)
    both = spent(reading(1.0, 0, gpu_mj=5), reading(3.0, 2_000, gpu_mj=25))
    assert both.joules == pytest.approx(0.022) and both.thread_s == both.other_threads_s == 1.0


def test_rapl_is_read_from_packages_alone_and_only_where_it_may_be_read(tmp_path: Path) -> None:
    for folder, name, files in (
        ("intel-rapl:0", "package-0", ("energy_uj", "max_energy_range_uj")),
        ("intel-rapl:0:0", "core", ("energy_uj", "max_energy_range_uj")),
        ("intel-rapl:1", "psys", ("energy_uj", "max_energy_range_uj")),
        ("intel-rapl:2", "package-1", ()),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "name").write_text(name + "\n")
        for file in files:
            (tmp_path / folder / file).write_text("1234\n")
    assert [folder.name for folder in rapl_packages(tmp_path)] == ["intel-rapl:0"]
    meter = Meter(tmp_path, gpu=False)
    before = meter.read()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("1000\n")
    assert meter.source == "RAPL of 1 package"
    assert spent(before, meter.read()).joules == pytest.approx((1000 - 1234 + 1234) / 1e6)
    assert Meter(tmp_path / "none", gpu=False).source.startswith("estimate: processor time x 5 W")


def test_published_passes_follow_from_their_formula() -> None:
    assert passes.MUSICLM_PASSES_A_SECOND == 25 + 50 * 12 == 625
    assert (passes.musiclm_passes(10), passes.musiclm_passes(30)) == (6_250, 18_750)
    assert passes.melody_passes(10) == pytest.approx(268.75)
    assert passes.melody_passes(30) == pytest.approx(75.0)
    assert passes.fewer(passes.melody_passes(10), 10) == pytest.approx(0.957)
    assert passes.fewer(passes.melody_passes(30), 30) == pytest.approx(0.996)
    sizes = {"codec": 5, "denoiser": 7, "language": 2}
    assert passes.weights_read({"denoiser_eco": 2, "decoder": 3, "language": 1}, sizes) == 2 * 7 + 3 * 5 + 2


def test_passes_are_counted_as_the_networks_run(desk: Desk) -> None:
    (prompt, controls), *_ = benchmark_of(desk, quick=True)[0]
    block = play_block(normal_mode(desk), controls, Meter(gpu=False), prompt=prompt, seed=0, seconds=0.8)
    chunks, steps = 9, desk.bundle.default_steps
    assert block.seconds == pytest.approx(chunks * 0.08)
    assert block.passes["denoiser"] == chunks * (steps + 1) and block.passes["decoder"] == chunks
    assert block.start_passes["language"] >= 128 and block.start_passes["decoder"] == 1
    assert block.passes["language"] == len(block.score) - (block.start_passes["language"] - 128)
    figures = {figure.name: figure.value for figure in passes_figures([block], {"codec": 1, "denoiser": 1})}
    rate = sum(block.passes.values()) / block.seconds
    assert figures["passes a second"] == pytest.approx(rate)
    assert figures["passes for 10 s"] == pytest.approx(sum(block.start_passes.values()) + 10 * rate)
    assert figures["fewer passes than MusicLM, 30 s, MeLoDy"] == pytest.approx(99.6)


def test_modes_are_played_in_turn_and_fewer_steps_save_passes_and_energy(desk: Desk) -> None:
    order: list[str] = []

    def normal(seed: int) -> Generator:
        order.append(f"normal {seed}")
        return Generator(desk.bundle, seed=seed)

    def frugal(seed: int) -> Generator:
        order.append(f"frugal {seed}")
        return Generator(desk.bundle, seed=seed, steps=1)

    benchmark, _ = benchmark_of(desk, quick=True)
    pairs = compare(normal, frugal, benchmark[:1], seconds=0.5)
    assert order == ["normal 0", "frugal 0", "frugal 1", "normal 1"]
    saved = {figure.name: figure.value for figure in saving_figures(pairs, "clock")}
    assert 0.3 < saved["eco saves network passes"] < 0.75
    assert saved["eco saves energy, median (clock)"] > 0.0
    quality = {figure.name: figure.value for figure in quality_figures(pairs)}
    assert 0.0 < quality["mel distance, eco / seeds apart"] < 2.0


def test_the_same_mode_twice_saves_nothing_and_changes_nothing() -> None:
    def block(prompt: str, seed: int) -> Block:
        rng = np.random.default_rng([seed, len(prompt)])
        return Block(
            prompt=prompt,
            seed=seed,
            audio=rng.normal(0.0, 0.1, (48_000, 2)).astype(np.float32),
            score=np.zeros((8, 5), np.int16),
            tempo_bpm=120.0,
            swing=0.0,
            start_s=0.01,
            seconds=1.0,
            cost=spent(reading(0.0), reading(1.0)),
            passes=Counter(denoiser=60),
            start_passes=Counter(language=128),
        )

    pairs = [(block(prompt, seed), block(prompt, seed)) for prompt in ("a", "bb") for seed in (0, 1)]
    saved = {figure.name: figure.value for figure in saving_figures(pairs, "clock")}
    assert saved["eco saves energy, median (clock)"] == saved["eco saves network passes"] == 0.0
    quality = {figure.name: figure for figure in quality_figures(pairs)}
    assert quality["mel distance, eco / seeds apart"].value == 0.0
    assert quality["centroid, eco's change / another seed's"].value == 0.0
    assert quality["loudness, eco's change / another seed's"].met


def test_the_interval_holds_the_median_and_shrinks_with_agreement() -> None:
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(0.4, 0.2, 16).tolist(), rng.normal(0.4, 0.01, 16).tolist()
    for values in (wide, narrow):
        low, high = bootstrap(values)
        assert low <= float(np.median(values)) <= high
    assert np.ptp(bootstrap(narrow)) < 0.2 * np.ptp(bootstrap(wide))
