"""Record: the reports from which the pages' figures are written, made anew by one command. [control]

    legando bench record                 # all: about seven minutes on two quiet cores
    legando bench record live energy     # two of them
    legando bench record tests           # how long `make test` takes, and how many tests pass
    legando bench figures --write        # then

Each report is one small JSON file in `bench/reports/`: percentiles without their samples, and the machine, commit and
load that they are of. One that fails leaves the old report as it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from legando.bench.figures import REPORTS, ROOT
from legando.bench.history import line_of
from legando.bench.machine import machine
from legando.bench.run import progress_bars, run_suites
from legando.bench.samples import Results
from legando.bench.workerlink import environment
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

LIVE_S = 30.0
SOAK_MINUTES = 30.0
SUITES = ("chunk", "ring", "bridge", "midi", "start")
DRIFTING = ("fast drum and bass", "ambient drone with soft pads", "smoky jazz trio")
Make = Callable[[str, Path | None], Mapping[str, Any]]


def report_of(results: Results) -> dict[str, Any]:
    """Return a run without its samples: what a page may quote, and what that depends on. [any]"""
    details = {
        name: {key: value for key, value in outcome.detail.items() if key not in ("at_s", "steps_taken")}
        for name, outcome in results.outcomes.items()
        if not outcome.skipped
    }
    skipped = {name: outcome.skipped for name, outcome in results.outcomes.items() if outcome.skipped}
    command = f"legando bench {' '.join(results.outcomes)}{' --quick' if results.quick else ''}"
    return {**line_of(results), "command": command, "details": details, "skipped": skipped}


def _suites(names: Sequence[str], *, quick: bool = False) -> Make:
    def make(_: str, bundle: Path | None) -> Mapping[str, Any]:
        with progress_bars() as progress:
            results = run_suites(names, bundle=bundle, quick=quick, progress=progress)
        if failed := {name: one.skipped for name, one in results.outcomes.items() if one.skipped}:
            raise LegandoError("; ".join(f"{name}: {why}" for name, why in failed.items()))
        return report_of(results)

    return make


def _live(instrument: str, bundle: Path | None) -> Mapping[str, Any]:
    from legando.realtime.trials.bench_live import run_latency

    about = machine()
    told = run_latency(seconds=LIVE_S, instrument=instrument, bundle=bundle, block_frames=256, lead_ms=None)
    if any(told[kind]["count"] < 10 for kind in ("note", "knob", "immediate")):
        raise LegandoError("too few events were found again; record when the machine is quiet")
    return {**about, "command": f"legando bench live --seconds {LIVE_S:g}", **told}


def _soak(instrument: str, bundle: Path | None) -> Mapping[str, Any]:
    """Play beside a busy core for half an hour. Not in a usual run."""
    from legando.realtime.trials.bench_soak import run_soak

    about = machine()
    told = run_soak(minutes=SOAK_MINUTES, hogs=1, instrument=instrument, bundle=bundle, block_frames=256, lead_ms=None)
    return {**about, "command": f"legando bench live --soak {SOAK_MINUTES:g}", **told}


def _evaluated(words: Sequence[str], bundle: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run `legando evaluate` with these words; return its figures as a report, and their values by name."""
    about = machine()
    words = ["evaluate", *words, "--json"]
    command = [sys.executable, "-m", "legando.realtime.cli", *words]
    command += ["--bundle", str(bundle)] if bundle is not None else []
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError:
        raise LegandoError(done.stderr.strip().rpartition("\n")[2] or "legando evaluate said nothing") from None
    if missing := told.get("not_measured"):
        raise LegandoError("; ".join(f"{name}: {why}" for name, why in missing.items()))
    kept = [{"name": one["name"], "value": one["value"], "unit": one["unit"]} for one in told["figures"]]
    report = {**about, "command": f"legando {' '.join(words)}", "bundle": told["bundle"], "figures": kept}
    return report, {one["name"].partition(" (")[0]: one["value"] for one in kept}


def _energy(_: str, bundle: Path | None) -> Mapping[str, Any]:
    report, values = _evaluated(["--energy", "--quick"], bundle)
    joules = {
        "normal": values["joules a second, normal"],
        "eco": values["joules a second, eco"],
        "saved_percent": 100.0 * values["eco saves energy, median"],
    }
    return {**report, "joules": joules}


def _drift(_: str, bundle: Path | None) -> Mapping[str, Any]:
    """Compare the spectral centroid of the second and the last of ten minutes. Not in a usual run: six minutes."""
    report, values = _evaluated(["--only", "drift", "--prompts", ",".join(DRIFTING)], bundle)
    prompts = {}
    for prompt in DRIFTING:
        early, late = (values[f"centroid of {prompt}, {when} minute"] for when in ("second", "last"))
        percent = round(100.0 * (late / early - 1.0), 2)
        prompts[prompt] = {"minute_2_hz": round(early, 1), "minute_10_hz": round(late, 1), "percent": percent}
    return {**report, "prompts": prompts}


def _tests(_: str, bundle: Path | None) -> Mapping[str, Any]:
    """Run what `make test` runs, with this Python and without installing anything. Not in a usual run: 9 minutes."""
    about, began = machine(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "runs.jsonl"
        more = {"LEGANDO_TESTS_REPORT": str(lines)}
        status = subprocess.run(tests_command(), cwd=ROOT, env=os.environ | more, stdout=sys.stderr, check=False)
        wall_s = time.monotonic() - began
        runs = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if status.returncode or not runs or any(run["failed"] + run["error"] + run["status"] for run in runs):
        raise LegandoError(f"the tests do not pass: {runs or 'none ran'}; mend them, then record again")
    return {
        **about,
        "command": "make test",
        "passed": sum(run["passed"] for run in runs),
        "skipped": sum(run["skipped"] for run in runs),
        "runs": runs,
        "wall_s": round(wall_s, 1),
    }


def tests_command() -> list[str]:
    """Return the command that runs all tests: make's own, where nothing is to be installed first. [control]"""
    where = Path(sys.executable).parent
    return ["make", "--no-print-directory", "-C", str(ROOT), "-o", ".venv/.test", "test", f"BIN={where}"]


REPORTED: dict[str, Make] = {
    "bench": _suites(SUITES),
    "live": _live,
    "energy": _energy,
    "peers": _suites(("peers",), quick=True),
    "drift": _drift,
    "soak": _soak,
    "tests": _tests,
}
USUAL = ("bench", "live", "energy", "peers")
"""What is recorded without names: the others take longer: `drift` six minutes, `tests` nine, `soak` half an hour."""


def record(names: Sequence[str], *, instrument: str, bundle: Path | None) -> dict[str, str]:
    """Make reports anew; return those that failed, with the reason. Raises LegandoError. [control]"""
    if not REPORTS.is_dir():
        raise LegandoError(f"{REPORTS} is not there: reports are recorded in a checkout of legando")
    for name in names:
        if name not in REPORTED:
            raise LegandoError(f"there is no report {name!r}; choose from {', '.join(REPORTED)}")
    failed = {}
    for name in names or USUAL:
        began = time.monotonic()
        sys.stderr.write(f"{name} (load {os.getloadavg()[0]:.1f}) ...\n")
        try:
            save(name, REPORTED[name](instrument, bundle), REPORTS)
        except LegandoError as error:
            failed[name] = str(error)
        sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return failed


def save(name: str, report: Mapping[str, Any], folder: Path = REPORTS) -> None:
    """Write a report whole, as a file that shows line by line what changed. [control]"""
    with whole_file(folder / f"{name}.json") as part:
        part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
