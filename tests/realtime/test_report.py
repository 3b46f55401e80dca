"""What a run came to, in one calm line: faults are named when there are any, and only then."""

from dataclasses import replace

from legando.realtime.render import RenderFigures
from legando.realtime.report import HostReport, faults

QUIET = HostReport(
    seconds=8.0,
    figures=RenderFigures(48_000, 3840, frames=384_000, costs_ns=[n * 500_000 for n in range(1, 101)]),
    engine="sines",
    latency_ms={"chunk": 80.0, "sum": 244.4},
    underruns=0,
    concealed_frames=0,
    xruns=0,
    skipped_frames=0,
    steps={4: 100},
    full_steps=4,
    real_time={"host": 0, "engine": 0, "player": 0},
    engine_restarts=0,
    player_restarts=0,
    stopped=0,
)


def test_a_quiet_run_says_so() -> None:
    assert QUIET.sentence() == (
        "played 8.0 s: no drop-outs; chunks of 80 ms made in 25.0 ms (p99 49.5 ms); control to sound 244 ms"
    )


def test_what_went_wrong_is_counted() -> None:
    rough = replace(QUIET, underruns=1, xruns=2, concealed_frames=5760, engine_restarts=1)
    assert "8.0 s: 1 underrun, 2 xruns, 120 ms concealed, 1 engine restart;" in rough.sentence()
    slow = replace(QUIET, figures=replace(QUIET.figures, costs_ns=[80_000_000, 80_000_001, 90_000_000]))
    assert "8.0 s: no drop-outs, 2 slow chunks;" in slow.sentence() and slow.plain()["slow_chunks"] == 2
    simpler = replace(QUIET, steps={4: 97, 2: 3})
    assert "8.0 s: no drop-outs, 3 simpler chunks;" in simpler.sentence() and simpler.plain()["ladder"]["2"] == 3
    assert faults(0, 0, 4, 4) == "" and faults(0, 0, 2, 4) == "2/4 steps"
    assert faults(0, 0) == "" and faults(0, 1) == "1 xrun"


def test_scripts_get_every_figure() -> None:
    plain = replace(QUIET, stopped=130, underruns=3).plain()
    assert plain["interrupted"] is True and plain["underruns"] == 3 and plain["chunks"] == 100
    assert set(plain["compute_ms"]) == {"p50", "p99", "max"} and plain["latency_ms"]["sum"] == 244.4
