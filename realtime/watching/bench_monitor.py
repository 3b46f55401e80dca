"""What metrics cost: processor time of host and engine in four runs, and what came late in each. [any]

    python -m legando.realtime.watching.bench_monitor --seconds 30     # prints one JSON object; Linux

Runs: without metrics, with metrics that nobody asks for, asked for each second, and the same while a thousand
connections are opened again and again that ask for nothing. Shares are of one processor core. Each run is
`legando serve --live`; the four take turns, `--rounds` times, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_USER, exit_of, polite_kill
from legando.realtime.processes import tied
from legando.realtime.watching.costs import Costs

WARM_S = 8.0
"""What starts costs more, and a spare engine warms up; neither is measured."""

HOLDERS = 1000
_START = "import sys; from legando.realtime.cli import main; sys.exit(main(instrument={!r}))"
_URL = re.compile(r"metrics at http://127\.0\.0\.1:(\d+)/metrics")

Ask = Callable[[int, float], int]
"""Does something to the port for so many seconds; returns how many pages came."""


def nobody(_: int, seconds: float) -> int:
    """Ask for nothing. [any]"""
    time.sleep(seconds)
    return 0


def scrape(port: int, seconds: float) -> int:
    """Ask once a second, as Prometheus at its quickest. [any]"""
    until, pages = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        pages += _asked(port)
        time.sleep(min(1.0, max(0.0, left)))
    return pages


def flood(port: int, seconds: float) -> int:
    """Open a thousand connections that ask for nothing, again and again, and scrape meanwhile. [any]"""
    until, pages = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        held = []
        for number in range(HOLDERS):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
            held.append(one)
            if number % 100 == 0:
                time.sleep(0.05)
        pages += _asked(port)
        for one in held:
            one.close()
        time.sleep(0.5)
    return pages


RUNS: dict[str, tuple[bool, Ask]] = {
    "without": (False, nobody),
    "unasked": (True, nobody),
    "scraped": (True, scrape),
    "flooded": (True, flood),
}


def _asked(port: int) -> int:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        return int(page.status == 200)
    return 0


def measure(instrument: str, seconds: float, *, metrics: bool, ask: Ask) -> dict[str, float]:
    """Play in real time without a device; return shares of a core in per cent, pages, and what came late. [any]"""
    with tempfile.TemporaryDirectory() as folder:
        words = [*tied(), sys.executable, "-c", _START.format(instrument), "serve", "--live", "--json", "--plain"]
        words += ["--publish", f"ipc://{folder}/sound", *(("--metrics", "127.0.0.1:0") if metrics else ())]
        with (Path(folder) / "said").open("w+") as said:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, text=True)
            try:
                port = _wait(process, said, metrics)
                time.sleep(WARM_S)
                costs, pids = Costs(), {"engine": -1}
                costs.look(process.pid, pids)
                before, began = dict(costs.processor_s), time.monotonic()
                pages = ask(port, seconds)
                costs.look(process.pid, pids)
                passed = time.monotonic() - began
            finally:
                process.terminate()
                try:
                    report = json.loads(process.communicate(timeout=60)[0] or "{}")
                finally:
                    process.kill()
    spent = {name: 100.0 * (cost - before.get(name, 0.0)) / passed for name, cost in costs.processor_s.items()}
    told = {"host": spent["host"], "monitor": spent.get("monitor", 0.0), "pages_per_s": pages / passed}
    late = {name: float(report.get(name, -1)) for name in ("slow_chunks", "underruns", "engine_restarts")}
    return {name: round(value, 2) for name, value in (told | late).items()}


def _wait(process: subprocess.Popen[str], said: IO[str], metrics: bool) -> int:
    """Return the port once it plays, 0 for none."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until and process.poll() is None:
        text = Path(said.name).read_text()
        if "playing" in text:
            found = _URL.search(text)
            if metrics and found is None:
                break
            return int(found[1]) if found else 0
        time.sleep(0.1)
    raise LegandoError(f"legando serve does not play here: {Path(said.name).read_text().strip()[-200:]}")


def main() -> int:
    """Measure, and print one JSON object. [control]"""
    parser = argparse.ArgumentParser(description="Measure what metrics cost.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--instrument", default="legando.realtime.instrument:shipped")
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    try:
        with polite_kill():
            for _ in range(arguments.rounds):
                for name, (metrics, ask) in RUNS.items():
                    found[name].append(measure(arguments.instrument, arguments.seconds, metrics=metrics, ask=ask))
    except KeyboardInterrupt as stop:
        return exit_of(stop)
    except LegandoError as error:
        sys.stderr.write(f"bench_monitor: {error}\n")
        return EXIT_USER
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()
    }
    sys.stdout.write(json.dumps({"median": medians, "runs": found}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
