"""Peers take turns with us, stand apart from what was published, and are left out with a reason where they are not."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from legando.bench.page import page
from legando.bench.peers import install
from legando.bench.peers.foreign_output import PERIOD, ramp
from legando.bench.peers.install import ENVIRONMENTS, NETWORKS, Environment
from legando.bench.peers.output import breaks_of, judged
from legando.bench.peers.side import Side
from legando.bench.peers.suite import Contestant, Kept, compared, contestants
from legando.bench.peers.table import measured_table, output_table
from legando.bench.record import report_of
from legando.bench.run import EXPECTED_S, SITTINGS, SUITES, in_turn, left_s
from legando.bench.samples import Outcome, Results
from legando.engines.bundle import default_path
from legando.realtime.errors import LegandoError


def made(slower: float = 1.5) -> Outcome:
    """Return an outcome in which the peer takes `slower` times as long as we, on a machine that drifts."""
    rng = np.random.default_rng(1)
    drift = np.exp(0.5 * rng.standard_normal((12, 1)))
    lines = [
        Contestant(group="chunk", name="legando", side="a", call="chunk", count=4, ours=True),
        Contestant(group="chunk", name="another", side="b", call="chunk", count=3, note="made up"),
    ]
    kept = {
        ("chunk", one.name): Kept(wall=times.tolist(), cpu=times.tolist())
        for one, times in zip(
            lines,
            [scale * drift * (1.0 + 0.05 * rng.random((12, n))) for scale, n in ((10.0, 4), (10.0 * slower, 3))],
            strict=True,
        )
    }
    series, rows = compared(lines, kept)
    outputs = [{"name": "another", "block": 256, "breaks": 7, "seconds": 10.0, "lost": 0.25}]
    detail = {"rows": rows, "outputs": outputs, "skipped": {"a third": "not installed"}}
    return Outcome(suite="peers", series=series, detail=detail)


def test_ratios_come_from_rounds_and_hold_on_a_machine_that_drifts() -> None:
    row = made().detail["rows"][1]
    assert row["low"] < 1.5 < row["high"] and row["ratio"] == pytest.approx(1.5, abs=0.15)
    assert row["high"] - row["low"] < 0.8, "the drift is three times as wide"
    same = made(1.0).detail["rows"][1]
    assert same["low"] < 1.0 < same["high"]


def test_tables_and_page_keep_measured_and_published_apart() -> None:
    results = Results(machine={"device": "a machine"}, outcomes={"peers": made()})
    report = report_of(results)
    table = measured_table(report)
    assert (
        "| chunk | legando |" in table and "|  | another |" in table and "made up" in table and "Magenta" not in table
    )
    assert "7 in 10 s, 25 % lost" in output_table(report)
    told = page(results, {}, None)
    measured, published = told.split("Published by others")
    assert "a third: not installed" in measured and "Magenta" not in measured
    assert "Magenta RealTime 2" in published and "another" not in published


def test_breaks_of_a_ramp_are_counted_wherever_they_are() -> None:
    sound = ramp(np, PERIOD - 5_000, 20_000)[:, 0]  # over the place where it begins anew
    assert breaks_of(sound) == 0
    assert breaks_of(np.delete(sound, np.s_[700:956])) == 1
    gap = sound.copy()
    gap[9_000:9_256] = 0.0
    assert breaks_of(gap) >= 2


def test_cycles_that_a_server_lost_count_as_lost_sound() -> None:
    frames = 5 * 48_000
    block = np.zeros((frames, 4), np.float32)
    block[:, :2] = ramp(np, 0, frames)
    at_us = (np.arange(frames, dtype=np.uint64) * 1_000_000) // 48_000 + 7_000_000
    at_us[120_000:] += np.uint64(1_000_000)
    block.view(np.uint32)[:, 2:] = at_us.view(np.uint32).reshape(-1, 2)
    assert judged(block) == {"breaks": 0, "seconds": 4.0, "lost": pytest.approx(0.25, abs=0.01)}
    block[100_000:100_256, :2] = 0.0
    assert judged(block)["breaks"] >= 1
    with pytest.raises(LegandoError, match="no sound"):
        judged(np.zeros((100, 4), np.float32))


def test_a_side_that_cannot_start_says_why_in_a_sentence(tmp_path: Path) -> None:
    luckless = Side([sys.executable, "-c", "raise SystemExit('no such luck')"])
    with luckless, pytest.raises(LegandoError, match="no such luck"):
        luckless.ready()
    slow = Side([sys.executable, "-c", "import time; time.sleep(60)"])
    with slow, pytest.raises(LegandoError, match=r"not ready within 0\.1 s"):
        slow.ready(0.1)
    with Side([*NETWORKS, "bare", "--bundle", str(tmp_path)]) as side, pytest.raises(LegandoError, match="bundle"):
        side.ready()


def test_the_floor_runs_the_same_networks_and_costs_less_than_the_whole(require: Callable[[bool, str], None]) -> None:
    require(default_path().is_dir(), "no bundle is shipped in this checkout")
    with ExitStack() as stack:
        sides = {way: stack.enter_context(Side([*NETWORKS, way])) for way in ("legando", "bare")}
        assert all("chunk" in side.ready()["calls"] for side in sides.values())
        spent: dict[str, list[int]] = {way: [] for way in sides}
        for _ in range(4):
            for way, side in sides.items():
                wall, cpu = side.run("chunk", 8)
                assert len(wall) == len(cpu) == 8
                spent[way] += cpu
        whole, floor = (float(np.median(spent[way])) for way in ("legando", "bare"))
        assert 0.4 * whole < floor < 1.1 * whole, "the networks are most of a chunk, and never more than it"


def test_what_is_not_installed_is_named_and_a_failed_installation_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "legando bench peers --install" in ENVIRONMENTS["codecs"].missing
    broken = Environment(name="broken", packages=(str(tmp_path / "none-1-py3-none-any.whl"),), proof="")
    monkeypatch.setattr(install, "ENVIRONMENTS", {"broken": broken})
    monkeypatch.setattr(install, "NETWORKS", (sys.executable, "-c", "", "and"))
    said: list[str] = []
    failed = install.install(said.append)
    assert "none-1-py3-none-any.whl" in failed["broken"] and not broken.folder.exists() and broken.missing
    assert any("broken" in line for line in said)


def test_foreign_programs_import_nothing_of_ours() -> None:
    folder = Path(install.__file__).parent
    for path in folder.glob("foreign_*.py"):
        text = path.read_text()
        assert "legando." not in text.partition('"""')[2].partition('"""')[2], path.name
        subprocess.run([sys.executable, "-I", "-c", f"compile({text!r}, 'x', 'exec')"], check=True)


def test_codecs_are_compared_for_the_sound_that_they_make() -> None:
    lines = contestants({"RAVE v2": {"80 ms": 0.0929, "1 s": 1.02}})
    groups = {one.group for one in lines if one.side == "RAVE v2"}
    assert len(groups) == 2
    for group in groups:
        assert all(one.audio_s > 0.0 for one in lines if one.group == group)
        assert sum(one.ours for one in lines if one.group == group) == 1


def test_the_time_that_is_left_follows_what_the_machine_has_shown() -> None:
    names = list(SUITES)[:4]
    assert set(EXPECTED_S) == set(SUITES)
    whole = left_s(names, {}, True)
    assert whole == pytest.approx(sum(EXPECTED_S[name][0] for name in names))
    assert sum(quick for quick, _ in EXPECTED_S.values()) - EXPECTED_S["peers"][0] < 120.0
    assert sum(full for _, full in EXPECTED_S.values()) - EXPECTED_S["peers"][1] < 900.0
    slow = {names[0]: (1.0, 3.0 * EXPECTED_S[names[0]][0])}
    rest = sum(EXPECTED_S[name][0] for name in names[1:])
    assert rest < left_s(names, slow, True) < 3.0 * rest
    half = left_s(names[:1], {names[0]: (0.5, 40.0)}, True)
    assert EXPECTED_S[names[0]][0] / 2 < half < 40.0


def test_what_times_chunks_sits_several_times_as_far_apart_as_the_run_is_long() -> None:
    names = [name for name in SUITES if name != "peers"]
    for mode, quick in enumerate((True, False)):
        order = in_turn(names, quick)
        assert {name: order.count(name) for name in names} == {
            name: SITTINGS[name][mode] if name in SITTINGS else 1 for name in names
        }
        for name, counts in SITTINGS.items():
            sittings = [place for place, other in enumerate(order) if other == name]
            assert sittings[0] <= len(order) / counts[mode] and sittings[-1] >= len(order) * (1.0 - 1.0 / counts[mode])
    assert in_turn(["ring", "chunk"], True) == ["chunk", "chunk", "ring", "chunk", "chunk"]
    assert in_turn(["ring", "memory"], False) == ["ring", "ring", "memory", "ring", "ring"]
