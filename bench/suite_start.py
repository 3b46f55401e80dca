"""Suites `start` and `memory`: from nothing to the first sound, and what it all takes in memory. [control]"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from legando.bench.samples import Outcome, Series
from legando.bench.suite_chunk import Advance, Sittings
from legando.bench.workerlink import environment
from legando.bridge.subscriber import Subscriber
from legando.realtime.child import with_huge_pages
from legando.realtime.errors import LegandoError
from legando.realtime.processes import tied

START_S = 120.0
START_SITTINGS = (1, 4)
"""Quick and whole: in so many places of a run it is started anew."""
STAGES = ("interpreter", "imports", "bundle verified", "networks ready", "first chunk")

STAGED = """
import time
marks = [time.perf_counter_ns()]
import json, sys
from pathlib import Path
from legando.bench.chunks import PLAYING
from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
marks.append(time.perf_counter_ns())
bundle = Bundle.load(Path(sys.argv[1]) if sys.argv[1] else None)
marks.append(time.perf_counter_ns())
generator = Generator(bundle)
marks.append(time.perf_counter_ns())
generator.step(PLAYING)
marks.append(time.perf_counter_ns())
print(json.dumps(marks))
"""

RESIDENT = """
import json, sys
from pathlib import Path
def resident_mb():
    with open("/proc/self/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return [int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]
told = {"interpreter": resident_mb()}
from legando.bench.chunks import PLAYING
from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
told["imports"] = resident_mb()
generator = Generator(Bundle.load(Path(sys.argv[1]) if sys.argv[1] else None), eco=sys.argv[3] == "eco")
told["networks ready"] = resident_mb()
for _ in range(40):
    generator.step(PLAYING)
told["playing"] = resident_mb()
for _ in range(int(sys.argv[2])):
    generator.step(PLAYING)
told["at the end"] = resident_mb()
print(json.dumps(told))
"""


def start_suite(bundle: Path | None, quick: bool, advance: Advance) -> Sittings:
    """Time `legando serve` from its start until sound comes over the bridge, and the stages of an engine's start.

    The first start is shown apart: it may read files from the disk, the others from the system's cache. [control]
    """
    each, sittings = (2, START_SITTINGS[0]) if quick else (3, START_SITTINGS[1])
    count = 1 + each * sittings
    whole, staged = [], []
    for number in range(count):
        if number > 1 and (number - 1) % each == 0:
            yield
        whole.append(first_sound_s(bundle))
        advance((2 * number + 1) / (2 * count))
        staged.append(_stages_s(bundle))
        advance((2 * number + 2) / (2 * count))
    series = [Series(name="serve to first sound", unit="s", values=whole[1:], warm_up=whole[:1])]
    for index, name in enumerate(STAGES):
        times = [stages[index] for stages in staged]
        series.append(Series(name=f"engine: {name}", unit="s", values=times[1:], warm_up=times[:1], part=True))
    return Outcome(suite="start", series=series)


def first_sound_s(bundle: Path | None) -> float:
    """Start `legando serve`, and return how long it took until its first sound came over the bridge. [control]

    Raises LegandoError when none comes.
    """
    with tempfile.TemporaryDirectory(prefix="legando-bench-") as folder:
        endpoint = f"ipc://{folder}/sound"
        command = [*tied(), sys.executable, "-m", "legando.realtime.cli", "serve", "--live", "--publish", endpoint]
        command += ["--bundle", str(bundle)] if bundle is not None else []
        with Subscriber(endpoint, max_age_ms=None) as subscriber, (Path(folder) / "log").open("w+") as log:
            began_ns = time.perf_counter_ns()
            served = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
            try:
                until = time.monotonic() + START_S
                while time.monotonic() < until and served.poll() is None:
                    block = subscriber.receive(timeout_ms=200)
                    if block is not None and block.frames.any():
                        return (time.perf_counter_ns() - began_ns) / 1e9
                log.seek(0)
                raise LegandoError(f"legando serve made no sound: {log.read().strip() or 'it said nothing'}")
            finally:
                served.terminate()
                try:
                    served.wait(10.0)
                except subprocess.TimeoutExpired:
                    served.kill()
                    served.wait()


def _stages_s(bundle: Path | None) -> list[float]:
    began_ns = time.perf_counter_ns()
    marks = [began_ns, *_told(STAGED, str(bundle or ""))]
    return [(end - begin) / 1e9 for begin, end in itertools.pairwise(marks)]


def memory_suite(bundle: Path | None, quick: bool, advance: Advance) -> Outcome:
    """Return the resident memory of an engine, stage by stage, and what it grows by while it plays. [control]"""
    if not Path("/proc/self/status").exists():
        return Outcome(suite="memory", skipped="resident memory is read from /proc, which this system has not")
    chunks = 200 if quick else 1500
    series, detail = [], {}
    for index, kind in enumerate(("normal", "eco")):
        told = _told(RESIDENT, str(bundle or ""), str(chunks), kind)
        for stage, (now_mb, _) in told.items():
            series.append(Series(name=f"{kind}: {stage}", unit="MB", values=[now_mb]))
        grown_mb = told["at the end"][0] - told["playing"][0]
        detail[kind] = {
            "peak_mb": round(told["at the end"][1], 1),
            "grown_mb": round(grown_mb, 2),
            "chunks": chunks,
        }
        advance((index + 1) / 2)
    return Outcome(suite="memory", series=series, detail=detail)


def told_by_module(module: str, *words: str) -> Any:
    """Run a module in a process of its own, and return what it printed last, as JSON. Raises LegandoError. [control]"""
    return _run([sys.executable, "-m", module, *words])


def _told(program: str, *words: str) -> Any:
    return _run([sys.executable, "-c", program, *words])


def _run(command: list[str]) -> Any:
    like_an_engine = with_huge_pages(environment())
    done = subprocess.run(command, env=like_an_engine, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LegandoError(f"a process of the bench failed: {done.stderr.strip().rpartition(chr(10))[2]}")
    return json.loads(done.stdout.strip().rpartition("\n")[2])
