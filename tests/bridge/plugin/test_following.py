"""The plug-in's sound follows clocks, stalls and servers that begin anew, without a click."""

from __future__ import annotations

import pytest

from tests.bridge.plugin.coreprogram import Core, Figures, lines


def test_a_ring_between_two_threads_loses_and_doubles_nothing(core: Core) -> None:
    (figures,) = lines(core("ring", 400_000))
    assert figures["read"] >= 400_000 and figures["wrong"] == 0


def simulate(core: Core, **options: object) -> Figures:
    (figures,) = lines(core("simulate", *(f"{name}={value}" for name, value in options.items())))
    return dict(figures)


def check_no_click(figures: Figures, *, drift: float = 0.0011) -> None:
    """Check a sine and a cosine: no step that a sine has not, whose amplitude and pace never change."""
    assert figures["largest_step"] < 1.03 * figures["sine_step"]
    assert figures["smallest"] > 0.99
    assert figures["speed_error"] < drift


@pytest.mark.parametrize(("block", "chunk"), [(128, 128), (1024, 640), (37, 3840)])
def test_on_one_clock_it_is_exact(core: Core, block: int, chunk: int) -> None:
    figures = simulate(core, ramp=1, hours=0.02, stream_rate=48_000, host_rate=48_000, block=block, chunk=chunk)
    assert figures["direct"] and figures["underruns"] == 0
    assert figures["not_exact"] == 0 and figures["exact"] > 70 * 48_000


@pytest.mark.parametrize("ppm", [200, -200])
def test_drifting_clocks_keep_it_centred_without_a_click(core: Core, ppm: int) -> None:
    figures = simulate(core, hours=0.45, ppm=ppm)
    check_no_click(figures)
    assert figures["underruns"] == figures["jumps"] == figures["lost"] == 0
    assert figures["off_centre_ms"] < 1.5, "of 40 ms"
    assert abs(figures["drift_ppm"] + ppm) < 25


def test_clocks_that_drift_no_more_are_one_again(core: Core) -> None:
    figures = simulate(core, hours=0.25, ppm=150, drift_until_s=400)
    check_no_click(figures)
    assert figures["direct"], "bit for bit, as before"
    assert abs(figures["waits_ms"] - 40.0) < 2.0


@pytest.mark.soak
@pytest.mark.parametrize("ppm", [200, -200, 35])
def test_drifting_clocks_for_a_day(core: Core, ppm: int) -> None:
    figures = simulate(core, hours=24, ppm=ppm)
    check_no_click(figures)
    assert figures["underruns"] == figures["jumps"] == figures["lost"] == 0
    assert figures["off_centre_ms"] < 1.5


@pytest.mark.parametrize("host_rate", [44_100, 96_000])
def test_a_host_of_another_rate_gets_the_same_sound(core: Core, host_rate: int) -> None:
    figures = simulate(core, hours=0.004, stream_rate=48_000, host_rate=host_rate)
    check_no_click(figures, drift=1e-4)
    assert not figures["direct"] and figures["underruns"] == 0


def test_a_stall_of_the_network_costs_its_own_length_alone(core: Core) -> None:
    figures = simulate(core, hours=0.01, stream_rate=48_000, host_rate=48_000, stall_at_s=20, stall_s=0.1)
    assert figures["underruns"] == 1 and figures["direct"]
    assert figures["largest_step"] < 1.5 * figures["sine_step"], "faded, not cut"
    assert abs(figures["waits_ms"] - 40.0) < 0.5, "the latency is what it was"
    assert figures["silent_s"] < 0.152 + 0.1


@pytest.mark.parametrize("pause_s", [0.02, 0.1, 3.0])
def test_a_host_that_pauses_hears_nothing_stale(core: Core, pause_s: float) -> None:
    figures = simulate(core, hours=0.01, stream_rate=48_000, host_rate=48_000, pause_at_s=20, pause_s=pause_s)
    assert figures["largest_step"] < 1.5 * figures["sine_step"]
    assert abs(figures["waits_ms"] - 40.0) < 0.5, "what is heard is as old as before"


@pytest.mark.parametrize(("before_ms", "after_ms"), [(40, 200), (200, 20)])
def test_a_buffer_that_is_moved_moves_under_a_fade_at_once(core: Core, before_ms: float, after_ms: float) -> None:
    rates = {"stream_rate": 48_000, "host_rate": 48_000}
    figures = simulate(core, hours=0.008, **rates, target_ms=before_ms, change_at_s=20.3, change_ms=after_ms)
    assert figures["largest_step"] < 1.5 * figures["sine_step"]
    assert abs(figures["waits_ms"] - after_ms) < 0.5
    assert figures["jumps"] == figures["underruns"] == 0


def test_a_server_that_begins_anew_is_heard_again(core: Core) -> None:
    figures = simulate(core, hours=0.01, stream_rate=48_000, host_rate=48_000, restart_at_s=20)
    assert figures["largest_step"] < 1.5 * figures["sine_step"]
    assert abs(figures["waits_ms"] - 40.0) < 0.5
    assert 0.5 < figures["silent_s"] < 1.0
