"""The suites and the command, as typed; what is counted agrees with what is known."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from legando.bench import suite_ring
from legando.bench.chunks import ChunkBench
from legando.bench.loopback import CLICK_FRAMES, click_track, find_clicks
from legando.bench.roofline import count, flops
from legando.engines import backend
from legando.engines.bundle import default_path
from legando.engines.graph import Graph
from legando.realtime.cli import main
from legando.realtime.errors import DeviceError
from legando.realtime.trials.jack_server import JackServer


def test_parts_add_up_to_the_whole_chunk(require: Callable[[bool, str], None]) -> None:
    require(default_path().is_dir(), "no bundle is shipped in this checkout")
    bench = ChunkBench(None)
    for way, steps in (("2 steps", 2), ("4 steps", 4)):
        for row in bench.run(way, 3)[1:]:
            for clock in (0, 1):
                parts = sum(times[clock] for name, times in row.items() if name != "whole")
                assert parts == row["whole"][clock]
            assert {"conditions", "memory pass", "decoder", "seam", "rest", f"step {steps}"} <= set(row)
            assert f"step {steps + 1}" not in row and all(times[0] >= 0 for times in row.values())


@pytest.mark.alone
def test_the_command_keeps_samples_history_and_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite_ring, "ROUNDS", 2)
    out, history = tmp_path / "out.json", tmp_path / "history.jsonl"
    words = ["bench", "ring", "--quick", "--json", str(out), "--history", str(history), "--report", str(tmp_path / "r")]
    assert main([*words, "--gate"]) == 0, capsys.readouterr().err
    told = json.loads(out.read_text())
    series = {one["name"]: one for one in told["suites"]["ring"]["series"]}
    block = series["player, block of 128 frames"]
    assert len(block["values"]) == block["count"] == 2 * 50 and len(block["warm_up"]) == 2 * suite_ring.WARM_UP
    assert block["figures"]["max"] == pytest.approx(max(block["values"]), rel=1e-5) and block["misses"] is not None
    assert series["process to process, 128 frames"]["figures"]["p50"] > 1.0
    assert "player, block of 128 frames" in capsys.readouterr().out
    assert json.loads(history.read_text())["device"] == told["machine"]["device"]
    assert "Shared memory" in (tmp_path / "r" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nosuch"], "there is no suite 'nosuch'"),
        (["live", "ring"], "run live, loopback and figures alone"),
        (["ring", "--against", "gone.json"], "cannot be read"),
        (["chunk", "--against", "deep.json"], "is no result"),
        (["ring", "--against", "no-such-commit"], "neither a file nor a commit"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep.json").write_text("[" * 100_000)
    assert main(["bench", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_operations_are_counted_from_what_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = backend.session_options

    def traced() -> object:
        options = plain()
        options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "trace")
        return options

    monkeypatch.setattr(backend, "session_options", traced)
    graph = Graph("known")
    x = graph.input("x", (4, 64))
    weight = np.random.default_rng(0).standard_normal((64, 256)).astype(np.float32)
    graph.output(graph.node("MatMul", x, graph.constant(weight)), "y", (4, 256))
    session = backend.open_session(graph.encode(), "a product")
    for _ in range(3):
        session.run(None, {"x": np.ones((4, 64), np.float32)})
    counted = count(json.loads(Path(session.end_profiling()).read_text()))
    product = 2 * 4 * 64 * 256
    assert counted["runs"] == 3
    assert product <= 1e6 * counted["mflop"] <= product + 4 * 256  # the output may be copied once
    weights, edges = 4 * 64 * 256, 4 * (4 * 64 + 4 * 256)
    assert weights + edges <= 1e6 * counted["mb"] <= weights + 3 * edges
    assert flops("MultiHeadAttention", [(1, 4, 256), (1, 4, 24, 64), (1, 4, 24, 64)], [(1, 4, 256)]) == 4 * 4 * 24 * 256


@pytest.mark.parametrize("delay", [64, 512, 3001])
def test_clicks_are_found_where_they_come_back(delay: int) -> None:
    rng = np.random.default_rng(3)
    track, places = click_track(8)
    heard = 0.002 * rng.standard_normal(len(track) + 9_600).astype(np.float32)
    heard[delay : delay + len(track)] -= 0.1 * track  # quieter and turned round, as an amplifier may do
    lost = places[5] + delay
    heard[lost : lost + CLICK_FRAMES] = 0.0
    found = find_clicks(heard, places)
    assert found[5] is None
    assert [at for at in found if at is not None] == pytest.approx([delay] * 7, abs=0.25)


@pytest.mark.live
def test_loopback_over_a_jack_connection_is_what_the_server_says(require: Callable[[bool, str], None]) -> None:
    command = [sys.executable, "-m", "legando.realtime.cli", "bench", "loopback", "--cable", "--clicks", "6", "--json"]
    try:
        with JackServer(256) as server:
            paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            done = subprocess.run(
                command, env=os.environ | server.environment | paths, capture_output=True, text=True, timeout=60
            )
    except DeviceError as error:
        require(False, str(error))
        return
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found"] >= 5, told
    # whole periods: the server's own, at least one on the way out and in, and no more than the driver says and two
    assert told["frames"]["p50"] % 256 == 0 and 256 <= told["frames"]["p50"] <= 1024
