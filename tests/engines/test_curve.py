"""The curve: laws are found again, hours to a target with their doubt, what cannot be reached is said to be so."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from legando.engines.training.figures.curve import Point, _kept, draw, main
from legando.engines.training.figures.curve_fit import Law, fit_law, fit_line, outlook, since_change, smoothed
from legando.realtime.errors import LegandoError

HOURS = np.array([0.1, 0.25, 0.6, 1.5])


def test_law_is_found_again_and_says_when_a_target_is_reached() -> None:
    truth = Law(4.0, 0.5, 0.4)
    found = fit_law(HOURS, truth.at(HOURS), 5.0)
    assert found.limit == pytest.approx(4.0, abs=0.05) and found.power == pytest.approx(0.4, abs=0.05)
    assert found.hours_to(3.8) == pytest.approx(truth.hours_to(3.8), rel=0.2)
    assert float(truth.at(np.array([truth.hours_to(3.8)]))[0]) == pytest.approx(3.8)
    assert math.isinf(truth.hours_to(4.0)) and math.isinf(found.hours_to(4.2))


def test_limit_stays_below_the_best_score_there_is() -> None:
    line = fit_line(HOURS, 3.0 + 0.9 * np.log10(HOURS))
    assert line.hours_to(3.9) == pytest.approx(10.0) and line.slope == pytest.approx(0.9)
    assert fit_law(HOURS, 4.6 + 0.5 * np.log10(HOURS), 5.0).limit <= 5.0


def test_figure_that_does_not_rise_never_gets_there() -> None:
    falling = 3.5 - 0.1 * np.log10(HOURS)
    assert math.isinf(fit_law(HOURS, falling, 5.0).hours_to(3.6)) and math.isinf(fit_line(HOURS, falling).hours_to(3.6))


def test_doubt_grows_with_the_noise_of_the_pieces() -> None:
    truth, rng = Law(3.7, 0.2, 0.5), np.random.default_rng(0)
    spread = []
    for noise in (0.002, 0.05):
        scores = truth.at(HOURS)[:, None] + noise * rng.standard_normal((len(HOURS), 16))
        ahead = outlook(HOURS, scores, 3.6, most=5.0)
        spread.append(ahead.high / ahead.low)
        assert ahead.low <= truth.hours_to(3.6) * 1.2 and ahead.low <= ahead.hours
    assert spread[0] < spread[1] and spread[0] < 2.0


def test_long_series_is_smoothed_in_growing_stretches() -> None:
    places, means = smoothed([1.0 / (1 + i) for i in range(1000)], 30)
    assert since_change(means) == 0 and since_change(np.array([3.0, 2.0, 2.5, 2.2, 2.1])) == 2
    assert len(places) == len(means) <= 30 and (np.diff(means) < 0).all() and places[0] == 0.5 and places[-1] > 850


def test_curve_is_drawn_and_kept_points_are_read_again(tmp_path: Path) -> None:
    truth = Law(3.7, 0.2, 0.5)
    points = [
        Point(run=f"{hours}", steps=round(1000 * hours), adversarial_steps=0, hours=hours, scores=(score, score + 0.1))
        for hours, score in zip(HOURS.tolist(), truth.at(HOURS).tolist(), strict=True)
    ]
    run = tmp_path / "flow"
    run.mkdir()
    rows = [{"step": 20 * i, "elapsed_s": 15.0 * i, "loss": 1.0 / i} for i in range(1, 60)]
    (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scores = np.array([point.scores for point in points])
    draw(tmp_path / "curve.png", points, outlook(HOURS, scores, 3.6, most=5.0), [run], 3.6)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "curve.json").write_text('{"points": [{"run": "x"}]}')
    with pytest.raises(LegandoError, match=r"curve.json is damaged .*; delete it"):
        _kept(tmp_path / "curve.json")


def test_curve_of_too_few_runs_is_refused(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["one", "two", "two,three", "--report", str(tmp_path)])
    assert "three codec runs" in capfd.readouterr().err
    with pytest.raises(LegandoError, match="one holds no checkpoint; give the folder of a training"):
        main([str(tmp_path / name) for name in ("one", "two", "three")] + ["--report", str(tmp_path / "report")])
