"""Alerts and dashboard ask for metrics that there are, and the page explains them all."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from legando.realtime.watching.families import METRICS

WATCHING = Path(__file__).parents[2] / "realtime" / "watching"


def test_the_page_explains_every_metric_and_every_alert() -> None:
    page = (WATCHING / "MONITORING.md").read_text()
    rows = " ".join(row.split("|")[1] for row in page.splitlines() if row.startswith("| `"))
    explained = set(re.findall(r"`(\w+)`", rows))
    assert explained == {"build_info" if name == "build" else name for name in METRICS}
    for rule in rules():
        assert rule["alert"] in page


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load((WATCHING / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def metric_names() -> set[str]:
    names = {f"legando_{name}" for name in METRICS} - {"legando_build"} | {"legando_build_info"}
    return names | {f"legando_chunk_compute_seconds_{part}" for part in ("bucket", "sum", "count")}


def test_alerts_and_dashboard_ask_for_metrics_that_there_are() -> None:
    dashboard = json.loads((WATCHING / "dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in rules()]
    assert len(asked) > 30
    for expression in asked:
        wanted = set(re.findall(r"legando_\w+", expression)) - {"legando"}
        assert wanted <= metric_names(), f"{wanted - metric_names()} in {expression}"


def test_prometheus_reads_the_rules(require: object, tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    require(promtool is not None, "promtool not found; install prometheus")  # type: ignore[operator]
    assert promtool is not None
    told = subprocess.run([promtool, "check", "rules", str(WATCHING / "alerts.yml")], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    cases = tmp_path / "cases.yml"
    cases.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(WATCHING / "alerts.yml")],
                "evaluation_interval": "5s",
                "tests": [
                    fires("LegandoPlaysSilence", {"legando_silence_seconds": "0+5x20"}, "1m", ("page", SILENCE)),
                    fires("LegandoHostIsSilent", {"legando_host_age_seconds": "1 2 9 14"}, "15s", ("page", HANGS)),
                    fires(
                        "LegandoChunksAreLate",
                        {"legando_chunks_late_total": "0+3x60", 'legando_chunks_total{steps="4"}': "0+60x60"},
                        "4m",
                        ("warn", "5% of the chunks are late; another program takes the time"),
                    ),
                    fires("LegandoPlaysSilence", {"legando_silence_seconds": "0 1 2 0 1"}, "20s"),
                ],
            }
        )
    )
    told = subprocess.run([promtool, "test", "rules", str(cases)], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr


SILENCE = "silence for 1m 0s although chunks are made"
HANGS = "the host has said nothing for 14s: it hangs or is stopped"


def fires(alert: str, series: dict[str, str], at: str, told: tuple[str, str] | None = None) -> dict[str, object]:
    """Return a case for promtool: at that time the alert fires, with severity and summary, or does not."""
    expected = [{"exp_labels": {"severity": told[0]}, "exp_annotations": {"summary": told[1]}}] if told else []
    return {
        "interval": "5s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": expected}],
    }
