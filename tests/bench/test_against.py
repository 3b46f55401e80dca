"""A slowdown is found and named, a stall shows where it must, and neither is found where there is none."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from legando.bench.against import against_file, base_tree, compare, pair
from legando.bench.charts import heat_strip, timeline
from legando.bench.held import LEAD_MS
from legando.bench.plant import VARIABLE, Plant
from legando.bench.samples import percentile
from legando.bench.shift import more_often, quantile_shift
from legando.bench.suite_chunk import held_suite
from legando.engines.bundle import default_path
from legando.realtime.cli import main
from legando.realtime.errors import LegandoError
from tests.bench.made_up import PARTS, outcome_of, results

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bundle(require: Callable[[bool, str], None]) -> None:
    require(default_path().is_dir(), "no bundle is shipped in this checkout")


def test_a_machine_that_drifts_is_not_mistaken_for_slower_code() -> None:
    rng = np.random.default_rng(1)
    drift = np.exp(0.5 * rng.standard_normal((5, 12, 1)))  # each block at another speed, by a factor of up to 3
    old, new = (10.0 * drift * (1.0 + 0.05 * rng.random((5, 12, 6))) for _ in range(2))
    same, slower = quantile_shift(old, new, 50.0), quantile_shift(old, 1.2 * new, 50.0)
    assert same.low < 1.0 < same.high
    assert slower.low > 1.05 and slower.ratio == pytest.approx(1.2, abs=0.1)


def test_rare_events_are_compared_by_their_counts() -> None:
    assert more_often(0, 1, 1000, 1000) == 0.5
    assert more_often(0, 10, 1000, 1000) == pytest.approx(2.0**-10)
    assert more_often(5, 5, 1000, 1000) > 0.5


def test_a_file_of_the_same_machine_is_compared_and_another_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    path.write_text(json.dumps(results().plain()))
    found = against_file(path, results(scale={"decoder": 1.2}, seed=1))
    assert [part.part for part in found.slower] == ["decoder"] and not found.paired
    assert against_file(path, results(seed=1)).slower == []
    tail = against_file(path, results(cost_ms=dict.fromkeys(range(0, 300, 12), 90.0), seed=1))
    assert tail.slower == [] and any("p99" in line for line in tail.failures)
    assert any("over their budget" in line for line in tail.failures)
    with pytest.raises(LegandoError, match="compare on one machine"):
        against_file(path, results(device="another"))
    path.write_text("{}")
    with pytest.raises(LegandoError, match="make one with --json"):
        against_file(path, results())


def test_a_part_that_one_side_has_not_is_left_out() -> None:
    row = dict.fromkeys([*PARTS, "whole"], (1000000, 1000000))
    old = [[[{name: time for name, time in row.items() if name != "memory pass"}] * 4] * 3]
    found = compare(old, [[[row] * 4] * 3], base="x", paired=True, budget_ms=72.0)
    assert "memory pass" not in {part.part for part in found.parts} and found.failures == []


def test_a_plant_that_is_not_understood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "slow=decoder")
    with pytest.raises(LegandoError, match="PART:PERCENT"):
        Plant.of_environment()


def test_a_commit_is_unpacked_and_what_is_none_is_refused(require: Callable[[bool, str], None]) -> None:
    require((ROOT / ".git").exists(), "not a git checkout")
    with base_tree("HEAD") as folder:
        assert (folder / "engines" / "generator.py").is_file() and (folder / "realtime" / "cli.py").is_file()
    assert not folder.exists()
    with pytest.raises(LegandoError, match="neither a file nor a commit"), base_tree("no-such-commit"):
        pass


@pytest.mark.alone
def test_a_slowdown_of_20_percent_in_one_part_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "slow=decoder:20")
    shares: list[float] = []
    for _ in range(3):  # a machine that stalls meanwhile leaves a doubt: then it is measured again
        found = pair(ROOT, base="this", bundle=None, rounds=1, blocks=16, advance=shares.append, way="2 steps")
        if found.slower:
            break
    assert found.slower and found.slower[0].part == "decoder", found.lines()
    decoder = next(part for part in found.parts if part.part == "decoder")
    assert 1.10 < decoder.work.ratio < 1.35
    assert "slower: decoder" in "\n".join(found.lines())
    assert shares[-1] == 1.0


@pytest.mark.alone
def test_a_stall_shows_in_the_tail_the_misses_and_the_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "stall=50:4")
    outcome = outcome_of(held_suite(None, True, lambda _: None, seconds=4.0, sittings=1))
    late, cost = outcome.find("late"), outcome.find("cost of a chunk")
    assert late is not None and cost is not None
    assert cost.figures()["p99.9"] >= 50.0 and late.misses, "one stall lies in the four seconds that count"
    slack = [-value for value in late.values]
    at_s, steps = outcome.detail["at_s"], outcome.detail["steps_taken"]
    assert "ms late" in timeline(at_s, slack, steps, lead_ms=LEAD_MS, most_steps=4).svg()
    assert f"late: {late.misses}" in heat_strip(at_s, slack).svg()


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_a_stall_once_a_minute_shows_in_p99_9(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "stall=50:60")
    outcome = outcome_of(held_suite(None, False, lambda _: None, seconds=125.0, sittings=1))
    late, cost = outcome.find("late"), outcome.find("cost of a chunk")
    assert late is not None and cost is not None and late.misses and late.misses >= 2
    assert percentile(cost.values, 99.9) >= 50.0 > percentile(cost.values, 50.0)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_two_quick_runs_agree_within_a_tenth_at_p50(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, history = tmp_path / "first.json", ["--history", str(tmp_path / "history.jsonl")]
    assert main(["bench", "chunk", "--quick", "--json", str(first), *history]) == 0
    second = tmp_path / "second.json"
    assert main(["bench", "chunk", "--quick", "--json", str(second), "--against", str(first), *history]) == 0
    told = json.loads(second.read_text())["against"]
    assert "a chunk's work" in capsys.readouterr().out
    whole = next(part for part in told["parts"] if part["part"] == "whole")
    assert 0.9 < whole["work"]["ratio"] < 1.1, whole
