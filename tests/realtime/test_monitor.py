"""Metrics: what Prometheus is told is true, after its conventions, and costs the music nothing."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from legando.realtime.cli import main
from legando.realtime.enginelink import Made
from legando.realtime.errors import DeviceError
from legando.realtime.processes import MODULES
from legando.realtime.ring import Ring
from legando.realtime.watching.costs import Costs
from legando.realtime.watching.families import METRICS
from legando.realtime.watching.monitorlink import MonitorLink
from legando.realtime.watching.reading import COST_BUCKETS_S, ChunkTally, Reading, reading_from_line, reading_to_line
from tests.realtime.tone_generator import SPEC

LATE_NS = 5_000_001
READING = Reading(
    version="1.2",
    bundle="tone",
    bundle_sha256="0" * 64,
    engine="sines",
    costs=(3,) + (0,) * len(COST_BUCKETS_S),
    costs_sum_s=0.004,
    chunks={"4": 2, "2": 1},
    playing="playing",
    peaks=(0.5, 0.25),
    latency_s={"chunk": 0.08, "codec": 0.01},
    bridge={"audio": {"clients": 1, "refused": {"key": 2}}},
    messages={"midi": 7},
    restarts={"engine": 1},
)
Page = dict[str, dict[tuple[str, ...], float]]


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def fetch(url: str, accept: str = "") -> tuple[str, str]:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=10) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


def page_of(url: str) -> Page:
    """Return samples by name and label values."""
    page: Page = {}
    for family in read_text(fetch(url)[0]):
        for sample in family.samples:
            page.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return page


@pytest.fixture(scope="module")
def ring() -> Iterator[Ring]:
    with Ring.create(sample_rate_hz=48_000, channels=2) as ring:
        yield ring


@pytest.fixture(scope="module")
def link(ring: Ring) -> Iterator[MonitorLink]:
    """One process for all tests that leave it alive; what each tells of it holds whatever the others did."""
    with MonitorLink("127.0.0.1:0", ring.name) as link:
        assert page_of(link.url).keys() == {"legando_host_age_seconds"}, "nothing is said that is not known"
        link.tell(READING)
        until = time.monotonic() + 20
        while ("tone", "0" * 64, "sines", "1.2") not in page_of(link.url).get("legando_build_info", {}):
            assert time.monotonic() < until, "the process has not taken the reading"
            time.sleep(0.05)
        yield link


def test_a_reading_crosses_as_a_line() -> None:
    line = reading_to_line(READING)
    assert line.count(b"\n") == 1 and reading_from_line(line) == READING


def test_chunks_are_counted_by_cost_steps_and_lateness() -> None:
    tally = ChunkTally()
    about = {"frames": 3840, "tick": 0.0, "chord": "", "score": [], "next_tick": 0.0}
    for cost_ns, late_ns, steps in ((1_000_000, 0, 4), (12_000_000, LATE_NS, 4), (90_000_000, 0, 2)):
        tally.made(Made(position_frames=3840, cost_ns=cost_ns, late_ns=late_ns, steps=steps, **about), 48_000)  # type: ignore[arg-type]
    tally.made(Made(position_frames=0, cost_ns=90_000_000, late_ns=0, steps=4, **about), 48_000)  # type: ignore[arg-type]
    assert tally.late == 2, "nothing waits for the first chunk; one began late, one took longer than it lasts"
    assert tally.chunks == {4: 3, 2: 1} and sum(tally.costs) == 4 and tally.costs[0] == 1
    assert tally.costs[COST_BUCKETS_S.index(0.015)] == 1 and tally.costs[COST_BUCKETS_S.index(0.12)] == 2


def test_the_modules_of_a_hosts_children_are_there() -> None:
    assert all(importlib.util.find_spec(module) is not None for module in MODULES)


def test_the_page_follows_the_conventions_in_both_formats(link: MonitorLink) -> None:
    text, kind = fetch(link.url)
    assert kind.startswith("text/plain")
    page = page_of(link.url)
    assert page["legando_chunks_total"] == {("2",): 1, ("4",): 2}
    assert page["legando_chunk_compute_seconds_count"] == {(): 3} and page["legando_messages_total"] == {("midi",): 7}
    assert page["legando_bridge_refusals_total"] == {("key", "audio"): 2}
    assert page["legando_player_state"][("playing",)] == 1 and sum(page["legando_player_state"].values()) == 1
    opened, kind = fetch(link.url, "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text") and opened.endswith("# EOF\n")
    names = {family.name for family in read_openmetrics(opened)}
    assert {name.removesuffix("_total") for name in METRICS} >= {name.removeprefix("legando_") for name in names}
    promtool = shutil.which("promtool")
    if promtool is not None:
        told = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, timeout=30)
        assert told.returncode == 0, told.stderr


def test_the_process_hears_the_ring_as_any_reader(link: MonitorLink, ring: Ring) -> None:
    t = np.arange(48_000) / 48_000
    ring.write(np.repeat((0.25 * np.sin(2 * np.pi * 2000 * t)).astype(np.float32)[:, None], 2, axis=1))
    until = time.monotonic() + 10
    while (page := page_of(link.url))["legando_sound_peak_ratio"][()] == 0:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert page["legando_sound_peak_ratio"][()] == pytest.approx(0.25, abs=1e-3)
    assert page["legando_sound_centroid_hertz"][()] == pytest.approx(2000, rel=0.02)


def test_what_a_replaced_process_took_is_kept() -> None:
    costs = Costs()
    costs.look(os.getpid(), {})
    first = costs.processor_s["host"]
    assert first > 0 and costs.resident_bytes["host"] > 10_000_000 and costs.joules >= 5.0 * first
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    costs.look(os.getpid(), {})
    assert costs.processor_s["host"] >= first + 0.03


def test_other_paths_and_methods_are_refused_in_one_sentence(link: MonitorLink) -> None:
    for path, method, status in (("/", "GET", 404), ("/metrics", "POST", 405)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(link.url.replace("/metrics", path), method=method), timeout=5)
        assert refused.value.code == status
        refused.value.close()
    with closing(connect(link)) as one:
        one.sendall(b"\x16\x03\x01 not HTTP\r\n\r\n")
        assert one.recv(64).startswith(b"HTTP/1.1 400")
    with closing(connect(link)) as one:
        with suppress(ConnectionError):
            one.sendall(b"GET /" + b"x" * 20_000)
        with suppress(ConnectionError):
            assert one.recv(64) == b"", "an endless request is ended"
    with closing(connect(link)) as one:
        one.sendall(b"HEAD /metrics HTTP/1.1\r\n\r\n")
        head = b"".join(iter(lambda: one.recv(4096), b""))
        assert head.startswith(b"HTTP/1.1 200") and head.endswith(b"\r\n\r\n")


def connect(link: MonitorLink) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(link.url.split(":")[2].split("/")[0])), timeout=10)


def test_those_who_only_hold_connections_keep_nobody_out(link: MonitorLink) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(closing(connect(link)))
        assert page_of(link.url)["legando_chunks_total"]
        slow = stack.enter_context(closing(connect(link)))  # asks, and never reads
        slow.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        time.sleep(0.3)  # a page is made four times a second at most
        outcomes = page_of(link.url)["legando_monitor_requests_total"]
        assert outcomes[("pushed_out",)] >= 130 and outcomes[("served",)] >= 2


def test_the_host_never_waits_for_a_process_that_hangs_and_replaces_one_that_died(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MonitorLink("127.0.0.1:0", ring.name) as link:
        hang_and_kill(link, monkeypatch)


def hang_and_kill(link: MonitorLink, monkeypatch: pytest.MonkeyPatch) -> None:
    os.kill(link.pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(300):  # more than a pipe holds
        link.tell(READING)
    assert time.monotonic() - began < 2.0
    first = link.pid
    os.kill(first, signal.SIGKILL)
    monkeypatch.setattr("legando.realtime.watching.monitorlink.AGAIN_NS", 0)
    until = time.monotonic() + 10
    while link.pid == first:
        assert time.monotonic() < until
        link.tell(READING)
        time.sleep(0.05)
    assert link.restarts == 1 and "legando_host_age_seconds" in page_of(link.url)  # who asks meanwhile waits


def test_an_address_that_cannot_be_used_is_one_sentence(
    ring: Ring, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*words: str) -> str:
        assert main(["serve", "--live", "--seconds", "1", *words], instrument=SPEC) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1, said
        return said

    assert "open to other machines" in told("--metrics", "0.0.0.0:9464")
    assert "write for example 127.0.0.1:9464" in told("--metrics", "9464")
    rig = tmp_path / "rig.toml"
    scene = '[[scene]]\nname = "a"\nprompts = ["deep house"]\n'
    rig.write_text('[monitor]\naddress = "192.0.2.1:9464"\n' + scene)
    assert "remote = true in [monitor]" in told("--rig", str(rig))
    rig.write_text('[monitor]\naddres = "127.0.0.1:9464"\n' + scene)
    assert "address" in told("--rig", str(rig))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DeviceError, match="choose another port"):
        MonitorLink(f"127.0.0.1:{taken.getsockname()[1]}", ring.name)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'legando[monitor]'" in told("--metrics", "127.0.0.1:0")
